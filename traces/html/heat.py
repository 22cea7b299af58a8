"""Tokens on the colour scale: true and simulated values, on one scale of raw activations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from traces.analysis.story import Story

N_SHADES = 10
_LEGEND = (0.1, 0.3, 0.5, 0.7, 1.0)


@dataclass(frozen=True)
class Cell:
    """A token and its raw value. `level` (0 to 10) is what an explanation predicted; None for a true value."""

    token: str
    value: float
    shade: int
    fires: bool
    level: float | None = None


@dataclass(frozen=True)
class Beside:
    """An excerpt with the neuron's raw values and with the simulated ones.

    `simulated` is empty if the run does not record which raw value a level stands for.
    """

    stratum: str
    excerpt: int
    true: list[Cell]
    simulated: list[Cell]


@dataclass(frozen=True)
class Excerpts:
    """The excerpts of a run on one scale, from 0 to `highest`; the steps of its legend as (shade, raw value)."""

    pairs: list[Beside]
    highest: float
    legend: list[tuple[int, float]]


def shade(value: float, highest: float) -> int:
    """The step of the scale, 0 to `N_SHADES`; values at or below 0 have no colour."""
    return 0 if value <= 0 or highest <= 0 else max(1, round(N_SHADES * min(1.0, value / highest)))


def cells(tokens: Sequence[str], values: Sequence[float], highest: float, theta: float | None) -> list[Cell]:
    """Tokens with raw values on a scale from 0 to `highest`."""
    return [
        Cell(token, value, shade(value, highest), theta is not None and value > theta)
        for token, value in zip(tokens, values, strict=True)
    ]


def shown_excerpts(story: Story) -> Excerpts | None:
    """True beside simulated activations; None if the trace has none, as in older runs."""
    rows = [row for row in story.shown.excerpts if row.tokens]
    if not rows:
        return None
    simulated = [story.shown.raw(row.levels) or [] for row in rows]
    highest = max([v for row in rows for v in row.values] + [v for row in simulated for v in row], default=0.0)
    pairs = []
    for row, predicted in zip(rows, simulated, strict=True):
        of_levels = [
            Cell(token, value, shade(value, highest), story.theta is not None and value > story.theta, level)
            for token, value, level in zip(row.tokens, predicted, row.levels, strict=False)
        ]
        true = cells(row.tokens, row.values, highest, story.theta)
        pairs.append(Beside(row.stratum, row.excerpt, true, of_levels))
    return Excerpts(pairs, highest, legend(highest))


def legend(highest: float) -> list[tuple[int, float]]:
    """Steps of the scale and their raw values."""
    return [(shade(part * highest, highest), part * highest) for part in _LEGEND] if highest > 0 else []
