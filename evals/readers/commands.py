"""`agent eval readers packet`, `score` and `ask`: the blind reader's test."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from agent.cli.output import progress, say, say_json, width
from agent.setup.resources import Resources
from evals.readers import tables
from evals.readers.ask import ask
from evals.readers.command_setup import llm_of, say_written
from evals.readers.lineup import LineupKey
from evals.readers.packets import Key, make_key, packet_text, read_key, task_of, write_packets
from evals.readers.runs import finished_runs, study_of
from evals.readers.score import scores
from evals.readers.sentences import kinds_of, read_sentences, sentences_on
from traces.text.formatting import cost_text, visible


def packet(arguments: argparse.Namespace) -> None:
    """Write packets for blind readers, and their key.

    Args:
        arguments: `runs`, `runs_dir`, `out`, `also`, `sentences`, `readers`, `seed`, `quiet`.
    """
    files = read_sentences(arguments.sentences)
    with_list = "list" in arguments.also
    found = finished_runs(arguments.runs, arguments.runs_dir)
    with progress(quiet=arguments.quiet) as display:
        resources = Resources()
        runs = []
        for run in found.runs:
            study = study_of(run, resources, display) if with_list else None
            runs.append((run, sentences_on(run, study, files), study))
    kinds = kinds_of(with_list, files)
    key = make_key(runs, found.left_out, len(kinds), arguments.readers, arguments.seed)
    out = Path(arguments.out)
    write_packets(out, key, {one.name: packet_text(one) for one in key.packets})
    say_written(out, len(found.runs), kinds, [one.name for one in key.packets], found.left_out, "score")


def score(arguments: argparse.Namespace) -> None:
    """Print the scores of readers.

    Args:
        arguments: `folder`, `json`.
    """
    folder = Path(arguments.folder)
    found = scores(folder, read_key(folder, Key), np.random.default_rng(0))
    if arguments.json:
        say_json(found.model_dump(mode="json"))
        return
    say(tables.scores_screen(found, width=width()))


def ask_llm(arguments: argparse.Namespace) -> None:
    """Have an LLM answer packets; answers by other readers are kept.

    Args:
        arguments: `folder`, `reader`, the options of `evals.readers.command_setup.endpoint_of`, `json`, `quiet`.
    """
    folder = Path(arguments.folder)
    key = read_key(folder, LineupKey) if task_of(folder) == "lineups" else read_key(folder, Key)
    with progress(quiet=arguments.quiet) as display:
        model = llm_of(arguments.reader, "--reader", arguments, display)
        found = ask(folder, key, model)
    if arguments.json:
        say_json(found.model_dump(mode="json") | {"cost": model.account.cost().model_dump(mode="json")})
        return
    n_unread = sum(found.unread.values())
    lines = [f"{found.reader} answered {len(found.packets)} packets, {found.n_questions} questions."]
    lines += [f"{n_unread} could not be read: {'; '.join(found.unread)}."] if n_unread else []
    lines += (
        [f"{len(found.kept)} packets already had answers by another reader, which were kept."] if found.kept else []
    )
    lines += [f"{cost_text(model.account.cost())}.", _next(folder, "discriminate-score", "score", key)]
    say("\n".join(lines))


def _next(folder: Path, lineups: str, levels: str, key: Key | LineupKey) -> str:
    return f"Then: agent eval readers {lineups if isinstance(key, LineupKey) else levels} {visible(str(folder))}"
