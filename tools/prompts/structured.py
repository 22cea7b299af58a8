"""The JSON in a reply, whatever stands around it, checked against a pydantic model; and the schema asked for."""

from __future__ import annotations

import json
import math
import re
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from tools.prompts.quoting import escaped
from tools.records.result import Unscored

Model = TypeVar("Model", bound=BaseModel)

CUT_OFF = "the reply was cut off"

_MAX_DEPTH = 32
_MAX_DIGITS = 20
_MAX_CHARACTERS = 1_000_000
_SHOWN = 80
_OPENER = re.compile(r"[{\[]")
_OUTSIDE_STRING = re.compile(r'["{}\[\]]')
_IN_STRING = re.compile(r'"|\\.', re.DOTALL)
_CLOSERS = {"{": "}", "[": "]"}
# What OpenAI's strict mode knows and others know too: bounds are said in words, and checked on the way back.
_SCHEMA_KEYS = {"type", "properties", "items", "enum", "const", "anyOf", "description"}


class _Refused(ValueError):
    """Well-formed JSON of a kind that we do not take."""


def brief(text: str) -> str:
    """The beginning of foreign text, escaped, in quotes, for a reason."""
    shown = escaped(text[: _SHOWN + 1])
    return f'"{shown}"' if len(text) <= _SHOWN and len(shown) <= _SHOWN else f'"{shown[: _SHOWN - 3]}..."'


def parsed(text: str, model: type[Model]) -> Model | Unscored:
    """The one JSON value in a reply that is a `model`.

    It may stand in a fence or among chatter. A list is taken for the content of a model with a single field.
    Contradictory values are refused, and so are NaN, infinities, numbers of more than 20 digits, duplicate keys in one
    object, and nesting of more than 32 levels.
    """
    if not text.strip():
        return Unscored(reason="the reply is empty")
    values, problem = _values_in(text)
    found: list[Model] = []
    for value in values:
        candidate = validated(_wrapped(value, model), model)
        if isinstance(candidate, Unscored):
            problem = problem or candidate.reason
        elif candidate not in found:
            found.append(candidate)
    if len(found) > 1:
        return Unscored(reason=f"the reply is ambiguous: it holds {len(found)} different answers")
    return found[0] if found else Unscored(reason=problem or f"no JSON in the reply: {brief(text)}")


def decoded(text: str) -> Any | Unscored:
    """All of `text` as one JSON value, refusing what `parsed` refuses. JSON's `null` is None."""
    start = len(text) - len(text.lstrip())
    end = _end(text, start) if text[start : start + 1] in tuple("{[") else None
    if isinstance(end, str):
        return Unscored(reason=end)
    if end is None or text[end:].strip():
        return Unscored(reason=f"not a JSON object: {brief(text)}")
    try:
        return _DECODER.decode(text)
    except _Refused as refusal:
        return Unscored(reason=str(refusal))
    except ValueError:
        return Unscored(reason=f"not JSON: {brief(text)}")


def validated(value: object, model: type[Model]) -> Model | Unscored:
    """`value` as a `model`; the reason names the first thing that is wrong."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        return Unscored(
            reason=f"not the JSON asked for: {escaped(f'{where}: ' if where else '')}{escaped(first['msg'])}"
        )


def schema_of(model: type[BaseModel]) -> dict[str, Any]:
    """JSON schema of `model` for strict mode: closed, every field required, no defaults, no references."""
    whole = model.model_json_schema()
    definitions = whole.get("$defs", {})

    def strict(schema: dict[str, Any]) -> dict[str, Any]:
        if "$ref" in schema:
            return strict(definitions[schema["$ref"].rpartition("/")[2]])
        kept = {key: value for key, value in schema.items() if key in _SCHEMA_KEYS}
        if "properties" in kept:
            kept["properties"] = {name: strict(field) for name, field in kept["properties"].items()}
            kept |= {"required": list(kept["properties"]), "additionalProperties": False}
        if "items" in kept:
            kept["items"] = strict(kept["items"])
        if "anyOf" in kept:
            kept["anyOf"] = [strict(option) for option in kept["anyOf"]]
        return kept

    # A docstring is for who reads the code, and would be paid for with every question.
    return {key: value for key, value in strict(whole).items() if key != "description"}


def bounded(schema: dict[str, Any], **most: int) -> dict[str, Any]:
    """A schema in which lists have an end: each that is the property of a name has at most so many items.

    A list that is longer all the same is still read: the bound keeps a model that repeats itself from going on.
    """

    def within(value: Any, name: str = "") -> Any:
        if isinstance(value, list):
            return [within(item) for item in value]
        if not isinstance(value, dict):
            return value
        out = {key: within(item, key) for key, item in value.items()}
        return out | {"maxItems": most[name]} if name in most and value.get("type") == "array" else out

    found: dict[str, Any] = within(schema)
    return found


def _wrapped(value: object, model: type[BaseModel]) -> object:
    if isinstance(value, list) and len(model.model_fields) == 1:
        return {next(iter(model.model_fields)): value}
    return value


def _values_in(text: str) -> tuple[list[Any], str | None]:
    """Outermost JSON objects and lists of objects, in order, and what was wrong with the first thing that was not."""
    if len(text) > _MAX_CHARACTERS:
        return [], f"the reply is too long: {len(text)} characters"
    values: list[Any] = []
    problem: str | None = None
    is_cut_off = False
    position = 0
    while opener := _OPENER.search(text, position):
        start, position = opener.start(), opener.end()
        end = _end(text, start)
        if end == CUT_OFF:
            # What stands inside may be whole, such as JSON after a stray brace, but no list is: it is a piece.
            is_cut_off, problem = True, problem or CUT_OFF
        elif isinstance(end, str):
            return [], end
        elif end is not None:
            try:
                value = _DECODER.decode(text[start:end])
            except _Refused as refusal:
                # Nor is anything inside it looked at: a part would say other than the whole.
                problem, position = problem or str(refusal), end
            except ValueError:
                problem = problem or f"not JSON: {brief(text[start:end])}"
            else:
                position = end
                if isinstance(value, dict) or (_is_of_objects(value) and not is_cut_off):
                    values.append(value)
    return values, problem


def _is_of_objects(value: list[Any]) -> bool:
    return bool(value) and all(isinstance(item, dict) for item in value)


def _end(text: str, start: int) -> int | str | None:
    """Where what opens at `start` is closed; None where brackets do not match; why nothing can be read there."""
    closers: list[str] = []
    is_string = False
    position = start
    while mark := (_IN_STRING if is_string else _OUTSIDE_STRING).search(text, position):
        position = mark.end()
        if mark[0] == '"':
            is_string = not is_string
        elif is_string:
            continue
        elif mark[0] in _CLOSERS:
            closers.append(_CLOSERS[mark[0]])
            if len(closers) > _MAX_DEPTH:
                return f"JSON is nested more than {_MAX_DEPTH} levels deep"
        elif not closers or mark[0] != closers.pop():
            return None
        elif not closers:
            return position
    return CUT_OFF


def _whole_number(written: str) -> int:
    if len(written) > _MAX_DIGITS:
        raise _Refused(f"a number of {len(written)} digits")
    return int(written)


def _number(written: str) -> float:
    if not math.isfinite(number := float(written)):
        raise _Refused(f"{brief(written)} is not a finite number")
    return number


def _no_number(written: str) -> float:
    raise _Refused(f"{written} is not a finite number")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise _Refused(f"the key {brief(twice)} stands twice in one object")
    return content


_DECODER = json.JSONDecoder(
    parse_int=_whole_number, parse_float=_number, parse_constant=_no_number, object_pairs_hook=_object
)
