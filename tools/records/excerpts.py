"""Excerpts of text, and what one neuron did on them. One type per split, so that mypy refuses a mix-up.

Explore is shown to the explainer; of probe only the text is known until predictions are registered; development drives
the loop through scores; sealed is opened fold by fold, at the end.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

EXCERPT_TOKENS = 64
"""How long excerpts are, unless a model can read no more than fewer."""


@dataclass(frozen=True)
class Excerpts:
    """`n` excerpts of at most `width` tokens: 64, or fewer where the model can read no more.

    Attributes:
        tokens: int32 [n, width] token ids, -1 past the end.
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
    def width(self) -> int:
        """The most tokens that an excerpt may have."""
        return int(self.tokens.shape[1])

    @property
    def mask(self) -> NDArray[np.bool_]:
        """True where there is a token, [n, width]."""
        return self.tokens >= 0

    def take(self, rows: NDArray[np.int64]) -> Excerpts:
        """The excerpts at `rows`, in that order."""
        return Excerpts(*(column[rows] for column in vars(self).values()))

    def followed_by(self, more: Excerpts) -> Excerpts:
        """These excerpts and then `more`."""
        pairs = zip(vars(self).values(), vars(more).values(), strict=True)
        return Excerpts(*(np.concatenate(pair) for pair in pairs))


@dataclass(frozen=True)
class Activations:
    """Excerpts with one neuron's values.

    Attributes:
        excerpts: the texts.
        values: raw post-GELU values, float32 [n, width], 0 past the end.
        sought: True where an excerpt was not drawn but sought out, because an index says that the neuron's largest
            values of all are there, bool [n]; None where there are none. They count among the top, and what is said of
            text at large leaves them out.
    """

    excerpts: Excerpts
    values: NDArray[np.float32]
    sought: NDArray[np.bool_] | None = None

    def __len__(self) -> int:
        return len(self.excerpts)

    @property
    def drawn(self) -> NDArray[np.int64]:
        """Rows that are a fair sample of text, int64."""
        return np.arange(len(self)) if self.sought is None else np.flatnonzero(~self.sought)

    def columns(self, rows: NDArray[np.int64]) -> tuple[Excerpts, NDArray[np.float32], NDArray[np.bool_] | None]:
        """What activations of `rows` are made of."""
        return self.excerpts.take(rows), self.values[rows], None if self.sought is None else self.sought[rows]


class ExploreActivations(Activations):
    """Shown to the explainer; hypotheses are learnt on it."""

    def take(self, rows: NDArray[np.int64]) -> ExploreActivations:
        """The activations at `rows`, in that order."""
        return ExploreActivations(*self.columns(rows))


class DevelopmentActivations(Activations):
    """Drives the loop through scores; never shown to an explainer."""

    def take(self, rows: NDArray[np.int64]) -> DevelopmentActivations:
        """The activations at `rows`, in that order."""
        return DevelopmentActivations(*self.columns(rows))


class SealedActivations(Activations):
    """One opened fold of the sealed split: the final score, and nothing else."""

    def take(self, rows: NDArray[np.int64]) -> SealedActivations:
        """The activations at `rows`, in that order."""
        return SealedActivations(*self.columns(rows))
