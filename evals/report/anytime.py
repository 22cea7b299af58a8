"""Anytime curves: the leader's score by the budget spent so far."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from evals.records import CellResult
from evals.report.drawing import INK, colour, draw, label, legend_above, marker
from evals.report.page import Entry, Plot, Section, Table, count, number
from evals.report.study import Study, basis, neurons_in
from evals.statistics import mean_by_cluster, mean_interval
from tools.records.result import Compared, Interval, Measured
from tools.records.scores import number_of
from tools.sizes import counted


@dataclass(frozen=True)
class Point:
    """The mean over neurons at one budget, its interval, and the number of cells."""

    used: int
    mean: float
    interval: Compared
    n_cells: int


def steps(cell: CellResult) -> list[tuple[int, float | None]]:
    """(units spent, sealed score from then on), rising; a cell without anytime points has its score at the end."""
    if cell.anytime:
        return sorted(((point.used, number_of(point.sealed)) for point in cell.anytime), key=lambda step: step[0])
    return [(cell.budget.used, number_of(cell.score))]


def score_at(cell: CellResult, used: int) -> float | None:
    """The sealed score of the leader when `used` units were spent; None when there is none yet."""
    reached = [score for at, score in steps(cell) if at <= used]
    return reached[-1] if reached else None


def curve(
    cells: list[CellResult], budgets: list[int], clusters: Mapping[str, str], rng: np.random.Generator
) -> list[Point]:
    """The mean over neurons of the mean over seeds at each budget where any cell has a value; neurons of one cluster
    count once."""
    points = []
    for used in budgets:
        pairs = [(cell, score_at(cell, used)) for cell in cells]
        means = mean_by_cluster(((c.neuron, score) for c, score in pairs if score is not None), clusters)
        if means:
            n_cells = sum(score is not None for _, score in pairs)
            mean = sum(means.values()) / len(means)
            points.append(Point(used, mean, mean_interval(means.values(), rng), n_cells))
    return points


def section(study: Study, rng: np.random.Generator) -> Section:
    """Curves, and the number of cells behind them."""
    title = "Score against budget"
    if not any(score is not None for cell in study.to_find for _, score in steps(cell)):
        return Section("anytime", title, ["No neuron with something to find has a sealed score, so there is no curve."])
    last = max(at for cell in study.to_find for at, _ in [*steps(cell), (cell.budget.used, None)])
    budgets = sorted({0, last, *(at for cell in study.to_find for at, _ in steps(cell))})
    curves = [
        (index, name, cells, curve(cells, budgets, study.clusters, rng))
        for index, name, cells in study.by_variant(study.to_find)
    ]

    end = 1.05 * max(last, 1)  # to show the last step

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        for index, name, cells, points in curves:
            if not points:
                continue
            full = max(point.n_cells for point in points)
            x = [*(point.used for point in points), end]
            y = [point.mean for point in points]
            y.append(y[-1])
            solid = next(i for i, point in enumerate(points) if point.n_cells == full)
            if solid:
                axes.step(x[: solid + 1], y[: solid + 1], where="post", color=colour(index), zorder=3, linestyle=":")
            axes.step(x[solid:], y[solid:], where="post", color=colour(index), zorder=3)
            flat = not any(cell.anytime for cell in cells)
            axes.plot(
                x[0], y[0], marker=marker(index), color=colour(index), markersize=7, zorder=4, clip_on=False,
                label=label(name) + (" (at its end)" if flat else ""),
            )  # fmt: skip
            band = [(p.used, p.interval.low, p.interval.high) for p in points if isinstance(p.interval, Interval)]
            if band:
                edges, low, high = zip(*band, (end, *band[-1][1:]), strict=True)
                axes.fill_between(edges, low, high, step="post", color=colour(index), alpha=0.16, linewidth=0)
        axes.set_xlim(0, end)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_xlabel("units of budget spent")
        axes.set_ylabel("sealed score of the leader")
        axes.grid(axis="y")
        if axes.get_ylim()[0] < 0:
            axes.axhline(0, color=INK, linewidth=0.8)
        legend_above(figure, axes)

    caption = (
        f"Sealed score of the leading explanation against units of budget spent: mean over "
        f"{counted(neurons_in(study.to_find), 'neuron')} with a 95 % bootstrap interval over neurons, dotted where "
        f"only some of the cells have a value yet "
        f"({basis(score for cell in study.to_find for score in _scores(cell))})."
    )
    said = "; ".join(f"{name} ends at {points[-1].mean:.3f}" for _, name, _, points in curves if points)
    plot = Plot(draw("anytime", 8.2, 4.4, paint), caption, f"Step curves of mean sealed score by budget: {said}.")
    return Section("anytime", title, [], [plot, _table(curves)])


def _scores(cell: CellResult) -> list[Measured]:
    return [point.sealed for point in cell.anytime] or [cell.score]


def _table(curves: list[tuple[int, str, list[CellResult], list[Point]]]) -> Table:
    rows = []
    for _, name, cells, points in curves:
        values = [score for cell in cells if cell.error is None for _, score in steps(cell)]
        first, final = (points[0], points[-1]) if points else (None, None)
        complete = next((p.used for p in points if final and p.n_cells == final.n_cells), None)
        rows.append(
            [
                Entry(name), count(len(cells)), count(final.n_cells if final else 0),
                count(sum(v is None for v in values)), count(sum(cell.error is not None for cell in cells)),
                *([count(first.used), number(first.mean)] if first else [number(None)] * 2),
                number(None) if complete is None else count(complete), number(final.mean if final else None),
            ]
        )  # fmt: skip
    head = ["variant", "cells", "with a curve", "points unscored", "errors", "first value at", "mean there",
            "all values from", "mean at the end"]  # fmt: skip
    return Table("The data behind the curves; a cell counts from the budget at which it has a leader.", head, rows)
