"""Scores as a share of the ceiling of local context, and the optimism gap."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from evals.records import CellResult
from evals.report.drawing import INK, MUTED, colour, draw, label, legend_above, marker, rows, whisker
from evals.report.page import Entry, Plot, Section, Table, count, measured
from evals.report.study import Study, basis, metric_interval, metric_means, neuron_means, neurons_in, value
from evals.statistics import ratio_of_means
from tools.records.result import Compared, Interval, Measured
from tools.records.scores import number_of
from tools.sizes import counted


def ceiling_of(study: Study, cell: CellResult) -> float | None:
    """The ceiling on the sealed fold that the cell was scored on."""
    record = study.neurons.get(cell.neuron)
    if record is None or cell.fold is None or cell.fold >= len(record.ceiling):
        return None
    return number_of(record.ceiling[cell.fold])


def ceiling_section(study: Study, rng: np.random.Generator) -> Section:
    """Share of the ceiling of real neurons, and score against ceiling."""
    title = "Real neurons: share of the ceiling"
    cells = [cell for cell in study.whole if cell.kind == "real"]
    if not cells:
        return Section("ceiling", title, ["This suite has no neurons of a real model."])

    def has_both(cell: CellResult) -> bool:
        return value(cell, "score") is not None and ceiling_of(study, cell) is not None

    usable = list(filter(has_both, cells))
    if not usable:
        return Section("ceiling", title, ["No neuron has both a sealed score and a measured ceiling."])

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        low, high = 0.0, 1.0
        for index, variant, own in study.by_variant(usable):
            limits, scores = _pairs(study, own)
            axes.plot(
                limits, scores, marker(index), color=colour(index), alpha=0.75, markersize=6, markeredgewidth=0,
                linestyle="none", label=label(variant),
            )  # fmt: skip
            low, high = min(low, *limits, *scores), max(high, *limits, *scores)
        axes.plot([low, high], [low, high], color=MUTED, linewidth=1, linestyle="--")
        axes.set(xlabel="ceiling", ylabel="sealed score", xlim=(low, high), ylim=(low, high), aspect="equal")
        axes.grid()
        legend_above(figure, axes)

    rows_ = []
    for _, variant, own in study.by_variant(cells):
        both = list(filter(has_both, own))
        limits, scores = _pairs(study, both)
        rows_.append(
            [
                Entry(variant), count(neurons_in(own)), count(len(own)), count(len(both)),
                count(sum(value(cell, "score") is None and cell.error is None for cell in own)),
                count(sum(cell.error is not None for cell in own)),
                count(sum(ceiling_of(study, cell) is None for cell in own)),
                measured(metric_interval(both, "score", study.clusters, rng)),
                measured(ratio_of_means(np.array(scores), np.array(limits), rng)),
            ]
        )  # fmt: skip
    head = ["variant", "neurons", "cells", "with both", "score unscored", "errors", "ceiling missing or unscored",
            "mean score", "share of the ceiling"]  # fmt: skip
    table = Table(
        "Mean sealed score as a share of the mean ceiling: a ratio of means, its interval over neurons.", head, rows_
    )
    caption = (
        f"Sealed score of each explanation against the ceiling (what gradient-boosted trees predict from local "
        f"context) on the same fold, one point a neuron, means over seeds, for "
        f"{counted(neurons_in(usable), 'neuron')}; "
        f"on the dashed line an explanation reaches the ceiling "
        f"({basis(cell.score for cell in usable)})."
    )
    said = "; ".join(f"{row[0].text}: share {row[8].text}" for row in rows_)
    plot = Plot(draw("ceiling", 5.6, 5.6, paint), caption, f"Scatter of sealed score against ceiling. {said}.")
    return Section("ceiling", title, [], [plot, table])


def _pairs(study: Study, cells: Sequence[CellResult]) -> tuple[list[float], list[float]]:
    """(ceilings, scores) by neuron."""
    limits = neuron_means((cell, ceiling_of(study, cell)) for cell in cells)
    return list(limits.values()), list(metric_means(cells, "score").values())


def optimism_section(study: Study, rng: np.random.Generator) -> Section:
    """Distribution of development minus sealed score."""
    title = "Optimism gap"
    having = [cell for cell in study.to_find if value(cell, "optimism-gap") is not None]
    if not having:
        return Section("optimism", title, ["No cell has both a development and a sealed score."])
    found: list[tuple[int, str, list[CellResult], Compared]] = [
        (index, variant, own, metric_interval(own, "optimism-gap", study.clusters, rng))
        for index, variant, own in study.by_variant(study.to_find)
    ]

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        axes.axvline(0, color=INK, linewidth=1)
        for row, (index, _, own, mean) in enumerate(found):
            values = sorted(metric_means(own, "optimism-gap").values())
            axes.plot(
                values, [row + 0.3 * _swarm(i) for i in range(len(values))], marker(index), color=colour(index),
                alpha=0.45, markersize=5, markeredgewidth=0, linestyle="none",
            )  # fmt: skip
            if isinstance(mean, Interval):
                whisker(axes, mean, row - 0.36, index)
        rows(axes, [variant for _, variant, _, _ in found])
        axes.set_xlabel("development minus sealed score")

    table = Table(
        "Optimism gap: development minus sealed score, mean over neurons; above zero, the search overfitted.",
        ["variant", "neurons", "cells", "with a gap", "errors", "mean gap"],
        [
            [
                Entry(variant), count(neurons_in(own)), count(len(own)),
                count(sum(value(cell, "optimism-gap") is not None for cell in own)),
                count(sum(cell.error is not None for cell in own)), measured(mean),
            ]
            for _, variant, own, mean in found
        ],
    )  # fmt: skip
    caption = (
        f"Development minus sealed score, a point for each of {counted(neurons_in(having), 'neuron')} (mean over "
        f"seeds), above them the mean with its 95 % interval "
        f"({basis(score for cell in having for score in _both(cell))})."
    )
    said = "; ".join(f"{row[0].text}: mean {row[5].text}" for row in table.rows)
    plot = Plot(draw("optimism", 8.2, 1.1 + 0.9 * len(found), paint), caption, f"Optimism gaps. {said}.")
    return Section("optimism", title, [], [plot, table])


def _both(cell: CellResult) -> tuple[Measured, Measured]:
    return cell.development_score, cell.score


def _swarm(i: int) -> float:
    """A deterministic height in -0.5..0.5 that spreads neighbours."""
    return (i * 0.618) % 1 - 0.5
