"""Explanations under test, and the experiments that bore them out or refuted them, as a prompt shows them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tools.prompts.evidence import block, last_marked, listed, quoted


@dataclass(frozen=True)
class RevealedText:
    """An experiment whose outcome is known.

    Attributes:
        tokens: of the text; the reading is at the last one.
        predicted: probability of firing by each explanation shown, in their order; None where one said nothing.
        level: what the neuron did, 0..10 relative to its largest activation.
        fired: whether that counts as firing.

    Raises:
        ValueError: a probability or the level is out of its range.
    """

    tokens: tuple[str, ...]
    predicted: tuple[float | None, ...]
    level: float
    fired: bool

    def __post_init__(self) -> None:
        if not all(0 <= p <= 1 for p in self.predicted if p is not None):
            raise ValueError(f"predicted probabilities must be in 0..1: {self.predicted}")
        if not 0 <= self.level <= 10:
            raise ValueError(f"the level of an experiment must be in 0..10: {self.level}")


def explanations_block(explanations: Sequence[str]) -> str:
    """Explanations, numbered from 1."""
    return block(listed(map(quoted, explanations)))


def revealed_block(revealed: Sequence[RevealedText]) -> str:
    """A line an experiment: what each explanation predicted, what the neuron did, and the text."""
    return block(listed(_line(experiment) for experiment in revealed))


def _line(experiment: RevealedText) -> str:
    predicted = " ".join("?" if p is None else f"{_percent(p)}%" for p in experiment.predicted) or "?"
    outcome = "fired" if experiment.fired else "silent"
    return f"predicted {predicted}; {outcome}, level {experiment.level:.1f}; text: {last_marked(experiment.tokens)}"


def _percent(probability: float) -> int:
    # Never rounded to certainty, nor across the middle.
    rounded = math.floor(100 * probability) if probability < 0.5 else math.ceil(100 * probability)
    return min(99, max(1, rounded))
