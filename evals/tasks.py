"""The tasks of an evaluation, and how a process does one."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal

from agent.setup.variants.load import Variant
from evals.puzzle_readers import reader_maker
from evals.puzzles import puzzle_cell, puzzle_record
from evals.records import CellError, CellResult, NeuronRecord
from evals.suite_neurons import SuiteNeuron

if TYPE_CHECKING:
    from evals.worker import Setting

Half = Literal[0, 1]


@dataclass(frozen=True)
class Cell:
    """One run to do."""

    variant: Variant
    neuron: SuiteNeuron
    seed: int
    half: Half | None = None

    @property
    def key(self) -> tuple[str, str, int, int | None]:
        """As `CellResult.key`."""
        return self.variant.name, self.neuron.name, self.seed, self.half

    def __str__(self) -> str:
        half = "" if self.half is None else f", half {self.half}"
        return f"{self.variant.name}, {self.neuron.name}, seed {self.seed}{half}"


Task = SuiteNeuron | Cell
"""A neuron to be measured once, or a run."""


def plan(neurons: Sequence[SuiteNeuron], variants: Sequence[Variant], seeds: int, halves: bool) -> list[Cell]:
    """All cells, grouped by neuron; with halves, each neuron is also explained from each half of the text, with seed
    0.
    """
    cells = []
    for neuron in neurons:
        cells += [Cell(variant, neuron, seed) for seed in range(seeds) for variant in variants]
        if halves and neuron.kind != "puzzle":
            cells += [Cell(variant, neuron, 0, half) for half in (0, 1) for variant in variants]
    return cells


def kind_of_work(task: Task) -> str:
    """Tasks of one kind take about the same time."""
    neuron = task if isinstance(task, SuiteNeuron) else task.neuron
    if neuron.kind == "puzzle":
        return "a puzzle"
    return "measuring" if isinstance(task, SuiteNeuron) else task.variant.name


@dataclass(frozen=True)
class Done:
    """The result of a task, the same in a few words, and its duration in seconds."""

    record: CellResult | NeuronRecord
    said: str
    seconds: float = 0.0


def work_on(worker: str, setting: Setting, task: Task, n_folds: int) -> Done:
    """Do one task, in a separate process.

    Args:
        worker: name of the module that does the work with a model, such as `evals.worker`.
        setting: shared by all tasks.
        task: a neuron to be measured, or a run.
        n_folds: the number of sealed folds on which to measure the ceiling.
    """
    started = time.monotonic()
    try:
        record = _record(import_module(worker), setting, task, n_folds)
        done = Done(record, _said(record))
    except (Exception, SystemExit) as error:  # whatever went wrong, only this task fails
        done = came_to_nothing(worker, setting, task, error)
    return replace(done, seconds=time.monotonic() - started)


def came_to_nothing(worker: str, setting: Setting, task: Task, error: BaseException) -> Done:
    """The record of a failed task."""
    kind, message = type(error).__name__, " ".join(str(error).split())
    if isinstance(task, Cell):
        cell = import_module(worker).failed_cell(
            setting.suite_name, task.neuron, task.variant, task.seed, task.half, kind, message
        )
        return Done(cell, _said(cell))
    record = task.record(error=CellError(kind=kind, message=message))
    return Done(record, _said(record))


def _record(work: Any, setting: Setting, task: Task, n_folds: int) -> CellResult | NeuronRecord:
    found: CellResult | NeuronRecord
    if isinstance(task, SuiteNeuron):
        found = puzzle_record(task.puzzle) if task.puzzle else work.survey(setting, task, n_folds)
    elif task.neuron.puzzle:
        make_reader = reader_maker(task.variant.config(target="L0N0"))
        found = puzzle_cell(task.neuron.puzzle, setting.suite_name, task.variant.name, task.seed, make_reader)
    else:
        found = work.run_cell(setting, task.neuron, task.variant, task.seed, task.half)
    return found


def _said(record: CellResult | NeuronRecord) -> str:
    if record.error is not None:
        return f"failed: {record.error.kind}: {record.error.message}"
    if isinstance(record, NeuronRecord):
        return f"measured, {record.status or record.kind}"
    return (
        f"{record.verdict or record.kind}, {'unscored' if record.score.value is None else f'{record.score.value:.3f}'}"
    )
