"""Simulation of a whole excerpt at once, with the level that the LLM expects at each token from log probabilities."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tools.llm.chat import ChatReply, ChatRequest, Message
from tools.prompts import examples
from tools.prompts.alignment import aligned
from tools.prompts.evidence import DATA_RULE, Scale, level_lines, token_lines
from tools.prompts.expected import expected_level, starts_of, text_of
from tools.prompts.lines import lines_in
from tools.prompts.simulator import TASK, question
from tools.prompts.structured import CUT_OFF, brief
from tools.records.result import Unscored

PROMPT = "simulator-lines/3"

_SYSTEM = (
    f"{TASK}\n\n"
    "Reply with one line for every token, in order and spelled as shown: the token, a tab, its level. Nothing else."
    f"\n\n{DATA_RULE}"
)


@dataclass(frozen=True)
class Levels:
    """Predicted levels of an excerpt.

    Attributes:
        values: float64 [n tokens] in 0..10.
        expected: whether they are expected values from log probabilities; if not, they are what the LLM wrote.
    """

    values: NDArray[np.float64]
    expected: bool


def request(explanation: str, tokens: Sequence[str], scale: Scale | None = None) -> ChatRequest:
    """Ask for the levels of all tokens of one excerpt, with log probabilities."""
    return ChatRequest(
        role="simulator",
        prompt=PROMPT,
        messages=(
            Message("system", _SYSTEM),
            Message("user", question(examples.EXPLANATION, token_lines(examples.TOKENS))),
            Message("assistant", "\n".join(level_lines(examples.TOKENS, examples.LEVELS))),
            Message("user", question(explanation, token_lines(tokens), scale)),
        ),
        max_tokens=32 + 16 * len(tokens),
        logprobs=True,
    )


def parse(reply: ChatReply, tokens: Sequence[str]) -> Levels | Unscored:
    """The levels of `tokens`; those written where the endpoint gave no log probabilities."""
    choices = reply.choices or None
    text = text_of(choices) if choices else reply.text
    lines = lines_in(text, reply.finish)
    if not lines:
        return Unscored(reason=CUT_OFF if reply.finish == "length" else f"no lines of levels: {brief(text)}")
    if choices is None:
        values = aligned(tokens, [(line.token, line.level) for line in lines])
    else:
        starts = starts_of(choices)
        pairs: list[tuple[str, object]] = []
        for number, line in enumerate(lines, 1):
            row = bisect_right(starts, line.start) - 1
            level = expected_level(choices, row, line.start - starts[row], line.level, f"on line {number}")
            pairs.append((line.token, level))
        values = aligned(tokens, pairs)
    if not isinstance(values, Unscored):
        return Levels(values, choices is not None)
    return Unscored(reason=f"{CUT_OFF}: {values.reason}") if reply.finish == "length" else values
