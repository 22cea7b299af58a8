"""All results, one row each."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import quote

from evals.records import CellResult
from evals.report.page import Entry, Section, Table, count, measured, number
from evals.report.study import Study
from tools.records.result import Measured, Unscored

_HEAD = ["neuron", "variant", "seed", "half", "verdict", "score", "recovery", "units", "seconds", "trace",
         "explanation", "truth", "error, or why unscored"]  # fmt: skip


def section(study: Study, out: Path) -> Section:
    """The table of all cells; links to traces are relative to the folder `out`."""
    title = "All results"
    if not study.cells:
        return Section("results", title, ["There are no results yet."])
    rows = [_row(study, cell, out) for cell in study.cells]
    errors = sum(cell.error is not None for cell in study.cells)
    unscored = [cell for cell in study.cells if isinstance(cell.score, Unscored) and cell.error is None]
    nothing = sum(cell.kind == "nothing" for cell in unscored)
    caption = (
        f"All {len(rows):,} results, half texts too: {errors:,} failed with an error; {len(unscored) - nothing:,} have "
        f"something "
        f"to find and are unscored; {nothing:,} have nothing to find and no score."
    )
    return Section("results", title, [], [Table(caption, _HEAD, rows, searchable=True)])


def _row(study: Study, cell: CellResult, out: Path) -> list[Entry]:
    record = study.neurons.get(cell.neuron)
    truth = record.truth if record else None
    missing = Entry("–", "muted")
    return [
        Entry(cell.neuron), Entry(cell.variant), count(cell.seed),
        number(None) if cell.half is None else count(cell.half),
        Entry(cell.verdict or "–", "text" if cell.verdict else "muted"), _score(cell.score), _score(cell.recovery),
        count(cell.budget.used), number(cell.seconds, 1), _trace(cell, out),
        Entry(cell.explanation, "sentence") if cell.explanation else missing,
        Entry(truth, "sentence") if truth else missing, _problem(cell) or missing,
    ]  # fmt: skip


def _score(found: Measured | None) -> Entry:
    return Entry("unscored", "number muted") if isinstance(found, Unscored) else measured(found)


def _problem(cell: CellResult) -> Entry | None:
    if cell.error:
        return Entry(f"{cell.error.kind}: {cell.error.message}", "bad")
    reasons = [found.reason for found in (cell.score, cell.recovery) if isinstance(found, Unscored)]
    return Entry("; ".join(dict.fromkeys(reasons))) if reasons else None


def _trace(cell: CellResult, out: Path) -> Entry:
    if not cell.trace:
        return Entry("–", "muted")
    # "./" in front: a relative path whose first part has a colon would be read as an address.
    return Entry("trace", href="./" + quote(os.path.relpath(cell.trace, out).replace(os.sep, "/")))
