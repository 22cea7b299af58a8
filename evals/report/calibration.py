"""Calibration of the registered predictions."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from matplotlib.figure import Figure

from evals.records import CellResult
from evals.report.drawing import MUTED, colour, draw, label, marker
from evals.report.page import Entry, Plot, Section, Table, count, measured, number
from evals.report.study import Study, metric_interval, neurons_in
from evals.statistics import counted_share
from tools.records.predictions import Bin
from tools.records.result import Compared, Interval, Unscored
from tools.scoring.reliability import bins
from tools.scoring.skill import losses_of, losses_of_base_rate
from tools.sizes import counted

Predictions = list[tuple[float, bool]]

_ACROSS = 3


def share_of(one: Bin) -> Compared:
    """The share of a bin's texts that fired, with its interval."""
    return counted_share(round(one.fired * one.n), one.n)


def log_score(predictions: Predictions) -> float | Unscored:
    """Mean log probability, in nats, given to what happened; 0 is perfect."""
    if not predictions:
        return Unscored(reason="there is no prediction")
    said, fired = zip(*predictions, strict=True)
    losses = losses_of(said, fired)
    if np.isinf(losses).any():
        return Unscored(reason="an outcome had probability 0")
    return -float(losses.mean())


def skill(predictions: Predictions) -> float | Unscored:
    """1 - log score / log score of the base rate: 1 is perfect, 0 no better than the base rate."""
    found = log_score(predictions)
    if isinstance(found, Unscored):
        return found
    reference = losses_of_base_rate([fired for _, fired in predictions])
    if reference is None:
        return Unscored(reason="all outcomes are the same, so nothing can beat the base rate")
    return 1 + found / float(reference.mean())


def section(study: Study, rng: np.random.Generator) -> Section:
    """A reliability diagram and a table for the agent's own experiments, and for the fixed probe set."""
    notes: list[str] = []
    parts: list[Plot | Table] = []
    for name, title, of in (
        ("calibration-chosen", "the agent's own experiments", _chosen),
        ("calibration-probe", "the fixed probe set, which the agent did not choose", _probe),
    ):
        having = [cell for cell in study.to_find if of(cell)]
        if not having:
            notes.append(f"No prediction was registered for {title}.")
            continue
        parts += [_plot(study, having, name, title, of), _table(study, title, of, rng)]
    return Section("calibration", "Calibration of the registered predictions", notes, parts)


def _chosen(cell: CellResult) -> Predictions:
    return cell.registered.chosen


def _probe(cell: CellResult) -> Predictions:
    return cell.registered.probe


def _pooled(cells: list[CellResult], of: Callable[[CellResult], Predictions]) -> Predictions:
    return [prediction for cell in cells for prediction in of(cell)]


def _plot(
    study: Study, cells: list[CellResult], name: str, title: str, of: Callable[[CellResult], Predictions]
) -> Plot:
    groups = [(index, variant, bins(_pooled(own, of))) for index, variant, own in study.by_variant(cells)]
    across = min(_ACROSS, len(groups))
    down = -(-len(groups) // across)

    def paint(figure: Figure) -> None:
        panels = figure.subplots(2 * down, across, squeeze=False, sharex=True, height_ratios=[3, 1] * down)
        for i in range(down * across):
            upper, lower = panels[2 * (i // across)][i % across], panels[2 * (i // across) + 1][i % across]
            if i >= len(groups):
                upper.set_axis_off()
                lower.set_axis_off()
                continue
            index, variant, found = groups[i]
            upper.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle="--")
            for one in found:
                share = share_of(one)
                if isinstance(share, Interval):
                    upper.plot([one.predicted] * 2, [share.low, share.high], color=colour(index))
            shares = [one.fired for one in found]
            upper.plot([b.predicted for b in found], shares, marker=marker(index), color=colour(index), linewidth=1)
            lower.bar([b.predicted for b in found], [b.n for b in found], width=0.05, color=colour(index), alpha=0.7)
            upper.set(title=label(variant), xlim=(0, 1), ylim=(-0.02, 1.02))
            upper.tick_params(labelbottom=False)
            lower.set_xlabel("predicted probability of firing")
            for axes, said in ((upper, "share that fired"), (lower, "predictions")):
                axes.grid(axis="y")
                if i % across == 0:
                    axes.set_ylabel(said)

    n = len(_pooled(cells, of))
    caption = (
        f"Reliability on {title}: predicted probability of firing, in ten bins, against the share that fired, with "
        f"95 % Wilson intervals and the number of predictions below; {counted(n, 'prediction')} of final "
        f"explanations on {counted(neurons_in(cells), 'neuron')}, registered before the neuron was read; the dashed "
        "line is perfect calibration."
    )
    said = "; ".join(
        f"{variant}: " + ", ".join(f"{b.predicted:.2f} predicted, {b.fired:.2f} fired" for b in found)
        for _, variant, found in groups
    )
    width = 8.2 if across > 1 else 5.2
    return Plot(draw(name, width, 4.6 * down, paint), caption, f"Reliability diagram. {said}.")


def _table(study: Study, title: str, of: Callable[[CellResult], Predictions], rng: np.random.Generator) -> Table:
    is_probe = of is _probe
    rows = []
    for _, variant, cells in study.by_variant(study.to_find):
        pooled = _pooled(cells, of)
        having = [cell for cell in cells if of(cell)]
        row = [
            Entry(variant), count(len(having)), count(len(cells) - len(having)), count(neurons_in(having)),
            count(len(pooled)), number(sum(f for _, f in pooled) / len(pooled) if pooled else None),
            _number_or_reason(log_score(pooled)), _number_or_reason(skill(pooled)),
        ]  # fmt: skip
        if is_probe:
            scores = [cell.probe_skill for cell in cells]
            mean = metric_interval(cells, "probe-skill", study.clusters, rng)
            row += [measured(mean), count(sum(isinstance(score, Unscored) for score in scores))]
        rows.append(row)
    head = ["variant", "cells", "cells without", "neurons", "predictions", "share that fired", "log score (nats)",
            "skill"]  # fmt: skip
    if is_probe:
        head += ["mean skill of a cell", "unscored"]
    caption = (
        f"Predictions on {title}: log score and skill over all of them (skill 1 is perfect, 0 is the base rate; "
        "probabilities stay within 0.02 and 0.98, so where half fire at most 0.971 can be reached)"
    )
    if is_probe:
        caption += "; the mean skill of a cell is against that cell's own base rate, its interval over neurons"
    return Table(f"{caption}.", head, rows)


def _number_or_reason(found: float | Unscored) -> Entry:
    return measured(found) if isinstance(found, Unscored) else number(found)
