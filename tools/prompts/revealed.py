"""Experiments that bore explanations out or refuted them, as a prompt shows them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tools.prompts.quoting import Outcome, block, listed, shown_level, unmarked


@dataclass(frozen=True)
class RevealedText:
    """An experiment whose outcome is known.

    Attributes:
        tokens: of the text; the reading is at the last one.
        predicted: the level 0..10 that each explanation shown had predicted, in their order; None where one had said
            nothing.
        level: what the neuron did, 0..10 relative to its largest activation.
        outcome: what that counts as.
        is_edited: whether a word of the text was replaced or left out.

    Raises:
        ValueError: a level is out of its range.
    """

    tokens: tuple[str, ...]
    predicted: tuple[float | None, ...]
    level: float
    outcome: Outcome
    is_edited: bool = False

    def __post_init__(self) -> None:
        if not all(0 <= level <= 10 for level in self.predicted if level is not None):
            raise ValueError(f"predicted levels must be in 0..10: {self.predicted}")
        if not 0 <= self.level <= 10:
            raise ValueError(f"the level of an experiment must be in 0..10: {self.level}")


def unasked(revealed: Sequence[RevealedText], n: int) -> str:
    """A line, with its end, on explanations of which none of these experiments has a prediction; else empty.

    Args:
        revealed: the experiments shown.
        n: how many explanations are shown.
    """
    silent = [str(i + 1) for i in range(n) if all(one.predicted[i] is None for one in revealed)]
    return f"No prediction is known here by no. {', '.join(silent)}.\n" if silent else ""


def revealed_block(revealed: Sequence[RevealedText]) -> str:
    """A line an experiment: what explanations had predicted, by their numbers, what the neuron did, and the text."""
    return block(listed(_line(experiment) for experiment in revealed))


def _line(experiment: RevealedText) -> str:
    said = [f"no. {number} said {round(p, 1):g}" for number, p in enumerate(experiment.predicted, 1) if p is not None]
    predicted = ", ".join(said) or "nobody asked"
    edited = "edited, " if experiment.is_edited else ""
    level = shown_level(experiment.level, experiment.outcome)
    return f"{predicted}; {experiment.outcome}, {level}; {edited}{unmarked(experiment.tokens)}"
