"""Scores as every record holds them: a value with its interval, or why there is none.

Fields beyond the contract are allowed and kept, so that a record of a newer or an older program can be read and written
again, provided that JSON can say them; this program uses none of them.
"""

from __future__ import annotations

import json
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Record(BaseModel):
    """Base of what a result is made of: frozen, without NaN, and open to fields of other versions."""

    model_config = ConfigDict(frozen=True, extra="allow", allow_inf_nan=False)

    @model_validator(mode="after")
    def _extras_are_json(self) -> Record:
        for name, value in (self.__pydantic_extra__ or {}).items():
            plain = value.model_dump(mode="json") if isinstance(value, BaseModel) else value
            try:
                json.dumps(plain, allow_nan=False)
            except (TypeError, ValueError) as error:
                raise ValueError(f"{name} cannot be written as JSON: {error}") from error
        return self


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


def number_of(score: Measured | Compared | None) -> float | None:
    """The value of a score that has one."""
    return score.value if isinstance(score, Interval) else None
