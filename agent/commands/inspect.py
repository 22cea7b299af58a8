"""`agent trace export`."""

from __future__ import annotations

import argparse
from pathlib import Path

from agent.commands.output import say
from tools.errors import BadInput
from traces.inspect_log import write_inspect_log
from traces.runs import RunFolder
from traces.text import visible


def export(arguments: argparse.Namespace) -> None:
    """Write a run as a log of Inspect."""
    run = RunFolder.find(arguments.runs_dir, arguments.name)
    folders = run.neurons()
    if arguments.neuron:
        found = [folder for folder in folders if folder.path.name.rpartition(".")[2] == arguments.neuron]
        if not found:
            names = ", ".join(folder.path.name.rpartition(".")[2] for folder in folders[:5]) or "no neuron at all"
            raise BadInput(f"run {run.run_id} has no neuron {arguments.neuron!r}; it has {names}.")
        folders = found
    path = Path(arguments.path)
    log = write_inspect_log([folder.events for folder in folders if folder.events.is_file()], path)
    n = len(log.samples)
    n_events = sum(len(sample.events) for sample in log.samples)
    say(
        f"{n} neuron{'' if n == 1 else 's'} with {n_events:,} events written to {visible(str(path))}.\n"
        f"Look at it with: inspect view --log-dir {visible(str(path.parent))}"
    )
