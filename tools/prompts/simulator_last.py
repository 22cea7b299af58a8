"""Simulation of experiments: the levels at the last tokens of many short texts, in one question."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import BaseModel, WithJsonSchema

from tools.llm.chat import ChatRequest, Message
from tools.prompts import examples
from tools.prompts.alignment import level_of, no_level
from tools.prompts.numbered import by_number
from tools.prompts.quoting import DATA_RULE, Scale, last_marked, listed
from tools.prompts.simulator import TASK, question
from tools.prompts.structured import bounded, parsed, schema_of
from tools.records.result import Unscored

PROMPT = "simulator-last/5"

_SYSTEM = (
    f"{TASK}\n\n"
    "You are shown texts; predict the level at the last token of each, marked <<so>>. Some "
    "texts are edited: a word was replaced or left out. "
    f'Reply with JSON only, the number of every text with its level: {{"levels":[[1,...],[2,...],...]}}.\n\n{DATA_RULE}'
)


PAIRS = {"type": "array", "items": {"type": "array", "items": {"type": "integer"}}}
"""The schema of numbers of texts with their levels: as short for many texts as for one."""


class _Levels(BaseModel):
    levels: Annotated[Any, WithJsonSchema(PAIRS)]


_SCHEMA = schema_of(_Levels)


def request(explanation: str, texts: Sequence[Sequence[str]], scale: Scale | None = None) -> ChatRequest:
    """Ask for the level at the last token of each text; texts are given as their tokens.

    Args:
        explanation: by which to predict.
        texts: as their tokens.
        scale: of the neuron's values; None where it is not known.
    """
    sample = (examples.TOKENS[:4], examples.SILENT_TOKENS)
    return ChatRequest(
        role="simulator",
        prompt=PROMPT,
        messages=(
            Message("system", _SYSTEM),
            Message("user", question(examples.EXPLANATION, listed(map(last_marked, sample)))),
            Message("assistant", '{"levels":[[1,9],[2,0]]}'),
            Message("user", question(explanation, listed(map(last_marked, texts)), scale)),
        ),
        max_tokens=64 + 12 * len(texts),
        schema=bounded(_SCHEMA, levels=len(texts)),
    )


def parse(text: str, n: int) -> list[float | Unscored]:
    """The level 0..10 at the last token of each of `n` texts."""
    found = parsed(text, _Levels)
    if isinstance(found, Unscored):
        return [found for _ in range(n)]
    return levels_in(found.levels, n)


def levels_in(given: object, n: int) -> list[float | Unscored]:
    """The levels of `n` texts, from pairs of a number and a level; a JSON object of levels by number will do."""
    pairs = given.items() if isinstance(given, dict) else given if isinstance(given, list) else ()
    told = [{"number": one[0], "level": one[1]} for one in pairs if isinstance(one, (list, tuple)) and len(one) == 2]
    answers = by_number(told, n, "text")
    return [_level(answer, i) for i, answer in enumerate(answers, 1)]


def _level(answer: dict[str, Any] | Unscored, number: int) -> float | Unscored:
    if isinstance(answer, Unscored):
        return answer
    level = level_of(answer["level"])
    return no_level(answer["level"], f"of text {number}") if level is None else level
