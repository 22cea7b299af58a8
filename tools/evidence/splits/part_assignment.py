"""Which part each document falls into, and which excerpts must go so that no two parts share a run of 12 tokens."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tools.evidence.splits.documents import Documents
from tools.evidence.splits.excerpt_cuts import ExcerptCuts
from tools.evidence.splits.sorted_ngrams import sorted_ngrams


def assign_parts(documents: Documents, clusters: NDArray[np.int32], shares: Sequence[float]) -> NDArray[np.int8]:
    """The part of each document: clusters in the order of their content's hash, each to the part that lacks most."""
    members = np.argsort(clusters, kind="stable")
    firsts = np.concatenate([[0], np.cumsum(np.bincount(clusters))])
    digests = bytearray()
    for first, stop in zip(firsts[:-1].tolist(), firsts[1:].tolist(), strict=True):
        digest = hashlib.sha256()
        for document in members[first:stop]:
            content = documents.tokens.read(documents.starts[document], documents.starts[document + 1]).tobytes()
            digest.update(len(content).to_bytes(8, "little") + content)
        digests += digest.digest()
    order = np.lexsort(np.frombuffer(digests, dtype=">u8").astype(np.uint64).reshape(-1, 4).T[::-1])

    lengths = np.add.reduceat(documents.lengths[members], firsts[:-1]) if len(members) else documents.lengths
    lacking = (np.array(shares) * documents.lengths.sum()).tolist()
    part_of = np.zeros(len(order), dtype=np.int8)
    for cluster, length in zip(order, lengths[order].tolist(), strict=True):
        part = lacking.index(max(lacking))
        lacking[part] -= length
        part_of[cluster] = part
    return part_of[clusters]


def without_shared_runs(
    cuts: ExcerptCuts, part_of: NDArray[np.int8], folder: Path, advance: Callable[[int], None] = lambda n: None
) -> NDArray[np.bool_]:
    """Which excerpts to keep, so that no run of 12 tokens stands in two parts; the earlier part keeps it.

    Args:
        cuts: the excerpts.
        part_of: int8 [n_excerpts], the number of each one's part.
        folder: a new folder to be; beside what `sorted_ngrams` puts there it takes 8 bytes for each run in dispute.
        advance: told the number of tokens as they are gone through.
    """
    folder.mkdir()
    disputed: list[Path] = []
    for hashes, row in sorted_ngrams(cuts.documents.tokens, cuts.spans(advance), folder / "sorted"):
        found = _disputed(hashes, row, part_of)
        if found.size:
            disputed.append(folder / f"{len(disputed)}.npy")
            np.save(disputed[-1], found)

    keep = np.ones(len(cuts), dtype=bool)
    for this in range(1, int(part_of.max(initial=0)) + 1):
        for path in disputed:
            run, row = np.load(path)
            part = part_of[row]
            taken = np.zeros(run[-1] + 1, dtype=bool)
            taken[run[(part < this) & keep[row]]] = True
            keep[row[(part == this) & taken[run]]] = False
    return keep


def _disputed(hashes: NDArray[np.uint64], row: NDArray[np.int32], part_of: NDArray[np.int8]) -> NDArray[np.int32]:
    """Number and holder of the runs that stand in more than one part, int32 [2, n]."""
    if not len(hashes):
        return np.empty((2, 0), dtype=np.int32)
    first = np.flatnonzero(np.concatenate([[True], hashes[1:] != hashes[:-1]]))
    part = part_of[row]
    in_two = np.minimum.reduceat(part, first) != np.maximum.reduceat(part, first)
    run = np.repeat(np.arange(len(first), dtype=np.int32), np.diff(np.append(first, len(hashes))))
    kept = in_two[run]
    return np.stack([run[kept], row[kept]])
