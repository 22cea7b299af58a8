"""Hashes of runs of 12 tokens (12-grams): what makes two texts near-duplicates, and what no two splits may share."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

NGRAM_TOKENS = 12

_BASE = 0x9E3779B97F4A7C15
_WORD = 1 << 64


def _mixed(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Spread every bit of `values` over the whole word, so that a part of it is a fair sample."""
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        values = (values ^ (values >> np.uint64(shift))) * np.uint64(factor)
    return values ^ (values >> np.uint64(31))


def _joined(left: NDArray[np.uint64], right: NDArray[np.uint64], n_right: int) -> NDArray[np.uint64]:
    """Hash of `left` followed by `right`, which spans `n_right` tokens."""
    return left * np.uint64(pow(_BASE, n_right, _WORD)) + right


def ngram_hashes(tokens: NDArray[np.int32]) -> NDArray[np.uint64]:
    """Hash of the run of 12 tokens that starts at each position, uint64 [max(0, n - 11)]; equal runs, equal hashes."""
    if len(tokens) < NGRAM_TOKENS:
        return np.empty(0, dtype=np.uint64)
    one = _mixed(tokens.astype(np.uint64) + np.uint64(1))
    two = _joined(one[:-1], one[1:], 1)
    four = _joined(two[:-2], two[2:], 2)
    eight = _joined(four[:-4], four[4:], 4)
    return _mixed(_joined(eight[:-4], four[8:], 4))


def is_in(values: NDArray[np.unsignedinteger[Any]], ordered: NDArray[np.unsignedinteger[Any]]) -> NDArray[np.bool_]:
    """Which of `values` are in `ordered`, which is sorted; quick when `values` are few and `ordered` is long."""
    if not len(ordered):
        return np.zeros(values.shape, dtype=bool)
    found: NDArray[np.bool_] = ordered[np.searchsorted(ordered, values).clip(max=len(ordered) - 1)] == values
    return found
