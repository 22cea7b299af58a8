"""Detection and fuzzing: does a simulation say which excerpts activate, and which marked tokens are the firing ones?

Both are tasks that delphi gives to an LLM scorer, answered here by what a sentence predicts. The answer is a yes where
a number lies above a threshold fitted on development text. Classes weigh the same, so chance is 0.5.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tools.records.result import Unscored
from tools.scoring.metrics import Estimate, Series, StratifiedSample, estimate

Levels = NDArray[np.float32]


@dataclass(frozen=True)
class Cases:
    """What is to be told apart.

    Attributes:
        numbers: what the simulation says of each case, [n].
        truth: whether the answer is yes, [n].
        units: the (stratum, document) of the sample that each case comes from, [n].
        importance: how many cases each one stands for, [n]; None where all count the same.
    """

    numbers: Series
    truth: NDArray[np.bool_]
    units: NDArray[np.int64]
    importance: Series | None = None

    def counts(self, chosen: NDArray[np.bool_]) -> Series:
        """How many cases those that are chosen stand for."""
        return np.ones(int(chosen.sum())) if self.importance is None else self.importance[chosen]

    def one_class(self) -> Unscored | None:
        """Why nothing can be told apart, if so."""
        if self.truth.any() and not self.truth.all():
            return None
        which = "every one" if self.truth.any() else "none"
        return Unscored(reason=f"of {len(self.truth)} excerpts {which} activates, so there is nothing to tell apart")


@dataclass(frozen=True)
class Marks:
    """Firing excerpts with tokens marked: each twice, with its firing tokens and with as many others of its own.

    An excerpt that fires on more than half of its tokens has too few others and is left out.

    Attributes:
        rows: the excerpts of the sample, int64 [n].
        firing: their firing tokens, [n, pos].
        others: as many silent tokens of each, [n, pos].
    """

    rows: NDArray[np.int64]
    firing: NDArray[np.bool_]
    others: NDArray[np.bool_]

    @classmethod
    def draw(cls, sample: StratifiedSample, theta: float, rng: np.random.Generator) -> Marks:
        """Mark tokens; the same marks serve every explanation."""
        mask = sample.activations.excerpts.mask
        firing = (sample.activations.values > theta) & mask
        n_firing, n_others = firing.sum(1), (mask & ~firing).sum(1)
        rows = np.flatnonzero((n_firing > 0) & (n_others >= n_firing))
        lots = np.where(mask & ~firing, rng.random(mask.shape), np.inf)[rows]
        rank = lots.argsort(1).argsort(1)
        return cls(rows, firing[rows], rank < n_firing[rows, None])


def detection_cases(sample: StratifiedSample, theta: float, levels: Levels) -> Cases:
    """Whole excerpts: does the neuron go above theta in it? The number is the highest simulated level, of [n, pos]."""
    mask = sample.activations.excerpts.mask
    highest = np.where(mask, levels, -np.inf).max(1, initial=-np.inf).astype(np.float64)
    firing = (sample.activations.values > theta) & mask
    return Cases(highest, firing.max(1, initial=False), sample.units, sample.importance)


def fuzzing_cases(sample: StratifiedSample, marks: Marks, levels: Levels) -> Cases:
    """Marked excerpts: are the marks on the firing tokens? The number is the mean simulated level of the marked."""
    n_marked = marks.firing.sum(1)
    own = levels[marks.rows].astype(np.float64)
    means = [((own * marked).sum(1) / n_marked).round(6) for marked in (marks.firing, marks.others)]
    truth = np.repeat([True, False], len(marks.rows))
    return Cases(
        np.concatenate(means), truth, np.tile(sample.units[marks.rows], 2), np.tile(sample.counts_of(marks.rows), 2)
    )


def fit_threshold(cases: Cases) -> float | Unscored:
    """The number above which the answer is yes: of all midpoints the one with the highest balanced accuracy.

    Of equals the lowest. Where all numbers are the same every answer is yes, since nothing is told apart.
    """
    if one := cases.one_class():
        return Unscored(reason=f"no threshold can be fitted on development text: {one.reason}")
    values, positive, negative = _by_value(cases, np.zeros(len(cases.truth), dtype=np.int64), 1)
    if len(values) == 1:
        return float(values[0]) - 1
    hits, rejections = 1 - positive[0].cumsum() / positive.sum(), negative[0].cumsum() / negative.sum()
    best = int((hits + rejections)[:-1].round(12).argmax())
    return float(values[best] + values[best + 1]) / 2


def balanced_accuracy(cases: Cases, threshold: float, weights: NDArray[np.float64]) -> Estimate | Unscored:
    """Mean of the shares of yes-cases above the threshold and of no-cases at or below it.

    Args:
        cases: to be told apart.
        threshold: see `fit_threshold`.
        weights: of the sample that the cases come from, [n_resamples, n_units].
    """
    if one := cases.one_class():
        return one
    says = cases.numbers > threshold
    counts = [
        np.bincount(cases.units[chosen], weights=cases.counts(chosen), minlength=weights.shape[1])
        for chosen in (cases.truth & says, cases.truth, ~cases.truth & ~says, ~cases.truth)
    ]
    sums = np.stack(counts, axis=1).astype(np.float64)

    def mean_of_shares(totals: NDArray[np.float64]) -> NDArray[np.float64]:
        hits, n_yes, rejections, n_no = np.moveaxis(totals, -1, 0)
        exists = (n_yes > 0) & (n_no > 0)
        shares = hits / np.where(exists, n_yes, 1) + rejections / np.where(exists, n_no, 1)
        return np.where(exists, shares / 2, np.nan)

    return estimate(float(mean_of_shares(sums.sum(0))), mean_of_shares(weights @ sums))


def area_under_curve(cases: Cases, weights: NDArray[np.float64]) -> Estimate | Unscored:
    """How often a yes-case has the higher number than a no-case, ties counting half; no threshold is needed."""
    if one := cases.one_class():
        return one
    _, yes, no = _by_value(cases, cases.units, weights.shape[1])
    won = yes @ (no.cumsum(1) - no / 2).T  # yes-cases of one unit against no-cases of another

    def area(weight: NDArray[np.float64]) -> NDArray[np.float64]:
        pairs = (weight @ yes.sum(1)) * (weight @ no.sum(1))
        return np.where(pairs > 0, ((weight @ won) * weight).sum(-1) / np.where(pairs > 0, pairs, 1), np.nan)

    return estimate(float(area(np.ones(len(won)))), area(weights))


def _by_value(
    cases: Cases, units: NDArray[np.int64], n_units: int
) -> tuple[Series, NDArray[np.float64], NDArray[np.float64]]:
    """The numbers that occur, rising, and the yes- and no-cases of each unit at each, [n_units, n_values]."""
    values, which = np.unique(cases.numbers, return_inverse=True)
    at = units * len(values) + which
    shape = n_units, len(values)
    yes, no = (
        np.bincount(at[kind], weights=cases.counts(kind), minlength=n_units * len(values))
        for kind in (cases.truth, ~cases.truth)
    )
    return values, yes.reshape(shape).astype(np.float64), no.reshape(shape).astype(np.float64)
