"""`agent batch`: explain many neurons, go on with that, and see what it found."""

from __future__ import annotations

import argparse
import itertools
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.cli.option_types import layers, rate, score, whole
from agent.cli.options import (
    Part,
    corpus_part,
    engine_part,
    llm_arguments,
    llm_part,
    model_part,
    output_part,
    runs_part,
    settings_part,
)
from agent.cli.output import progress, say, say_json, width
from agent.cli.parsing import Commands, command
from tools.errors import AgentError, BadInput
from traces.text.formatting import one_line, shorten

if TYPE_CHECKING:
    from agent.setup.resources import Resources
    from traces.database.batches import Batch
    from traces.text.console import Display


_LOADS = ("agent.batch.plan", "agent.batch.run", "agent.batch.report")


_MOST_TOLD = 400


def add(commands: Commands) -> None:
    """Mount them."""

    def common(*, is_behind: bool) -> list[Part]:
        """Options of the subcommands too. Given after a subcommand's name, they override what stood before it."""
        output, places = output_part(), runs_part()
        places.add_argument(
            "--fdr", type=rate, default=0.05, metavar="RATE",
            help="false discovery rate among surviving claims, by Benjamini and Hochberg (default: 0.05)",
        )  # fmt: skip
        parts = [places, engine_part(), output]
        for action in itertools.chain.from_iterable(one._actions for one in parts) if is_behind else ():
            action.default = argparse.SUPPRESS
        return parts

    settings = [model_part(), corpus_part(), settings_part(), llm_part()]
    batch = command(
        commands, "batch", run,
        "Explain many neurons, each in its own run. --budget, --max-usd and the like apply to each run.",
        "agent batch --layers 3-5 --sample 200 --model gpt2 --dry-run\n"
        "  agent batch --neurons mine.txt --workers 2\n"
        "  agent batch --worst 500 --below 0.3 --budget 40", [*settings, *common(is_behind=False)], _LOADS,
    )  # fmt: skip
    chosen = batch.add_argument_group("which neurons")
    chosen.add_argument(
        "--below", type=score, metavar="SCORE",
        help="neurons whose latest final score is below this; they are run again on the same corpus, on "
        "unseen text that was not used yet, and the old explanation is scored beside the new one",
    )  # fmt: skip
    chosen.add_argument(
        "--worst",
        type=whole(1),
        metavar="N",
        help="the N neurons with the lowest scores; like --below",
    )
    chosen.add_argument("--neurons", metavar="FILE", help="neurons from a file: one a line; # begins a comment")
    chosen.add_argument(
        "--layers", "--layer", type=layers, metavar="N", help="neurons of these layers, such as 3, 3-5 or 3,5-7"
    )
    chosen.add_argument(
        "--sample", type=whole(1), metavar="N",
        help="N neurons at random (see --seed), from what the other options leave or from the whole model",
    )  # fmt: skip
    chosen.add_argument(
        "--published", metavar="DIR",
        help="neurons with explanations in OpenAI's format; these compete if they can be simulated; --below and "
        "--worst then use the published score",
    )  # fmt: skip
    chosen.add_argument("--skip-bad-lines", action="store_true", help="skip lines and files that cannot be used")
    batch.add_argument(
        "--dry-run", action="store_true", help="print the number of neurons, the time and the highest cost; run nothing"
    )
    more = batch.add_subparsers(title="commands", metavar="COMMAND", required=False)
    resuming = command(
        more, "resume", resume,
        "Resume a batch. Finished neurons are not run again, and nothing is measured twice.",
        "agent batch resume last --retry-failed", common(is_behind=True), _LOADS,
    )  # fmt: skip
    resuming.add_argument("name", nargs="?", default="last", metavar="BATCH", help="its id, a part of it, or last")
    resuming.add_argument("--retry-failed", action="store_true", help="also retry failed neurons")
    shown = command(
        more, "show", show,
        "Show a batch. It lists progress, verdicts and which survive correction for many tests, old and new "
        "scores, failures.",
        "agent batch show last", common(is_behind=True), _LOADS,
    )  # fmt: skip
    shown.add_argument("name", nargs="?", default="last", metavar="BATCH", help="its id, a part of it, or last")
    command(more, "list", list_all, "List all batches.", "agent batch list",
            common(is_behind=True), _LOADS)  # fmt: skip


def run(arguments: argparse.Namespace) -> None:
    """Begin a batch and work through it, or only estimate it."""
    from agent.batch.estimate import estimate
    from agent.batch.plan import Request, make_plan
    from agent.batch.run import begin
    from agent.batch.select import Criteria
    from agent.setup.resources import Resources
    from agent.setup.settings import configured
    from tools.evidence.texts.corpus import check_rereadable

    asked = Criteria(
        below=arguments.below,
        neurons=None if arguments.neurons is None else Path(arguments.neurons),
        layers=arguments.layers,
        worst=arguments.worst,
        sample=arguments.sample,
        published=None if arguments.published is None else Path(arguments.published),
        skip_bad_lines=arguments.skip_bad_lines,
    )
    if asked == Criteria(skip_bad_lines=asked.skip_bad_lines):
        raise BadInput("no neurons are chosen: give --below, --worst, --neurons, --layers, --sample or --published.")
    check_rereadable(arguments.corpus)
    texts = {"corpus": arguments.corpus, "corpus_tokens": arguments.corpus_tokens, "index": arguments.index}
    config = configured(
        "L0N0", model=arguments.model, trust_remote_code=arguments.trust_remote_code, **texts,
        budget=arguments.budget, max_seconds=arguments.max_seconds,
        seed=arguments.seed, rivals=arguments.rival, variant=arguments.variant, planted=arguments.planted,
        concepts=arguments.concepts,
        explainer=arguments.explainer, **llm_arguments(arguments),
    )  # fmt: skip
    runs_dir, resources = Path(arguments.runs_dir), Resources()
    if config.concepts is not None:  # report a bad file before the batch is planned
        resources.concepts(config.concepts)
    takes_texts = texts != {"corpus": None, "corpus_tokens": None, "index": "auto"}
    with progress(quiet=arguments.quiet) as display:
        request = Request(asked, config, takes_texts, runs_dir)
        plan = make_plan(request, display, resources, may_fetch=not arguments.dry_run)
        for note in [*(f"left out: {why}" for why in plan.left_out), *plan.notes]:
            display.note(note)
        if arguments.dry_run:
            subject = resources.subject(plan.config.model, plan.config.planted, display, plan.config.trust_remote_code)
            found = estimate(plan, subject, arguments.workers or os.cpu_count() or 1, runs_dir)
        else:
            batch = begin(plan, asked.given(), runs_dir)
            del plan
            if arguments.engine == "local":
                resources = Resources()  # workers open a model each, and this process needs none
            _work(batch, arguments, display, resources)
    if not arguments.dry_run:
        _say_report(batch, arguments)
    elif arguments.json:
        say_json(vars(found))
    else:
        say("\n".join([*found.lines(), "Nothing was run: this was --dry-run."]))


def resume(arguments: argparse.Namespace) -> None:
    """Resume a batch."""
    from agent.batch.work import check_model
    from agent.setup.resources import Resources
    from traces.database.batches import Queue, find_batch, retry_failed
    from traces.database.results import ResultsDatabase

    database = ResultsDatabase(arguments.runs_dir)
    batch = find_batch(database, arguments.name)
    if arguments.retry_failed:
        retry_failed(database, batch.batch_id)
    with progress(quiet=arguments.quiet) as display:
        resources = Resources()
        if Queue(database, batch).n_open():  # checked here: otherwise every neuron would fail with the same error
            settings = batch.settings
            trusted = bool(settings.get("trust_remote_code"))  # batches of older versions do not say
            subject = resources.subject(settings["model"], tuple(settings["planted"]), display, trusted)
            check_model(subject, batch.model_fingerprint)
            del subject
        if arguments.engine == "local":
            resources = Resources()
        _work(batch, arguments, display, resources)
    _say_report(batch, arguments)


def show(arguments: argparse.Namespace) -> None:
    """Print what a batch has found so far."""
    from agent.batch.report import lines, report
    from traces.database.batches import find_batch
    from traces.database.results import ResultsDatabase

    database = ResultsDatabase(arguments.runs_dir)
    found = report(database, find_batch(database, arguments.name), arguments.fdr)
    if arguments.json:
        say_json(found)
    else:
        say("\n".join(lines(found, arguments.runs_dir, width())))


def list_all(arguments: argparse.Namespace) -> None:
    """Print all batches."""
    from traces.database.batches import all_batches, entries_of
    from traces.database.models import told_apart
    from traces.database.results import ResultsDatabase

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


def _work(batch: Batch, arguments: argparse.Namespace, display: Display, resources: Resources) -> None:
    from agent.batch.run import EngineChoice, work_through

    display.note(f"batch {batch.batch_id}")
    where = EngineChoice(arguments.engine, arguments.workers, arguments.ray_address)
    work_through(batch, Path(arguments.runs_dir), where, display, resources)


def _say_report(batch: Batch, arguments: argparse.Namespace) -> None:
    from agent.batch.report import lines, report
    from traces.database.results import ResultsDatabase

    found = report(ResultsDatabase(arguments.runs_dir), batch, arguments.fdr)
    if arguments.json:
        say_json(found)
    else:
        say("\n".join(lines(found, arguments.runs_dir, width())))
    if failures := found["failures"]:
        first = failures[0]
        raise AgentError(
            f"{len(failures)} of {found['n_neurons']} neurons failed; the first, {first['neuron']}: "
            f"{shorten(first['reason'], _MOST_TOLD).rstrip('.')}. All others have results."
        )
