"""`agent eval report`: a page with plots, from the results of one or several evaluations."""

from __future__ import annotations

import argparse
import copy
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from agent.commands.output import say
from evals.compare import Evaluations, load
from evals.report import anytime, calibration, ceiling, differences, listing, overview, planted
from evals.report.page import Page
from evals.report.study import Study
from evals.summaries import compare, summarise
from traces.storage import replace_file, storage_errors

_COMPARED = ("score", "recovery")


def report_command(arguments: argparse.Namespace) -> None:
    """Write the page and its plots, and print where the page is.

    Args:
        arguments: `folders` (list of paths, may be empty) and `out` (a folder, or None: report/ in the first folder).
    """
    rng = np.random.default_rng(0)
    found = load(arguments.folders, rng)
    out = Path(arguments.out) if arguments.out else found.folders[0] / "report"
    page = report(study_of(found, rng), out, found.notes, rng)
    say(str(write(page, out)))


def study_of(found: Evaluations, rng: np.random.Generator) -> Study:
    """What `agent eval compare` says of these evaluations, given the same generator."""
    summaries = summarise(found.cells, rng, neurons=found.neurons, stability=found.stability)
    comparisons = []
    for metric in _COMPARED:
        if metric == "score" or any(cell.kind == "truth" for cell in found.cells):
            # A copy: whichever metric is asked for there, it is the first to draw.
            comparisons += compare(found.cells, metric, copy.deepcopy(rng))
    cells = [cell.model_copy(update={"trace": _trace(found.folders, cell.trace)}) for cell in found.cells]
    return Study(found.manifests, cells, {record.name: record for record in found.neurons}, summaries, comparisons)


def _trace(folders: Sequence[Path], trace: str) -> str:
    """The path of a trace from here; empty when it is gone."""
    return next((str(folder / trace) for folder in folders if trace and (folder / trace).is_file()), "")


def report(study: Study, out: Path, notes: Sequence[str], rng: np.random.Generator) -> Page:
    """The page as it will stand in the folder `out`."""
    return Page(
        title="Evaluation: " + ", ".join(dict.fromkeys(manifest.suite for manifest in study.manifests)),
        facts=overview.facts(study),
        alarms=overview.alarms(study.summaries),
        notes=notes,
        sections=[
            overview.variants_section(study),
            overview.comparisons_section(study),
            anytime.section(study, rng),
            differences.section(study),
            calibration.section(study, rng),
            planted.recovery_section(study, rng),
            planted.nothing_section(study),
            planted.scorer_section(study),
            ceiling.ceiling_section(study, rng),
            ceiling.optimism_section(study, rng),
            overview.stability_section(study),
            listing.section(study, out),
        ],
    )


def write(page: Page, out: Path) -> Path:
    """index.html, and each plot as a PNG and an SVG; returns the path of the page.

    Raises:
        StorageError: the folder or a file cannot be written.
    """
    with storage_errors("create", out):
        out.mkdir(parents=True, exist_ok=True)
    for drawing in page.drawings:
        replace_file(out / f"{drawing.name}.svg", drawing.svg)
        replace_file(out / f"{drawing.name}.png", drawing.png)
    path = out / "index.html"
    replace_file(path, page.to_html().encode("utf-8", "backslashreplace"))
    return path
