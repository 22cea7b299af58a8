"""Intervals for means over neurons, a paired test, and a correction for many tests, as plain functions of arrays.

The neuron is the unit: seeds of a neuron are averaged first, and neurons are resampled or have their sign flipped.
Noise levels of one planted function count as one neuron (`NeuronRecord.cluster`), since they are not independent.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm, t

from tools.records.result import Compared, Interval, Unscored
from tools.scoring.shares import wilson

N_RESAMPLES = 10_000
N_FLIPS = 9_999
ALPHA = 0.05
FEWEST_NEURONS = 5
"""With fewer neurons the bootstrap interval would be far too narrow, so there is none."""

_MOST_NEURONS_ENUMERATED = 14
_N_ROWS_AT_ONCE = 256
_ROUNDING = 1e-9

Floats = NDArray[np.float64]


def mean_by_neuron(values: Iterable[tuple[str, float]]) -> dict[str, float]:
    """The mean over seeds of (neuron, value), in the order in which neurons come first."""
    seen: dict[str, list[float]] = {}
    for neuron, value in values:
        seen.setdefault(neuron, []).append(value)
    return {neuron: sum(numbers) / len(numbers) for neuron, numbers in seen.items()}


def mean_by_cluster(values: Iterable[tuple[str, float]], clusters: Mapping[str, str]) -> dict[str, float]:
    """The mean over seeds, then over the neurons of a cluster, of (neuron, value); by default a neuron is its own
    cluster.
    """
    means = mean_by_neuron(values)
    return mean_by_neuron((clusters.get(neuron, neuron), mean) for neuron, mean in means.items())


def mean_interval(values: Iterable[float], rng: np.random.Generator) -> Compared:
    """The mean of one finite value per neuron with its 95 % bootstrap interval, see `ratio_of_means`."""
    numbers = np.fromiter(values, dtype=np.float64)
    return ratio_of_means(numbers, np.ones_like(numbers), rng)


def ratio_of_means(numerators: Floats, denominators: Floats, rng: np.random.Generator) -> Compared:
    """mean(numerators) / mean(denominators) over neurons with a 95 % bootstrap interval, neurons resampled in pairs.

    A percentile interval with widened percentiles: for a symmetric distribution it is as wide as Student's. In
    simulations with 10 neurons and seven distributions from normal to very skewed, plain percentiles (and BCa) cover
    the truth in 79-90 %, this interval in 82-94 %. Bootstrap-t covers it in 84-95 %, but contradicts `permutation_p`
    about twice as often, and is infinite if many values are equal.

    Args:
        numerators, denominators: finite, one each per neuron, [n].
        rng: draws the resamples.

    Returns:
        Unscored for fewer than `FEWEST_NEURONS`, or if the mean denominator may be zero.
    """
    n = len(numerators)
    if n == 0:
        return Unscored(reason="no neuron has a value")
    if n < FEWEST_NEURONS:
        mean = f"{numerators.mean() / denominators.mean():.3f}" if denominators.mean() else "a ratio to zero"
        return Unscored(reason=f"{mean} over {n} neuron{'s' * (n > 1)}, too few for an interval")
    weights = rng.multinomial(n, np.full(n, 1 / n), size=N_RESAMPLES) / n
    resampled = weights @ denominators
    if resampled.min() <= 0 <= resampled.max():
        return Unscored(reason="the mean in the denominator may be zero")
    widened = float(norm.cdf(t.ppf(ALPHA / 2, n - 1) * (n / (n - 1)) ** 0.5))
    low, high = np.quantile(weights @ numerators / resampled, [widened, 1 - widened])
    value = numerators.mean() / denominators.mean()
    return Interval(value=round(float(value), 6), low=round(float(low), 6), high=round(float(high), 6))


def counted_share(count: float, total: float) -> Compared:
    """The share count / total with its 95 % Wilson interval; for clustered counts `total` may be smaller than the
    count.
    """
    if total <= 0:
        return Unscored(reason="there is nothing to count")
    value = count / total
    low, high = wilson(count, total)
    return Interval(value=round(value, 6), low=round(min(low, value), 6), high=round(max(high, value), 6))


def permutation_p(differences: Iterable[float], rng: np.random.Generator) -> float:
    """Two-sided p-value of paired differences, one per neuron, see `permutation_ps`."""
    row = np.fromiter(differences, dtype=np.float64)
    return float(permutation_ps(row[None], rng)[0])


def permutation_ps(differences: Floats, rng: np.random.Generator) -> Floats:
    """Two-sided p-values under the hypothesis that the two variants are exchangeable: each neuron's sign is flipped.

    All flips are enumerated for up to 14 neurons; beyond that it is (k + 1) / (m + 1) over m = 9,999 random flips, the
    same for all rows. A difference of zero is the same under either sign, so it carries no evidence.

    Args:
        differences: finite, one row per test, [n_tests, n_neurons].
        rng: draws the flips where they are not enumerated.

    Returns:
        [n_tests]; 1 where there is no neuron or no difference.
    """
    n_tests, n = differences.shape
    if n == 0:
        return np.ones(n_tests)
    exact = n <= _MOST_NEURONS_ENUMERATED
    signs = _half_of_all_signs(n) if exact else rng.choice([-1.0, 1.0], size=(N_FLIPS, n))
    # Mathematically equal sums differ by rounding.
    reached = np.abs(differences.sum(1)) - _ROUNDING * np.abs(differences).sum(1)
    counts = np.empty(n_tests)
    for start in range(0, n_tests, _N_ROWS_AT_ONCE):
        rows = slice(start, start + _N_ROWS_AT_ONCE)
        counts[rows] = (np.abs(differences[rows] @ signs.T) >= reached[rows, None]).sum(1)
    return counts / len(signs) if exact else (counts + 1) / (len(signs) + 1)


def _half_of_all_signs(n: int) -> Floats:
    """[2 ** (n - 1), n]; the other half are mirror images with the same absolute sums."""
    numbers = np.arange(2 ** (n - 1))
    return np.where((numbers[:, None] >> np.arange(n)) & 1, 1.0, -1.0)
