"""`agent batch`: explain many neurons, go on with that, and see what it found."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

from agent.batch.estimate import estimate
from agent.batch.plan import Request, make_plan
from agent.batch.report import lines, report
from agent.batch.run import Where, begin, work_through
from agent.batch.select import Asked
from agent.batch.work import check_model
from agent.commands.llm import llm_options
from agent.commands.output import progress, say, say_json, width
from agent.setup.resources import Shelf
from agent.setup.settings import configured
from tools.errors import AgentError, BadInput
from tools.evidence.corpus import check_rereadable
from traces.database.batches import Batch, Queue, all_batches, entries_of, find_batch, retry_failed
from traces.database.models import told_apart
from traces.database.results import ResultsDatabase
from traces.text.console import Display
from traces.text.formatting import one_line, shorten

_MOST_TOLD = 400


def run(arguments: argparse.Namespace) -> None:
    """Begin a batch and work through it, or only say what it would be."""
    asked = Asked(
        below=arguments.below,
        neurons=None if arguments.neurons is None else Path(arguments.neurons),
        layers=arguments.layers,
        worst=arguments.worst,
        sample=arguments.sample,
        published=None if arguments.published is None else Path(arguments.published),
        skip_bad_lines=arguments.skip_bad_lines,
    )
    if asked == Asked(skip_bad_lines=asked.skip_bad_lines):
        raise BadInput("say which neurons: give --below, --worst, --neurons, --layers, --sample or --published.")
    check_rereadable(arguments.corpus)
    texts = {"corpus": arguments.corpus, "corpus_tokens": arguments.corpus_tokens, "index": arguments.index}
    config = configured(
        "L0N0", model=arguments.model, trust_remote_code=arguments.trust_remote_code, **texts,
        budget=arguments.budget, max_seconds=arguments.max_seconds,
        seed=arguments.seed, rivals=arguments.rival, variant=arguments.variant, planted=arguments.planted,
        concepts=arguments.concepts,
        explainer=arguments.explainer, **llm_options(arguments),
    )  # fmt: skip
    runs_dir, shelf = Path(arguments.runs_dir), Shelf()
    if config.concepts is not None:  # what is wrong should be said first
        shelf.concepts(config.concepts)
    takes_texts = texts != {"corpus": None, "corpus_tokens": None, "index": "auto"}
    with progress(quiet=arguments.quiet) as display:
        request = Request(asked, config, takes_texts, runs_dir)
        plan = make_plan(request, display, shelf, may_fetch=not arguments.dry_run)
        for note in [*(f"left out: {why}" for why in plan.left_out), *plan.notes]:
            display.note(note)
        if arguments.dry_run:
            subject = shelf.subject(plan.config.model, plan.config.planted, display, plan.config.trust_remote_code)
            found = estimate(plan, subject, arguments.workers or os.cpu_count() or 1, runs_dir)
        else:
            batch = begin(plan, asked.told(), runs_dir)
            del plan
            if arguments.engine == "local":
                shelf = Shelf()  # workers open a model each, and this process needs none
            _work(batch, arguments, display, shelf)
    if not arguments.dry_run:
        _say_report(batch, arguments)
    elif arguments.json:
        say_json(vars(found))
    else:
        say("\n".join([*found.lines(), "Nothing was run: this was --dry-run."]))


def resume(arguments: argparse.Namespace) -> None:
    """Go on with a batch."""
    database = ResultsDatabase(arguments.runs_dir)
    batch = find_batch(database, arguments.name)
    if arguments.retry_failed:
        retry_failed(database, batch.batch_id)
    with progress(quiet=arguments.quiet) as display:
        shelf = Shelf()
        if Queue(database, batch).n_open():  # or each neuron would say so by itself
            settings = batch.settings
            trusted = bool(settings.get("trust_remote_code"))  # batches of older versions do not say
            subject = shelf.subject(settings["model"], tuple(settings["planted"]), display, trusted)
            check_model(subject, batch.model_fingerprint)
            del subject
        if arguments.engine == "local":
            shelf = Shelf()
        _work(batch, arguments, display, shelf)
    _say_report(batch, arguments)


def show(arguments: argparse.Namespace) -> None:
    """Print what a batch has found so far."""
    database = ResultsDatabase(arguments.runs_dir)
    found = report(database, find_batch(database, arguments.name), arguments.fdr)
    if arguments.json:
        say_json(found)
    else:
        say("\n".join(lines(found, arguments.runs_dir, width())))


def list_all(arguments: argparse.Namespace) -> None:
    """Print all batches."""
    database = ResultsDatabase(arguments.runs_dir)
    found, said = [], []
    batches = all_batches(database)
    called = told_apart((batch.model, batch.model_fingerprint) for batch in batches)
    for batch in batches:
        status = [entry.status for entry in entries_of(database, batch.batch_id)]
        counts = {name: status.count(name) for name in ("done", "failed", "running", "waiting")}
        one = {"batch_id": batch.batch_id, "created_at": batch.created_at, "model": batch.model,
               "model_fingerprint": batch.model_fingerprint, "asked": batch.asked}  # fmt: skip
        found.append({**one, "n_neurons": len(status), "status": counts})
        rest = "".join(f", {n:,} {name}" for name, n in counts.items() if n and name != "done")
        told = f"{counts['done']:,} of {len(status):,} explained{rest}  ({_told(batch.asked)})"
        said.append(f"{batch.batch_id}  {called[batch.model, batch.model_fingerprint]}  {told}")
    if arguments.json:
        say_json({"batches": found})
    else:
        say("\n".join(said or [f"There are no batches in {arguments.runs_dir}."]))


def _told(asked: dict[str, Any]) -> str:
    return ", ".join(one_line(f"{name.replace('_', ' ')} {value}") for name, value in asked.items())


def _work(batch: Batch, arguments: argparse.Namespace, display: Display, shelf: Shelf) -> None:
    display.note(f"batch {batch.batch_id}")
    where = Where(arguments.engine, arguments.workers, arguments.ray_address)
    work_through(batch, Path(arguments.runs_dir), where, display, shelf)


def _say_report(batch: Batch, arguments: argparse.Namespace) -> None:
    found = report(ResultsDatabase(arguments.runs_dir), batch, arguments.fdr)
    if arguments.json:
        say_json(found)
    else:
        say("\n".join(lines(found, arguments.runs_dir, width())))
    if failures := found["failures"]:
        first = failures[0]
        raise AgentError(
            f"{len(failures)} of {found['n_neurons']} neurons failed; the first, {first['neuron']}: "
            f"{shorten(first['reason'], _MOST_TOLD).rstrip('.')}. Everything else is there."
        )
