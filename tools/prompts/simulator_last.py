"""Simulation of experiments: the levels at the last tokens of many short texts, in one question."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import BaseModel, WithJsonSchema

from tools.llm.chat import ChatRequest, Message
from tools.prompts import examples
from tools.prompts.alignment import level_of, no_level
from tools.prompts.evidence import DATA_RULE, last_marked, listed
from tools.prompts.numbered import by_number
from tools.prompts.simulator import TASK, question
from tools.prompts.structured import parsed, schema_of
from tools.records.result import Unscored

PROMPT = "simulator-last/2"

_SYSTEM = (
    f"{TASK}\n\n"
    "You are shown texts; predict the level at the last token of each, marked <<so>>. "
    f'Reply with JSON only: {{"levels":[{{"number":1,"level":...}},...]}}.\n\n{DATA_RULE}'
)


class _Level(BaseModel):
    number: int
    level: int


class _Levels(BaseModel):
    levels: list[Annotated[Any, WithJsonSchema(schema_of(_Level))]]


_SCHEMA = schema_of(_Levels)


def request(explanation: str, texts: Sequence[Sequence[str]]) -> ChatRequest:
    """Ask for the level at the last token of each text; texts are given as their tokens."""
    sample = (examples.TOKENS[:4], examples.SILENT_TOKENS)
    return ChatRequest(
        role="simulator",
        prompt=PROMPT,
        messages=(
            Message("system", _SYSTEM),
            Message("user", question(examples.EXPLANATION, listed(map(last_marked, sample)))),
            Message("assistant", '{"levels":[{"number":1,"level":9},{"number":2,"level":0}]}'),
            Message("user", question(explanation, listed(map(last_marked, texts)))),
        ),
        max_tokens=64 + 20 * len(texts),
        schema=_SCHEMA,
    )


def parse(text: str, n: int) -> list[float | Unscored]:
    """The level 0..10 at the last token of each of `n` texts."""
    found = parsed(text, _Levels)
    if isinstance(found, Unscored):
        return [found for _ in range(n)]
    return [_level(answer, i) for i, answer in enumerate(by_number(found.levels, n, "text"), 1)]


def _level(answer: dict[str, Any] | Unscored, number: int) -> float | Unscored:
    if isinstance(answer, Unscored):
        return answer
    if "level" not in answer:
        return Unscored(reason=f"text {number} came back without a level")
    level = level_of(answer["level"])
    return no_level(answer["level"], f"of text {number}") if level is None else level
