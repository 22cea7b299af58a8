"""How much of the raw activation a calibrated simulation explains: OpenAI's other two scores, and explained variance.

Levels become raw activations on a line fitted by least squares on development text, so none of the three is ever fitted
on what it is measured on. A sentence that orders tokens well and misses how strongly the neuron fires there scores
below the square of its correlation, down to less than zero: worse than the constant that the score compares to.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tools.records.result import Unscored
from tools.scoring.metrics import Estimate, Series, StratifiedSample, estimate

_ROUNDING = 1e-12


@dataclass(frozen=True)
class Line:
    """Raw activation = `intercept` + `slope` * level."""

    intercept: float
    slope: float

    @classmethod
    def fit(cls, sample: StratifiedSample, levels: NDArray[np.float32]) -> Line | Unscored:
        """Least squares over all tokens of a development sample; `levels` are [n, pos]."""
        level, true = sample.tokens_of(levels), sample.true
        if len(level) == 0 or level.max() == level.min():
            return Unscored(reason="the simulation is constant on development text, so no line can be fitted")
        counts = sample.token_importance
        middle, mean = (float(np.average(series, weights=counts)) for series in (level, true))
        centred = level - middle
        slope = float((counts * centred) @ true / ((counts * centred) @ centred))
        return cls(mean - slope * middle, slope)

    def raw(self, levels: Series) -> Series:
        """Predicted raw activations."""
        return self.intercept + self.slope * levels


def explained(sample: StratifiedSample, levels: NDArray[np.float32], line: Line) -> dict[str, Estimate | Unscored]:
    """The three scores of true raw activations `a` against `s`, the levels [n, pos] put on a line; 1 is perfect.

    `explained_variance` is 1 - E[(s-a)^2] / Var(a), as OpenAI's paper defines it; `rsquared` is 1 - E[(s-a)^2] / E[a^2]
    and `absolute_dev_explained` 1 - E|a-s| / E|a|, as the neuron-explainer computes `rsquared_score` and
    `absolute_dev_explained_score`. Their denominators are about zero and not about the mean, so that a neuron that is
    mostly just below zero gets another number than the explained variance.
    """
    names = ("explained_variance", "rsquared", "absolute_dev_explained")
    level, true = sample.tokens_of(levels), sample.true
    if nothing := sample.nothing_to_resample():
        return dict.fromkeys(names, nothing)
    if level.max() == level.min():
        constant = Unscored(reason="the simulation is constant on the scored excerpts, so it explains nothing of them")
        return dict.fromkeys(names, constant)
    size = float(np.abs(true).max()) or 1.0
    a, error = true / size, (true - line.raw(level)) / size
    middle = a.mean()
    sums = sample.totals((np.ones_like(a), a - middle, (a - middle) ** 2, a**2, np.abs(a), error**2, np.abs(error)))
    whole, resampled = _shares(sums.sum(0)), _shares(sample.weights @ sums)
    found: dict[str, Estimate | Unscored] = {}
    for k, name in enumerate(names):
        if not np.isfinite(whole[k]):
            what = "constant" if k == 0 else "zero"
            found[name] = Unscored(
                reason=f"the neuron is {what} on the scored excerpts, so there is nothing to explain"
            )
        else:
            found[name] = estimate(float(whole[k]), resampled[:, k])
    return found


def _shares(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """The three scores [..., 3] from the seven sums [..., 7]; NaN where the denominator is zero."""
    n, deviation, squares, second_moment, size, squared_error, absolute_error = np.moveaxis(sums, -1, 0)
    variation = squares - deviation**2 / np.maximum(n, 1)
    errors = np.stack([squared_error, squared_error, absolute_error], axis=-1)
    totals = np.stack([variation, second_moment, size], axis=-1)
    exists = totals > _ROUNDING
    return np.where(exists, 1 - errors / np.where(exists, totals, 1), np.nan)
