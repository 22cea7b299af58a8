"""`agent trace schema`."""

from __future__ import annotations

import argparse

from agent.commands.output import say
from traces.event_schema import schema_text
from traces.result_schema import result_schema_text


def show(arguments: argparse.Namespace) -> None:
    """Print the JSON Schema of a line of events.jsonl, or of result.json."""
    say(result_schema_text() if arguments.result else schema_text())
