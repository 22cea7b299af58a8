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
    third. So is the second and the third text that ends in the same two words, whatever it was cut from and however
    they are written: what is asked is nearly the same.

    Args:
        candidates: in any order; of equals the earlier one is taken.
        scores: of each candidate, not negative.
        quota: how many to take.
        known: texts not to take.
        witnesses: texts of each carrier that were taken before; what is taken here is added.
    """
    taken = Counter[str]() if witnesses is None else witnesses
    endings = [_ending(candidate) for candidate in candidates]
    worth = scores / np.array([FIXED_COST + len(candidate.tokens) for candidate in candidates])

    def heard(row: int) -> int:
        return max(taken[candidates[row].carrier], taken[endings[row]] if endings[row] else 0)

    heap = [(-float(w) / (1 + heard(row)), row) for row, w in enumerate(worth)]
    heapify(heap)
    chosen: list[int] = []
    here: Counter[str] = Counter()
    seen = set(known)
    while heap and len(chosen) < quota:
        before, row = heappop(heap)
        candidate = candidates[row]
        if candidate.tokens in seen or here[candidate.carrier] >= MAX_PER_CARRIER:
            continue
        now = -float(worth[row]) / (1 + heard(row))
        if now > before:  # its carrier, or its ending, has been heard since
            heappush(heap, (now, row))
            continue
        seen.add(candidate.tokens)
        taken[candidate.carrier] += 1
        if endings[row]:
            taken[endings[row]] += 1
        here[candidate.carrier] += 1
        chosen.append(row)
    return chosen


def _ending(candidate: Candidate) -> str:
    """The last two words of a text in small letters, signs left out; empty where it has no two."""
    words = [word.casefold() for word in (candidate.key[0] if candidate.key else ()) if any(map(str.isalnum, word))]
    return f"ends in {words[-2]} {words[-1]}" if len(words) >= 2 else ""
