"""`agent explain` and `agent resume`."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from agent.cli.options import (
    Part,
    corpus_part,
    llm_arguments,
    llm_part,
    neuron_part,
    output_part,
    reading_arguments,
    runs_part,
    settings_part,
)
from agent.cli.output import has_colours, progress, say, say_json, width
from agent.cli.parsing import Commands, command
from tools.errors import BadInput

if TYPE_CHECKING:
    from agent.cli.terminal import TerminalPerson
    from tools.records.result import Result
    from traces.text.console import Display


_LOADS = ("agent.api", "agent.cli.summary", "agent.cli.terminal")


def add(commands: Commands) -> None:
    """Mount both."""
    paused = Part()
    paused.add_argument(
        "--pause-before", action="append", choices=("experiments", "confirm"), default=[],
        help="pause and ask what to do, at the terminal or a script on stdin: before every round of experiments or "
        "before unseen text is opened; may be given twice (Ctrl-C also pauses)",
    )  # fmt: skip
    full = Part()
    full.add_argument("--full", action="store_true", help="print the whole result, not only the finding")
    said = [paused, output_part(), full]
    command(
        commands, "explain", explain,
        "Explain a neuron, and score the explanation on unseen text. Rival hypotheses compete in experiments; the "
        "search never sees the text of the final score.",
        "agent explain L5N131 --budget 20 --model mini\n"
        "  agent explain L5N131 --model mini --pause-before confirm\n"
        "  agent explain L5N131 --explainer openai:gpt-4o-mini --max-usd 0.50",
        [neuron_part(), corpus_part(), runs_part(), settings_part(), llm_part(), *said], _LOADS,
    )  # fmt: skip
    resuming = command(
        commands, "resume", resume,
        "Resume an interrupted run. What it had already measured is not measured again.",
        "agent resume last", [runs_part(), *said], _LOADS,
    )  # fmt: skip
    resuming.add_argument("name", metavar="RUN", help="the run's id, a part of it, or last")


def explain(arguments: argparse.Namespace) -> None:
    """Explain a neuron and print the result."""
    from agent.api import explain as explain_neuron

    if arguments.pause_before and arguments.corpus == "-":
        raise BadInput("--pause-before and --corpus - both read standard input: give the corpus as a file.")
    with progress(quiet=arguments.quiet, budget=arguments.budget) as display:
        result = explain_neuron(
            arguments.target,
            **reading_arguments(arguments),
            budget=arguments.budget,
            max_seconds=arguments.max_seconds,
            seed=arguments.seed,
            rivals=arguments.rival,
            variant=arguments.variant,
            planted=arguments.planted,
            concepts=arguments.concepts,
            explainer=arguments.explainer,
            **llm_arguments(arguments),
            runs_dir=arguments.runs_dir,
            display=display,
            person=_person(arguments, display),
        )
    _say_result(result, arguments)


def resume(arguments: argparse.Namespace) -> None:
    """Resume a run and print the result."""
    from agent.api import resume as resume_run

    with progress(quiet=arguments.quiet) as display:
        result = resume_run(
            arguments.name, runs_dir=arguments.runs_dir, display=display, person=_person(arguments, display)
        )
    _say_result(result, arguments)


def _person(arguments: argparse.Namespace, display: Display) -> TerminalPerson | None:
    """The person at the terminal, or the script on stdin; None if there is neither."""
    from agent.cli.terminal import TerminalPerson

    person = TerminalPerson(display, arguments.pause_before)
    reads_stdin = getattr(arguments, "corpus", None) == "-"
    return person if arguments.pause_before or (person.is_there and not reads_stdin) else None


def _say_result(result: Result, arguments: argparse.Namespace) -> None:
    from agent.cli.summary import summary

    if arguments.json:
        say_json(result.to_json())
    else:
        say(summary(result, arguments.runs_dir, width(), arguments.full, has_colours()))
