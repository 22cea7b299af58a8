"""`agent explain` and `agent resume`."""

from __future__ import annotations

import argparse

from agent import api
from agent.commands.llm import llm_options
from agent.commands.output import has_colours, progress, say, say_json, width
from agent.summary import summary
from agent.terminal import TerminalPerson
from tools.errors import BadInput
from tools.records.result import Result
from traces.text.console import Display


def explain(arguments: argparse.Namespace) -> None:
    """Explain a neuron and print the result."""
    if arguments.pause_before and arguments.corpus == "-":
        raise BadInput("--pause-before reads answers from standard input, which --corpus - reads too: give a file.")
    with progress(quiet=arguments.quiet, budget=arguments.budget) as display:
        result = api.explain(
            arguments.target,
            model=arguments.model,
            trust_remote_code=arguments.trust_remote_code,
            corpus=arguments.corpus,
            corpus_tokens=arguments.corpus_tokens,
            index=arguments.index,
            budget=arguments.budget,
            max_seconds=arguments.max_seconds,
            seed=arguments.seed,
            rivals=arguments.rival,
            variant=arguments.variant,
            planted=arguments.planted,
            concepts=arguments.concepts,
            explainer=arguments.explainer,
            **llm_options(arguments),
            runs_dir=arguments.runs_dir,
            display=display,
            person=_person(arguments, display),
        )
    _say_result(result, arguments)


def resume(arguments: argparse.Namespace) -> None:
    """Go on with a run and print the result."""
    with progress(quiet=arguments.quiet) as display:
        result = api.resume(
            arguments.name, runs_dir=arguments.runs_dir, display=display, person=_person(arguments, display)
        )
    _say_result(result, arguments)


def _person(arguments: argparse.Namespace, display: Display) -> TerminalPerson | None:
    """Whoever sits at the terminal, or the script that was to be asked; None where neither is there."""
    person = TerminalPerson(display, arguments.pause_before)
    reads_stdin = getattr(arguments, "corpus", None) == "-"
    return person if arguments.pause_before or (person.is_there and not reads_stdin) else None


def _say_result(result: Result, arguments: argparse.Namespace) -> None:
    if arguments.json:
        say_json(result.to_json())
    else:
        say(summary(result, arguments.runs_dir, width(), arguments.full, has_colours()))
