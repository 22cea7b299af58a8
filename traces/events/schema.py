"""The JSON Schemas of a line of `events.jsonl` and of `result.json`, from the classes that they are made of.

They are published as `traces/events.schema.json` and `traces/result.schema.json`; after a change, write them again:

    agent trace schema > traces/events.schema.json
    agent trace schema --result > traces/result.schema.json
"""

from __future__ import annotations

import json
import re
from typing import Any, get_args

from pydantic import BaseModel, TypeAdapter

from tools.records.result import RESULT_VERSION, Result
from traces.events.kinds import SCHEMA_VERSION, Event

_OF_AN_EVENT = f"""\
One event of a run: a line of events.jsonl, as this program writes it (trace format {SCHEMA_VERSION}). The first line \
is run_started and names the format; seq counts the lines from 0. Earlier formats are read too, but lack fields that \
are required here. Not in the schema: experiment_ids, values and fired of readings_revealed are equally long, \
so are experiment_ids and each rival's list in predictions_registered, and its sha256 is that of the canonical JSON \
(sorted keys, no spaces) of the predictions. at, seconds, cached and this_time are clock fields; all else is a \
function of the seed and of the recorded results of tools."""

_OF_A_RESULT = f"""\
The content of result.json, as this program writes it (version {RESULT_VERSION}). Fields may be absent \
unless they are required. Version 1 is read too: it has no label, examples, reader and predictor. When a result of \
another version is read, fields that are not named here are dropped; its file keeps them. Not in the schema: the \
tokens, values and fires of an example are equally long, and an explanation of version 2 has a label, a reader, at \
most 25 words, and at most 5 quotations."""


def event_schema() -> dict[str, Any]:
    """The schema (draft 2020-12) of a line that this version of the program writes."""
    made = TypeAdapter(Event).json_schema(mode="serialization")
    models = _models_in(Event)
    for name, cls in made["$defs"].items():
        if cls.get("type") != "object":
            continue
        cls["required"] = _required(models[name])
        cls["description"], told = described(cls.get("description", ""))
        if "seq" in cls["properties"]:
            cls["properties"]["seq"] = {"type": "integer", "minimum": 0}
            cls["properties"]["at"] = {"type": "string", "format": "date-time"}
        for field in cls["properties"].values():
            field.pop("title", None)
            field.pop("default", None)
        for attribute, about in told.items():
            cls["properties"][attribute]["description"] = about
    made["$defs"]["RunStarted"]["properties"]["schema_version"] = {"const": SCHEMA_VERSION}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:neuron-agent:events:{SCHEMA_VERSION}",
        "title": "An event of a run",
        "description": _OF_AN_EVENT,
        "schema_version": SCHEMA_VERSION,
        **made,
    }


def described(docstring: str) -> tuple[str, dict[str, str]]:
    """The description of a class and of each attribute, from its docstring."""
    whole, _, listed = docstring.partition("Attributes:")
    attributes = re.findall(r"^ *(\w+): (.+(?:\n(?! *\w+: ).+)*)", listed, re.MULTILINE)
    return " ".join(whole.split()), {name: " ".join(about.split()) for name, about in attributes}


def event_schema_text() -> str:
    """The schema of an event as it is published."""
    return json.dumps(event_schema(), indent=2, ensure_ascii=False)


def result_schema() -> dict[str, Any]:
    """The schema (draft 2020-12) of a result that this version of the program writes."""
    made = Result.model_json_schema(mode="serialization")
    models = _models_in(Result)
    for name, cls in {**made["$defs"], "Result": made}.items():
        model = models[name]
        told: dict[str, str] = {}
        for base in reversed(model.__mro__):
            if issubclass(base, BaseModel) and base is not BaseModel:
                cls["description"], attributes = described(base.__doc__ or "")
                told |= attributes
        cls["required"] = _required(model)
        for field, properties in cls["properties"].items():
            properties.pop("title", None)
            properties.pop("default", None)
            if field in told:
                properties["description"] = told[field]
    made["properties"]["schema_version"]["enum"] = [RESULT_VERSION]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:neuron-agent:result:{RESULT_VERSION}",
        **made,
        "title": "The result of explaining one neuron",
        "description": _OF_A_RESULT,
        "schema_version": RESULT_VERSION,
    }


def result_schema_text() -> str:
    """The schema of a result as it is published."""
    return json.dumps(result_schema(), indent=2, ensure_ascii=False)


def _required(model: type[BaseModel]) -> list[str]:
    """The fields that are always written: all but those that are left out where they are not known."""
    return [name for name, how in model.model_fields.items() if how.exclude_if is None]


def _models_in(kind: Any) -> dict[str, type[BaseModel]]:
    """All models in a type, and in the fields of those, by name."""
    found: dict[str, type[BaseModel]] = {}
    left: list[Any] = [kind]
    while left:
        one = left.pop()
        left += get_args(one)
        if isinstance(one, type) and issubclass(one, BaseModel) and one.__name__ not in found:
            found[one.__name__] = one
            left += [field.annotation for field in one.model_fields.values()]
    return found
