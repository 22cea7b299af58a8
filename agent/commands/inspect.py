"""`agent trace export`."""

from __future__ import annotations

import argparse
from pathlib import Path

from agent.commands.output import say
from traces.events.runs import traces_of
from traces.export.inspect_log import write_inspect_log
from traces.text.formatting import visible


def export(arguments: argparse.Namespace) -> None:
    """Write a run as a log of Inspect."""
    path = Path(arguments.path)
    log = write_inspect_log(traces_of(arguments.runs_dir, arguments.name, arguments.neuron), path)
    n = len(log.samples)
    n_events = sum(len(sample.events) for sample in log.samples)
    say(
        f"{n} neuron{'' if n == 1 else 's'} with {n_events:,} events written to {visible(str(path))}.\n"
        f"Look at it with: inspect view --log-dir {visible(str(path.parent))}"
    )
