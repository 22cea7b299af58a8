"""`agent trace schema`."""

from __future__ import annotations

import argparse

from agent.commands.output import say
from traces.events.schema import schema_text


def show(arguments: argparse.Namespace) -> None:
    """Print the JSON Schema of a line of events.jsonl."""
    say(schema_text())
