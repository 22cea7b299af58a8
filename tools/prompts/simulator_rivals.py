"""Simulation of whole excerpts by several explanations at once: the excerpts are shown once, and each explanation gets
the active tokens of each of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, WithJsonSchema

from tools.llm.chat import ChatReply, ChatRequest, Message
from tools.prompts import examples
from tools.prompts.alignment import rows_of
from tools.prompts.numbered import by_number
from tools.prompts.quoting import DATA_RULE, Scale, explanations_block, numbered, row_lines, text_question
from tools.prompts.simulator import ACTIVE, ALONE, TASK, Excerpt, answered, levels_of
from tools.prompts.structured import bounded, parsed, schema_of, validated
from tools.records.result import Unscored

PROMPT = "simulator-rivals/3"


_SYSTEM = (
    f"{TASK}\n\n"
    f"You are given several explanations. {ALONE} {ACTIVE} Reply with JSON only, every explanation in it, and in each "
    'of them every excerpt: {"explanations":[{"number":1,"excerpts":[{"number":1,"active":[[row,token,level],...]},'
    "...]},...]}.\n\n"
    f"{DATA_RULE}"
)


class _Reading(BaseModel):
    number: int
    excerpts: list[Annotated[Any, WithJsonSchema(schema_of(Excerpt))]]


class _Readings(BaseModel):
    # Each is checked on its own: a bad one spoils no other.
    explanations: list[Annotated[Any, WithJsonSchema(schema_of(_Reading))]]


_SCHEMA = schema_of(_Readings)

_PER_TOKEN = 2
"""Tokens of a reply that are allowed for each token of an excerpt, by each explanation: as if one of eight were
active."""


def request(explanations: Sequence[str], excerpts: Sequence[Sequence[str]], scale: Scale | None = None) -> ChatRequest:
    """Ask for the levels of all tokens of all excerpts by each explanation.

    Args:
        explanations: by which to predict, each on its own.
        excerpts: as their tokens.
        scale: of the neuron's values; None where it is not known.
    """
    sample = (examples.TOKENS, examples.SILENT_TOKENS)
    levels = ((examples.LEVELS, examples.SILENT_LEVELS), (examples.OTHER_LEVELS, examples.OTHER_SILENT_LEVELS))
    answer = [
        {"number": number, "excerpts": answered(list(zip(sample, own, strict=True)))}
        for number, own in enumerate(levels, 1)
    ]
    each = sum(16 + _PER_TOKEN * len(tokens) for tokens in excerpts)
    return ChatRequest(
        role="simulator",
        prompt=PROMPT,
        messages=(
            Message("system", _SYSTEM),
            Message("user", _question(examples.RIVALS, sample)),
            Message("assistant", json.dumps({"explanations": answer}, separators=(",", ":"))),
            Message("user", _question(explanations, excerpts, scale)),
        ),
        max_tokens=64 + each * len(explanations),
        schema=bounded(
            _SCHEMA,
            explanations=len(explanations),
            excerpts=len(excerpts),
            active=max(map(len, excerpts), default=0),
        ),
    )


def parse(
    reply: ChatReply, n: int, excerpts: Sequence[Sequence[str]]
) -> list[list[NDArray[np.float64] | Unscored] | Unscored]:
    """For each of `n` explanations the levels 0..10, float64 [n tokens], of each excerpt, as `simulator.parse` does."""
    found = parsed(reply.text, _Readings)
    if isinstance(found, Unscored):
        return [found] * n
    return [_reading(answer, excerpts) for answer in by_number(found.explanations, n, "explanation")]


def _reading(
    answer: dict[str, Any] | Unscored, excerpts: Sequence[Sequence[str]]
) -> list[NDArray[np.float64] | Unscored] | Unscored:
    found = answer if isinstance(answer, Unscored) else validated(answer, _Reading)
    return found if isinstance(found, Unscored) else levels_of(found.excerpts, excerpts)


def _question(explanations: Sequence[str], excerpts: Sequence[Sequence[str]], scale: Scale | None = None) -> str:
    lines = numbered(row_lines(rows_of(tokens)) for tokens in excerpts)
    return text_question(lines, explanations_block(explanations), scale)
