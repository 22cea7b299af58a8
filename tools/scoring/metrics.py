"""Scores of simulated against true activations, with intervals over documents within strata.

The formulas are OpenAI's (2023): true activations raw, all tokens of all excerpts concatenated. Where a score does not
exist (one of the series is constant) the answer is `Unscored` with the reason, never a number.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tools.records.excerpts import Readings
from tools.records.result import Interval, Unscored

N_RESAMPLES = 1000
_TOO_MANY_UNDEFINED = 0.05
_ROUNDING = 1e-12

Series = NDArray[np.float64]
Sums = NDArray[np.float64]


@dataclass(frozen=True)
class StratifiedSample:
    """Excerpts on which explanations are scored, in strata, with what is needed to resample documents within them.

    Attributes:
        readings: the excerpts and the true activations.
        strata: one label per excerpt, [n].
        weights: how often each (stratum, document) is drawn in each resample, float64 [n_resamples, n_units].
        units: the (stratum, document) number of each excerpt, [n].
    """

    readings: Readings
    strata: tuple[str, ...]
    weights: NDArray[np.float64]
    units: NDArray[np.int64]

    @classmethod
    def draw(cls, readings: Readings, strata: list[str], rng: np.random.Generator) -> StratifiedSample:
        """Number the documents within strata and draw the resamples, shared by everything scored on this sample."""
        keys = list(zip(strata, readings.excerpts.documents.tolist(), strict=True))
        numbers = {key: i for i, key in enumerate(dict.fromkeys(keys))}
        units = np.array([numbers[key] for key in keys], dtype=np.int64)
        weights = np.zeros((N_RESAMPLES, len(numbers)))
        for stratum in dict.fromkeys(strata):
            own = [i for (label, _), i in numbers.items() if label == stratum]
            weights[:, own] = rng.multinomial(len(own), np.full(len(own), 1 / len(own)), size=N_RESAMPLES)
        return cls(readings, tuple(strata), weights, units)

    def __len__(self) -> int:
        return len(self.readings)

    @cached_property
    def _truth(self) -> Series | None:
        return _standardised(self.readings.values[self.readings.excerpts.mask])

    @cached_property
    def _token_units(self) -> NDArray[np.int64]:
        return np.repeat(self.units, self.readings.excerpts.lengths)

    def correlation(self, levels: NDArray[np.float32]) -> Correlation | Unscored:
        """Pearson correlation of the true activations with simulated levels [n, pos], and its resamples."""
        if len(self) == 0:
            return Unscored(reason="there is no excerpt to score on")
        if self.weights.shape[1] == len(set(self.strata)):
            return Unscored(reason="no stratum has more than one document, so there is nothing to resample")
        true, simulated = self._truth, _standardised(levels[self.readings.excerpts.mask])
        if true is None or simulated is None:
            which = "the neuron" if true is None else "the simulation"
            return Unscored(reason=f"{which} is constant on the scored excerpts, so a correlation does not exist")
        parts = (np.ones_like(true), true, simulated, true**2, simulated**2, true * simulated)
        n_units = self.weights.shape[1]
        sums = np.stack([np.bincount(self._token_units, weights=part, minlength=n_units) for part in parts], axis=1)
        replicates = _correlation(self.weights @ sums)
        if np.mean(~np.isfinite(replicates)) > _TOO_MANY_UNDEFINED:
            return Unscored(reason="too few documents vary for an interval: resamples have no correlation")
        return Correlation(float(_correlation(sums.sum(0))), replicates)


@dataclass(frozen=True)
class Correlation:
    """A correlation and its bootstrap replicates over documents within strata, NaN where one does not exist."""

    value: float
    replicates: NDArray[np.float64]

    def interval(self) -> Interval:
        """The value with its 95 % percentile interval."""
        return _interval(self.value, self.replicates)

    def minus(self, other: Correlation) -> Interval:
        """The paired difference; both must come from one sample."""
        return _interval(self.value - other.value, self.replicates - other.replicates)


def _interval(value: float, replicates: NDArray[np.float64]) -> Interval:
    finite = replicates[np.isfinite(replicates)]
    low, high = np.percentile(finite, [2.5, 97.5])
    return Interval(value=round(value, 6), low=round(float(low), 6), high=round(float(high), 6))


def _standardised(values: NDArray[np.float32]) -> Series | None:
    """`values` with mean 0 and variance 1; None when they are constant."""
    series = values.astype(np.float64)
    if series.max() == series.min():
        return None
    series -= series.mean()
    return series / float(np.sqrt(np.mean(series**2)))


def _correlation(sums: Sums) -> Sums:
    """Correlations from n, sum a, sum s, sum aa, sum ss, sum as of standardised series, [..., 6]; NaN without one."""
    n, a, s, aa, ss, a_s = np.moveaxis(sums, -1, 0)
    # Variances beside 1 for the whole sample: what is left of a constant resample is rounding.
    variance_a, variance_s = aa / n - (a / n) ** 2, ss / n - (s / n) ** 2
    vary = (variance_a > _ROUNDING) & (variance_s > _ROUNDING)
    product = np.where(vary, variance_a * variance_s, 1)
    return np.where(vary, ((a_s / n - a * s / n**2) / np.sqrt(product)).clip(-1, 1), np.nan)
