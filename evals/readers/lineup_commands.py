"""`agent eval readers discriminate` and its packets: a neuron among nine others."""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path

from agent.cli.output import progress, say, say_json, width
from evals.readers import tables
from evals.readers.ask import chosen_letters
from evals.readers.command_setup import llm_of, say_written, studies
from evals.readers.discriminate import Choice, answered, counted
from evals.readers.lineup import (
    LineupItem,
    LineupKey,
    chosen_by,
    lineup_items,
    lineup_of,
    lineup_text,
    make_lineup_key,
)
from evals.readers.packets import read_key, write_packets
from evals.readers.runs import finished_runs
from evals.readers.sentences import kinds_of, read_sentences
from evals.records import Outcome
from tools.records.result import Unscored


def discriminate(arguments: argparse.Namespace) -> None:
    """Print how often a reader tells the described neuron from nine others.

    Args:
        arguments: `runs`, `runs_dir`, `reader`, `also`, `sentences`, `seed`, the options of
            `evals.readers.command_setup.endpoint_of`, `json`, `quiet`.
    """
    found = finished_runs(arguments.runs, arguments.runs_dir)
    left_out = Counter(found.left_out)
    choices: list[Choice] = []
    with progress(quiet=arguments.quiet) as display:
        model = None if arguments.reader == "embedded" else llm_of(arguments.reader, "--reader", arguments, display)
        items: list[LineupItem] = []
        for run, study, rng, each in studies(found.runs, arguments, display):
            lineup = lineup_of(study, rng)
            if isinstance(lineup, Unscored):
                left_out[lineup.reason] += 1
            elif model is not None:
                items += lineup_items(run.name, each, lineup, study.vocabulary.strings)
            else:
                choices += [
                    Choice(
                        neuron=run.name, kind=one.kind, reader=study.simulations.simulator.name, sentence=one.text,
                        outcome=chosen_by(study.simulations.simulator, one.text, lineup),
                    )
                    for one in each
                ]  # fmt: skip
        if model is not None:
            choices = [
                Choice(
                    neuron=item.neuron, kind=item.kind, reader=model.name, sentence=item.sentence,
                    outcome=_outcome(item, letter),
                )
                for item, letter in zip(items, chosen_letters(items, model), strict=True)
            ]  # fmt: skip
    summary = counted(choices, dict(left_out))
    if arguments.json:
        say_json(summary.model_dump(mode="json"))
        return
    say(tables.choices_screen(summary, width=width()))


def discriminate_packet(arguments: argparse.Namespace) -> None:
    """Write lineups for readers, and their key.

    Args:
        arguments: `runs`, `runs_dir`, `out`, `also`, `sentences`, `readers`, `seed`, `quiet`.
    """
    found = finished_runs(arguments.runs, arguments.runs_dir)
    left_out = Counter(found.left_out)
    by_neuron = []
    with progress(quiet=arguments.quiet) as display:
        for run, study, rng, each in studies(found.runs, arguments, display):
            lineup = lineup_of(study, rng)
            if isinstance(lineup, Unscored):
                left_out[lineup.reason] += 1
            else:
                by_neuron.append(lineup_items(run.name, each, lineup, study.vocabulary.strings))
    kinds = kinds_of("list" in arguments.also, read_sentences(arguments.sentences))
    key = make_lineup_key(by_neuron, left_out, len(kinds), arguments.readers)
    out = Path(arguments.out)
    write_packets(out, key, {one.name: lineup_text(one) for one in key.packets})
    say_written(out, len(by_neuron), kinds, [one.name for one in key.packets], dict(left_out), "discriminate-score")


def discriminate_score(arguments: argparse.Namespace) -> None:
    """Print the readers' choices.

    Args:
        arguments: `folder`, `json`.
    """
    folder = Path(arguments.folder)
    found = answered(folder, read_key(folder, LineupKey))
    if arguments.json:
        say_json(found.model_dump(mode="json"))
        return
    say(tables.choices_screen(found, width=width()))


def _outcome(item: LineupItem, letter: str | Unscored) -> Outcome | Unscored:
    if isinstance(letter, Unscored):
        return letter
    return "right" if letter == item.answer else "wrong"
