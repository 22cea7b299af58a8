"""Values as they come back from a trace: plain JSON, with exactly the numbers that a replay would read."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationInfo, model_validator

PARSED = {"parsed": True}
"""The validation context of data that was just parsed from JSON and so is canonical."""


def _plain(value: object) -> object:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
    if isinstance(value, (set, frozenset)):
        raise TypeError("a set has no order, so it cannot be replayed: sort it into a list")
    to_list = getattr(value, "tolist", None)  # numpy arrays and scalars, without importing numpy
    if to_list is not None:
        return to_list()
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")


def canonical(value: Any) -> Any:
    """`value` as it comes back from the trace: plain JSON values, with exactly the numbers that a replay would read.

    Raises:
        ValueError: it holds NaN or an infinity, which are never values.
        TypeError: it holds something that JSON cannot represent.
    """
    return json.loads(json.dumps(value, default=_plain, allow_nan=False))


class Record(BaseModel):
    """A part of an event. Its input is first made canonical JSON, so that live and replayed values are the same."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _canonical(cls, data: Any, info: ValidationInfo) -> Any:
        if info.context is PARSED:
            return data
        try:
            return canonical(data)
        except TypeError as error:
            raise ValueError(str(error)) from error
