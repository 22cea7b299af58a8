"""`agent eval report`: a page with plots, from the results of one or several evaluations."""

from __future__ import annotations

import argparse
import copy
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from agent.cli.output import say
from evals.compare import Evaluations, load
from evals.differences import compare
from evals.metrics import Group
from evals.report import anytime, calibration, ceiling, differences, listing, overview, planted
from evals.report.page import Page, Plot, Section
from evals.report.study import Study
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
    """The comparison as in `agent eval compare`, with the same generator."""
    summaries = found.summaries(rng)
    comparisons = []
    for metric in _COMPARED:
        if metric == "score" or any(cell.kind == "truth" for cell in found.cells):
            # A copy: there, the requested metric is the first to draw from the generator.
            comparisons += compare(found.cells, metric, copy.deepcopy(rng), neurons=found.neurons)
    return Study(
        found.manifests, found.cells, {record.name: record for record in found.neurons}, summaries, comparisons,
        found.without_experiments,
    )  # fmt: skip


def report(study: Study, out: Path, notes: Sequence[str], rng: np.random.Generator) -> Page:
    """The page for the folder `out`."""
    return Page(
        title="Evaluation: " + ", ".join(dict.fromkeys(manifest.suite for manifest in study.manifests)),
        facts=overview.facts(study),
        alarms=overview.alarms(study.summaries),
        notes=notes,
        sections=[
            overview.variants_section(study),
            overview.comparisons_section(study),
            *_by_group(study, lambda one: anytime.section(one, rng)),
            differences.section(study),
            *_by_group(study, lambda one: calibration.section(one, rng)),
            planted.recovery_section(study, rng),
            planted.nothing_section(study),
            planted.scorer_section(study),
            ceiling.ceiling_section(study, rng),
            *_by_group(study, lambda one: ceiling.optimism_section(one, rng)),
            overview.stability_section(study),
            listing.section(study, out),
        ],
    )


def _by_group(study: Study, section: Callable[[Study], Section]) -> list[Section]:
    """One section for each group of neurons in a suite, since a mean over several groups means nothing."""
    groups = study.by_group
    if len(groups) < 2:
        return [section(study)]
    return [_renamed(section(own), group) for group, own in groups.items()]


def _renamed(section: Section, group: Group) -> Section:
    parts = [
        replace(part, drawing=replace(part.drawing, name=f"{part.drawing.name}-{group}"))
        if isinstance(part, Plot)
        else part
        for part in section.parts
    ]
    title = f"{section.title}: {group} neurons"
    return replace(section, anchor=f"{section.anchor}-{group}", title=title, parts=parts)


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
