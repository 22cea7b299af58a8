"""Which candidate texts are worth reading: those on which believed rivals disagree, per token of cost."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tools.experiments.candidates import Candidate

MAX_PER_CARRIER = 3
_FIXED_COST = 16.0
"""Tokens that reading one more text costs before its own length counts."""


def disagreement(probabilities: NDArray[np.float64], beliefs: NDArray[np.float64]) -> NDArray[np.float64]:
    """sum_ij w_i w_j |p_i - p_j| over pairs of rivals, for each text.

    Args:
        probabilities: of firing, [n_rivals, ...].
        beliefs: weights that sum to 1, [n_rivals].
    """
    total = np.zeros(probabilities.shape[1:])
    for i in range(len(beliefs)):
        for j in range(i):
            total += 2 * beliefs[i] * beliefs[j] * np.abs(probabilities[i] - probabilities[j])
    return total


def choose(
    candidates: list[Candidate], scores: NDArray[np.float64], quota: int, known: set[tuple[int, ...]]
) -> list[int]:
    """Rows of at most `quota` candidates, greedily by score per unit of cost; no text twice, few of one carrier."""
    cost = np.array([_FIXED_COST + len(candidate.tokens) for candidate in candidates])
    chosen: list[int] = []
    per_carrier: dict[str, int] = {}
    seen = set(known)
    for row in np.argsort(-scores / cost, kind="stable"):
        candidate = candidates[int(row)]
        if len(chosen) == quota:
            break
        if candidate.tokens in seen or per_carrier.get(candidate.carrier, 0) >= MAX_PER_CARRIER:
            continue
        seen.add(candidate.tokens)
        per_carrier[candidate.carrier] = per_carrier.get(candidate.carrier, 0) + 1
        chosen.append(int(row))
    return chosen
