"""Paired differences between variants, neuron by neuron; not on puzzles, where no agent runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations

import numpy as np

from evals.metrics import CostPerCell, Group, by_group, clusters_of, mean_costs, value_of
from evals.records import CellResult, NeuronRecord, Record
from evals.statistics import mean_by_cluster, mean_interval, permutation_p
from tools.records.result import Compared
from tools.scoring.multiplicity import q_values

TIE = 0.01
"""A smaller difference between two variants on a neuron is a tie."""


class Comparison(Record):
    """The paired difference of a metric, `a` minus `b`.

    Attributes:
        difference: mean over neurons with its interval.
        p, p_adjusted: two-sided permutation p-value, and after Benjamini-Hochberg over the pairs of its group;
            None when no neuron could be compared.
        n_neurons: compared neurons; noise levels of one function are averaged and count once below.
        wins, losses, ties: neurons on which `a` is better, `b` is better, or they differ by less than `TIE`.
        by_cluster: the difference on each.
        n_left_out: common neurons without a seed at which both have a value.
        n_runs_left_out: pairs of runs without a value on both sides, including those of `n_left_out`.
        n_unmatched: neurons without a common seed.
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
    n_neurons: int
    wins: int
    losses: int
    ties: int
    by_cluster: dict[str, float]
    n_left_out: int
    n_runs_left_out: int
    n_unmatched: int
    n_other_fold: int
    cost: CostPerCell


def compare(
    cells: Iterable[CellResult], metric: str, rng: np.random.Generator, *, neurons: Iterable[NeuronRecord] = ()
) -> list[Comparison]:
    """The paired differences of all comparable pairs of variants, earlier minus later.

    A neuron counts with its mean over the seeds at which both variants have a value.

    Args:
        cells: of one or several evaluations of one suite.
        metric: a key of `METRICS`.
        rng: draws the resamples of the intervals and the flips of the test.
        neurons: their clusters.
    """
    clusters = clusters_of(neurons)
    out: list[Comparison] = []
    for group, whole in by_group(cells).items():
        if group == "puzzles" or all(value_of(cell, metric) is None for cell in whole):
            continue
        pairs = [
            _compare_pair(whole, a, b, metric, group, clusters, rng)
            for a, b in combinations(dict.fromkeys(cell.variant for cell in whole), 2)
        ]
        corrected = iter(q_values([pair.p for pair in pairs if pair.p is not None]))
        out += [pair if pair.p is None else pair.model_copy(update={"p_adjusted": next(corrected)}) for pair in pairs]
    return out


def _compare_pair(
    cells: Sequence[CellResult],
    a: str,
    b: str,
    metric: str,
    group: Group,
    clusters: Mapping[str, str],
    rng: np.random.Generator,
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
    compared = {neuron for neuron, _ in differences}
    means = mean_by_cluster(differences, clusters)
    ran = [pair for pair in both if all(cell.error is None for cell in pair)]
    applies = {cell.neuron for side in sides for cell in side.values() if value_of(cell, metric) is not None}
    return Comparison(
        metric=metric,
        group=group,
        a=a,
        b=b,
        difference=mean_interval(means.values(), rng),
        p=permutation_p(means.values(), rng) if means else None,
        p_adjusted=None,
        n_neurons=len(compared),
        wins=sum(d >= TIE for d in means.values()),
        losses=sum(d <= -TIE for d in means.values()),
        ties=sum(abs(d) < TIE for d in means.values()),
        by_cluster=means,
        n_left_out=len(set(left_out) - compared),
        n_runs_left_out=len(left_out),
        n_unmatched=len(applies - {one.neuron for one, _ in both}),
        n_other_fold=n_other_fold,
        cost=mean_costs([one for one, _ in ran]).minus(mean_costs([other for _, other in ran])),
    )
