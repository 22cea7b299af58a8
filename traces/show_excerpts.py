"""Sealed excerpts as text: what the neuron did, and below it on the same scale what the explanation predicts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from traces.lines import Line, section, wrapped
from traces.story import Story
from traces.tokens import token_line


def excerpt_lines(story: Story, width: int, is_coloured: bool) -> Iterator[str | Line]:
    """The first excerpt of each stratum, around its largest true value; nothing where the trace has none."""
    excerpts, slope, intercept = (story.shown.get(key) for key in ("excerpts", "slope", "intercept"))
    if not excerpts:
        return
    yield from section("True and simulated, on sealed text")
    if slope is None or intercept is None:
        yield from wrapped("The explanation says the same everywhere, so it predicts no raw values.", width)
        return
    shown = {excerpt["stratum"]: excerpt for excerpt in reversed(excerpts) if excerpt["tokens"]}
    rows = [(excerpt, _simulated(excerpt, slope, intercept)) for excerpt in reversed(shown.values())]
    largest = max(max(*excerpt["values"], *simulated, 0.0) for excerpt, simulated in rows)
    theta = story.theta if story.theta is not None else largest
    marks = "underlined" if is_coloured else "between «»"
    yield f"  one scale, 0 to {largest:.3f}; above {theta:.3f} it fires ({marks}); the number is the largest value"
    for excerpt, simulated in rows:
        values = excerpt["values"]
        at = max(range(len(values)), key=values.__getitem__)
        for name, row in (("true", values), ("simulated", simulated)):
            line = token_line(excerpt["tokens"], row, at, largest, theta, is_coloured)
            stratum = excerpt["stratum"] if name == "true" else ""
            yield Line.of(f"  {stratum:<9} {name:<10} {max(row) + 0.0:6.3f}  ", *line.parts)


def _simulated(excerpt: dict[str, Any], slope: float, intercept: float) -> list[float]:
    return [intercept + slope * level for level in excerpt["levels"]]
