"""`agent top`: the excerpts on which a neuron fires most."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import Any

from agent.cli.option_types import whole
from agent.cli.options import corpus_part, neuron_part, output_part, reading_arguments
from agent.cli.output import progress, say, say_json
from agent.cli.parsing import Commands, command


def add(commands: Commands) -> None:
    """Mount it."""
    made = command(
        commands, "top", top,
        "List the excerpts of the corpus on which a neuron fires most.",
        "agent top L5N131 -n 10 --model mini", [neuron_part(), corpus_part(), output_part()], ("agent.api",),
    )  # fmt: skip
    made.add_argument("-n", type=whole(1), default=10, metavar="N", help="how many (default: 10)")


def top(arguments: argparse.Namespace) -> None:
    """Print the excerpts on which a neuron fires most, one per line, with guillemets around what it fires on."""
    from agent.api import top as top_excerpts
    from traces.text.tokens import around_peak

    with progress(quiet=arguments.quiet) as display:
        found = top_excerpts(
            arguments.target,
            arguments.n,
            **reading_arguments(arguments),
            display=display,
        )
    if arguments.json:
        say_json(_plain(found) | {"excerpts": [_plain(excerpt) for excerpt in found.excerpts]})
        return
    say(f"{found.model}/{found.neuron} on {found.corpus}: {found.status}, fires above {found.theta:.3g}\n")
    for excerpt in found.excerpts:
        say(f"{max(excerpt.values):8.3f}  {around_peak(excerpt.tokens, excerpt.values, found.theta)}")


def _plain(record: Any) -> dict[str, Any]:
    return asdict(record) | {"neuron": str(record.neuron)}
