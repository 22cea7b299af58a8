"""The histogram of many results' scores, as a drawing and in words."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median

from agent.review.filters import VERDICTS
from traces.database.selection import Brief

WIDTH, HEIGHT, BELOW = 640, 132, 22
STEP = 0.05
_FEWEST_BINS = 20


@dataclass(frozen=True)
class Bar:
    """A part of one bin's column: those of one verdict."""

    verdict: str
    n: int
    x: float
    y: float
    width: float
    height: float
    label: str


@dataclass(frozen=True)
class Tick:
    """A number on the axis."""

    x: float
    label: str


@dataclass(frozen=True)
class Histogram:
    """Stacked columns, one for every 0.05 of score, and the same in one sentence; no bars where nothing has a score."""

    bars: list[Bar] = field(default_factory=list)
    ticks: list[Tick] = field(default_factory=list)
    verdicts: list[str] = field(default_factory=list)
    highest: int = 0
    sentence: str = "No result here has a score."
    width: int = WIDTH
    height: int = HEIGHT
    below: int = BELOW


def draw(found: Sequence[Brief]) -> Histogram:
    """The histogram of those that have a score; the others are not in it."""
    scored = [(one.score, one.verdict) for one in found if one.score is not None]
    if not scored:
        return Histogram()
    values = [score for score, _ in scored]
    counts = Counter((math.floor(score / STEP + 1e-9), verdict) for score, verdict in scored)
    first = min(0, *(at for at, _ in counts))
    last = max(_FEWEST_BINS, *(at + 1 for at, _ in counts))
    heights = Counter[int]()
    for (at, _), n in counts.items():
        heights[at] += n
    highest = max(heights.values())
    wide = WIDTH / (last - first)
    present = {verdict for _, verdict in counts}
    verdicts = [name for name in (*VERDICTS, *sorted(present - set(VERDICTS))) if name in present]
    bars, filled = [], Counter[int]()
    for verdict in verdicts:
        for at in range(first, last):
            if n := counts[at, verdict]:
                filled[at] += n
                bars.append(
                    Bar(
                        verdict, n, round((at - first) * wide + 0.5, 2),
                        round(HEIGHT * (1 - filled[at] / highest), 2), round(wide - 1, 2),
                        round(max(HEIGHT * n / highest, 0.75), 2),
                        f"{_signed(at * STEP)} to {_signed((at + 1) * STEP)}: {n:,} {verdict}",
                    )
                )  # fmt: skip
    every = 4 if last - first <= 30 else 10
    marked = [at for at in range(first, last + 1) if at % every == 0]
    ticks = [Tick(round((at - first) * wide, 2), _signed(at * STEP)) for at in marked]
    sentence = (
        f"{len(values):,} with a score, from {_signed(min(values), 3)} to {_signed(max(values), 3)}, "
        f"median {_signed(median(values), 3)}."
    )
    return Histogram(bars, ticks, verdicts, highest, sentence)


def _signed(value: float, digits: int = 2) -> str:
    text = f"{value:.{digits}f}"
    return "0" if float(text) == 0 else text.replace("-", "−")
