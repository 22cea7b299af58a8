"""Reading and writing the JSON of neuron-explainer records; a damaged file is said to be one, with the place."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from tools.errors import BadInput
from tools.formats.neuron_explainer import NeuronRecord, NeuronSimulationResults, Record

R = TypeVar("R", bound=Record)

_MOST_TOLD = 120


def to_line(record: Record) -> bytes:
    """The record as one line of JSON, without a line break."""
    return json.dumps(record.model_dump(mode="json"), ensure_ascii=False, allow_nan=False).encode()


def read_simulation_results(path: Path) -> NeuronSimulationResults:
    """A file of `explanations/`, which has exactly one line.

    Raises:
        BadInput: it cannot be read or is damaged; the message names the file, the place and what is wrong.
    """
    lines = [line for line in _read(path).splitlines() if line.strip()]
    if len(lines) != 1:
        raise BadInput(f"{path} has {len(lines)} lines, and such a file has one: fetch it again, or leave it out.")
    return from_json(NeuronSimulationResults, lines[0], path)


def read_neuron_record(path: Path) -> NeuronRecord:
    """A file of `collated-activations/`.

    Raises:
        BadInput: it cannot be read or is damaged; the message names the file, the place and what is wrong.
    """
    return from_json(NeuronRecord, _read(path), path)


def from_json(kind: type[R], data: bytes, path: Path) -> R:
    """The record in `data`; `path` is for the message.

    Raises:
        BadInput: it is none; the message names the file, the place and what is wrong.
    """
    try:
        return kind.model_validate(json.loads(data, parse_constant=_constant, parse_float=_number))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or kind.__name__
        raise _damaged(path, f"{place}: {first['msg'].removeprefix('Value error, ')}") from error
    except json.JSONDecodeError as error:
        raise _damaged(path, f"line {error.lineno}, character {error.colno}: {error.msg}") from error
    except UnicodeDecodeError as error:
        raise _damaged(path, f"byte {error.start}: not UTF-8") from error
    except RecursionError as error:
        raise _damaged(path, "it is nested too deeply") from error
    except ValueError as error:
        raise _damaged(path, str(error)) from error


def _constant(name: str) -> None:
    """What the writers of other programs put where a number is missing."""
    if name != "NaN":
        raise ValueError(f"{name} is no number that a record may hold")


def _number(text: str) -> float:
    value = float(text)
    if abs(value) == float("inf"):
        raise ValueError(f"{text[:20]} is no number that a record may hold")
    return value


def _read(path: Path) -> bytes:
    if path.exists() and not path.is_file():  # a pipe would be waited for
        raise BadInput(f"cannot read {path}: it is no file.")
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadInput(f"cannot read {path}: {error.strerror or error}.") from error


def _damaged(path: Path, what: str) -> BadInput:
    what = what if len(what) <= _MOST_TOLD else what[: _MOST_TOLD - 1] + "…"
    return BadInput(f"{path} is damaged ({what}): fetch it again, or leave it out.")
