"""`agent trace list` and `agent trace show`."""

from __future__ import annotations

import argparse

from agent.commands.output import has_colours, say, width
from traces.text.show import list_runs, show_run


def list_all(arguments: argparse.Namespace) -> None:
    """Print a table of all runs."""
    say(list_runs(arguments.runs_dir, width()).rstrip("\n"))


def show(arguments: argparse.Namespace) -> None:
    """Print the story of a run, in colours on a terminal unless `--no-color` or `NO_COLOR` forbids them."""
    is_coloured = has_colours() and not arguments.no_color
    said = show_run(arguments.runs_dir, arguments.name, neuron=arguments.neuron, width=width(), is_coloured=is_coloured)
    say(said.rstrip("\n"))
