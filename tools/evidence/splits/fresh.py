"""Checks that a made-up text does not repeat the corpus: a copy is no new evidence, and may be sealed text."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tools.evidence.splits.ngrams import NGRAM_TOKENS, is_in, ngram_hashes
from tools.evidence.splits.split_corpus import SplitCorpus


def runs_of(corpus: SplitCorpus) -> NDArray[np.uint64]:
    """Hashes of all runs of 12 tokens in the corpus, sorted; also those that span two excerpts of one document."""
    folds = (corpus.sealed.open(fold) for fold in range(corpus.sealed.n_folds))
    parts = (corpus.explore, corpus.probe, corpus.development, *folds)
    return np.unique(np.concatenate([ngram_hashes(part.tokens.ravel()) for part in parts]))


def fresh(text: Sequence[int], runs: NDArray[np.uint64]) -> int:
    """How many tokens of a text can be had before it shares a run of 12 with the corpus."""
    repeats = np.flatnonzero(is_in(ngram_hashes(np.array(text, dtype=np.int32)), runs))
    return int(repeats[0]) + NGRAM_TOKENS - 1 if len(repeats) else len(text)
