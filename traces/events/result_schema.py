"""The JSON Schema of `result.json`, from the classes in `tools.records.result`.

It is published as `traces/result.schema.json`; after a change to a result, write that file again:

    agent trace schema --result > traces/result.schema.json
"""

from __future__ import annotations

import json
from typing import Any, get_args

from pydantic import BaseModel

from tools.records.result import RESULT_VERSION, Result
from traces.events.schema import described

_DESCRIPTION = f"""\
The content of result.json, as this program writes it (version {RESULT_VERSION}). Fields may be absent \
unless they are required. Version 1 is read too: it has no label, examples, reader and predictor. Results of other \
programs may have more fields, which are kept. Not in the schema: the tokens, values and fires of an example \
are equally long, and an explanation of version 2 has a label, a reader, at most 25 words, and at most 5 quotations."""


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
        # The writer leaves out nothing but what is not known.
        cls["required"] = [field for field, how in model.model_fields.items() if how.exclude_if is None]
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
        "description": _DESCRIPTION,
        "schema_version": RESULT_VERSION,
    }


def result_schema_text() -> str:
    """The schema as it is published."""
    return json.dumps(result_schema(), indent=2, ensure_ascii=False)


def _models_in(model: type[BaseModel]) -> dict[str, type[BaseModel]]:
    """A model and all models in its fields, by name."""
    found: dict[str, type[BaseModel]] = {}
    left: list[Any] = [model]
    while left:
        one = left.pop()
        left += get_args(one)
        if isinstance(one, type) and issubclass(one, BaseModel) and one.__name__ not in found:
            found[one.__name__] = one
            left += [field.annotation for field in one.model_fields.values()]
    return found
