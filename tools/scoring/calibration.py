"""From predicted levels to probabilities of firing: a monotone table, clipped so that nobody is ever certain."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

LOWEST, HIGHEST = 0.02, 0.98
KNOTS = np.arange(11, dtype=np.float64)
_PRIOR = 2.0


def fit(levels: NDArray[np.float32], fired: NDArray[np.bool_]) -> list[float]:
    """Probability of firing at levels 0, 1, ..., 10; never falling, within 0.02-0.98.

    Args:
        levels: predicted levels in 0..10, flat.
        fired: whether the neuron fired, flat.

    Adjacent levels that would fall are pooled (isotonic regression); a level that never occurs takes its neighbours'.
    """
    nearest = np.rint(levels).astype(int)
    n = np.bincount(nearest, minlength=11).astype(float)
    k = np.bincount(nearest, weights=fired, minlength=11)
    base = float(fired.mean()) if len(fired) else 0.0
    blocks: list[tuple[float, float, int]] = []  # (fired, count, how many levels)
    for level in range(11):
        block = (k[level] + _PRIOR * base, n[level] + _PRIOR, 1) if n[level] else (0.0, 0.0, 1)
        blocks.append(block)
        while len(blocks) > 1 and _rate(blocks[-2]) >= _rate(blocks[-1]):
            last, before = blocks.pop(), blocks.pop()
            blocks.append((before[0] + last[0], before[1] + last[1], before[2] + last[2]))
    table = [rate for fires, count, size in blocks for rate in [_rate((fires, count, size))] * size]
    return [round(float(np.clip(rate if rate >= 0 else base, LOWEST, HIGHEST)), 5) for rate in table]


def _rate(block: tuple[float, float, int]) -> float:
    return block[0] / block[1] if block[1] else -1.0


def probabilities(table: list[float], levels: NDArray[np.float32]) -> NDArray[np.float64]:
    """The table read between its knots, same shape as `levels`."""
    return np.interp(levels, KNOTS, np.array(table))
