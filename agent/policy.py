"""Who stays, when to stop, and what the run may claim: pure functions of what is on record."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from math import inf, log, sqrt
from typing import Literal

from agent.belief import FLOOR
from tools.records.result import Interval, ScoreValue, Unscored, Verdict

Kind = Literal["predicted positive", "predicted negative", "minimal pair"]
KINDS: tuple[Kind, ...] = ("predicted positive", "predicted negative", "minimal pair")
StopReason = Literal["plateau", "budget", "perfect", "rounds", "dead", "finished", "no answer", "person"]
"""Why a loop ends; `finished` and `no answer` are an LLM's that decides by itself."""


ROUND_COST = 4
"""Units of a full round: design, read, revise, score."""

TEST_COST = 2
"""Units to test the winner once more: design, read."""

PLATEAU = 0.01
PERFECT = 0.99
MOST_EXCERPTS = 250
"""Excerpts beyond these add nothing to what a score counts in the choice of the winner."""

PER_EXCERPT = 2
"""Observations that an excerpt counts as, where the experiments on a carrier are one: some 60 tokens are scored in it.
By resampled documents a score of 0.25 on 300 excerpts has a standard error of about 0.04, as on 550 observations."""

DOUBT = 10
"""Observations on which a rival without a score counts as one that predicted nothing."""

MIN_TESTS = 5
DEMAND = 0.5
"""The pass rate that tests must show or refute. Half of the fixed texts fire, so chance passes half of those; of the
others most are chosen where rivals disagree, and to pass half of them is not little."""

_Z = 1.96
MIN_OWN_TESTS = 3
"""Predicted positives that a meaning of its own must have passed."""

MIN_OWN_PAIRS = 1
"""Minimal pairs that take this meaning alone away from a text, and with it the firing."""

MIN_SHARE = 0.2
"""A meaning is counted when it has this share of the firing."""

NEARLY_ALL = 0.9
"""A sealed correlation whose lower bound is above this leaves nothing for a longer explanation to say."""

SHORT = 30
"""Words: half of what an explanation may have."""

NO_WORSE = 0.02
"""A paired loss whose bound is below this is no loss that matters."""

LIST_IS_BETTER = "a list of words predicts better"

REACH = 10.0
"""Nats that a rival may be behind the leader and still overtake it: what three carriers can bring at most, on which one
of the two is as right as it can be and the other as wrong."""

MOST_ASKED = 2
"""Rivals of which an LLM is asked in a round of experiments."""

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
    observations is less likely than the best one there is: an excerpt that was scored counts as two carriers that were
    experimented on, and 250 of them at most. So a score on few excerpts decides little and experiments more. Who has no
    score counts as one who predicted nothing on ten observations: too little evidence is no refutation.
    """
    best = max((_clipped(one.merit) for one in contenders.values() if one.merit is not None), default=0.0)
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


@dataclass(frozen=True)
class Tests:
    """How the winner's registered predictions of one kind turned out, counted by carrier."""

    passed: int
    failed: int

    @property
    def total(self) -> int:
        """How many there were."""
        return self.passed + self.failed

    @property
    def interval(self) -> tuple[float, float]:
        """Bounds of the pass rate, Wilson's at 95 %; nothing is known without a test."""
        n = self.total
        if not n:
            return 0.0, 1.0
        rate, z2 = self.passed / n, _Z**2 / n
        middle, half = rate + z2 / 2, _Z * sqrt(rate * (1 - rate) / n + z2 / (4 * n))
        return max(0.0, (middle - half) / (1 + z2)), min(1.0, (middle + half) / (1 + z2))

    @property
    def enough(self) -> bool:
        """At least five, of which surely more than half passed."""
        return self.total >= MIN_TESTS and self.interval[0] > DEMAND

    @property
    def refuting(self) -> bool:
        """At least five, of which surely fewer than half passed."""
        return self.total >= MIN_TESTS and self.interval[1] < DEMAND

    def __str__(self) -> str:
        return f"{self.passed} of {self.total}"


def borne_out(tests: Mapping[Kind, Tests]) -> dict[Kind, bool]:
    """Which kinds of test bear the winner out: those that do by themselves, and those with five passed tests or more
    that leave it open, when all kinds taken together do. Each kind weighs the same there, however many tests it has."""
    known = {kind: tests.get(kind, Tests(0, 0)) for kind in KINDS}
    # One more passed and one more failed: with all passed, a variance of zero would say that we know for certain.
    rates = [(t.passed + 1) / (t.total + 2) for t in known.values()]
    variances = [rate * (1 - rate) / (t.total + 2) for rate, t in zip(rates, known.values(), strict=True)]
    together = (sum(rates) - _Z * sqrt(sum(variances))) / len(known) > DEMAND
    return {kind: t.enough or (together and t.passed >= MIN_TESTS and not t.refuting) for kind, t in known.items()}


def untested(tests: Mapping[Kind, Tests]) -> list[Kind]:
    """Kinds of test of which more are needed: they do not bear the winner out yet, and do not refute it."""
    return [kind for kind, is_borne_out in borne_out(tests).items() if not is_borne_out and not tests[kind].refuting]


@dataclass(frozen=True)
class MeaningTests:
    """One meaning of the winner: its share of the firing, and how its own predictions turned out, by carrier."""

    share: float
    positive: Tests
    pair: Tests

    @property
    def enough(self) -> bool:
        """Enough passed predicted positives and minimal pairs, and at least as many passed as failed."""
        return (
            self.positive.passed >= max(MIN_OWN_TESTS, self.positive.failed)
            and self.pair.passed >= max(MIN_OWN_PAIRS, self.pair.failed)
        )  # fmt: skip


@dataclass(frozen=True)
class Findings:
    """All that a verdict depends on, for a neuron that is not dead.

    Attributes:
        score: sealed correlation of the winner.
        gains: paired sealed gains of the winner over `null` and `token_lookup_30`.
        lookup_full: sealed correlation of the full token lookup.
        tests: the winner's registered predictions by kind.
        has_explanation: whether the winner says that the neuron ever fires.
        words: of the winner's sentence.
        lookup_words: of the 30-token lookup as a sentence; None when there is none.
        meanings: unrelated meanings of the winner; empty or one where it is about one thing.
    """

    score: ScoreValue | Unscored
    gains: Mapping[str, Interval | Unscored]
    lookup_full: Interval | Unscored
    tests: Mapping[Kind, Tests]
    has_explanation: bool = True
    words: int = 0
    lookup_words: int | None = None
    meanings: Sequence[MeaningTests] = ()


def verdict(found: Findings) -> tuple[Verdict, str]:
    """What the run may claim of a neuron that is not dead, and why.

    *supported*: a score surely above 0.15, beats null and token-lookup-30 with intervals that exclude zero, and is
    borne out by each kind of test. *split*: supported, with two or more meanings, each at least a fifth of the
    firing and with its own passed tests. *noise*: neither the explanation nor the full lookup predicts anything on
    sealed text. Else *unresolved*.

    Where a neuron is a set of few tokens, the lookup is the truth, and no true sentence can beat it. An explanation is
    compared with a list of tokens to show that it says more than such a list does. So it also passes when it is no
    worse than the list, short (30 words, or no longer than the list as a sentence), and leaves nothing to be said: the
    lower bound of its sealed score is above 0.9. The reason says which of the two it was. A neuron of which a list of
    tokens tells half has to be told better than that, and the reason says where a list of words predicts better.
    """
    missing = []
    if isinstance(found.score, ScoreValue) and found.score.low <= NOTHING:
        missing.append(f"the sealed score may be below {NOTHING}, which explains nothing")
    if not _is_above(found.gains.get("null")):
        missing.append(_not_above("null", found.gains.get("null")))
    beyond_lookup = _is_above(found.gains.get("token_lookup_30"))
    if not beyond_lookup and not _is_as_good_as_a_list(found):
        missing.append(_not_above("token_lookup_30", found.gains.get("token_lookup_30")))
    tests = {kind: found.tests.get(kind, Tests(0, 0)) for kind in KINDS}
    missing += [_not_borne_out(kind, tests[kind]) for kind, holds in borne_out(tests).items() if not holds]
    if isinstance(found.score, ScoreValue) and found.has_explanation and not missing:
        why = (
            "beats null and token-lookup-30 on sealed text and passed every kind of test" if beyond_lookup else
            "predicts nearly everything, as a list of tokens does: beats null on sealed text, is short and no worse "
            "than token-lookup-30, and passed every kind of test"
        )  # fmt: skip
        why += f" ({', '.join(f'{tests[kind]} {kind}s' for kind in KINDS)})"
        own = [meaning for meaning in found.meanings if meaning.share >= MIN_SHARE and meaning.enough]
        if len(own) > 1:
            shares = ", ".join(f"{meaning.share:.0%}" for meaning in own)
            return "split", f"{why}; {len(own)} unrelated meanings ({shares} of the firing) passed tests of their own"
        return "supported", why
    weak = not found.has_explanation or (isinstance(found.score, ScoreValue) and found.score.high < NOTHING)
    if weak and isinstance(found.lookup_full, Interval) and found.lookup_full.high < NOTHING:
        return "noise", "the neuron fires, and neither the explanation nor the full token lookup predicts when"
    if isinstance(found.score, Unscored):
        missing.insert(0, found.score.reason)
    return "unresolved", "; ".join(missing) or "there is no explanation"


def _not_borne_out(kind: Kind, tests: Tests) -> str:
    """Which tests are missing, and how many of how many passed."""
    if tests.refuting:
        return f"too many failed tests: {kind} (passed {tests})"
    few = tests.total < MIN_TESTS
    what = "too few" if few else "too few passed" if tests.passed < MIN_TESTS else "undecided"
    return f"{what} tests: {kind} (passed {tests})"


def _is_above(gain: Interval | Unscored | None) -> bool:
    return isinstance(gain, Interval) and gain.low > 0


def _not_above(name: str, gain: Interval | Unscored | None) -> str:
    if not isinstance(gain, Interval):
        return f"no comparison with {name}"
    better = f", since {LIST_IS_BETTER}" if name == "token_lookup_30" and gain.value < 0 else ""
    return f"not surely above {name}{better}"


def _is_as_good_as_a_list(found: Findings) -> bool:
    gain = found.gains.get("token_lookup_30")
    return (
        isinstance(gain, Interval) and gain.low > -NO_WORSE
        and isinstance(found.score, ScoreValue) and found.score.low > NEARLY_ALL
        and found.words <= max(SHORT, found.lookup_words or 0)
    )  # fmt: skip
