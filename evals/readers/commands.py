"""`agent eval readers`: what somebody who has the sentence alone makes of it."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from agent.commands.output import progress, say, say_json, width
from agent.shelf import Shelf
from evals.readers import tables
from evals.readers.ask import ask, chosen_letters
from evals.readers.discriminate import Choice, answered, counted
from evals.readers.endpoints import endpoint_of
from evals.readers.lineup import (
    LineupItem,
    LineupKey,
    Outcome,
    chosen_by,
    lineup_items,
    lineup_of,
    lineup_text,
    make_lineup_key,
)
from evals.readers.made import FromFile, FromMaker, TextSource, write_for_writers, written_texts
from evals.readers.packets import Key, make_key, packet_text, read_key, task_of, write_packets
from evals.readers.runs import FinishedRun, bench_of, finished_runs
from evals.readers.score import scores
from evals.readers.sentences import Sentence, kinds_of, read_sentences, sentences_on
from evals.readers.simulators import embedded
from evals.readers.trigger import summed, triggered
from tools.bench import Bench
from tools.errors import BadInput
from tools.free_text.maker import FreeTextMaker
from tools.llm.meter import Metered
from tools.records.result import Unscored
from traces.console import Display
from traces.text import cost_text, visible


def packet(arguments: argparse.Namespace) -> None:
    """Write packets for blind readers, and their key.

    Args:
        arguments: `runs`, `runs_dir`, `out`, `also`, `sentences`, `readers`, `seed`, `quiet`.
    """
    files = read_sentences(arguments.sentences)
    with_list = "list" in arguments.also
    found = finished_runs(arguments.runs, arguments.runs_dir)
    with progress(quiet=arguments.quiet) as display:
        shelf = Shelf()
        runs = []
        for run in found.runs:
            bench = bench_of(run, shelf, display) if with_list else None
            runs.append((run, sentences_on(run, bench, files), bench))
    kinds = kinds_of(with_list, files)
    key = make_key(runs, found.left_out, len(kinds), arguments.readers, arguments.seed)
    out = Path(arguments.out)
    write_packets(out, key, {one.name: packet_text(one) for one in key.packets})
    _say_written(out, len(found.runs), kinds, [one.name for one in key.packets], found.left_out, "score")


def score(arguments: argparse.Namespace) -> None:
    """Print what readers made of the sentences.

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
    """Have an LLM answer packets; those that somebody else has answered are left alone.

    Args:
        arguments: `folder`, `reader`, the options of `evals.readers.endpoints.endpoint_of`, `json`, `quiet`.
    """
    folder = Path(arguments.folder)
    key = read_key(folder, LineupKey) if task_of(folder) == "lineups" else read_key(folder, Key)
    with progress(quiet=arguments.quiet) as display:
        model = _llm(arguments.reader, "--reader", arguments, display)
        found = ask(folder, key, model)
    if arguments.json:
        say_json(found.model_dump(mode="json") | {"cost": model.account.cost().model_dump(mode="json")})
        return
    n_unread = sum(found.unread.values())
    lines = [f"{found.reader} answered {len(found.packets)} packets, {found.n_questions} questions."]
    lines += [f"{n_unread} could not be read: {'; '.join(found.unread)}."] if n_unread else []
    lines += [f"{len(found.kept)} packets have answers by somebody else, which were kept."] if found.kept else []
    lines += [f"{cost_text(model.account.cost())}.", _next(folder, "discriminate-score", "score", key)]
    say("\n".join(lines))


def trigger(arguments: argparse.Namespace) -> None:
    """Print how many texts made from each sentence fire.

    Args:
        arguments: `runs`, `runs_dir`, `maker`, `texts`, `also`, `sentences`, `seed`, the options of
            `evals.readers.endpoints.endpoint_of`, `json`, `quiet`.
    """
    found = finished_runs(arguments.runs, arguments.runs_dir)
    sentences = []
    with progress(quiet=arguments.quiet) as display:
        source = _source(arguments, display)
        for run, bench, rng, each in _benches(found.runs, arguments, display):
            display.note(f"{run.name}: texts by {source.name}")
            sentences += [
                triggered(bench, run.name, one.kind, one.text, source.name, source.texts(run.name, one, rng))
                for one in each
            ]
    summary = summed(sentences, source.name, found.left_out, np.random.default_rng(0))
    if arguments.json:
        say_json(summary.model_dump(mode="json"))
        return
    say(tables.triggers_screen(summary, width=width()))


def trigger_packet(arguments: argparse.Namespace) -> None:
    """Write what somebody who makes texts gets.

    Args:
        arguments: `runs`, `runs_dir`, `out`, `also`, `sentences`, `seed`, `quiet`.
    """
    files = read_sentences(arguments.sentences)
    found = finished_runs(arguments.runs, arguments.runs_dir)
    with progress(quiet=arguments.quiet) as display:
        shelf = Shelf()
        sentences = [
            (run.name, one)
            for run in found.runs
            for one in sentences_on(run, bench_of(run, shelf, display) if "list" in arguments.also else None, files)
        ]
    write_for_writers(Path(arguments.out), sentences)
    say(
        f"{len(sentences)} sentences written to {visible(arguments.out)}, for somebody to write texts from.\n"
        f"With the texts in it: agent eval readers trigger RUN... --maker {visible(arguments.out)}"
    )


def discriminate(arguments: argparse.Namespace) -> None:
    """Print how often a reader tells the neuron that is meant from nine others.

    Args:
        arguments: `runs`, `runs_dir`, `reader`, `also`, `sentences`, `seed`, the options of
            `evals.readers.endpoints.endpoint_of`, `json`, `quiet`.
    """
    found = finished_runs(arguments.runs, arguments.runs_dir)
    left_out = Counter(found.left_out)
    choices: list[Choice] = []
    with progress(quiet=arguments.quiet) as display:
        model = None if arguments.reader == "embedded" else _llm(arguments.reader, "--reader", arguments, display)
        items: list[LineupItem] = []
        for run, bench, rng, each in _benches(found.runs, arguments, display):
            lineup = lineup_of(bench, rng)
            if isinstance(lineup, Unscored):
                left_out[lineup.reason] += 1
            elif model is not None:
                items += lineup_items(run.name, each, lineup, bench.vocabulary.strings)
            else:
                reader = embedded(bench)
                choices += [
                    Choice(
                        neuron=run.name, kind=one.kind, reader=reader.name, sentence=one.text,
                        outcome=chosen_by(reader, one.text, lineup),
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


def _outcome(item: LineupItem, letter: str | Unscored) -> Outcome | Unscored:
    if isinstance(letter, Unscored):
        return letter
    return "right" if letter == item.answer else "wrong"


def discriminate_packet(arguments: argparse.Namespace) -> None:
    """Write lineups for readers, and their key.

    Args:
        arguments: `runs`, `runs_dir`, `out`, `also`, `sentences`, `readers`, `seed`, `quiet`.
    """
    found = finished_runs(arguments.runs, arguments.runs_dir)
    left_out = Counter(found.left_out)
    by_neuron = []
    with progress(quiet=arguments.quiet) as display:
        for run, bench, rng, each in _benches(found.runs, arguments, display):
            lineup = lineup_of(bench, rng)
            if isinstance(lineup, Unscored):
                left_out[lineup.reason] += 1
            else:
                by_neuron.append(lineup_items(run.name, each, lineup, bench.vocabulary.strings))
    kinds = kinds_of("list" in arguments.also, read_sentences(arguments.sentences))
    key = make_lineup_key(by_neuron, left_out, len(kinds), arguments.readers)
    out = Path(arguments.out)
    write_packets(out, key, {one.name: lineup_text(one) for one in key.packets})
    _say_written(out, len(by_neuron), kinds, [one.name for one in key.packets], dict(left_out), "discriminate-score")


def discriminate_score(arguments: argparse.Namespace) -> None:
    """Print which neurons readers chose.

    Args:
        arguments: `folder`, `json`.
    """
    folder = Path(arguments.folder)
    found = answered(folder, read_key(folder, LineupKey))
    if arguments.json:
        say_json(found.model_dump(mode="json"))
        return
    say(tables.choices_screen(found, width=width()))


def _benches(
    runs: Sequence[FinishedRun], arguments: argparse.Namespace, display: Display
) -> Iterator[tuple[FinishedRun, Bench, np.random.Generator, list[Sentence]]]:
    """Each neuron on the table, a generator that depends on it and the seed alone, and the sentences on it."""
    files, shelf = read_sentences(arguments.sentences), Shelf()
    for run in runs:
        bench = bench_of(run, shelf, display)
        neuron = bench.evidence.neuron
        rng = np.random.default_rng([arguments.seed, neuron.layer, neuron.index, int(neuron.is_negative)])
        yield run, bench, rng, sentences_on(run, bench if "list" in arguments.also else None, files)


def _source(arguments: argparse.Namespace, display: Display) -> TextSource:
    """Who makes texts.

    Raises:
        BadInput: `--maker` names nobody.
    """
    if arguments.maker.endswith(".json"):
        return _written(arguments.maker)
    return FromMaker(FreeTextMaker(_llm(arguments.maker, "--maker", arguments, display)), arguments.texts)


def _written(path: str) -> FromFile:
    return written_texts(Path(path))


def _llm(spec: str, option: str, arguments: argparse.Namespace, display: Display) -> Metered:
    found = endpoint_of(spec, arguments, display)
    if found is None:
        other = " or a file of texts that ends in .json" if option == "--maker" else ""
        raise BadInput(f"{option} cannot be {spec!r}: write openai:MODEL{other}.")
    return found


def _say_written(
    out: Path, n_neurons: int, kinds: Sequence[str], packets: Sequence[str], left_out: dict[str, int], then: str
) -> None:
    what = visible(str(out))
    lines = [
        f"{n_neurons} neurons, {len(kinds)} kinds of sentences ({', '.join(kinds)}), {len(packets)} packets in {what}.",
        f"Give each packet-NN.txt to a reader of its own and nothing else, least of all key.json; put what they write "
        f"beside it as answers-NN.json, or have an LLM answer: agent eval readers ask {what} --reader openai:MODEL",
        f"Then: agent eval readers {then} {what}",
    ]
    lines += [f"Left out: {n} ({reason})." for reason, n in left_out.items()]
    say("\n".join(lines))


def _next(folder: Path, lineups: str, levels: str, key: Key | LineupKey) -> str:
    return f"Then: agent eval readers {lineups if isinstance(key, LineupKey) else levels} {visible(str(folder))}"
