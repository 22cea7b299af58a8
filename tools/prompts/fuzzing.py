"""Fuzzing: are the marked tokens those on which the neuron fires? A scoring method of `EleutherAI/delphi`."""

from __future__ import annotations

from collections.abc import Sequence

from tools.llm.chat import ChatRequest, Message
from tools.prompts.answers import ANSWERS_FORMAT, ANSWERS_SCHEMA, check_number, parse_answers
from tools.prompts.quoting import DATA_RULE, listed, marked
from tools.prompts.simulator import question
from tools.prompts.structured import bounded
from tools.records.result import Unscored

PROMPT = "fuzzing/3"

_SYSTEM = (
    "From an explanation of when a neuron of a language model fires, tell for each excerpt whether the tokens marked "
    "<<so>> are those on which it fires: true if most of them are, false if other tokens were marked. It may be so "
    f"for all excerpts, some or none. {ANSWERS_FORMAT}\n\n{DATA_RULE}"
)


def request(explanation: str, excerpts: Sequence[Sequence[str]], marks: Sequence[Sequence[bool]]) -> ChatRequest:
    """Ask about up to five excerpts, given as their tokens, with a mark or none for each token.

    Raises:
        ValueError: there are none or more than five, or not as many marks as tokens.
    """
    check_number(len(excerpts))
    lines = listed(marked(tokens, row) for tokens, row in zip(excerpts, marks, strict=True))
    return ChatRequest(
        role="fuzzer",
        prompt=PROMPT,
        messages=(Message("system", _SYSTEM), Message("user", question(explanation, lines))),
        max_tokens=64 + 20 * len(excerpts),
        schema=bounded(ANSWERS_SCHEMA, answers=len(excerpts)),
    )


def parse(text: str, n: int) -> list[bool | Unscored]:
    """Whether the marks of each of `n` excerpts are right."""
    return parse_answers(text, n)
