"""Simulation token by token: one question for the level at the last token shown."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from tools.llm.chat import ChatReply, ChatRequest, Message
from tools.prompts import examples
from tools.prompts.alignment import level_of, no_level
from tools.prompts.expected_level import expected_level, starts_of, text_of
from tools.prompts.quoting import DATA_RULE, Scale, token_lines
from tools.prompts.simulator import TASK, question
from tools.prompts.structured import CUT_OFF, brief
from tools.records.result import Unscored

PROMPT = "simulator-token/3"

_SYSTEM = f"{TASK}\n\nReply with one number: the level at the last token shown. Nothing else.\n\n{DATA_RULE}"
_LONE = re.compile(r"\s*(?:level)?[\s:=]*(?P<level>[^\s:=]+?)(?P<end>\.?\s*)", re.IGNORECASE)
_LONGEST = 40
_FIRES_AT = 3


@dataclass(frozen=True)
class Level:
    """A predicted level in 0..10; `expected`: whether from log probabilities, or as the LLM wrote it."""

    value: float
    expected: bool


def request(explanation: str, tokens: Sequence[str], position: int, scale: Scale | None = None) -> ChatRequest:
    """Ask for the level at `tokens[position]`; what comes after is not shown, as the neuron does not see it.

    Raises:
        IndexError: there is no such position.
    """
    if not 0 <= position < len(tokens):
        raise IndexError(f"position {position} of an excerpt of {len(tokens)} tokens")
    return ChatRequest(
        role="simulator",
        prompt=PROMPT,
        messages=(
            Message("system", _SYSTEM),
            Message("user", question(examples.EXPLANATION, token_lines(examples.TOKENS[: _FIRES_AT + 1]))),
            Message("assistant", str(examples.LEVELS[_FIRES_AT])),
            Message("user", question(explanation, token_lines(tokens[: position + 1]), scale)),
        ),
        max_tokens=8,
        logprobs=True,
    )


def parse(reply: ChatReply) -> Level | Unscored:
    """The level, from a reply that is one number and nothing else."""
    choices = reply.choices or None
    text = text_of(choices) if choices else reply.text
    if not text.strip():
        return Unscored(reason="the reply is empty")
    found = _LONE.fullmatch(text) if len(text) <= _LONGEST else None
    if found is None:
        return Unscored(reason=f"not one number: {brief(text)}")
    if reply.finish == "length" and not found["end"].strip("."):
        return Unscored(reason=f"{CUT_OFF}: {brief(text)}")
    if choices is None:
        value = level_of(found["level"])
        return no_level(found["level"], "at the last token") if value is None else Level(value, False)
    starts = starts_of(choices)
    row = bisect_right(starts, found.start("level")) - 1
    level = expected_level(choices, row, found.start("level") - starts[row], found["level"], "at the last token")
    return level if isinstance(level, Unscored) else Level(level, True)
