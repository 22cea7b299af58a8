"""The texts of an index: every excerpt of a split corpus, part by part, in an order that is random but fixed.

Within a part excerpts stand in the order of a hash of their tokens, so the first m rows of a part are a random sample
of it, the same for every neuron, and it depends on nothing but the text.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tools.errors import BadInput
from tools.evidence.neurons.scan import excerpts_of
from tools.evidence.splits.split_corpus import PARTS, SplitCorpus
from tools.evidence.texts.names import NameWriter
from tools.index.keys import MAX_ROWS
from tools.records.excerpts import Excerpts

TOKENS = "tokens.npy"
BLOCK_EXCERPTS = 4096
"""Excerpts of the token file that share one checksum."""

_COLUMNS = {"lengths": "|u1", "documents": "<i4", "ids": "<i4", "texts": "<i4"}
_CHUNK = 65_536


@dataclass(frozen=True)
class Shard:
    """Consecutive rows of one part: a job.

    Attributes:
        number: of the shard.
        part: an index into PARTS.
        first: the first row.
        end: past the last row.
    """

    number: int
    part: int
    first: int
    end: int


def shards_of(n_excerpts: list[int], size: int) -> list[Shard]:
    """The shards, of at most `size` excerpts, of an index whose parts have so many excerpts."""
    out: list[Shard] = []
    start = 0
    for part, n in enumerate(n_excerpts):
        for first in range(start, start + n, size):
            out.append(Shard(len(out), part, first, min(first + size, start + n)))
        start += n
    return out


def starts_of(n_excerpts: list[int]) -> NDArray[np.int64]:
    """The first row of each part, and the end of the last."""
    return np.cumsum([0, *n_excerpts])


def write_texts(corpus: SplitCorpus, d_vocab: int, folder: Path) -> list[int]:
    """Write `tokens.npy` (uint16 or uint32 [n, width], 0 past the end) and a file for each other column.

    Returns the number of excerpts of each part. Document names are written too.

    Raises:
        BadInput: there are more excerpts than an index can number.
        OSError: the disk is full.
    """
    parts = [excerpts_of(corpus, part) for part in PARTS]
    n_excerpts = [len(part) for part in parts]
    if sum(n_excerpts) >= MAX_ROWS - 1:
        raise BadInput(
            f"the corpus has {sum(n_excerpts):,} excerpts and an index holds {MAX_ROWS - 2:,}: lower `corpus_tokens`.",
            settings=("corpus_tokens",),
        )
    orders = [_order(part) for part in parts]
    width = corpus.width
    token_type = "<u2" if d_vocab <= 1 << 16 else "<u4"
    with (folder / TOKENS).open("wb") as file:
        _header(file, token_type, (sum(n_excerpts), width))
        for part, order in zip(parts, orders, strict=True):
            for first in range(0, len(order), _CHUNK):
                tokens = part.tokens[order[first : first + _CHUNK]]
                file.write(np.maximum(tokens, 0).astype(token_type).tobytes())
    for name, kind in _COLUMNS.items():
        with (folder / f"{name}.npy").open("wb") as file:
            _header(file, kind, (sum(n_excerpts),))
            for part, order in zip(parts, orders, strict=True):
                file.write(getattr(part, name)[order].astype(kind).tobytes())
    with NameWriter(folder) as names:
        for name in corpus.document_names:
            names.append(name)
    return n_excerpts


def _header(file: object, kind: str, shape: tuple[int, ...]) -> None:
    # plain writes in order: on a full disk a memory map would end the process by a signal
    np.lib.format.write_array_header_1_0(file, {"descr": kind, "fortran_order": False, "shape": shape})  # type: ignore[arg-type]


def _order(part: Excerpts) -> NDArray[np.int64]:
    hashes = np.empty(len(part), dtype="<u8")
    for first in range(0, len(part), _CHUNK):
        for i, row in enumerate(np.asarray(part.tokens[first : first + _CHUNK], dtype="<i4"), first):
            hashes[i] = int.from_bytes(hashlib.blake2b(row.tobytes(), digest_size=8).digest(), "little")
    return np.lexsort((part.ids, hashes))


def rows_by_length(lengths: NDArray[np.integer], batch: int) -> list[NDArray[np.int64]]:
    """Rows of a shard in batches of at most `batch`, all texts of a batch having one length."""
    order = np.argsort(-lengths.astype(np.int64), kind="stable")
    found = lengths[order]
    bounds = np.flatnonzero(np.concatenate([[True], found[1:] != found[:-1], [True]]))
    return [
        order[first : min(first + batch, end)]
        for start, end in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True)
        for first in range(start, end, batch)
    ]
