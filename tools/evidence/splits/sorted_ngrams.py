"""All runs of 12 tokens (12-grams) of a corpus by their hashes, in memory that does not grow with the corpus."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tools.evidence.splits.ngrams import NGRAM_TOKENS, ngram_hashes
from tools.evidence.splits.token_file import Spans, TokenFile

BUCKET_NGRAMS = 2**19

_NGRAM = np.dtype([("hash", "<u8"), ("span", "<i4")])


def sorted_ngrams(
    tokens: TokenFile, spans: Iterable[Spans], folder: Path
) -> Iterator[tuple[NDArray[np.uint64], NDArray[np.int32]]]:
    """Give the runs inside the spans, bucket by bucket: hashes ascending, and the span that holds each, ascending too.

    A run that a span holds several times is given once. All holders of a run are in one bucket; a bucket has half a
    million runs, or as many as there are holders of a run so common that it fills one.

    Args:
        tokens: the file that the spans are of.
        spans: all spans, gone through once.
        folder: a new folder to be, which takes 12 bytes a run; it is empty again when all buckets were given.
    """
    folder.mkdir()
    n_buckets = 1 + len(tokens) // BUCKET_NGRAMS
    bounds = np.array([bucket * 2**64 // n_buckets for bucket in range(1, n_buckets)], dtype=np.uint64)
    for some in spans:
        runs = _distinct_runs(tokens, some)
        ends = [0, *np.searchsorted(runs["hash"], bounds).tolist(), len(runs)]
        for bucket in range(n_buckets):
            with (folder / str(bucket)).open("ab") as file:
                file.write(runs[ends[bucket] : ends[bucket + 1]].tobytes())
    for path in sorted(folder.iterdir(), key=lambda path: int(path.name)):
        runs = np.fromfile(path, dtype=_NGRAM)
        path.unlink()
        order = _stable_order(np.ascontiguousarray(runs["hash"]))
        yield runs["hash"][order], runs["span"][order]


def _distinct_runs(tokens: TokenFile, spans: Spans) -> NDArray[np.void]:
    """(hash, span) of the runs of some spans, sorted, each once."""
    n_each = np.maximum(0, spans.lengths - (NGRAM_TOKENS - 1))
    start = int(spans.starts[0])
    block = tokens.read(start, int(spans.starts[-1] + spans.lengths[-1]))
    within = np.arange(n_each.sum()) - np.repeat(np.cumsum(n_each) - n_each, n_each)
    hashes = ngram_hashes(block)[np.repeat(spans.starts - start, n_each) + within]
    holder = np.repeat(np.arange(len(n_each), dtype=np.int32), n_each)
    order = _stable_order(hashes)
    hashes, holder = hashes[order], holder[order]
    new = np.ones(len(hashes), dtype=bool)
    new[1:] = (hashes[1:] != hashes[:-1]) | (holder[1:] != holder[:-1])
    runs = np.empty(int(new.sum()), dtype=_NGRAM)
    runs["hash"], runs["span"] = hashes[new], holder[new] + np.int32(spans.first)
    return runs


def _stable_order(hashes: NDArray[np.uint64]) -> NDArray[np.int64]:
    """What a stable argsort gives, four times faster than numpy's where few are equal: only these are sorted stably."""
    order = np.argsort(hashes)
    ordered = hashes[order]
    same = ordered[1:] == ordered[:-1]
    equal = np.flatnonzero(np.append(same, False) | np.append(False, same))
    numbers = order[equal]
    order[equal] = numbers[np.lexsort((numbers, hashes[numbers]))]
    return order
