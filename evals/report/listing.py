"""All results, one row each."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import quote

from evals.records import CellResult
from evals.report.page import Entry, Section, Table, count, measured, number
from evals.report.study import Study

_HEAD = ["neuron", "variant", "seed", "half", "verdict", "score", "recovery", "units", "seconds", "trace",
         "explanation", "truth", "error"]  # fmt: skip


def section(study: Study, out: Path) -> Section:
    """The table of all cells; links to traces are relative to the folder `out`."""
    title = "All results"
    if not study.cells:
        return Section("results", title, ["There are no results yet."])
    rows = [_row(study, cell, out) for cell in study.cells]
    unscored = sum(cell.score.value is None for cell in study.cells)
    errors = sum(cell.error is not None for cell in study.cells)
    caption = f"All {len(rows):,} results: {unscored:,} unscored, of which {errors:,} failed with an error."
    return Section("results", title, [], [Table(caption, _HEAD, rows, searchable=True)])


def _row(study: Study, cell: CellResult, out: Path) -> list[Entry]:
    record = study.neurons.get(cell.neuron)
    truth = record.truth if record else None
    none = measured(None)
    return [
        Entry(cell.neuron), Entry(cell.variant), count(cell.seed), none if cell.half is None else count(cell.half),
        Entry(cell.verdict or "–", "text" if cell.verdict else "muted"), measured(cell.score), measured(cell.recovery),
        count(cell.budget.used), number(cell.seconds, 1), _trace(cell, out),
        Entry(cell.explanation, "sentence") if cell.explanation else none,
        Entry(truth, "sentence") if truth else none,
        Entry(f"{cell.error.kind}: {cell.error.message}", "bad") if cell.error else none,
    ]  # fmt: skip


def _trace(cell: CellResult, out: Path) -> Entry:
    if not cell.trace:
        return measured(None)
    # "./" in front: a relative path whose first part has a colon would be read as an address.
    return Entry("trace", href="./" + quote(os.path.relpath(cell.trace, out).replace(os.sep, "/")))
