"""Detection: in which excerpts does the neuron fire, by an explanation? A scoring method of `EleutherAI/delphi`."""

from __future__ import annotations

from collections.abc import Sequence

from tools.llm.chat import ChatRequest, Message
from tools.prompts.answers import ANSWERS_FORMAT, ANSWERS_SCHEMA, check_number, parse_answers
from tools.prompts.quoting import DATA_RULE, listed, unmarked
from tools.prompts.simulator import question
from tools.prompts.structured import bounded
from tools.records.result import Unscored

PROMPT = "detection/2"

_SYSTEM = (
    "From an explanation of when a neuron of a language model fires, tell in which excerpts it fires on at least one "
    f"token. It may be all of them, some or none. {ANSWERS_FORMAT}\n\n{DATA_RULE}"
)


def request(explanation: str, excerpts: Sequence[Sequence[str]]) -> ChatRequest:
    """Ask about up to five excerpts, given as their tokens and shown as plain text.

    Raises:
        ValueError: there are none, or more than five.
    """
    check_number(len(excerpts))
    lines = listed(map(unmarked, excerpts))
    return ChatRequest(
        role="detector",
        prompt=PROMPT,
        messages=(Message("system", _SYSTEM), Message("user", question(explanation, lines))),
        max_tokens=64 + 20 * len(excerpts),
        schema=bounded(ANSWERS_SCHEMA, answers=len(excerpts)),
    )


def parse(text: str, n: int) -> list[bool | Unscored]:
    """Whether the neuron fires in each of `n` excerpts."""
    return parse_answers(text, n)
