"""Which candidate texts are worth reading: those on which believed rivals disagree, per token of cost."""

from __future__ import annotations

from collections.abc import Set

import numpy as np
from numpy.typing import NDArray

from tools.experiments.candidates import Candidate, Tokens

MAX_PER_CARRIER = 3
FIXED_COST = 64
"""Tokens that reading one more text costs before its own length counts: a unit is 64 texts or 4,096 tokens."""


def choose(candidates: list[Candidate], scores: NDArray[np.float64], quota: int, known: Set[Tokens]) -> list[int]:
    """Rows of at most `quota` candidates, greedily by score per unit of cost; no text twice, few of one carrier."""
    cost = np.array([FIXED_COST + len(candidate.tokens) for candidate in candidates])
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
