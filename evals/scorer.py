"""A check of the scorer: how often a true explanation outscores every false one, independent of any agent."""

from __future__ import annotations

from collections.abc import Iterable

from evals.records import NeuronRecord, Record, ScorerCheck
from tools.records.result import ScoreValue

_PREDICTS_NOTHING = "the simulation is constant"


class ScorerTally(Record):
    """Planted neurons of one noise level: how many rank the true explanation first, another first, or have no
    ranking.
    """

    noise: float
    n_first: int
    n_not_first: int
    n_unscored: int


def truth_first(check: ScorerCheck) -> bool | None:
    """Whether the true explanation outscores every false one; None if a score is missing.

    A false explanation with a constant simulation has no correlation, and has lost.
    """
    if not isinstance(check.true.score, ScoreValue) or not check.false:
        return None
    others = []
    for claim in check.false:
        if isinstance(claim.score, ScoreValue):
            others.append(claim.score.value)
        elif not claim.score.reason.startswith(_PREDICTS_NOTHING):
            return None
    return all(check.true.score.value > other for other in others)


def scorer_tally(neurons: Iterable[NeuronRecord]) -> list[ScorerTally]:
    """By noise level, over planted neurons with false explanations; puzzles are counted elsewhere."""
    found: dict[float, list[bool | None]] = {}
    for record in neurons:
        if record.kind == "truth" and record.scorer is not None and record.scorer.false:
            found.setdefault(record.noise, []).append(truth_first(record.scorer))
    return [
        ScorerTally(noise=noise, n_first=own.count(True), n_not_first=own.count(False), n_unscored=own.count(None))
        for noise, own in sorted(found.items())
    ]
