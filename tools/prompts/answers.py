"""Yes or no about numbered excerpts: the reply that detection and fuzzing share."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, WithJsonSchema

from tools.prompts.numbered import by_number
from tools.prompts.structured import brief, parsed, schema_of
from tools.records.result import Unscored

MOST_EXCERPTS = 5

ANSWERS_FORMAT = 'Reply with JSON only, an answer for every excerpt: {"answers":[{"number":1,"fires":true},...]}.'


class _Answer(BaseModel):
    number: int
    fires: bool


class _Answers(BaseModel):
    # Each is checked on its own: a bad one spoils no other.
    answers: list[Annotated[Any, WithJsonSchema(schema_of(_Answer))]]


ANSWERS_SCHEMA = schema_of(_Answers)


def check_number(n: int) -> None:
    """Refuse more excerpts than one question may hold.

    Raises:
        ValueError: there are none, or more than five.
    """
    if not 1 <= n <= MOST_EXCERPTS:
        raise ValueError(f"a question is about 1 to {MOST_EXCERPTS} excerpts, not {n}")


def parse_answers(text: str, n: int) -> list[bool | Unscored]:
    """The answer to each of `n` excerpts."""
    found = parsed(text, _Answers)
    if isinstance(found, Unscored):
        return [found for _ in range(n)]
    return [_answer(answer, i) for i, answer in enumerate(by_number(found.answers, n, "excerpt"), 1)]


def _answer(answer: dict[str, Any] | Unscored, number: int) -> bool | Unscored:
    if isinstance(answer, Unscored):
        return answer
    fires = answer.get("fires")
    if isinstance(fires, bool):
        return fires
    said = brief(str(fires)) if "fires" in answer else "missing"
    return Unscored(reason=f"the answer to excerpt {number} is {said}, neither true nor false")
