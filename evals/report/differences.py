"""Paired differences: on which neurons one variant is better than another, and by how much."""

from __future__ import annotations

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from evals.differences import Comparison
from evals.metrics import GROUPS, METRICS, Group
from evals.report.drawing import INK, MUTED, colour, draw, label, marker
from evals.report.page import Plot, Section
from evals.report.study import Study, basis
from tools.records.result import Interval
from tools.sizes import counted


def section(study: Study) -> Section:
    """A plot for each metric that was compared and group of neurons, one panel per pair."""
    parts, notes = [], []
    for metric, group in dict.fromkeys((comparison.metric, comparison.group) for comparison in study.comparisons):
        found = [c for c in study.comparisons if (c.metric, c.group) == (metric, group) and c.by_cluster]
        if found:
            parts.append(_plot(study, metric, group, found))
        else:
            notes.append(f"None of the {group} neurons has a {METRICS[metric]} for two variants.")
    if len(study.variants) < 2:
        notes = ["There is one variant, so there is nothing to compare it with."]
    return Section("differences", "Paired differences by neuron", notes, parts)


def _plot(study: Study, metric: str, group: Group, found: list[Comparison]) -> Plot:
    def paint(figure: Figure) -> None:
        panels = figure.subplots(len(found), 1, squeeze=False, sharey=True)[:, 0]
        for axes, comparison in zip(panels, found, strict=True):
            values = sorted(comparison.by_cluster.values())
            x = range(1, len(values) + 1)
            for variant, sign in ((comparison.a, 1), (comparison.b, -1)):
                own = [(i, v) for i, v in zip(x, values, strict=True) if v * sign > 0]
                index = study.variants.index(variant)
                if own:
                    places, heights = zip(*own, strict=True)
                    axes.vlines(places, 0, heights, color=colour(index), linewidth=1.4, alpha=0.6)
                    axes.plot(places, heights, marker(index), color=colour(index), markersize=5, linestyle="none")
            same = [i for i, v in zip(x, values, strict=True) if v == 0]
            axes.plot(same, [0] * len(same), "o", color=MUTED, markersize=4, linestyle="none")
            axes.axhline(0, color=INK, linewidth=1)
            mean = comparison.difference
            if isinstance(mean, Interval):
                axes.axhspan(mean.low, mean.high, color=MUTED, alpha=0.22, linewidth=0)
                axes.axhline(mean.value, color=MUTED, linewidth=1.4, linestyle="--")
            axes.set_title(f"{label(comparison.a)} minus {label(comparison.b)}")
            axes.set_ylabel("difference")
            axes.set_xlim(0.2, len(values) + 0.8)
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
            axes.grid(axis="y")
        panels[-1].set_xlabel(f"{group} neurons, sorted by difference")

    most = max(len(comparison.by_cluster) for comparison in found)
    on = f"{group} neuron"
    cells = [cell for cell in study.whole if cell.kind != "nothing" and GROUPS[cell.kind] == group]
    measured_on = basis(cell.recovery if metric == "recovery" else cell.score for cell in cells)
    caption = (
        f"Difference in {METRICS[metric]} between two variants on each of up to {counted(most, on)}, sorted, the mean "
        f"over seeds at which both have a value and over noise levels of one function, in the colour of the better "
        f"one; dashed the mean over all, shaded its 95 % interval ({measured_on})."
    )
    said = "; ".join(
        f"{c.a} minus {c.b}: {c.wins} wins, {c.losses} losses, {c.ties} ties over {counted(c.n_neurons, on)}"
        for c in found
    )
    drawing = draw(f"differences-{metric}-{group}", 8.2, 0.6 + 2.5 * len(found), paint)
    return Plot(drawing, caption, f"Sorted paired differences in {METRICS[metric]}. {said}.")
