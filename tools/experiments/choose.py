"""Which candidate texts are worth reading: those on which believed rivals disagree, per unit of cost."""

from __future__ import annotations

from collections import Counter
from heapq import heapify, heappop, heappush

import numpy as np
from numpy.typing import NDArray

from tools.experiments.candidates import Candidate, Tokens

MAX_PER_CARRIER = 3
FIXED_COST = 64
"""Tokens that reading one more text costs before its own length counts: a unit is 64 texts or 4,096 tokens."""


def choose(
    candidates: list[Candidate],
    scores: NDArray[np.float64],
    quota: int,
    known: set[Tokens],
    witnesses: Counter[str] | None = None,
) -> list[int]:
    """Rows of at most `quota` candidates, greedily by score per unit of cost; no text twice, few of one carrier.

    A carrier is one witness however many texts are cut from it: its second text is worth half its score, the third a
    third.

    Args:
        candidates: in any order; of equals the earlier one is taken.
        scores: of each candidate, not negative.
        quota: how many to take.
        known: texts not to take.
        witnesses: texts of each carrier that were taken before; what is taken here is added.
    """
    taken = Counter[str]() if witnesses is None else witnesses
    worth = scores / np.array([FIXED_COST + len(candidate.tokens) for candidate in candidates])
    heap = [(-float(w) / (1 + taken[c.carrier]), row) for row, (w, c) in enumerate(zip(worth, candidates, strict=True))]
    heapify(heap)
    chosen: list[int] = []
    here: Counter[str] = Counter()
    seen = set(known)
    while heap and len(chosen) < quota:
        before, row = heappop(heap)
        candidate = candidates[row]
        if candidate.tokens in seen or here[candidate.carrier] >= MAX_PER_CARRIER:
            continue
        now = -float(worth[row]) / (1 + taken[candidate.carrier])
        if now > before:  # its carrier has been heard since
            heappush(heap, (now, row))
            continue
        seen.add(candidate.tokens)
        taken[candidate.carrier] += 1
        here[candidate.carrier] += 1
        chosen.append(row)
    return chosen
