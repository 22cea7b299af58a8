"""Does a text overlap with what a model trained on? Hashes of the training text tell."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from tools.evidence.splits.ngrams import is_in, ngram_hashes

SAMPLED_ONE_IN = 16
MAX_SHARE_SEEN = 0.3


def fingerprint_runs(texts: Iterable[NDArray[np.int32]]) -> NDArray[np.uint32]:
    """Hashes of the runs of 12 tokens of `texts`, one run in 16 as its hash decides. uint32, sorted, distinct."""
    sampled = [np.empty(0, dtype=np.uint32)]
    for tokens in texts:
        hashes = ngram_hashes(tokens)
        sampled.append((hashes[hashes % SAMPLED_ONE_IN == 0] >> np.uint64(32)).astype(np.uint32))
    return np.unique(np.concatenate(sampled))


def share_seen(tokens: NDArray[np.int32], seen: NDArray[np.uint32]) -> float:
    """Fraction of a text's distinct sampled runs that are in `seen`; 0 for a text too short to have any."""
    runs = fingerprint_runs([tokens])
    return float(is_in(runs, seen).mean()) if len(runs) else 0.0
