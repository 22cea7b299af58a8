"""SVG drawings in the page's colours: scores with intervals, beliefs over rounds, calibration."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from tools.records.predictions import Bin
from traces.text.formatting import shorten

N_COLOURS = 8
"""Lines differ in colour, dashes and name; the classes `c0` to `c7` of the style sheet."""

_WIDTH, _LABELS, _ROW = 640, 175, 30
_QUARTERS = (0, 0.25, 0.5, 0.75, 1)
_MOST_DOTS, _MOST_TICKS = 40, 12
_NAME_HEIGHT, _LONGEST_NAME = 15, 17

_ACROSS = Markup(
    '<line class="grid" x1="{0}" x2="{1}" y1="{2}" y2="{2}"/><text class="tick end" x="{3}" y="{4}">{5:g}</text>'
)
_DOWN = Markup('<line class="grid" x1="{0}" x2="{0}" y1="4" y2="{1}"/><text class="tick" x="{0}" y="{2}">{3:g}</text>')
_TICK = Markup('<text class="tick" x="{}" y="{}">{}</text>')
_LABEL = Markup('<text class="label {}" x="{}" y="{}">{}</text>')
_RANGE = Markup('<line class="range {0}" x1="{1}" x2="{2}" y1="{3}" y2="{3}"/>')
_POINT = Markup('<circle class="point {}" cx="{}" cy="{}" r="{}"/>')
_LINE = Markup('<polyline class="line c{}" points="{}"/>')
_DOT = Markup('<circle class="dot c{}" cx="{}" cy="{}" r="{}"/>')
_NAME = Markup('<text class="name c{}" x="{}" y="{}">{}</text>')
_DIAGONAL = Markup('<line class="diagonal" x1="{0}" y1="{1}" x2="{1}" y2="{0}"/>')


@dataclass(frozen=True)
class Bar:
    """A score with its interval, and whether it is the one that the page is about."""

    label: str
    value: float
    low: float
    high: float
    is_main: bool = False


def intervals(bars: Sequence[Bar]) -> Markup:
    """Scores below each other on one axis that includes 0, 1 and all of them."""
    left = min(0.0, *(bar.low for bar in bars)) if bars else 0.0
    right = max(1.0, *(bar.high for bar in bars)) if bars else 1.0
    height = _ROW * len(bars) + 26

    def x(value: float) -> float:
        return round(_LABELS + (_WIDTH - _LABELS - 16) * (value - left) / (right - left), 1)

    out = [_DOWN.format(x(tick), height - 22, height - 6, tick) for tick in _QUARTERS]
    for at, bar in enumerate(bars):
        y, kind = _ROW * at + 18, "main" if bar.is_main else "other"
        out += [
            _LABEL.format(kind, _LABELS - 12, y + 5, bar.label),
            _RANGE.format(kind, x(bar.low), x(bar.high), y),
            _POINT.format(kind, x(bar.value), y, 6 if bar.is_main else 4.5),
        ]
    return _svg(out, _WIDTH, height, "Scores with 95 % intervals on one axis; the table below has the numbers")


def beliefs(names: Sequence[str], rounds: Sequence[int], series: Sequence[Sequence[float | None]]) -> Markup:
    """Belief of each rival after each round; a line starts when its rival enters and ends when it leaves."""
    height, top, bottom, left, right = 300, 12, 262, 44, _WIDTH - 165
    steps = max(1, len(rounds) - 1)

    def x(at: int) -> float:
        return round(left + (right - left) * (at / steps if len(rounds) > 1 else 0.5), 1)

    def y(value: float) -> float:
        return round(bottom - (bottom - top) * value, 1)

    out = [_ACROSS.format(left, right, y(tick), left - 8, y(tick) + 4, tick) for tick in _QUARTERS]
    places = range(len(rounds)) if len(rounds) <= _MOST_TICKS else (0, len(rounds) // 2, len(rounds) - 1)
    out += [_TICK.format(x(at), height - 8, f"round {rounds[at]}") for at in places]
    ends: list[tuple[float, int, str]] = []
    for row, (name, values) in enumerate(zip(names, series, strict=True)):
        points = [(x(at), y(value)) for at, value in enumerate(values) if value is not None]
        if not points:
            continue
        colour = row % N_COLOURS
        out.append(_LINE.format(colour, " ".join(f"{a},{b}" for a, b in points)))
        out += [_DOT.format(colour, a, b, 3) for a, b in points[:: -(-len(points) // _MOST_DOTS)]]
        last = next(value for value in reversed(values) if value is not None)
        ends.append((points[-1][1], colour, f"{shorten(name, _LONGEST_NAME)} {last:.2f}"))
    out += [_NAME.format(colour, right + 12, place + 4, name) for place, colour, name in _apart(ends, top, bottom)]
    return _svg(out, _WIDTH, height, "Belief of each rival after each round; the table below has the numbers")


def _apart(ends: list[tuple[float, int, str]], top: float, bottom: float) -> Iterator[tuple[float, int, str]]:
    """Names beside the ends of their lines, moved apart so that all are readable, if there is room."""
    ends = sorted(ends)[: int((bottom - top) // _NAME_HEIGHT)]
    places = [place for place, _, _ in ends]
    for i in range(1, len(places)):
        places[i] = max(places[i], places[i - 1] + _NAME_HEIGHT)
    limit = bottom
    for i in reversed(range(len(places))):
        places[i] = min(places[i], limit)
        limit = places[i] - _NAME_HEIGHT
    for place, (_, colour, name) in zip(places, ends, strict=True):
        yield round(place, 1), colour, name


def calibration(sets: Sequence[tuple[str, Sequence[Bin]]]) -> Markup:
    """Predicted probability against how often the neuron fired; the diagonal is perfect, larger dots are more texts."""
    low, high = 40, 284

    def x(value: float) -> float:
        return round(low + (high - low) * value, 1)

    def y(value: float) -> float:
        return round(high - (high - low) * value, 1)

    out = [_ACROSS.format(low, high, y(tick), low - 6, y(tick) + 4, tick) for tick in (0, 0.5, 1)]
    out += [_TICK.format(x(tick), 300, f"{tick:g}") for tick in (0, 0.5, 1)]
    out += [_DIAGONAL.format(low, high), _TICK.format((low + high) / 2, 317, "predicted probability of firing")]
    out += [
        _DOT.format(row, x(one.predicted), y(one.fired), round(3 + min(one.n, 100) ** 0.5 * 0.7, 1))
        for row, (_, bins) in enumerate(sets)
        for one in bins
    ]
    return _svg(out, 300, 322, "Predicted probability of firing against how often the neuron fired; numbers beside it")


def _svg(parts: Sequence[Markup], width: int, height: int, about: str) -> Markup:
    head = Markup('<svg viewBox="0 0 {} {}" role="img" aria-label="{}">').format(width, height, about)
    return Markup("").join([head, *parts, Markup("</svg>")])
