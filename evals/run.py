"""`agent eval run`: every variant on every neuron of a suite with every seed, over processes, resumable."""

from __future__ import annotations

import argparse
import os
import shlex
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.cli.output import progress, say
from agent.setup.variants.load import Variant, load_variant, shipped_variants
from evals.folder import EvalFolder
from evals.manifest_check import code_sha256, refuse_another
from evals.puzzle_readers import check_reader
from evals.records import CellResult, Manifest, NeuronRecord
from evals.scorer import truth_first
from evals.suite import Suite, load_suite, shipped_suites
from evals.suite_neurons import SuiteNeuron, expand
from evals.tasks import Task, came_to_nothing, kind_of_work, plan, work_on
from evals.unused_settings import refuse_unused_options, refuse_unused_settings
from tools.engine.local import LocalEngine
from tools.errors import AgentError, BadInput, Interrupted, StorageError
from tools.evidence.splits.split_corpus import N_FOLDS
from tools.evidence.texts.corpus import check_rereadable
from tools.records.neuron import NeuronId
from tools.records.result import Unscored
from traces.text.console import Display
from traces.text.remaining_time import RemainingTime, duration

if TYPE_CHECKING:
    from evals.worker import Setting

EVALUATIONS = Path("evaluations")
WORKER = "evals.worker"


def evaluate(
    suite: Suite,
    variants: Sequence[Variant],
    *,
    seeds: int,
    halves: bool,
    budget: int | None,
    out: Path,
    jobs: int,
    display: Display,
    worker: str = WORKER,
) -> list[CellResult | NeuronRecord]:
    """Run what is missing in the folder, and return the results and the neurons with an error.

    Args:
        suite: with model and corpus as they are to be used.
        variants: with different names.
        seeds: seeds 0, 1, ... of each variant on each neuron.
        halves: whether each neuron is also explained from each half of the text.
        budget: of every run; None for the variants' own.
        out: the folder of the evaluation.
        jobs: processes.
        display: shows progress.
        worker: name of the module that does the work with a model, such as `evals.worker`.

    Raises:
        BadInput: the suite, a variant or the folder cannot be used.
        Interrupted: stopped by Ctrl-C; what was done is in the folder.
        NotAvailable, StorageError: see `tools.errors`.
    """
    refuse_unused_options(suite, {"--budget": budget, "--halves": halves, "--seeds": seeds if seeds > 1 else None})
    refuse_unused_settings(suite, variants)
    names = [variant.name for variant in variants]
    for name in names:
        if names.count(name) > 1:
            raise BadInput(f"two variants are called {name}: rename one of the files.")
    fixed = {} if budget is None else {"budget": budget}
    asked: dict[str, Any] = {
        "suite": suite.name, "suite_sha256": suite.sha256, "seeds": seeds, "code": code_sha256(), "model": suite.model,
        "corpus": suite.corpus or "the model's own",
        "variants": {variant.name: variant.effective(**fixed) for variant in variants},
    }  # fmt: skip
    with _told(out), EvalFolder(out).locked():
        return _work_through(suite, variants, asked, halves, budget, out, jobs, display, worker)


@contextmanager
def _told(out: Path) -> Iterator[None]:
    """Adds to an error how an evaluation goes on, and names its own option."""
    try:
        yield
    except KeyboardInterrupt as stopped:
        raise Interrupted(
            f"stopped; every finished result is in {out}. The same command goes on where it was."
        ) from stopped
    except StorageError as error:
        raise StorageError(str(error).replace("`runs_dir`", "`out`"), settings=("out",)) from error


def _work_through(
    suite: Suite,
    variants: Sequence[Variant],
    asked: dict[str, Any],
    halves: bool,
    budget: int | None,
    out: Path,
    jobs: int,
    display: Display,
    worker: str,
) -> list[CellResult | NeuronRecord]:
    folder, seeds = EvalFolder(out), int(asked["seeds"])
    old = folder.manifest() if folder.exists else None
    if old is not None:
        refuse_another(out, old, asked)

    work: Any = import_module(worker)
    setting = work.Setting(
        suite_name=suite.name, out=out, model=suite.model, planted=(), corpus=suite.corpus,
        corpus_tokens=suite.corpus_tokens, budget=budget, ceiling=suite.ceiling,
        trust_remote_code=suite.trust_remote_code,
    )  # fmt: skip
    for variant in variants if suite.puzzles else ():
        check_reader(variant.config(target="L0N0"))
    neurons = _neurons(suite, setting, work, display)
    setting = replace(setting, planted=tuple(neuron.planted for neuron in neurons if neuron.planted))
    asked |= {"model_fingerprint": "", "corpus_fingerprint": ""}
    if any(neuron.neuron for neuron in neurons):
        _, asked["model_fingerprint"], asked["corpus_fingerprint"] = work.fingerprints(setting)
    if old is not None:
        refuse_another(out, old, asked)
        asked["variants"] = old.variants | asked["variants"]
    asked["halves"] = halves or (old is not None and old.halves)
    from agent.run.runner import commit_of_program  # heavy

    folder.write_manifest(Manifest(**asked, commit=commit_of_program()))

    done = {cell.key: cell for cell in folder.cells()}
    cells = [cell for cell in plan(neurons, variants, seeds, halves) if cell.key not in done or done[cell.key].error]
    known = {record.name: record for record in folder.neurons()}
    surveys = [neuron for neuron in neurons if not _is_surveyed(known.get(neuron.name), neuron, suite, seeds)]
    if done:
        display.note(f"{out} has {len(done):,} results; {len(cells):,} are missing.")
    if cells or surveys:
        for layer, planted in sorted({(n.neuron.layer, n.planted is not None) for n in neurons if n.neuron}):
            work.scan(setting, layer, planted, display)
        _run(folder, worker, setting, [*surveys, *cells], min(seeds, N_FOLDS), jobs, display)
    records: list[CellResult | NeuronRecord] = [*folder.cells(), *folder.neurons()]
    return [record for record in records if record.error is not None]


def _neurons(suite: Suite, setting: Setting, work: Any, display: Display) -> list[SuiteNeuron]:
    """The suite's neurons by layer, puzzles first: a process keeps an opened layer."""
    scanned: set[int] = set()

    def is_firing(neuron: NeuronId) -> bool:
        if neuron.layer not in scanned:
            work.scan(setting, neuron.layer, False, display)
            scanned.add(neuron.layer)
        return bool(work.is_firing(setting, neuron))

    found = expand(suite, work.shape(setting) if suite.has_real else (0, 0), is_firing)
    return sorted(found, key=lambda one: one.neuron.layer if one.neuron else -1)


def _is_surveyed(record: NeuronRecord | None, neuron: SuiteNeuron, suite: Suite, seeds: int) -> bool:
    if record is None or record.error is not None:
        return False
    if neuron.kind == "puzzle":
        return True
    n_ceilings = min(seeds, N_FOLDS) if suite.ceiling and neuron.kind == "real" else 0
    return record.status is not None and len(record.ceiling) >= n_ceilings


def _run(
    folder: EvalFolder, worker: str, setting: Setting, tasks: Sequence[Task], n_folds: int, jobs: int, display: Display
) -> None:
    first: dict[str, Task] = {}
    for task in tasks:
        first.setdefault(kind_of_work(task), task)
    # One of each kind first, so that the remaining time can soon be estimated.
    tasks = [*first.values(), *(task for task in tasks if first[kind_of_work(task)] is not task)]
    clock, n_done = RemainingTime([kind_of_work(task) for task in tasks], jobs), 0
    display.start(len(tasks), "evaluating")
    try:
        work = [(worker, setting, task, n_folds) for task in tasks]
        with closing(LocalEngine(jobs).run(work_on, work)) as outcomes:
            for number, done in outcomes:
                if isinstance(done, Exception):
                    done = came_to_nothing(worker, setting, tasks[number], done)
                if isinstance(done.record, CellResult):
                    folder.add_cell(done.record)
                else:
                    folder.add_neurons([done.record])
                n_done += 1
                display.advance(1)
                clock.done(kind_of_work(tasks[number]), done.seconds)
                seconds = clock.left() if n_done < len(tasks) else None
                left = "" if seconds is None else f"; about {duration(seconds)} left"
                display.note(f"{n_done:,}/{len(tasks):,} {tasks[number]}: {done.said}{left}")
    finally:
        display.finish()


def run_command(arguments: argparse.Namespace) -> None:
    """Evaluate, then print the table of `agent eval compare`.

    Args:
        arguments: `suite`, `variant` (list), `seeds`, `budget`, `halves`, `out`, `jobs`, `model`, `corpus`,
            `corpus_tokens`, `trust_remote_code`, `quiet`; None where nothing was said.

    Raises:
        AgentError: a result or a measurement failed; all others were printed.
    """
    suite = load_suite(arguments.suite)
    given = {name: getattr(arguments, name) for name in ("model", "corpus", "corpus_tokens")}
    options = given | {"trust_remote_code": arguments.trust_remote_code}
    refuse_unused_options(suite, {f"--{name.replace('_', '-')}": value for name, value in options.items()})
    check_rereadable(given["corpus"])
    suite = replace(suite, **{name: value for name, value in given.items() if value is not None})
    suite = replace(suite, trust_remote_code=arguments.trust_remote_code)
    variants = [load_variant(name) for name in arguments.variant or ["tournament"]]
    out = EVALUATIONS / suite.name if arguments.out is None else Path(arguments.out)
    with progress(quiet=arguments.quiet) as display:
        failed = evaluate(
            suite, variants, seeds=arguments.seeds, halves=arguments.halves, budget=arguments.budget, out=out,
            jobs=arguments.jobs or os.cpu_count() or 1, display=display,
        )  # fmt: skip
    from evals.compare import compare_command

    compare_command(argparse.Namespace(folders=[out], metric="score", json=False))
    silent = [n.name for n in EvalFolder(out).neurons() if n.kind == "truth" and n.status == "dead"]
    if silent:
        say(f"\nPlanted neurons that are dead on this text, so there is nothing to find: {', '.join(silent)}.")
    say(f"\nagent eval compare {shlex.quote(str(out))}\nagent eval report {shlex.quote(str(out))}")
    cells = [cell for cell in EvalFolder(out).cells() if cell.kind == "puzzle"]
    if told := unscored_puzzles(cells):
        say(f"\n{told}")
    if failed:
        raise AgentError(_what_failed(failed))
    if cells and all(isinstance(cell.score, Unscored) for cell in cells):
        raise AgentError("no puzzle could be scored, so nothing is known about any reader.")


def unscored_puzzles(cells: Sequence[CellResult]) -> str:
    """A note on puzzles that a reader could not score, by variant, with the most frequent reason; may be empty."""
    told = []
    for variant in dict.fromkeys(cell.variant for cell in cells):
        own = [cell for cell in cells if cell.variant == variant]
        reasons = [why for cell in own if (why := _why_unscored(cell)) is not None]
        if reasons:
            ((why, _),) = Counter(reasons).most_common(1)
            told.append(
                f"{variant}: {len(reasons)} of {len(own)} puzzles could not be scored and count as Unscored, such as: "
                f"{why}"
            )
    return "\n".join(told)


def _why_unscored(cell: CellResult) -> str | None:
    if isinstance(cell.score, Unscored):
        return cell.score.reason
    if cell.ranking is None or not cell.ranking.false or truth_first(cell.ranking) is not None:
        return None
    return next(claim.score.reason for claim in cell.ranking.false if isinstance(claim.score, Unscored))


def _what_failed(failed: Sequence[CellResult | NeuronRecord]) -> str:
    n_neurons, first = sum(isinstance(record, NeuronRecord) for record in failed), failed[0]
    assert first.error is not None
    which = first.name if isinstance(first, NeuronRecord) else f"{first.variant} on {first.neuron}"
    return (
        f"results that failed and are Unscored: {len(failed) - n_neurons}; neurons that could not be measured: "
        f"{n_neurons}; the first, {which}: {first.error.message} The same command tries them again."
    )


def list_command(arguments: argparse.Namespace) -> None:
    """Print the built-in suites and variants, each with its purpose."""
    for title, found in (
        ("suites", {name: load_suite(name).about for name in shipped_suites()}),
        ("variants", {name: load_variant(name).about for name in shipped_variants()}),
    ):
        say("\n".join([f"{title}:", *(f"  {name:<18} {about}" for name, about in found.items())]))
