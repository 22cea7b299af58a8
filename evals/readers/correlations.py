"""Correlations and means for this test; a missing number has a reason."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from evals.records import Record
from evals.statistics import mean_interval
from tools.records.result import Compared, Unscored
from tools.scoring.pearson import pearson

Floats = NDArray[np.float64]

CONSTANT = "the answer is constant"


class Mean(Record):
    """The mean over `n` neurons (None without any) and its interval, which needs a few neurons."""

    n: int
    value: float | None
    interval: Compared


def mean_over(values: Iterable[float], rng: np.random.Generator) -> Mean:
    """The mean of one value per neuron; see `evals.statistics.mean_interval` for the interval."""
    numbers = list(values)
    mean = round(float(np.mean(numbers)), 6) if numbers else None
    return Mean(n=len(numbers), value=mean, interval=mean_interval(numbers, rng))


def correlation(said: Floats, did: Floats) -> float | Unscored:
    """Pearson correlation of predictions, [n], with the neuron's values, [n]."""
    if len(did) < 2 or np.ptp(did) == 0:
        return Unscored(reason="the neuron is constant on these tokens")
    found = pearson(said, did)
    return Unscored(reason=CONSTANT) if found is None else found


def rank_correlation(said: Floats, did: Floats) -> float | Unscored:
    """The same on ranks, ties with their mean rank, which is independent of a neuron's scale."""
    return correlation(rankdata(said), rankdata(did))
