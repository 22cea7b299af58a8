"""Who stays, when to stop, and what the run may claim: pure functions of what is on record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from typing import Literal

from agent.belief import FLOOR
from tools.records.result import Interval, ScoreValue, Unscored, Verdict

Kind = Literal["predicted positive", "predicted negative", "minimal pair"]
KINDS: tuple[Kind, ...] = ("predicted positive", "predicted negative", "minimal pair")
StopReason = Literal["plateau", "budget", "perfect", "rounds", "dead"]

PLATEAU = 0.01
PERFECT = 0.99
MIN_TESTS = 5
MIN_PASS_RATE = 0.5
"""Experiments are chosen where rivals disagree, so most of them are hard: to pass half of them is not little."""
MOST_ALIVE = 8
NOTHING = 0.15
"""A sealed correlation whose upper bound is below this is no explanation of anything."""


@dataclass(frozen=True)
class Standing:
    """How far the run is, for the judge.

    Attributes:
        best: the best development score.
        gain: paired gain of the best over what was best `patience` rounds ago; None before there is one.
        rounds: rounds finished.
        patience: rounds without gain before the loop stops.
        max_rounds: rounds allowed; None for any number.
        left: units of budget left.
        round_cost: units that another round needs at least.
    """

    best: ScoreValue | Unscored
    gain: Interval | None
    rounds: int
    patience: int
    max_rounds: int | None
    left: float
    round_cost: int


def leader(values: Mapping[str, float], beliefs: Mapping[str, float]) -> str | None:
    """Who leads: of those within 0.01 of the best development score, the one that experiments speak for most.

    Args:
        values: development scores of those that have one.
        beliefs: of all that compete.

    Returns:
        A name, the better score first where beliefs are equal; None when nothing has a score.
    """
    if not values:
        return None
    best = max(values.values())
    close = [name for name, value in values.items() if value > best - PLATEAU]
    return max(close, key=lambda name: (beliefs[name], values[name]))


def should_stop(standing: Standing) -> tuple[StopReason, str] | None:
    """Why to stop now, as a reason and a sentence; None to go on."""
    if isinstance(standing.best, ScoreValue) and standing.best.low > PERFECT:
        return "perfect", f"the development score is above {PERFECT} with its whole interval"
    if standing.rounds >= standing.patience and standing.gain is not None and standing.gain.high < PLATEAU:
        return "plateau", (
            f"over the last {standing.patience} rounds the development score gained at most "
            f"{standing.gain.high:.3f} (upper bound), under {PLATEAU}"
        )
    if standing.max_rounds is not None and standing.rounds >= standing.max_rounds:
        return "rounds", f"{standing.max_rounds} rounds were asked for"
    if standing.left < standing.round_cost:
        return "budget", f"{standing.left:g} units are left and another round needs {standing.round_cost}"
    return None


def to_drop(
    beliefs: Mapping[str, float], scores: Mapping[str, ScoreValue | Unscored], kept: frozenset[str]
) -> list[tuple[str, str]]:
    """Rivals to drop, each with the reason; those in `kept` always compete.

    A rival goes when it has no development score though another has one, when it is at the floor of belief and its
    development interval lies below the best one's, or when there are more than eight and its score is the lowest.
    """
    scored = {name: score for name, score in scores.items() if isinstance(score, ScoreValue)}
    if not scored:
        return []
    best = max(scored.values(), key=lambda score: score.value)
    out: list[tuple[str, str]] = []
    candidates = sorted(
        (name for name in beliefs if name not in kept),
        key=lambda name: scored[name].value if name in scored else -inf,
    )
    alive = len(candidates)
    for name in candidates:
        score = scores[name]
        if score is best:
            continue
        if isinstance(score, Unscored):
            out.append((name, f"no development score: {score.reason}"))
        elif beliefs[name] <= 1.5 * FLOOR and score.high < best.low:
            out.append((name, "refuted by experiments and below the best on development text"))
        elif alive > MOST_ALIVE:
            out.append((name, f"the lowest development score of more than {MOST_ALIVE} rivals"))
        else:
            continue
        alive -= 1
    return out


@dataclass(frozen=True)
class Tests:
    """How the winner's registered predictions of one kind turned out, counted by carrier."""

    passed: int
    failed: int

    @property
    def enough(self) -> bool:
        """At least five passed, and not fewer than half of all."""
        return self.passed >= MIN_TESTS and self.passed >= MIN_PASS_RATE * (self.passed + self.failed)


def is_tested(tests: Mapping[Kind, Tests]) -> bool:
    """Whether predictions of every kind have been put to the test at least five times."""
    return all(tests[kind].passed + tests[kind].failed >= MIN_TESTS for kind in KINDS)


def verdict(
    score: ScoreValue | Unscored,
    gains: Mapping[str, Interval | Unscored],
    lookup_full: Interval | Unscored,
    tests: Mapping[Kind, Tests],
    has_explanation: bool = True,
) -> tuple[Verdict, str]:
    """What the run may claim of a neuron that is not dead, and why.

    *supported*: beats null and token-lookup-30 with intervals that exclude zero and has passed enough tests of each
    kind. *noise*: neither the explanation nor the full lookup predicts anything on sealed text. Else *unresolved*.
    """
    missing = []
    for name in ("null", "token_lookup_30"):
        gain = gains.get(name)
        if not isinstance(gain, Interval):
            missing.append(f"no comparison with {name}")
        elif gain.low <= 0:
            missing.append(f"not above {name} beyond doubt")
    missing += [f"too few passed tests: {kind}" for kind in KINDS if not tests.get(kind, Tests(0, 0)).enough]
    if isinstance(score, ScoreValue) and not missing:
        return "supported", "beats null and token-lookup-30 on sealed text and passed every kind of test"
    weak = has_explanation is False or (isinstance(score, ScoreValue) and score.high < NOTHING)
    if weak and isinstance(lookup_full, Interval) and lookup_full.high < NOTHING:
        return "noise", "the neuron fires, and neither the explanation nor the full token lookup predicts when"
    if isinstance(score, Unscored):
        missing.insert(0, score.reason)
    return "unresolved", "; ".join(missing)
