"""Clusters of documents that must not be torn apart by a split, since they are near-duplicates or one short text."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tools.evidence.splits.documents import Documents
from tools.evidence.splits.sorted_ngrams import sorted_ngrams
from tools.evidence.splits.token_file import Spans, ranges

BOILERPLATE_DOCUMENTS = 20
LONG_TEXT_TOKENS = 2048
LONG_TEXT_SHARE = 0.02
MAX_CLUSTER_SHARE = 0.02
SAME_CONTAINMENT = 0.5

_MERGE_PAIRS = 2**20
_EDGES = 2**16


def cluster_documents(
    documents: Documents, folder: Path, advance: Callable[[int], None] = lambda n: None
) -> NDArray[np.int32]:
    """Number of the cluster of each document, int32 [n_documents].

    Sections of one text stay together unless it is long: more than 2,048 tokens, or than 2 % of the corpus. Documents
    that share runs of 12 tokens are joined, strongest first; a run common to more than 20 documents joins none. Where
    one of the two holds more than half of the other's runs they are always joined; otherwise never into more than 2 %
    of the corpus.

    In memory are, beside one bucket of runs, some 40 bytes a document and 50 a pair of documents that share a run.
    `folder` is a new one to be, for `sorted_ngrams`. `advance` is told the number of tokens as they are gone through.
    """
    clusters = _Clusters(documents.lengths, max_size=MAX_CLUSTER_SHARE * documents.lengths.sum())
    whole = documents.text_tokens <= min(LONG_TEXT_TOKENS, LONG_TEXT_SHARE * documents.text_tokens.sum())
    same_text = np.flatnonzero((documents.texts[1:] == documents.texts[:-1]) & whole[documents.texts[1:]])
    for first in same_text:
        clusters.join(int(first), int(first) + 1, always=True)
    for a, b, always in _edges(documents, folder, advance):
        clusters.join(a, b, always)
    return clusters.labels()


class _Clusters:
    """Disjoint sets of documents with a limit on the tokens of each."""

    def __init__(self, sizes: NDArray[np.int64], max_size: float) -> None:
        self._parent = array("q", range(len(sizes)))
        self._size = array("q", sizes.tobytes())
        self._max_size = max_size

    def _root(self, item: int) -> int:
        while self._parent[item] != item:
            self._parent[item] = self._parent[self._parent[item]]
            item = self._parent[item]
        return item

    def join(self, a: int, b: int, always: bool) -> None:
        """Join the sets of `a` and `b`, unless that is too large and not `always`."""
        a, b = sorted((self._root(a), self._root(b)))
        size = self._size[a] + self._size[b]
        if a != b and (always or size <= self._max_size):
            self._parent[b] = a
            self._size[a] = size

    def labels(self) -> NDArray[np.int32]:
        """Number of each document's set, counted from 0 in the order of their first documents."""
        roots = np.fromiter(map(self._root, range(len(self._parent))), dtype=np.int64, count=len(self._parent))
        return np.unique(roots, return_inverse=True)[1].astype(np.int32)


def _edges(documents: Documents, folder: Path, advance: Callable[[int], None]) -> Iterator[tuple[int, int, bool]]:
    """Pairs of documents that share runs, with whether they are near-duplicates; these come first, then by strength."""
    n = len(documents)
    n_runs = np.zeros(n, dtype=np.int64)
    pairs = _Pairs()

    def spans() -> Iterator[Spans]:
        for first, stop in ranges(documents.starts):
            starts = documents.starts[first : stop + 1]
            yield Spans(first, starts[:-1], np.diff(starts))
            advance(int(starts[-1] - starts[0]))

    for hashes, document in sorted_ngrams(documents.tokens, spans(), folder):
        np.add.at(n_runs, document, 1)
        pairs.add(_pairs(hashes, document, n))
    pair, strength = pairs.counted()
    a, b = pair // max(n, 1), pair % max(n, 1)
    always = strength > SAME_CONTAINMENT * np.minimum(n_runs[a], n_runs[b])
    # a long text that often repeats its own phrases is parted all the same, or it could not be split at all
    kept = always | (documents.texts[a] != documents.texts[b])
    a, b, strength, always = a[kept], b[kept], strength[kept], always[kept]
    order = np.lexsort((b, a, -strength, ~always))
    for first in range(0, len(order), _EDGES):
        some = order[first : first + _EDGES]
        yield from zip(a[some].tolist(), b[some].tolist(), always[some].tolist(), strict=True)


def _pairs(hashes: NDArray[np.uint64], document: NDArray[np.int32], n: int) -> NDArray[np.int64]:
    """Each two holders of a run, a < b, as a * n + b; as often as there are runs that they share."""
    if not len(hashes):
        return np.empty(0, dtype=np.int64)
    run = np.cumsum(np.concatenate([[False], hashes[1:] != hashes[:-1]]))
    n_holders = np.bincount(run)[run]
    shared = (n_holders > 1) & (n_holders <= BOILERPLATE_DOCUMENTS)
    run, holder = run[shared], document[shared].astype(np.int64)
    found = [np.empty(0, dtype=np.int64)]
    for step in range(1, BOILERPLATE_DOCUMENTS):
        same = run[step:] == run[:-step]
        found.append(holder[:-step][same] * n + holder[step:][same])
    return np.concatenate(found)


class _Pairs:
    """How often each pair was added, held in space for the distinct ones."""

    def __init__(self) -> None:
        self._pair = self._count = np.empty(0, dtype=np.int64)
        self._new: list[tuple[NDArray[np.int64], NDArray[np.int64]]] = []
        self._n_new = 0

    def add(self, pairs: NDArray[np.int64]) -> None:
        """Count each of these once more."""
        self._new.append(np.unique(pairs, return_counts=True))
        self._n_new += len(self._new[-1][0])
        if self._n_new > max(_MERGE_PAIRS, len(self._pair)):
            self._merge()

    def counted(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The distinct pairs, ascending, and how often each was added, int64 both."""
        self._merge()
        return self._pair, self._count

    def _merge(self) -> None:
        pair = np.concatenate([self._pair, *(pair for pair, _ in self._new)])
        count = np.concatenate([self._count, *(count for _, count in self._new)])
        order = np.argsort(pair, kind="stable")
        pair, count = pair[order], count[order]
        first = np.flatnonzero(np.concatenate([[True], pair[1:] != pair[:-1]])[: len(pair)])
        self._pair, self._count = pair[first], np.add.reduceat(count, first) if len(first) else count
        self._new, self._n_new = [], 0
