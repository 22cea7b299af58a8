"""`agent trace list` and `agent trace show`."""

from __future__ import annotations

import argparse

from agent.commands.output import say, width
from traces.show import list_runs, show_run


def list_all(arguments: argparse.Namespace) -> None:
    """Print a table of all runs."""
    say(list_runs(arguments.runs_dir, width()).rstrip("\n"))


def show(arguments: argparse.Namespace) -> None:
    """Print the story of a run."""
    say(show_run(arguments.runs_dir, arguments.name, width=width()).rstrip("\n"))
