"""Sealed excerpts token by token, as the trace of a run holds them for whoever wants to look."""

from __future__ import annotations

from pydantic import Field

from tools.records.scores import Record


class SimulatedExcerpt(Record):
    """One excerpt: per token the raw value and the level (0-10) that the explanation predicts.

    `stratum` says how it was drawn: top, quantile or random.
    """

    stratum: str
    excerpt: int
    tokens: list[str]
    values: list[float]
    levels: list[float]


class SimulatedExcerpts(Record):
    """Excerpts of one sealed fold on which the explanation was scored, and how its levels become raw values.

    A level `l` stands for the raw value `intercept + slope * l`, the line that is closest on development text; None
    where there is no such line, because the levels are constant there.
    """

    excerpts: list[SimulatedExcerpt] = Field(default_factory=list)
    slope: float | None = None
    intercept: float | None = None

    def raw(self, levels: list[float]) -> list[float] | None:
        """The raw values that levels (0-10) stand for; None where there is no line."""
        if self.slope is None or self.intercept is None:
            return None
        return [self.intercept + self.slope * level for level in levels]
