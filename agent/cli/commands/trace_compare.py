"""What `agent trace diff` and `agent trace replay` do."""

from __future__ import annotations

import argparse
from pathlib import Path

from agent.cli.output import progress, say, width
from tools.errors import BadInput


def diff(arguments: argparse.Namespace) -> None:
    """Print where two runs differ, even on different neurons or models. The exit code is 0 whether or not they do."""
    from traces.analysis.difference import differences
    from traces.analysis.story import read_story
    from traces.events.runs import traces_of
    from traces.text.difference import difference_text

    a, b = (traces_of(arguments.runs_dir, name) for name in (arguments.a, arguments.b))
    pages = [
        difference_text(
            differences(read_story(one), read_story(other)), _name(arguments.a, one), _name(arguments.b, other), width()
        )
        for one, other in _paired(a, b)
    ]
    say("\n".join(pages).rstrip("\n"))


def replay(arguments: argparse.Namespace) -> None:
    """Repeat a run from its trace alone and print the outcome.

    The first word printed is `same` or `differs`. Either is a result, so the exit code is 0; it differs only if the run
    cannot be replayed at all.
    """
    from agent.cli.replay_text import replay_text
    from agent.run.replay import replay as replayed
    from traces.events.runs import traces_of

    paths = traces_of(arguments.runs_dir, arguments.name, arguments.neuron)
    with progress(quiet=arguments.quiet) as display:
        told = [replay_text(replayed(path, display, recorded=arguments.recorded), width()) for path in paths]
    say("\n".join(told).rstrip("\n"))


def _paired(a: list[Path], b: list[Path]) -> list[tuple[Path, Path]]:
    """Pairs of traces of the two runs on the same neuron; if each run has one neuron, those two."""
    from traces.events.runs import NeuronFolder

    if len(a) == len(b) == 1:
        return [(a[0], b[0])]
    other = {NeuronFolder(path.parent).path.name: path for path in b}
    found = [(path, other[path.parent.name]) for path in a if path.parent.name in other]
    if not found:
        raise BadInput("the two runs are of several neurons and have none in common: name the events.jsonl of each.")
    return found


def _name(typed: str, path: Path) -> str:
    """What to call a run: its id where it lies in a folder of runs, else what was typed."""
    return path.parents[2].name if path.parent.parent.name == "neurons" else typed
