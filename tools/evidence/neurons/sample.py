"""Which excerpts of a split are looked at: the top, evenly over the quantiles, and at random."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

Stratum = Literal["top", "quantile", "random"]

N_QUANTILES = 5


def stratified_rows(
    values: NDArray[np.float32],
    mask: NDArray[np.bool_],
    n_top: int,
    n_quantile: int,
    n_random: int,
    rng: np.random.Generator,
    sought: NDArray[np.bool_] | None = None,
) -> tuple[NDArray[np.int64], list[Stratum]]:
    """Draw rows of a split without overlap, in three strata.

    *top* are the rows with the largest maxima (ties: the earlier row); *quantile* are drawn evenly from five bins of
    equal size, by rank, of the remaining rows whose maximum is above 0; *random* are drawn from what then remains.
    What the quantiles lack is drawn at random instead; a stratum is smaller when there are too few rows for it.

    Args:
        values: raw values of one neuron, float32 [n, pos].
        mask: True where there is a token, [n, pos].
        n_top: rows wanted in the stratum *top*.
        n_quantile: rows wanted in the stratum *quantile*.
        n_random: rows wanted in the stratum *random*.
        rng: the source of the two random draws.
        sought: rows that are no fair sample of text, bool [n]: they may be *top* and nothing else.

    Returns:
        Row numbers int64 [k], and the stratum of each.
    """
    maxima = np.where(mask, values, -np.inf).max(axis=1, initial=-np.inf)
    order = np.argsort(-maxima, kind="stable")
    top, rest = order[:n_top], order[n_top:]
    if sought is not None:
        rest = rest[~sought[rest]]

    bins = np.array_split(rest[maxima[rest] > 0], N_QUANTILES)
    shares = _even_shares(n_quantile, [len(rows) for rows in bins])
    quantile = np.concatenate(
        [np.sort(rng.choice(rows, size=n, replace=False)) for rows, n in zip(bins, shares, strict=True)]
    )

    remaining = np.setdiff1d(rest, quantile)
    n_random += n_quantile - len(quantile)
    random = np.sort(rng.choice(remaining, size=min(n_random, len(remaining)), replace=False))
    labels: list[Stratum] = []
    labels += ["top"] * len(top)
    labels += ["quantile"] * len(quantile)
    labels += ["random"] * len(random)
    return np.concatenate([top, quantile, random]).astype(np.int64), labels


def _even_shares(n: int, sizes: list[int]) -> list[int]:
    """Deal `n` out one by one over bins of the given sizes, passing over the full ones."""
    shares = [0] * len(sizes)
    for _ in range(min(n, sum(sizes))):
        open_bins = [i for i, size in enumerate(sizes) if shares[i] < size]
        shares[min(open_bins, key=lambda i: (shares[i], i))] += 1
    return shares
