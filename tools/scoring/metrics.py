"""Scores of simulated against true activations, with intervals over documents within strata.

The formulas are OpenAI's (2023): true activations raw, all tokens of all excerpts concatenated. Where a score does not
exist (one of the series is constant) the answer is `Unscored` with the reason, never a number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tools.records.excerpts import Activations
from tools.records.result import Interval, Unscored

N_RESAMPLES = 1000

MIN_TEXTS = 10
"""With fewer texts in a sample their sections are resampled instead, although those of one text are alike."""

_TOO_MANY_UNDEFINED = 0.05
_ROUNDING = 1e-12

Series = NDArray[np.float64]
Sums = NDArray[np.float64]


@dataclass(frozen=True)
class StratifiedSample:
    """Excerpts on which explanations are scored, in strata, with what is needed to resample documents within them.

    What is resampled are whole source texts: sections of one text are too alike to be counted as so many documents. A
    text is drawn as often in one stratum as in the others, and every stratum keeps its share of the excerpts.

    Attributes:
        activations: the excerpts and the true activations.
        strata: one label per excerpt, [n].
        weights: how much each (stratum, document) counts in each resample, float64 [n_resamples, n_units].
        units: the (stratum, document) number of each excerpt, [n].
        resampled: what counted as a document.
        importance: how many excerpts each one stands for, float64 [n]; None where all count the same.
    """

    activations: Activations
    strata: tuple[str, ...]
    weights: NDArray[np.float64]
    units: NDArray[np.int64]
    resampled: Literal["texts", "sections of texts"]
    importance: NDArray[np.float64] | None = None

    @classmethod
    def draw(
        cls,
        activations: Activations,
        strata: list[str],
        rng: np.random.Generator,
        importance: NDArray[np.float64] | None = None,
    ) -> StratifiedSample:
        """Draw the resamples, shared by everything scored on this sample."""
        excerpts = activations.excerpts
        by_text = len(np.unique(excerpts.texts)) >= MIN_TEXTS
        names, documents = np.unique(excerpts.texts if by_text else excerpts.documents, return_inverse=True)
        n = len(names)
        times = rng.multinomial(n, np.full(n, 1 / n), size=N_RESAMPLES) if n else np.zeros((N_RESAMPLES, 0))
        labels, stratum = np.unique(np.array(strata, dtype=str), return_inverse=True)
        keys, units = np.unique(stratum * max(n, 1) + documents, return_inverse=True)
        sizes = np.bincount(units, weights=importance, minlength=len(keys))
        weights = times[:, keys % max(n, 1)].astype(np.float64)
        for label in range(len(labels)):
            own = keys // n == label
            drawn = weights[:, own] @ sizes[own]
            weights[:, own] *= (sizes[own].sum() / np.where(drawn > 0, drawn, 1))[:, None]  # none: it is absent
        return cls(activations, tuple(strata), weights, units, "texts" if by_text else "sections of texts", importance)

    def __len__(self) -> int:
        return len(self.activations)

    def counts_of(self, rows: NDArray[np.int64]) -> Series:
        """How many excerpts those at `rows` stand for."""
        return np.ones(len(rows)) if self.importance is None else self.importance[rows]

    @cached_property
    def true(self) -> Series:
        """The true activations, raw, all tokens of all excerpts concatenated."""
        return self.tokens_of(self.activations.values)

    def tokens_of(self, values: NDArray[np.float32]) -> Series:
        """What [n, pos] holds at the tokens, concatenated."""
        return values[self.activations.excerpts.mask].astype(np.float64)

    def nothing_to_resample(self) -> Unscored | None:
        """Why no interval can be had on this sample, if so."""
        if len(self) == 0:
            return Unscored(reason="there is no excerpt to score on")
        if self.weights.shape[1] == len(set(self.strata)):
            return Unscored(reason="no stratum has more than one document, so there is nothing to resample")
        return None

    def totals(self, series: Sequence[Series]) -> Sums:
        """Sums of series over the tokens of each unit, [n_units, n_series]."""
        n_units, counts = self.weights.shape[1], self.token_importance
        return np.stack(
            [np.bincount(self._token_units, weights=one * counts, minlength=n_units) for one in series], axis=1
        )

    def correlation(self, levels: NDArray[np.float32]) -> Estimate | Unscored:
        """Pearson correlation of the true activations with simulated levels [n, pos], and its resamples."""
        if nothing := self.nothing_to_resample():
            return nothing
        true, simulated = self._standard_truth, standardised(self.tokens_of(levels))
        if true is None or simulated is None:
            which = "the neuron" if true is None else "the simulation"
            silent = " (it predicts no firing there)" if true is not None and not levels.any() else ""
            return Unscored(
                reason=f"{which} is constant on the scored excerpts{silent}, so a correlation does not exist"
            )
        known, resampled = self._truth_totals
        sums = self.totals((simulated, simulated**2, true * simulated))
        value = correlations_of(np.concatenate([known.sum(0), sums.sum(0)]))
        return estimate(float(value), correlations_of(np.concatenate([resampled, self.weights @ sums], axis=1)))

    @cached_property
    def token_importance(self) -> Series:
        """How many tokens each token stands for, concatenated."""
        return np.repeat(self.counts_of(np.arange(len(self))), self.activations.excerpts.lengths)

    @cached_property
    def _token_units(self) -> NDArray[np.int64]:
        return np.repeat(self.units, self.activations.excerpts.lengths)

    @cached_property
    def _standard_truth(self) -> Series | None:
        return standardised(self.true)

    @cached_property
    def _truth_totals(self) -> tuple[Sums, Sums]:
        """Sums of 1, a and aa by unit [n_units, 3], and by resample [n_resamples, 3]."""
        true = self._standard_truth
        assert true is not None
        sums = self.totals((np.ones_like(true), true, true**2))
        return sums, self.weights @ sums


@dataclass(frozen=True)
class Estimate:
    """A score and its bootstrap replicates over documents within strata, NaN where one does not exist."""

    value: float
    replicates: NDArray[np.float64]

    def interval(self) -> Interval:
        """The value with its 95 % percentile interval."""
        return percentile_interval(self.value, self.replicates)

    def minus(self, other: Estimate) -> Interval:
        """The paired difference; both must come from one sample."""
        return percentile_interval(self.value - other.value, self.replicates - other.replicates)


def estimate(value: float, replicates: NDArray[np.float64]) -> Estimate | Unscored:
    """Both together, or why there are too few replicates for an interval."""
    if np.mean(~np.isfinite(replicates)) > _TOO_MANY_UNDEFINED:
        return Unscored(reason="too few documents vary for an interval: the score does not exist on many resamples")
    return Estimate(value, replicates)


def percentile_interval(value: float, replicates: NDArray[np.float64]) -> Interval:
    """A value with its 95 % percentile interval; replicates in which it does not exist are passed over."""
    finite = replicates[np.isfinite(replicates)]
    low, high = np.percentile(finite, [2.5, 97.5])
    return Interval(value=round(value, 6), low=round(float(low), 6), high=round(float(high), 6))


def standardised(series: Series) -> Series | None:
    """`series` with mean 0 and variance 1; None when it is constant."""
    if series.max() == series.min():
        return None
    centred: Series = series - series.mean()
    return centred / float(np.sqrt(np.mean(centred**2)))


def correlations_of(sums: Sums) -> Sums:
    """Correlations from n, sum a, sum aa, sum s, sum ss, sum as of standardised series, [..., 6]; NaN without one."""
    n, a, aa, s, ss, a_s = np.moveaxis(sums, -1, 0)
    n = np.maximum(n, 1)
    # Variances beside 1 for the whole sample: what is left of a constant resample is rounding.
    variance_a, variance_s = aa / n - (a / n) ** 2, ss / n - (s / n) ** 2
    vary = (variance_a > _ROUNDING) & (variance_s > _ROUNDING)
    product = np.where(vary, variance_a * variance_s, 1)
    return np.where(vary, ((a_s / n - a * s / n**2) / np.sqrt(product)).clip(-1, 1), np.nan)
