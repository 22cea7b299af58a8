"""What the results of an evaluation say: a summary of each variant, and paired differences between variants.

Cells of half the text serve stability only and are left out here. Neurons with nothing to find have no score to
average; they count for false confidence. Puzzles are a group of their own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from typing import Literal

import numpy as np

from evals.records import CellResult, NeuronRecord, Record
from evals.stability import Stability
from evals.statistics import adjusted, mean_by_neuron, mean_interval, permutation_p, ratio_of_means, wilson
from tools.records.result import Compared, Interval, ScoreValue, Unscored

RECOVERED = 0.9
"""A truth is recovered when the explanation agrees with it at least this well."""

TIE = 0.01
"""Two variants tie on a neuron when they differ by less."""

CONFIDENT = ("supported", "split")

METRICS = {
    "score": "sealed score",
    "recovery": "recovery of the truth",
    "gain": "gain over the matched null",
    "gain-lookup": "gain over token-lookup-30",
    "development": "development score",
    "probe-skill": "skill of predictions on the fixed probe set",
    "optimism-gap": "development minus sealed score",
}
"""What can be compared, in words."""

_COSTS = ("calls", "units", "seconds", "tokens", "usd")

Group = Literal["neurons", "puzzles"]


class CostPerCell(Record):
    """Means per cell, or differences of them; None where it is not known for every cell."""

    calls: float | None = None
    units: float | None = None
    seconds: float | None = None
    tokens: float | None = None
    usd: float | None = None


class VariantSummary(Record):
    """One variant on one group of neurons. Means are over neurons, after the mean over seeds.

    Attributes:
        n_cells: all of them; of these `n_errors` failed, and `n_to_find` have something to find.
        n_neurons: with something to find.
        n_nothing: neurons with nothing to find.
        errors: failed cells, by kind of error.
        n_scored: cells with a sealed score.
        unscored: cells that ran, with something to find and no sealed score, by reason.
        protocol, split, n_excerpts: how the scores were measured, and the fewest and the most excerpts.
        null_gain: the gain over the matched null.
        beats_null: whether the interval of that gain lies above zero; None when there is none.
        recovery, recovered: of planted neurons with a truth, and the share of them recovered (Wilson interval at as
            many witnesses as neurons, since seeds of a neuron are alike); None when there are no such neurons.
        n_recovered: cells (recovered, with a recovery measured, all with a truth).
        false_confidence: the share of "supported" and "split" among verdicts on neurons with nothing to find, with an
            interval like that of `recovered`; None when there are no such neurons.
        n_confident: such verdicts (confident, all).
        ceiling_share: ratio of mean score to mean ceiling; None when no ceiling was measured.
        verdicts: how many cells ended with each.
    """

    variant: str
    group: Group
    n_cells: int
    n_neurons: int
    n_nothing: int
    n_to_find: int
    n_errors: int
    errors: dict[str, int]
    n_scored: int
    unscored: dict[str, int]
    protocol: str
    split: str
    n_excerpts: tuple[int, int] | None
    score: Compared
    null_gain: Compared
    beats_null: bool | None
    optimism_gap: Compared
    recovery: Compared | None
    recovered: Compared | None
    n_recovered: tuple[int, int, int]
    false_confidence: Compared | None
    n_confident: tuple[int, int]
    probe_skill: Compared
    ceiling_share: Compared | None
    verdicts: dict[str, int]
    cost: CostPerCell
    stability: Stability | None = None


class Comparison(Record):
    """The paired difference of a metric, `a` minus `b`.

    Attributes:
        difference: mean over neurons with its interval.
        p, p_adjusted: two-sided permutation p-value, and after Benjamini-Hochberg over all pairs compared together;
            None when no neuron could be compared.
        wins, losses, ties: neurons on which `a` is better, `b` is, or neither by as much as `TIE`.
        by_neuron: the difference on each neuron compared.
        n_left_out: neurons that both were run on and that have no seed at which both have a value.
        n_runs_left_out: pairs of runs of which at least one has no value, those of `n_left_out` among them.
        n_unmatched: neurons that only one of them was run on at the same seed.
        n_other_fold: pairs of cells scored on different sealed folds.
        cost: difference of the means per cell, over the pairs of cells that both ran.
    """

    metric: str
    group: Group
    a: str
    b: str
    difference: Compared
    p: float | None
    p_adjusted: float | None
    wins: int
    losses: int
    ties: int
    by_neuron: dict[str, float]
    n_left_out: int
    n_runs_left_out: int
    n_unmatched: int
    n_other_fold: int
    cost: CostPerCell

    @property
    def n_neurons(self) -> int:
        """How many were compared."""
        return len(self.by_neuron)


def value_of(cell: CellResult, metric: str) -> float | str | None:
    """The value of a metric on a cell; the reason when there is none; None when the metric does not apply to it."""
    if cell.kind == "nothing" or (metric == "recovery" and cell.kind != "truth"):
        return None
    if cell.error is not None:
        return f"the run failed ({cell.error.kind})"
    found: Compared | float | None
    match metric:
        case "score":
            found = cell.score
        case "development":
            found = cell.development_score
        case "gain":
            found = cell.gains.get("null")
        case "gain-lookup":
            found = cell.gains.get("token_lookup_30")
        case "recovery":
            found = cell.recovery
        case "probe-skill":
            found = cell.probe_skill
        case "optimism-gap":
            found = cell.optimism_gap
        case _:
            raise ValueError(f"{metric} is not one of {', '.join(METRICS)}")
    if isinstance(found, Unscored):
        return found.reason
    if found is None:
        return f"the run has no {METRICS[metric]}"
    return found.value if isinstance(found, Interval) else found


def summarise(
    cells: Iterable[CellResult],
    rng: np.random.Generator,
    *,
    neurons: Iterable[NeuronRecord] = (),
    stability: Mapping[str, Stability] | None = None,
) -> list[VariantSummary]:
    """One summary per group and variant, in the order in which they come first.

    Args:
        cells: of one or several evaluations of one suite.
        rng: draws the resamples of the intervals.
        neurons: their ceilings, where those were measured.
        stability: by variant.
    """
    ceilings = {record.name: record.ceiling for record in neurons}
    out = []
    for group, whole in _groups(cells).items():
        for variant in dict.fromkeys(cell.variant for cell in whole):
            own = [cell for cell in whole if cell.variant == variant]
            alike = (stability or {}).get(variant) if group == "neurons" else None
            out.append(_summary(variant, group, own, ceilings, alike, rng))
    return out


def _groups(cells: Iterable[CellResult]) -> dict[Group, list[CellResult]]:
    groups: dict[Group, list[CellResult]] = {"neurons": [], "puzzles": []}
    for cell in cells:
        if cell.half is None:
            groups["puzzles" if cell.kind == "puzzle" else "neurons"].append(cell)
    return {group: whole for group, whole in groups.items() if whole}


def _summary(
    variant: str,
    group: Group,
    cells: Sequence[CellResult],
    ceilings: Mapping[str, Sequence[Compared]],
    stability: Stability | None,
    rng: np.random.Generator,
) -> VariantSummary:
    def mean(metric: str) -> Compared:
        return mean_interval(_by_neuron(cells, metric).values(), rng)

    ran = [cell for cell in cells if cell.error is None]
    to_find = [cell for cell in cells if cell.kind != "nothing"]
    with_truth = [cell for cell in cells if cell.kind == "truth"]
    ended = [cell for cell in ran if cell.kind == "nothing" and cell.verdict is not None]
    scores = [cell.score for cell in to_find if isinstance(cell.score, ScoreValue)]
    null_gain = mean("gain")
    recovered = [
        (cell.neuron, float(value >= RECOVERED))
        for cell in with_truth
        if isinstance(value := value_of(cell, "recovery"), float)
    ]
    confident = [(cell.neuron, float(cell.verdict in CONFIDENT)) for cell in ended]
    return VariantSummary(
        variant=variant,
        group=group,
        n_cells=len(cells),
        n_neurons=len({cell.neuron for cell in to_find}),
        n_nothing=len({cell.neuron for cell in cells if cell.kind == "nothing"}),
        n_to_find=len(to_find),
        n_errors=len(cells) - len(ran),
        errors=dict(Counter(cell.error.kind for cell in cells if cell.error is not None)),
        n_scored=len(scores),
        unscored=dict(
            Counter(cell.score.reason for cell in to_find if cell.error is None and isinstance(cell.score, Unscored))
        ),
        protocol=", ".join(sorted({score.protocol for score in scores})),
        split=", ".join(sorted({score.split for score in scores})),
        n_excerpts=(min(s.n_excerpts for s in scores), max(s.n_excerpts for s in scores)) if scores else None,
        score=mean("score"),
        null_gain=null_gain,
        beats_null=null_gain.low > 0 if isinstance(null_gain, Interval) else None,
        optimism_gap=mean("optimism-gap"),
        recovery=mean("recovery") if with_truth else None,
        recovered=_share(recovered) if with_truth else None,
        n_recovered=(int(sum(hit for _, hit in recovered)), len(recovered), len(with_truth)),
        false_confidence=_share(confident) if any(cell.kind == "nothing" for cell in cells) else None,
        n_confident=(int(sum(hit for _, hit in confident)), len(confident)),
        probe_skill=mean("probe-skill"),
        ceiling_share=_ceiling_share(to_find, ceilings, rng),
        verdicts=dict(Counter(cell.verdict for cell in ran if cell.verdict is not None)),
        cost=CostPerCell(**{name: _mean_cost(ran, name) for name in _COSTS}),
        stability=stability,
    )


def _by_neuron(cells: Iterable[CellResult], metric: str) -> dict[str, float]:
    values = ((cell.neuron, value_of(cell, metric)) for cell in cells)
    return mean_by_neuron((neuron, value) for neuron, value in values if isinstance(value, float))


def _share(hits: Sequence[tuple[str, float]]) -> Compared:
    shares = mean_by_neuron(hits)
    return wilson(sum(shares.values()), len(shares))


def _ceiling_share(
    cells: Iterable[CellResult], ceilings: Mapping[str, Sequence[Compared]], rng: np.random.Generator
) -> Compared | None:
    if not any(ceilings.values()):
        return None
    scores, limits = [], []
    for cell in cells:
        by_fold = ceilings.get(cell.neuron, ())
        limit = by_fold[cell.fold] if cell.fold is not None and cell.fold < len(by_fold) else None
        value = value_of(cell, "score")
        if isinstance(limit, Interval) and isinstance(value, float):
            scores.append((cell.neuron, value))
            limits.append((cell.neuron, limit.value))
    means = [np.array(list(mean_by_neuron(values).values())) for values in (scores, limits)]
    return ratio_of_means(means[0], means[1], rng)


def _cost(cell: CellResult, name: str) -> float | None:
    match name:
        case "calls":
            return cell.calls
        case "units":
            return cell.budget.used
        case "seconds":
            return cell.seconds
        case "tokens":
            return cell.cost.tokens
        case _:
            return cell.cost.usd


def _mean_cost(cells: Sequence[CellResult], name: str) -> float | None:
    known = [cost for cell in cells if (cost := _cost(cell, name)) is not None]
    return sum(known) / len(known) if known and len(known) == len(cells) else None


def compare(cells: Iterable[CellResult], metric: str, rng: np.random.Generator) -> list[Comparison]:
    """The paired differences of all pairs of variants on which there is something to compare, earlier minus later.

    A neuron enters with the mean over the seeds at which both variants have a value.

    Args:
        cells: of one or several evaluations of one suite.
        metric: a key of `METRICS`.
        rng: draws the resamples of the intervals and the flips of the test.
    """
    pairs: list[Comparison] = []
    for group, whole in _groups(cells).items():
        for a, b in combinations(dict.fromkeys(cell.variant for cell in whole), 2):
            pairs.append(_compare_pair(whole, a, b, metric, group, rng))
    tested = [pair for pair in pairs if pair.p is not None]
    corrected = dict(zip(map(id, tested), adjusted(pair.p for pair in tested if pair.p is not None), strict=True))
    return [pair.model_copy(update={"p_adjusted": corrected.get(id(pair))}) for pair in pairs]


def _compare_pair(
    cells: Sequence[CellResult], a: str, b: str, metric: str, group: Group, rng: np.random.Generator
) -> Comparison:
    sides = [
        {(cell.suite, cell.neuron, cell.seed): cell for cell in cells if cell.variant == variant} for variant in (a, b)
    ]
    both = [(sides[0][key], sides[1][key]) for key in sides[0] if key in sides[1]]
    differences, left_out, n_other_fold = [], [], 0
    for one, other in both:
        x, y = value_of(one, metric), value_of(other, metric)
        if isinstance(x, float) and isinstance(y, float):
            differences.append((one.neuron, x - y))
            n_other_fold += one.fold != other.fold
        elif x is not None:
            left_out.append(one.neuron)
    by_neuron = mean_by_neuron(differences)
    ran = [pair for pair in both if all(cell.error is None for cell in pair)]
    costs = {name: [_mean_cost(side, name) for side in zip(*ran, strict=True)] for name in _COSTS} if ran else {}
    applies = {cell.neuron for side in sides for cell in side.values() if value_of(cell, metric) is not None}
    return Comparison(
        metric=metric,
        group=group,
        a=a,
        b=b,
        difference=mean_interval(by_neuron.values(), rng),
        p=permutation_p(by_neuron.values(), rng) if by_neuron else None,
        p_adjusted=None,
        wins=sum(d >= TIE for d in by_neuron.values()),
        losses=sum(d <= -TIE for d in by_neuron.values()),
        ties=sum(abs(d) < TIE for d in by_neuron.values()),
        by_neuron=by_neuron,
        n_left_out=len(set(left_out) - by_neuron.keys()),
        n_runs_left_out=len(left_out),
        n_unmatched=len(applies - {one.neuron for one, _ in both}),
        n_other_fold=n_other_fold,
        cost=CostPerCell(
            **{
                name: None if means[0] is None or means[1] is None else means[0] - means[1]
                for name, means in costs.items()
            }
        ),
    )
