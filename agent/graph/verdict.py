"""What a run may claim: how the winner's tests came out, and the verdict. Pure functions of what is on record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt

from tools.records.coverage import Count, FoundMeaning
from tools.records.hypothesis import TEST_KINDS, Hypothesis, TestKind
from tools.records.result import Gains, Interval, ScoreValue, Unscored, Verdict
from tools.scoring.shares import Z, wilson

MIN_TESTS = 5
DEMAND = 0.5
"""The pass rate that tests must show or refute. Half of the fixed texts fire, so chance passes half of those; most
others are texts on which rivals disagree, so passing half of them is already demanding."""

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

_NONE = Count(passed=0, failed=0)
_OTHERS = "explanations of other neurons"
_LIST = "a list of 30 words"
_IN_WORDS: dict[TestKind, str] = {
    "predicted positive": "where it should fire",
    "predicted negative": "where it should not fire",
    "minimal pair": "one word changed",
}

NOTHING = 0.15
"""A sealed correlation whose upper bound is below this is no explanation of anything."""


def is_passed(tests: Count) -> bool:
    """At least five, of which surely more than half passed, by Wilson's interval at 95 %."""
    return tests.n >= MIN_TESTS and wilson(tests.passed, tests.n)[0] > DEMAND


def is_refuting(tests: Count) -> bool:
    """At least five, of which surely fewer than half passed."""
    return tests.n >= MIN_TESTS and wilson(tests.passed, tests.n)[1] < DEMAND


def tests_by_kind(hypothesis: Hypothesis) -> dict[TestKind, Count]:
    """Per kind, how many carriers bore its predictions out."""
    return {kind: Count.of(carriers) for kind, carriers in hypothesis.record.outcomes.items()}


def borne_out(tests: Mapping[TestKind, Count]) -> dict[TestKind, bool]:
    """The kinds of test that support the winner: those that do so alone, and undecided ones with five or more passed
    tests if all kinds together do. Each kind weighs the same there, however many tests it has."""
    known = {kind: tests.get(kind, _NONE) for kind in TEST_KINDS}
    # One more passed and one more failed: with all passed, a variance of zero would say that we know for certain.
    rates = [(t.passed + 1) / (t.n + 2) for t in known.values()]
    variances = [rate * (1 - rate) / (t.n + 2) for rate, t in zip(rates, known.values(), strict=True)]
    together = (sum(rates) - Z * sqrt(sum(variances))) / len(known) > DEMAND
    return {
        kind: is_passed(t) or (together and t.passed >= MIN_TESTS and not is_refuting(t)) for kind, t in known.items()
    }


def untested(tests: Mapping[TestKind, Count]) -> list[TestKind]:
    """Kinds of test of which more are needed: they do not bear the winner out yet, and do not refute it."""
    return [kind for kind, holds in borne_out(tests).items() if not holds and not is_refuting(tests[kind])]


def stands(meaning: FoundMeaning) -> bool:
    """Whether a meaning has passed enough tests of its own: predicted positives and minimal pairs, at least as many of
    each as failed."""
    positive, pair = meaning.predicted_positive, meaning.minimal_pair
    return positive.passed >= max(MIN_OWN_TESTS, positive.failed) and pair.passed >= max(MIN_OWN_PAIRS, pair.failed)


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
    gains: Gains
    lookup_full: Interval | Unscored
    tests: Mapping[TestKind, Count]
    has_explanation: bool = True
    words: int = 0
    lookup_words: int | None = None
    meanings: Sequence[FoundMeaning] = ()


def verdict(found: Findings) -> tuple[Verdict, str]:
    """What the run may claim of a neuron that is not dead, and why, in plain words.

    *supported*: a score surely above 0.15, beats null and token-lookup-30 with intervals that exclude zero, and is
    borne out by each kind of test. *split*: supported, with two or more meanings, each at least a fifth of the
    firing and with its own passed tests. *noise*: neither the explanation nor the full lookup predicts anything on
    sealed text. Else *unresolved*.

    Where a neuron is a set of few tokens, the lookup is the truth, and no true sentence can beat it. An explanation is
    compared with a list of tokens to show that it says more than such a list does. So it also passes when it is no
    worse than the list, short (30 words, or no longer than the list as a sentence), and leaves nothing to be said: the
    lower bound of its sealed score is above 0.9. The reason says which of the two it was. If a list of tokens predicts
    only part of the neuron, an explanation has to beat it; the reason says where the list predicts better.
    """
    missing = []
    if isinstance(found.score, ScoreValue) and found.score.low <= NOTHING:
        missing.append(f"the sealed score may be below {NOTHING}, which explains nothing")
    if not _is_above(found.gains.null):
        missing.append(
            f"{_OTHERS} may do as well" if isinstance(found.gains.null, Interval) else _not_compared(_OTHERS)
        )
    beyond_lookup = _is_above(found.gains.token_lookup_30)
    if not beyond_lookup and not _is_as_good_as_a_list(found):
        missing.append(_not_above_list(found.gains.token_lookup_30))
    tests = {kind: found.tests.get(kind, _NONE) for kind in TEST_KINDS}
    missing += [_not_borne_out(kind, tests[kind]) for kind, holds in borne_out(tests).items() if not holds]
    if isinstance(found.score, ScoreValue) and found.has_explanation and not missing:
        why = (
            f"it beats {_OTHERS} and {_LIST} on sealed text and passed every kind of test" if beyond_lookup else
            f"it predicts nearly everything, as a list of words does: it beats {_OTHERS} on sealed text, is short and "
            f"no worse than {_LIST}, and passed every kind of test"
        )  # fmt: skip
        why += f" ({', '.join(f'{tests[kind]} {_IN_WORDS[kind]}' for kind in TEST_KINDS)})"
        own = [meaning for meaning in found.meanings if meaning.share >= MIN_SHARE and stands(meaning)]
        if len(own) > 1:
            shares = ", ".join(f"{meaning.share:.0%}" for meaning in own)
            return "split", f"{why}; {len(own)} unrelated meanings ({shares} of the firing) passed tests of their own"
        return "supported", why
    weak = not found.has_explanation or (isinstance(found.score, ScoreValue) and found.score.high < NOTHING)
    if weak and isinstance(found.lookup_full, Interval) and found.lookup_full.high < NOTHING:
        return "noise", "the neuron fires, and neither the explanation nor a table of all tokens predicts when"
    if isinstance(found.score, Unscored):
        known = [f"{tests[kind]} {_IN_WORDS[kind]}" for kind in TEST_KINDS if tests[kind].n]
        alone = (
            f"; experiments alone speak on it (passed {', '.join(known)})" if found.has_explanation and known else ""
        )
        missing.insert(0, found.score.reason + alone)
    return "unresolved", "; ".join(missing) or "there is no explanation"


def _not_borne_out(kind: TestKind, tests: Count) -> str:
    """Which tests are missing, and how many of how many passed."""
    if is_refuting(tests):
        return f"too many failed tests: {_IN_WORDS[kind]} (passed {tests})"
    few = tests.n < MIN_TESTS
    what = "too few" if few else "too few passed" if tests.passed < MIN_TESTS else "undecided"
    return f"{what} tests: {_IN_WORDS[kind]} (passed {tests})"


def _is_above(gain: Interval | Unscored | None) -> bool:
    return isinstance(gain, Interval) and gain.low > 0


def _not_above_list(gain: Interval | Unscored | None) -> str:
    if not isinstance(gain, Interval):
        return _not_compared(_LIST)
    return f"it is not surely better than {_LIST}{f', since {LIST_IS_BETTER}' if gain.value < 0 else ''}"


def _not_compared(reference: str) -> str:
    return f"it could not be compared with {reference}"


def _is_as_good_as_a_list(found: Findings) -> bool:
    gain = found.gains.token_lookup_30
    return (
        isinstance(gain, Interval) and gain.low > -NO_WORSE
        and isinstance(found.score, ScoreValue) and found.score.low > NEARLY_ALL
        and found.words <= max(SHORT, found.lookup_words or 0)
    )  # fmt: skip
