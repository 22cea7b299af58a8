"""`agent eval readers trigger` and `trigger-packet`: texts made from the explanation alone."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np

from agent.cli.output import progress, say, say_json, width
from agent.setup.resources import Resources
from evals.readers import tables
from evals.readers.command_setup import llm_of, studies
from evals.readers.runs import FinishedRun, finished_runs, study_of
from evals.readers.sentences import read_sentences, sentences_on
from evals.readers.text_sources import FromMaker, TextSource, write_for_writers, written_texts
from evals.readers.trigger import summed, triggered
from tools.concepts.concepts import Concepts
from tools.free_text.maker import FreeTextMaker
from tools.making.maker import LexicalMaker
from traces.text.console import Display
from traces.text.formatting import visible


def trigger(arguments: argparse.Namespace) -> None:
    """Print how many texts made from each explanation fire.

    Args:
        arguments: `runs`, `runs_dir`, `maker`, `texts`, `also`, `sentences`, `seed`, the options of
            `evals.readers.command_setup.endpoint_of`, `json`, `quiet`.
    """
    found = finished_runs(arguments.runs, arguments.runs_dir)
    sentences = []
    with progress(quiet=arguments.quiet) as display:
        source_for = _sources(arguments, display)
        name = arguments.maker
        for run, study, rng, each in studies(found.runs, arguments, display):
            source = source_for(run)
            name = source.name
            display.note(f"{run.name}: texts by {name}")
            sentences += [
                triggered(study, run.name, one.kind, one.text, source.name, source.texts(run.name, one, rng), rng)
                for one in each
            ]
    summary = summed(sentences, name, found.left_out, np.random.default_rng(0))
    if arguments.json:
        say_json(summary.model_dump(mode="json"))
        return
    say(tables.triggers_screen(summary, width=width()))


def trigger_packet(arguments: argparse.Namespace) -> None:
    """Write the file for somebody who makes texts.

    Args:
        arguments: `runs`, `runs_dir`, `out`, `also`, `sentences`, `seed`, `quiet`.
    """
    files = read_sentences(arguments.sentences)
    found = finished_runs(arguments.runs, arguments.runs_dir)
    with progress(quiet=arguments.quiet) as display:
        resources = Resources()
        sentences = [
            (run.name, one)
            for run in found.runs
            for one in sentences_on(run, study_of(run, resources, display) if "list" in arguments.also else None, files)
        ]
    write_for_writers(Path(arguments.out), sentences)
    say(
        f"{len(sentences)} explanations written to {visible(arguments.out)}, for somebody to fill in texts.\n"
        f"Then: agent eval readers trigger RUN... --maker {visible(arguments.out)}"
    )


def _sources(arguments: argparse.Namespace, display: Display) -> Callable[[FinishedRun], TextSource]:
    """The source of texts for a run; the lexical maker uses the word classes of the run.

    Raises:
        BadInput: `--maker` names no source.
    """
    if arguments.maker == LexicalMaker.name:

        @cache
        def maker(extra: str | None) -> FromMaker:
            return FromMaker(LexicalMaker(Concepts.load(Path(extra) if extra else None)), arguments.texts)

        return lambda run: maker(run.begun.settings.concepts)
    source: TextSource
    if arguments.maker.endswith(".json"):
        source = written_texts(Path(arguments.maker))
    else:
        source = FromMaker(FreeTextMaker(llm_of(arguments.maker, "--maker", arguments, display)), arguments.texts)
    return lambda _: source
