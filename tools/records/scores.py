"""Scores as every record holds them: a value with its interval, or why there is none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError


class Record(BaseModel):
    """Base of what a result is made of: frozen, without NaN, and with no field that its class does not name.

    A record of another version may have more fields. Whoever reads one says so, with `extra="ignore"` or
    `as_far_as_readable`: then they are dropped. The file that they were read from still has them, since nothing writes
    a record over the file that it came from.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


_R = TypeVar("_R", bound=BaseModel)


def as_far_as_readable(kind: type[_R], found: Any) -> _R:
    """A model without required fields from plain JSON of any version or program, whatever it holds.

    Fields that the model does not name are dropped; those that cannot be read have their default.
    """
    named = {name: value for name, value in found.items() if isinstance(name, str)} if _is_object(found) else {}
    try:
        return kind.model_validate(named, extra="ignore")
    except ValidationError as error:
        unreadable = {one["loc"][0] for one in error.errors()}
        readable = {name: value for name, value in named.items() if name not in unreadable}
        return kind.model_validate(readable, extra="ignore")


def _is_object(found: Any) -> bool:
    return isinstance(found, Mapping)


def if_known() -> Any:
    """A field that is None by default, and then is left out of the JSON."""
    return Field(default=None, exclude_if=lambda value: value is None)


class Interval(Record):
    """A score with the bounds of its 95 % interval.

    Attributes:
        value: in the unit of the protocol; of a correlation, -1 to 1.
        low: lower bound, in the same unit.
        high: upper bound, in the same unit.
    """

    value: float
    low: float
    high: float


class ScoreValue(Interval):
    """A score, how it was measured, and on how many excerpts.

    Attributes:
        protocol: how it was measured, in words.
        split: of which split the excerpts are: explore, probe, development or sealed; or which predictions were scored.
        n_excerpts: excerpts, or predictions, that it was measured on.
        n_unscored: excerpts more that could not be scored.
        resampled: what the interval was resampled over, such as texts; absent where the protocol says it.
        n_pairs: pairs looked at, of which n_excerpts counted; absent where pairs are not what is scored.
    """

    protocol: str
    split: str
    n_excerpts: int
    n_unscored: int = 0
    resampled: str | None = if_known()
    n_pairs: int | None = if_known()


class Unscored(Record):
    """A score that could not be had, and why.

    Attributes:
        value: always null.
        reason: why there is none.
    """

    value: None = None
    reason: str = Field(min_length=1)


Measured = ScoreValue | Unscored
Compared = Interval | Unscored
Score = ScoreValue | Interval | Unscored

_SCORE: TypeAdapter[Score] = TypeAdapter(Score)


def read_score(found: Any) -> Score:
    """A score from the JSON of any version; `Unscored` where it has no value, or one without its interval.

    Raises:
        ValueError: it is no object.
    """
    if isinstance(found, Score):
        return found
    if not isinstance(found, Mapping):
        raise ValueError("a score is an object")
    try:
        return _SCORE.validate_python(found, extra="ignore")
    except ValidationError:
        reason = found.get("reason") if found.get("value") is None else "its value has no interval"
        return Unscored(reason=str(reason or "no reason given"))


ReadScore = Annotated[Score, BeforeValidator(read_score)]
"""The type of a field that holds a score of any version."""


def number_of(score: Measured | Compared | None) -> float | None:
    """The value of a score that has one."""
    return score.value if isinstance(score, Interval) else None
