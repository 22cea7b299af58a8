"""Simulation of a whole excerpt at once, with the level that the LLM expects at each token from log probabilities."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tools.llm.chat import ChatReply, ChatRequest, Message
from tools.prompts import examples
from tools.prompts.alignment import aligned
from tools.prompts.expected_level import expected_level, starts_of, text_of
from tools.prompts.quoting import DATA_RULE, Scale, level_lines, token_lines
from tools.prompts.simulator import TASK, question
from tools.prompts.structured import CUT_OFF, brief
from tools.records.result import Unscored

PROMPT = "simulator-lines/3"

_SYSTEM = (
    f"{TASK}\n\n"
    "Reply with one line for every token, in order and spelled as shown: the token, a tab, its level. Nothing else."
    f"\n\n{DATA_RULE}"
)
_QUOTED = re.compile(r'\s*"(?:[^"\\]|\\.)*"\s*')
_BLANKS = " \t\r"


@dataclass(frozen=True)
class Line:
    """A token as it was written, its level as it was written, and where in the reply the level begins."""

    token: str
    level: str
    start: int


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


def lines_in(text: str, finish: str) -> list[Line]:
    """The lines of a reply that are a token, a tab and its level. Others are passed over, and a last one cut off.

    Args:
        text: of the reply.
        finish: why the reply ended; after `length`, a last line that is not ended may lack the 0 of a 10.
    """
    if finish == "length":
        text = text[: text.rfind("\n") + 1]
    found = []
    start = 0
    for line in text.split("\n"):
        content = line.rstrip(_BLANKS)
        before = content[: 1 + max(map(content.rfind, _BLANKS))]
        token = before.rstrip(_BLANKS)
        # After a quoted token any blank will do; a bare token may hold blanks of its own, and only a tab ends it.
        if "\t" in before[len(token) :] or (before and _QUOTED.fullmatch(before)):
            found.append(Line(token, content[len(before) :], start + len(before)))
        start += len(line) + 1
    return found
