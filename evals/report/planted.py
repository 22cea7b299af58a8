"""Planted neurons: recovery of their meaning, false confidence, and a check of the scorer."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from evals.metrics import RECOVERED, has_recovered
from evals.records import CellResult, NeuronRecord
from evals.report.drawing import INK, MUTED, colour, draw, label, legend_above, marker, rows, whisker
from evals.report.page import Entry, Plot, Section, Table, count, measured, number
from evals.report.study import Study, basis, metric_interval, metric_means, neurons_in, value
from evals.scorer import scorer_tally, truth_first
from evals.statistics import FEWEST_NEURONS, counted_share
from evals.summaries import CONFIDENT, share_of
from tools.records.result import Compared, Interval, Unscored
from tools.records.scores import number_of
from tools.sizes import counted

_DIFFICULTIES = ("easy", "medium", "hard")

Grouping = Callable[[NeuronRecord], str]
Groups = dict[str, list[CellResult]]


def recovery_section(study: Study, rng: np.random.Generator) -> Section:
    """Recovery by family, difficulty and noise."""
    title = "Recovery of planted meanings"
    cells = [cell for cell in study.whole if cell.kind == "truth"]
    if not cells:
        return Section("recovery", title, ["This suite has no planted neurons with a truth to find."])
    notes: list[str] = []
    parts: list[Plot | Table] = []
    for name, by, of in (
        ("family", "family", lambda record: record.family or "(none)"),
        ("difficulty", "difficulty", lambda record: record.difficulty or "(none)"),
        ("noise", "noise level", lambda record: f"{record.noise:g}"),
    ):
        groups = _grouped(study, cells, of)
        if any(value(cell, "recovery") is not None for cell in cells):
            parts.append(_recovery_plot(study, groups, name, by, rng))
        parts.append(_recovery_table(study, groups, by, rng))
    if not any(isinstance(part, Plot) for part in parts):
        notes.append("No cell has a recovery, so there is no plot.")
    return Section("recovery", title, notes, parts)


def _grouped(study: Study, cells: Sequence[CellResult], of: Grouping) -> Groups:
    groups: Groups = {}
    for cell in cells:
        record = study.neurons.get(cell.neuron)
        groups.setdefault(of(record) if record else "(not in neurons.jsonl)", []).append(cell)
    order = {name: place for place, name in enumerate(_DIFFICULTIES)}
    return dict(sorted(groups.items(), key=lambda group: (order.get(group[0], len(order)), group[0])))


def _recovery_plot(study: Study, groups: Groups, name: str, by: str, rng: np.random.Generator) -> Plot:
    cells = [cell for group in groups.values() for cell in group]

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        axes.axvline(RECOVERED, color=MUTED, linewidth=1, linestyle="--")
        for row, group in enumerate(groups.values()):
            for index, variant, own in study.by_variant(group):
                at = row + _lane(index, len(study.variants))
                means = metric_means(own, "recovery")
                axes.plot(
                    list(means.values()), [at] * len(means), marker(index), color=colour(index), alpha=0.6,
                    markersize=4.5, markeredgewidth=0, linestyle="none", zorder=3,
                )  # fmt: skip
                if means:
                    _mean(axes, metric_interval(own, "recovery", study.clusters, rng), means, at, index, label(variant))
        rows(axes, list(groups))
        axes.set_xlim(min(-0.02, *axes.get_xlim()), 1.02)
        axes.set_xlabel("recovery")
        legend_above(figure, axes)

    caption = (
        f"Recovery (agreement of the explanation with the noiseless truth, firing and silent tokens alike) by {by}: a "
        f"small point is a neuron's mean over seeds, the large one the mean over neurons with its 95 % interval, the "
        f"dashed line is {RECOVERED:g}, from which on a meaning counts as recovered; "
        f"{counted(neurons_in(cells), 'neuron')} ({basis(cell.recovery for cell in cells)})."
    )
    said = "; ".join(
        f"{group}: " + ", ".join(f"{v} {_mean_text(own)}" for _, v, own in study.by_variant(members))
        for group, members in groups.items()
    )
    height = 1.3 + len(groups) * (0.22 + 0.17 * len(study.variants))
    return Plot(draw(f"recovery-{name}", 8.2, height, paint), caption, f"Mean recovery by {by}. {said}.")


def _lane(index: int, n: int) -> float:
    """The height of a variant within a row of height one."""
    return (index - (n - 1) / 2) * min(0.25, 0.7 / n)


def _mean(axes: Axes, found: Compared, means: dict[str, float], at: float, index: int, name: str) -> None:
    """Few neurons have a mean, though no interval."""
    middle = _middle(means) or 0.0
    alone = Interval(value=middle, low=middle, high=middle)
    whisker(axes, found if isinstance(found, Interval) else alone, at, index, name=name)


def _middle(means: dict[str, float]) -> float | None:
    return sum(means.values()) / len(means) if means else None


def _mean_text(cells: Sequence[CellResult]) -> str:
    means = metric_means(cells, "recovery")
    return f"{sum(means.values()) / len(means):.3f}" if means else "unscored"


def _recovery_table(study: Study, groups: Groups, by: str, rng: np.random.Generator) -> Table:
    out = []
    for group, members in groups.items():
        for _, variant, own in study.by_variant(members):
            means = metric_means(own, "recovery")
            hits = [(cell.neuron, float(has_recovered(cell))) for cell in own if cell.error is None]
            mean = metric_interval(own, "recovery", study.clusters, rng)
            out.append(
                [
                    Entry(group), Entry(variant), count(neurons_in(own)), count(len(own)),
                    count(sum(isinstance(cell.recovery, Unscored) and cell.error is None for cell in own)),
                    count(sum(cell.error is not None for cell in own)),
                    measured(mean) if isinstance(mean, Interval) else number(_middle(means)),
                    measured(share_of(hits, study.clusters), share=True),
                ]
            )  # fmt: skip
    head = [
        by,
        "variant",
        "neurons",
        "cells",
        "unscored",
        "errors",
        "mean recovery",
        f"recovered (at least {RECOVERED:g})",
    ]
    return Table(
        f"Recovery by {by}, means over neurons, without an interval under {FEWEST_NEURONS}; the share recovered is of "
        f"runs that did not fail, one without explanation has recovered nothing (Wilson interval, as many witnesses as "
        f"neurons; noise levels of one function count once).", head, out,
    )  # fmt: skip


def nothing_section(study: Study) -> Section:
    """How often runs claim an explanation for neurons with nothing to find."""
    title = "False confidence"
    cells = [cell for cell in study.whole if cell.kind == "nothing"]
    if not cells:
        return Section("nothing", title, ["This suite has no neurons with nothing to find."])
    groups = _grouped(study, cells, lambda record: record.family or record.status or "(none)")
    noise = [cell for cell in cells if not _is_dead(study, cell)]
    shown = {**groups, "all but dead": noise} if len(groups) > 1 and noise else groups

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        for row, group in enumerate(shown.values()):
            for index, variant, own in study.by_variant(group):
                at = row + _lane(index, len(study.variants))
                whisker(axes, _confident_share(study, own), at, index, name=label(variant))
        rows(axes, list(shown))
        axes.set_xlim(-0.02, 1.02)
        axes.set_xlabel("share that ends as supported or split")
        axes.axvline(0, color=INK, linewidth=0.8)
        legend_above(figure, axes)

    out = []
    for group, members in shown.items():
        for _, variant, own in study.by_variant(members):
            ended = [cell for cell in own if cell.verdict is not None and cell.error is None]
            n_confident = sum(cell.verdict in CONFIDENT for cell in ended)
            share = _confident_share(study, own)
            out.append(
                [
                    Entry(group), Entry(variant), count(neurons_in(own)), count(len(own)), count(len(ended)),
                    count(sum(cell.error is not None for cell in own)),
                    Entry(f"{n_confident}", "number bad" if n_confident else "number"),
                    measured(share, share=True),
                ]
            )  # fmt: skip
    head = ["shape", "variant", "neurons", "cells", "with a verdict", "errors", "supported or split", "share"]
    about = (
        f"share of verdicts on {counted(neurons_in(cells), 'neuron')} with nothing to find that are supported or "
        f"split, by shape, with 95 % Wilson intervals (as many witnesses as neurons); zero is right"
    )
    said = "; ".join(f"{row[0].text}, {row[1].text}: {row[6].text} of {row[4].text}" for row in out)
    height = 1.3 + len(shown) * (0.22 + 0.17 * len(study.variants))
    plot = Plot(
        draw("false-confidence", 8.2, height, paint), f"False confidence: the {about}.", f"False confidence. {said}."
    )
    return Section("nothing", title, [], [plot, Table(f"The {about}.", head, out)])


def _is_dead(study: Study, cell: CellResult) -> bool:
    record = study.neurons.get(cell.neuron)
    return record is not None and record.status == "dead"


def _confident_share(study: Study, cells: Sequence[CellResult]) -> Compared:
    ended = [c for c in cells if c.verdict is not None and c.error is None]
    can = [c for c in ended if c.variant not in study.without_experiments]
    if ended and not can:
        return Unscored(reason="runs no experiments, so it cannot be confident")
    return share_of([(c.neuron, float(c.verdict in CONFIDENT)) for c in can], study.clusters)


def scorer_section(study: Study) -> Section:
    """Whether our scorer ranks the true explanation above every false one, independent of the agent."""
    title = "Does the scorer rank the truth first?"
    checked = [record for record in study.neurons.values() if record.kind == "truth" and record.scorer is not None]
    if not checked:
        return Section("scorer", title, ["No planted neuron of this suite has a true sentence and false ones to rank."])
    tally = [
        [
            Entry("none" if one.noise == 0 else f"{one.noise:g}"),
            count(one.n_first + one.n_not_first + one.n_unscored), count(one.n_unscored), count(one.n_first),
            Entry(str(one.n_not_first), "number bad" if one.n_not_first else "number"),
            measured(counted_share(one.n_first, one.n_first + one.n_not_first), share=True),
        ]
        for one in scorer_tally(checked)
    ]  # fmt: skip
    summary = Table(
        f"Whether the true sentence scores above every false one, by noise level, over "
        f"{counted(len(checked), 'planted neuron')}; a false one that predicts the same everywhere has lost.",
        ["noise", "neurons", "unscored", "truth first", "truth not first", "share of those scored"], tally,
    )  # fmt: skip
    failing = [record for record in checked if record.scorer and not truth_first(record.scorer)]
    notes = ["On every neuron the true sentence comes first."] if not failing else []
    parts = [summary] if not failing else [summary, _failing_table(failing)]
    return Section("scorer", title, notes, parts)


def _failing_table(records: Sequence[NeuronRecord]) -> Table:
    out = []
    for record in records:
        assert record.scorer is not None
        true, false = record.scorer.true, record.scorer.false
        scored = [claim for claim in false if number_of(claim.score) is not None]
        best = max(scored, key=lambda claim: number_of(claim.score) or 0.0) if scored else None
        missing = [claim for claim in (true, *false) if isinstance(claim.score, Unscored)]
        out.append(
            [
                Entry(record.name), Entry(record.family), Entry(f"{record.noise:g}", "number"),
                Entry(true.sentence, "sentence"), measured(true.score),
                Entry(best.sentence if best else "–", "sentence"),
                measured(best.score) if best else number(None), count(len(missing)),
            ]
        )  # fmt: skip
    head = [
        "neuron",
        "family",
        "noise",
        "true sentence",
        "its score",
        "best false sentence",
        "its score",
        "claims unscored",
    ]
    return Table("Neurons on which the true sentence does not come first, or a claim could not be scored.", head, out)
