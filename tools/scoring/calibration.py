"""From predicted levels to probabilities of firing: a monotone table, clipped so that nobody is ever certain."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

LOWEST, HIGHEST = 0.02, 0.98
KNOTS = np.arange(11, dtype=np.float64)
_PRIOR = 2.0
"""Tokens that the prior counts for, at each level."""

_SLOPE = 0.6
"""By how much the prior's log odds of firing rise with a level: from one in a hundred at 0 to four in five at 10."""

_LEAST_BASE = 0.005
_SURELY_RARE = 1e-4


def fit(levels: NDArray[np.float32], fired: NDArray[np.bool_]) -> list[float]:
    """Probability of firing at levels 0, 1, ..., 10; never falling, within 0.02-0.98.

    Args:
        levels: predicted levels in 0..10, flat.
        fired: whether the neuron fired, flat.

    Two tokens a level are as the prior says (see `prior`). Of the levels that occur, neighbours that would fall are
    pooled (isotonic regression). A level that does not occur is read between its neighbours; above the highest that
    occurs it is as the prior says, or as probable as that one where that is more.
    """
    return _clipped(_rates(levels, fired))


def prior(base: float) -> NDArray[np.float64]:
    """Probability of firing at levels 0 to 10 before anything was seen: as the base rate at 0, and rising.

    So what a sentence says can be put to the test where its evidence is too thin to calibrate it.
    """
    base = min(max(base, _LEAST_BASE), 1 - _LEAST_BASE)
    odds = base / (1 - base) * np.exp(_SLOPE * KNOTS)
    return np.asarray(odds / (1 + odds))


def fit_balanced(levels: NDArray[np.float32], fired: NDArray[np.bool_]) -> list[float]:
    """The same for tokens drawn such that half of them fire: odds as they would be with that base rate."""
    rates, base = _rates(levels, fired), min(max(float(fired.mean()), _SURELY_RARE), 1 - _SURELY_RARE)
    weighted = rates / base
    return _clipped(weighted / (weighted + (1 - rates) / (1 - base)))


def _rates(levels: NDArray[np.float32], fired: NDArray[np.bool_]) -> NDArray[np.float64]:
    nearest = np.rint(levels).astype(np.int64)
    counts = np.bincount(nearest, minlength=11).astype(float)
    n_fired = np.bincount(nearest, weights=fired, minlength=11)
    base = float(fired.mean()) if len(fired) else 0.0
    occurring, expected = np.flatnonzero(counts), prior(base)
    if not len(occurring):
        return expected
    blocks: list[tuple[float, float, int]] = []  # (fired, count, how many levels)
    for level in occurring:
        blocks.append((n_fired[level] + _PRIOR * expected[level], counts[level] + _PRIOR, 1))
        while len(blocks) > 1 and blocks[-2][0] / blocks[-2][1] >= blocks[-1][0] / blocks[-1][1]:
            last, before = blocks.pop(), blocks.pop()
            blocks.append((before[0] + last[0], before[1] + last[1], before[2] + last[2]))
    rates = np.concatenate([np.full(size, n / count) for n, count, size in blocks])
    read = np.interp(KNOTS, occurring, rates)
    return np.asarray(np.where(occurring[-1] < KNOTS, np.maximum(read, expected), read), dtype=np.float64)


def _clipped(rates: NDArray[np.float64]) -> list[float]:
    return [round(float(rate), 5) for rate in rates.clip(LOWEST, HIGHEST)]


def probabilities(table: list[float], levels: NDArray[np.float32] | np.float32) -> NDArray[np.float64]:
    """The table read between its knots, same shape as `levels`."""
    return np.asarray(np.interp(levels, KNOTS, np.array(table)), dtype=np.float64)
