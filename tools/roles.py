"""The two roles that an explanation needs: one writes hypotheses, one says what a sentence predicts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tools.records.excerpts import ExploreReadings
from tools.records.result import Unscored


@dataclass(frozen=True)
class Proposal:
    """A sentence, and what kind of hypothesis it is."""

    form: str
    sentence: str


@dataclass(frozen=True)
class Revealed:
    """An experiment whose reading is known: the token ids and the raw value at the last one."""

    tokens: tuple[int, ...]
    value: float


class Explainer(Protocol):
    """Writes hypotheses about one neuron. It sees explore text and revealed experiments, and nothing else."""

    @property
    def name(self) -> str:
        """How a result calls it."""

    @property
    def fingerprint(self) -> str:
        """SHA-256 (hex) of whatever decides what it would say."""

    @property
    def has_null(self) -> bool:
        """Whether what it says of one neuron can be tried on another, as a matched null needs."""

    def propose(self, explore: ExploreReadings, size: int, rng: np.random.Generator, n: int) -> list[Proposal]:
        """At most `n` rivals of different form; when `n` is 1, the one that this explainer would bet on.

        Args:
            explore: what the neuron does on explore text.
            size: excerpts per stratum to learn from.
            rng: draws the excerpts.
            n: how many.
        """

    def propose_one(self, explore: ExploreReadings, size: int, rng: np.random.Generator) -> Proposal | None:
        """The one hypothesis that this explainer would bet on; what matched nulls are made of. None: it has none."""

    def revise(
        self, explore: ExploreReadings, size: int, rng: np.random.Generator, revealed: list[Revealed], best: list[str]
    ) -> list[Proposal]:
        """New hypotheses in the light of revealed experiments and of the best sentences so far."""


class Simulator(Protocol):
    """Says what a sentence predicts, token by token."""

    @property
    def name(self) -> str:
        """How a result calls it."""

    def simulate(self, sentence: str, tokens: NDArray[np.int32]) -> NDArray[np.float32] | Unscored:
        """Predicted levels, float32 [n, pos] in 0..10, for tokens int32 [n, pos] with -1 past the end."""
