"""Drawing a fixed number of things, each with a chance of its own, so that sums over all can be estimated from a few.

What was drawn counts one over its chance (Horvitz and Thompson).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Chances = NDArray[np.float64]


def of_fixed_size(weights: NDArray[np.float64], n: int) -> Chances:
    """Chances in proportion to `weights`, none above 1, that sum to `n`; where fewer have a weight, 1 for each."""
    chances = np.zeros(len(weights))
    open_ = weights > 0
    left = min(n, int(open_.sum()))
    while left > 0 and open_.any():
        share = left * weights / weights[open_].sum()
        full = open_ & (share >= 1)
        if not full.any():
            chances[open_] = share[open_]
            break
        chances[full] = 1
        open_ &= ~full
        left -= int(full.sum())
    return chances


def pareto_draw(chances: Chances, lots: NDArray[np.float64]) -> NDArray[np.int64]:
    """As many as the chances sum to, sorted, by Rosen's Pareto sampling.

    Its chances are very nearly the wanted ones for a fixed size, and it keeps most of a draw when they change a little.

    Args:
        chances: 0 to 1.
        lots: 0 to 1, one for each, drawn evenly.
    """
    size = round(float(chances.sum()))
    inside = (chances > 0) & (chances < 1)
    rank = np.where(chances >= 1, 0.0, np.inf)
    rank[inside] = (lots * (1 - chances))[inside] / ((1 - lots) * chances)[inside]
    return np.sort(np.argsort(rank, kind="stable")[:size])
