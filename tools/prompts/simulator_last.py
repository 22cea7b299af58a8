"""Simulation of experiments: the levels at the last tokens of many short texts, in one question."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel

from tools.llm.chat import ChatRequest, Message
from tools.prompts import examples
from tools.prompts.alignment import level_of, no_level
from tools.prompts.evidence import DATA_RULE, Scale, last_marked, listed
from tools.prompts.numbered import by_number
from tools.prompts.simulator import TASK, question
from tools.prompts.structured import parsed
from tools.records.result import Unscored

PROMPT = "simulator-last/4"

_SYSTEM = (
    f"{TASK}\n\n"
    "You are shown texts; predict the level at the last token of each, marked <<so>>. Some "
    "texts are edited: a word was replaced or left out. "
    f'Reply with JSON only, the level of every text after its number: {{"levels":{{"1":...,"2":...}}}}.\n\n{DATA_RULE}'
)


class _Levels(BaseModel):
    levels: dict[str, Any]


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
            Message("assistant", '{"levels":{"1":9,"2":0}}'),
            Message("user", question(explanation, listed(map(last_marked, texts)), scale)),
        ),
        max_tokens=64 + 12 * len(texts),
        schema=numbered_schema("levels", len(texts), {"type": "integer"}),
    )


def numbered_schema(name: str | None, n: int, each: dict[str, Any]) -> dict[str, Any]:
    """Of an object with the keys 1 to `n`, so that where a grammar holds the reply to the schema none is passed over;
    as the only property of another object, where `name` says how it is called there."""
    numbers = [str(number) for number in range(1, n + 1)]
    found = _closed(dict.fromkeys(numbers, each))
    return found if name is None else _closed({name: found})


def _closed(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object", "properties": properties, "required": list(properties), "additionalProperties": False,
    }  # fmt: skip


def parse(text: str, n: int) -> list[float | Unscored]:
    """The level 0..10 at the last token of each of `n` texts."""
    found = parsed(text, _Levels)
    if isinstance(found, Unscored):
        return [found for _ in range(n)]
    return levels_in(found.levels, n)


def levels_in(given: object, n: int) -> list[float | Unscored]:
    """The levels of `n` texts, from what was replied after their numbers."""
    items = given.items() if isinstance(given, dict) else ()
    answers = by_number([{"number": number, "level": level} for number, level in items], n, "text")
    return [_level(answer, i) for i, answer in enumerate(answers, 1)]


def _level(answer: dict[str, Any] | Unscored, number: int) -> float | Unscored:
    if isinstance(answer, Unscored):
        return answer
    level = level_of(answer["level"])
    return no_level(answer["level"], f"of text {number}") if level is None else level
