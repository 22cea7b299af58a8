"""Which rivals stay, which one leads, and when to stop: pure functions of what is on record."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from math import inf, log

from agent.graph.belief import FLOOR
from agent.setup.config import MOST_ASKED
from tools.records.result import Interval, ScoreValue, StopReason, Unscored

PLATEAU = 0.01
PERFECT = 0.99
MOST_EXCERPTS = 250
"""Excerpts beyond these add nothing to what a score counts in the choice of the winner."""

PER_EXCERPT = 2
"""Observations that an excerpt counts as, where the experiments on a carrier are one: some 60 tokens are scored in it.
By resampled documents a score of 0.25 on 300 excerpts has a standard error of about 0.04, as on 550 observations."""

DOUBT = 10
"""Observations on which a rival without a score counts as one that predicted nothing."""

REACH = 10.0
"""Nats that a rival may be behind the leader and still overtake it: what three carriers can bring at most, on which one
of the two is as right as it can be and the other as wrong."""

MOST_ALIVE = 8


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
        refuted: whether the best failed more of its tests than it may; then a perfect score is not the end.
    """

    best: ScoreValue | Unscored
    gain: Interval | None
    rounds: int
    patience: int
    max_rounds: int | None
    left: float
    round_cost: int
    refuted: bool = False


@dataclass(frozen=True)
class Contender:
    """What a rival may win by.

    Attributes:
        belief: how far the experiments speak for it, among all that compete.
        merit: the reader's score on development text; None without one.
        n_excerpts: on how many excerpts that was found.
        was_right: whether the neuron fired on a text on which it had said so.
    """

    belief: float
    merit: float | None = None
    n_excerpts: int = 0
    was_right: bool = False

    @property
    def may_lead(self) -> bool:
        """Without a score only once an experiment bore out that the neuron fires where it says so."""
        return self.merit is not None or self.was_right


def weights(contenders: Mapping[str, Contender]) -> dict[str, float]:
    """The one rule of who wins: the log (nats) of what each contender is worth, experiments and score together.

        log belief - n/2 log((1 - r^2) / (1 - best^2))

    The first part is what the experiments say. The second is by how much the contender's correlation `r` on `n`
    observations is less likely than `best`: an excerpt that was scored counts as two carriers that were experimented
    on, and 250 of them at most. `best` is the highest correlation among the contenders that were scored on the most
    excerpts. A higher one on few excerpts speaks for its own contender, as far as few excerpts can tell, and not
    against those with many. A contender without a score counts as one that predicted nothing on ten observations: too
    little evidence does not refute it.
    """
    most = max((min(one.n_excerpts, MOST_EXCERPTS) for one in contenders.values() if one.merit is not None), default=0)
    best = max(
        (_clipped(one.merit) for one in contenders.values()
         if one.merit is not None and min(one.n_excerpts, MOST_EXCERPTS) == most),
        default=0.0,
    )  # fmt: skip
    out = {}
    for name, one in contenders.items():
        n = DOUBT if one.merit is None else PER_EXCERPT * min(one.n_excerpts, MOST_EXCERPTS)
        out[name] = log(one.belief) - n / 2 * (log(1 - _clipped(one.merit or 0.0) ** 2) - log(1 - best**2))
    return out


def _clipped(correlation: float) -> float:
    return min(max(correlation, 0.0), PERFECT)


def worth_asking(contenders: Mapping[str, Contender], costly: Collection[str]) -> set[str]:
    """Of rivals that cost something to ask, those whose predictions may change who wins: the two that are worth most,
    while they are within reach of the leader. One without a score is, since only experiments can decide on it."""
    weight = weights(contenders)
    first = max(weight.values(), default=0.0)
    near = [name for name in weight if name in costly and weight[name] > first - REACH]
    return set(sorted(near, key=lambda name: -weight[name])[:MOST_ASKED])


def leader(contenders: Mapping[str, Contender]) -> str | None:
    """Who leads by `weights`, the higher score first where those are equal; None when nobody may."""
    weight = weights(contenders)
    open_to = [name for name, one in contenders.items() if one.may_lead]

    def rank(name: str) -> tuple[float, float]:
        merit = contenders[name].merit
        return round(weight[name], 6), -inf if merit is None else merit

    return max(open_to, key=rank, default=None)


def why_it_leads(contenders: Mapping[str, Contender], winner: str) -> str:
    """What `weights` rests on, in words: the winner's score and belief beside those of the next one."""

    def told(name: str) -> str:
        one = contenders[name]
        score = "no score" if one.merit is None else f"{one.merit:.2f} on {one.n_excerpts} excerpts"
        return f"{name} ({score}, belief {one.belief:.2f})"

    weight = weights(contenders)
    others = [name for name, one in contenders.items() if name != winner and one.may_lead]
    if not others:
        return f"{told(winner)} has no rival left that could win"
    second = max(others, key=lambda name: weight[name])
    ahead = weight[winner] - weight[second]
    by_experiments = log(contenders[winner].belief) - log(contenders[second].belief)
    return (
        f"score and experiments together put {told(winner)} {ahead:.2f} nats before {told(second)}: "
        f"{by_experiments:+.2f} by experiments, {ahead - by_experiments:+.2f} by score"
    )


def should_stop(standing: Standing) -> tuple[StopReason, str] | None:
    """Why to stop now, as a reason and a sentence; None to go on."""
    if isinstance(standing.best, ScoreValue) and standing.best.low > PERFECT and not standing.refuted:
        return "perfect", f"the development score is above {PERFECT} with its whole interval"
    if standing.rounds >= standing.patience and standing.gain is not None and standing.gain.high < PLATEAU:
        return "plateau", (
            f"on the same development excerpts the best explanation is at most {max(standing.gain.high, 0):.3f} better "
            f"(upper bound) than the best of {standing.patience} rounds before, under {PLATEAU}"
        )
    if standing.max_rounds is not None and standing.rounds >= standing.max_rounds:
        return "rounds", f"{standing.max_rounds} rounds were asked for"
    if standing.left < standing.round_cost:
        return "budget", f"{standing.left:g} units are left and another round needs {standing.round_cost}"
    return None


def to_drop(
    contenders: Mapping[str, Contender], scores: Mapping[str, ScoreValue | Unscored], untried: frozenset[str]
) -> list[tuple[str, str]]:
    """Rivals to drop, each with the reason; references are none of them: they stay and drive nobody out.

    A rival goes when it is at the floor of belief and its development interval lies below the best one's, or when there
    are more than eight and it is worth the least (see `weights`). One without a development score, as too little text
    was there to tell, goes only when experiments spoke against it: never before it was tried, and among no more than
    eight only at the floor.

    Args:
        contenders: all that may win.
        scores: theirs on development text; intervals are only compared on as many excerpts.
        untried: those that no experiment has tested yet.
    """
    merit = {name: one.merit for name, one in contenders.items() if one.merit is not None}
    if not merit:
        return []
    first = max(merit, key=lambda name: merit[name])
    best, weight = scores[first], weights(contenders)
    out: list[tuple[str, str]] = []
    alive = len(contenders)
    for name in sorted(contenders, key=lambda name: weight[name]):
        score, at_floor = scores[name], contenders[name].belief <= 1.5 * FLOOR
        if name == first or (isinstance(score, Unscored) and name in untried):
            continue
        if isinstance(score, Unscored) and at_floor:
            out.append((name, f"experiments spoke against it, and it has no development score: {score.reason}"))
        elif at_floor and _is_below(score, best):
            out.append((name, "refuted by experiments and below the best on development text"))
        elif alive > MOST_ALIVE:
            out.append((name, f"by score and experiments together the least of more than {MOST_ALIVE} rivals"))
        else:
            continue
        alive -= 1
    return out


def _is_below(score: ScoreValue | Unscored, best: ScoreValue | Unscored) -> bool:
    return (
        isinstance(score, ScoreValue) and isinstance(best, ScoreValue)
        and score.high < best.low and score.n_excerpts == best.n_excerpts
    )  # fmt: skip


def to_merge(
    pairs: Sequence[tuple[str, str]], scores: Mapping[str, ScoreValue | Unscored], beliefs: Mapping[str, float],
    words: Mapping[str, int],
) -> list[tuple[str, str]]:  # fmt: skip
    """Who goes into whom, as (gone, kept): of rivals that say the same, the best stays.

    The most believed, of those believed alike (to one decimal) the one with fewer words, then the higher score.

    Args:
        pairs: names of rivals whose simulations agree.
        scores: development scores.
        beliefs: of all that compete.
        words: of their sentences.
    """
    out: list[tuple[str, str]] = []
    gone: set[str] = set()

    def merit(name: str) -> tuple[float, int, float]:
        score = scores[name]
        return round(beliefs[name], 1), -words[name], score.value if isinstance(score, ScoreValue) else -inf

    for pair in pairs:
        if gone.isdisjoint(pair):
            kept, lost = sorted(pair, key=merit, reverse=True)
            out.append((lost, kept))
            gone.add(lost)
    return out
