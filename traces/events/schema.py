"""The JSON Schema of a line of `events.jsonl`, from the classes in `traces.events.kinds`.

It is published as `traces/events.schema.json`; after a change to an event, write that file again:

    agent trace schema > traces/events.schema.json
"""

from __future__ import annotations

import json
import re
from typing import Any

from pydantic import TypeAdapter

from traces.events.kinds import SCHEMA_VERSION, Event

_DESCRIPTION = f"""\
One event of a run: a line of events.jsonl, as this program writes it (trace format {SCHEMA_VERSION}). The first line \
is run_started and names the format; seq counts the lines from 0. Earlier formats are read too, but lack fields that \
are required here. Not in the schema: experiment_ids, values and fired of readings_revealed are equally long, \
so are experiment_ids and each rival's list in predictions_registered, and its sha256 is that of the canonical JSON \
(sorted keys, no spaces) of the predictions. at, seconds, cached and this_time are clock fields; all else is a \
function of the seed and of the recorded results of tools."""


def event_schema() -> dict[str, Any]:
    """The schema (draft 2020-12) of a line that this version of the program writes: every field is there."""
    made = TypeAdapter(Event).json_schema(mode="serialization")
    for cls in made["$defs"].values():
        if cls.get("type") != "object":
            continue
        cls["required"] = list(cls["properties"])  # the writer leaves none out
        cls["description"], told = described(cls.get("description", ""))
        if "seq" in cls["properties"]:
            cls["properties"]["seq"] = {"type": "integer", "minimum": 0}
            cls["properties"]["at"] = {"type": "string", "format": "date-time"}
        for field in cls["properties"].values():
            field.pop("title", None)
            field.pop("default", None)  # every field is required, so there are no defaults
        for name, about in told.items():
            cls["properties"][name]["description"] = about
    made["$defs"]["RunStarted"]["properties"]["schema_version"] = {"const": SCHEMA_VERSION}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:neuron-agent:events:{SCHEMA_VERSION}",
        "title": "An event of a run",
        "description": _DESCRIPTION,
        "schema_version": SCHEMA_VERSION,
        **made,
    }


def described(docstring: str) -> tuple[str, dict[str, str]]:
    """The description of a class and of each attribute, from its docstring."""
    whole, _, listed = docstring.partition("Attributes:")
    attributes = re.findall(r"^ *(\w+): (.+(?:\n(?! *\w+: ).+)*)", listed, re.MULTILINE)
    return " ".join(whole.split()), {name: " ".join(about.split()) for name, about in attributes}


def schema_text() -> str:
    """The schema as it is published."""
    return json.dumps(event_schema(), indent=2, ensure_ascii=False)
