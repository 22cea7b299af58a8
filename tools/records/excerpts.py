"""Excerpts of text, and what one neuron did on them. One type per split, so that mypy refuses a mix-up.

What may be known about each split is in design.md: explore is shown to the explainer; of probe only the text is known
until predictions are registered; development drives the loop through scores; sealed is opened fold by fold, at the end.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

EXCERPT_TOKENS = 64


@dataclass(frozen=True)
class Excerpts:
    """`n` excerpts of at most 64 tokens.

    Attributes:
        tokens: int32 [n, 64] token ids, -1 past the end.
        lengths: int64 [n].
        documents: int32 [n], the document each comes from, numbered over the whole corpus.
        ids: int32 [n], numbered over the whole corpus.
        texts: int32 [n], the text that the document is all or a section of, numbered over the whole corpus.
    """

    tokens: NDArray[np.int32]
    lengths: NDArray[np.int64]
    documents: NDArray[np.int32]
    ids: NDArray[np.int32]
    texts: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.lengths)

    @property
    def mask(self) -> NDArray[np.bool_]:
        """True where there is a token, [n, 64]."""
        return self.tokens >= 0

    def take(self, rows: NDArray[np.int64]) -> Excerpts:
        """The excerpts at `rows`, in that order."""
        return Excerpts(*(column[rows] for column in vars(self).values()))


@dataclass(frozen=True)
class Readings:
    """Excerpts with one neuron's raw post-GELU values, float32 [n, 64], 0 past the end."""

    excerpts: Excerpts
    values: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.excerpts)


class ExploreReadings(Readings):
    """Shown to the explainer; hypotheses are learnt on it."""

    def take(self, rows: NDArray[np.int64]) -> ExploreReadings:
        """The readings at `rows`, in that order."""
        return ExploreReadings(self.excerpts.take(rows), self.values[rows])


class DevelopmentReadings(Readings):
    """Drives the loop through scores; never shown to an explainer."""

    def take(self, rows: NDArray[np.int64]) -> DevelopmentReadings:
        """The readings at `rows`, in that order."""
        return DevelopmentReadings(self.excerpts.take(rows), self.values[rows])


class SealedReadings(Readings):
    """One opened fold of the sealed split: the final score, and nothing else."""

    def take(self, rows: NDArray[np.int64]) -> SealedReadings:
        """The readings at `rows`, in that order."""
        return SealedReadings(self.excerpts.take(rows), self.values[rows])
