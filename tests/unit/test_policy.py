"""The judge's rules, case by case."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent import policy
from agent.belief import FLOOR
from agent.policy import (
    KINDS,
    MOST_ALIVE,
    Findings,
    MeaningTests,
    Standing,
    borne_out,
    should_stop,
    to_drop,
    to_merge,
    untested,
    verdict,
)
from tools.records.result import Interval, ScoreValue, Unscored

NOT = Unscored(reason="constant")
KEPT = frozenset({"base-rate"})


def score(value: float, half: float = 0.05) -> ScoreValue:
    return ScoreValue(value=value, low=value - half, high=value + half, protocol="p", split="s", n_excerpts=201)


def gain(low: float, high: float) -> Interval:
    return Interval(value=(low + high) / 2, low=low, high=high)


@pytest.mark.parametrize(
    ("best", "gained", "rounds", "left", "why"),
    [
        (score(0.5), None, 1, 9, None),
        (score(0.5), gain(-0.2, 0.009), 2, 9, "plateau"),
        (score(0.5), gain(0, 0), 2, 9, "plateau"),
        (score(0.5), gain(0, 0), 1, 9, None),  # not `patience` rounds yet
        (score(0.5), gain(-0.2, 0.01), 2, 9, None),
        (score(0.5), gain(-0.2, 0.3), 5, 9, None),  # includes zero, but the tests may be weak
        (score(0.5), gain(-0.2, 0.3), 5, 3, "budget"),
        (score(0.5), gain(-0.2, 0.3), 5, 4, None),
        (score(0.5), None, 1, 0, "budget"),
        (score(0.5), gain(0, 0), 2, 0, "plateau"),
        (score(0.995, 0.004), None, 0, 9, "perfect"),
        (score(0.995, 0.005), None, 0, 9, None),
        (NOT, None, 7, 9, None),
        (NOT, None, 7, 1, "budget"),
        (score(0.5), None, 1, float("inf"), None),
    ],
)
def test_when_to_stop(best, gained, rounds, left, why) -> None:
    found = should_stop(Standing(best, gained, rounds, patience=2, max_rounds=None, left=left, round_cost=4))
    assert (found and found[0]) == why


def test_a_refuted_rival_goes_and_only_that() -> None:
    scores = {"base-rate": NOT, "H1": score(0.6), "H2": score(0.3), "H3": score(0.58), "H4": score(0.3)}
    beliefs = {"base-rate": FLOOR, "H1": 0.5, "H2": FLOOR, "H3": FLOOR, "H4": 0.3}
    assert to_drop(beliefs, scores, KEPT) == [("H2", "refuted by experiments and below the best on development text")]


def test_the_best_on_development_text_stays_whatever_experiments_say() -> None:
    assert to_drop({"H1": FLOOR, "H2": 0.9}, {"H1": score(0.9), "H2": score(0.1)}, KEPT) == []


def test_a_rival_without_a_score_stays_until_experiments_spoke_against_it() -> None:
    beliefs = {"base-rate": 0.2, "H1": 0.6, "H2": 0.2}
    scores = {"base-rate": NOT, "H1": score(0.5), "H2": NOT}
    assert to_drop(beliefs, scores, KEPT) == []
    why = "experiments spoke against it, and it has no development score: constant"
    assert to_drop(beliefs | {"H2": FLOOR}, scores, KEPT) == [("H2", why)]
    assert to_drop(beliefs | {"H2": FLOOR}, dict.fromkeys(beliefs, NOT), KEPT) == []


def test_of_too_many_rivals_one_without_a_score_goes_when_it_is_believed_less_than_the_average() -> None:
    scores = {f"H{i}": score(0.3 + 0.01 * i) for i in range(MOST_ALIVE)} | {"H8": NOT, "base-rate": NOT}
    even = dict.fromkeys(scores, 1 / len(scores))
    assert [name for name, _ in to_drop(even, scores, KEPT)] == ["H0"]
    assert [name for name, _ in to_drop(even | {"H8": 0.05}, scores, KEPT)] == ["H8"]


def test_the_lowest_of_too_many_go() -> None:
    names = [f"H{i}" for i in range(MOST_ALIVE + 3)]
    scores = {name: score(0.3 + 0.01 * i) for i, name in enumerate(names)} | {"base-rate": NOT}
    beliefs = dict.fromkeys(scores, 1 / len(scores))
    dropped = to_drop(beliefs, scores, KEPT)
    assert [name for name, _ in dropped] == ["H0", "H1", "H2"]
    assert all("more than 8 rivals" in reason for _, reason in dropped)


def test_a_reference_drives_nobody_out() -> None:
    scores = {"base-rate": score(0.9), "H1": score(0.2), "H2": NOT}
    assert to_drop({"base-rate": 0.98, "H1": FLOOR}, scores | {"H1": NOT}, KEPT) == []
    assert to_drop({"base-rate": 0.99, "H1": FLOOR}, scores, KEPT) == []
    assert to_drop({"base-rate": 0.5, "H1": 0.3, "H2": 0.2}, scores, KEPT) == []
    assert [name for name, _ in to_drop({"base-rate": 0.5, "H1": 0.49, "H2": FLOOR}, scores, KEPT)] == ["H2"]


@pytest.mark.parametrize(("gained", "is_said"), [(gain(-0.3, 0.1), True), (gain(-0.1, 0.3), False), (NOT, False)])
def test_the_reason_says_where_a_list_of_words_predicts_better(gained, is_said) -> None:
    found, why = verdict(Findings(score(0.5), ABOVE | {"token_lookup_30": gained}, NOT, ALL_PASSED))
    assert found == "unresolved"
    assert ("a list of words predicts better" in why) == is_said


@pytest.mark.parametrize(
    ("passed", "failed", "enough", "refuting"),
    [
        (5, 0, True, False), (4, 0, False, False), (0, 4, False, False), (0, 5, False, True),
        (5, 5, False, False), (6, 1, False, False), (8, 1, True, False), (1, 8, False, True),
        (23, 8, True, False), (55, 45, False, False), (60, 40, True, False), (49, 51, False, False),
    ],
)  # fmt: skip
def test_what_surely_passed_and_what_surely_failed(passed, failed, enough, refuting) -> None:
    tests = policy.Tests(passed, failed)
    assert (tests.enough, tests.refuting) == (enough, refuting)


def test_the_interval_of_a_pass_rate_is_wilsons() -> None:
    assert policy.Tests(23, 8).interval == pytest.approx((0.5675, 0.8630), abs=1e-3)
    assert policy.Tests(0, 0).interval == (0.0, 1.0)
    assert policy.Tests(5, 0).interval == pytest.approx((0.5655, 1.0), abs=1e-3)
    assert policy.Tests(3, 7).interval == pytest.approx([1 - x for x in policy.Tests(7, 3).interval[::-1]])


@given(st.integers(0, 200), st.integers(0, 200))
def test_bounds_hold_the_rate_and_no_test_is_passed_and_failed(passed, failed) -> None:
    tests = policy.Tests(passed, failed)
    low, high = tests.interval
    assert 0 <= low <= high <= 1
    if tests.total:
        assert low - 1e-9 <= passed / tests.total <= high + 1e-9
    assert not (tests.enough and tests.refuting)
    assert policy.Tests(passed + 1, failed).interval[0] >= low - 1e-9


def test_a_kind_that_leaves_it_open_is_carried_by_the_others() -> None:
    sure, open_ = policy.Tests(30, 4), policy.Tests(11, 10)
    kinds = {"predicted positive": open_, "predicted negative": sure, "minimal pair": sure}
    assert borne_out(kinds) == dict.fromkeys(KINDS, True)
    assert not borne_out(dict.fromkeys(KINDS, open_))["minimal pair"]
    assert not borne_out(kinds | {"minimal pair": policy.Tests(4, 0)})["minimal pair"]
    assert not borne_out(kinds | {"predicted positive": policy.Tests(5, 20)})["predicted positive"]
    # hundreds of tests of one kind weigh no more than twenty of another
    failed = policy.Tests(3, 10)
    assert not borne_out(kinds | {"minimal pair": failed, "predicted negative": policy.Tests(400, 0)})["minimal pair"]


ALL_PASSED = dict.fromkeys(KINDS, policy.Tests(23, 8))
ABOVE = {"null": gain(0.01, 0.2), "token_lookup_30": gain(0.001, 0.2)}
LEVEL = ABOVE | {"token_lookup_30": gain(-0.019, 0.002)}
HALF = MeaningTests(0.5, policy.Tests(3, 0), policy.Tests(1, 0))
SMALL = MeaningTests(0.19, policy.Tests(9, 0), policy.Tests(9, 0))
FAILED = MeaningTests(0.4, policy.Tests(3, 4), policy.Tests(1, 0))
NO_PAIR = MeaningTests(0.4, policy.Tests(9, 0), policy.Tests(0, 0))
PAIR_FAILED = MeaningTests(0.4, policy.Tests(9, 0), policy.Tests(1, 2))


@pytest.mark.parametrize(
    ("found", "expected", "why"),
    [
        (Findings(score(0.5), ABOVE, gain(0.5, 0.6), ALL_PASSED), "supported", "(23 of 31 predicted positives, "),
        (Findings(score(0.5), ABOVE | {"null": gain(0.0, 0.2)}, NOT, ALL_PASSED), "unresolved", "surely above null"),
        (Findings(score(0.5), LEVEL, NOT, ALL_PASSED), "unresolved", "token_lookup_30"),
        (Findings(score(0.5), ABOVE | {"null": NOT}, NOT, ALL_PASSED), "unresolved", "no comparison with null"),
        (Findings(score(0.5), {}, NOT, ALL_PASSED), "unresolved", "with null; no comparison with token_lookup_30"),
        (
            Findings(score(0.5), ABOVE, NOT, {}),
            "unresolved",
            "too few passed tests: predicted positive (passed 0 of 0); too few",
        ),
        (
            Findings(score(0.5), ABOVE, NOT, ALL_PASSED | {"minimal pair": policy.Tests(1, 9)}),
            "unresolved",
            "too many failed tests: minimal pair (passed 1 of 10)",
        ),
        (
            Findings(score(0.5), ABOVE, NOT, dict.fromkeys(KINDS, policy.Tests(6, 6))),
            "unresolved",
            "undecided tests: predicted positive (passed 6 of 12)",
        ),
        (Findings(score(0.5), ABOVE, NOT, ALL_PASSED, has_explanation=False), "unresolved", "no explanation"),
        # as good as a list of tokens that tells nearly all
        (Findings(score(0.99, 0.01), LEVEL, NOT, ALL_PASSED, words=9), "supported", "as a list of tokens does"),
        (Findings(score(0.99, 0.01), LEVEL, NOT, ALL_PASSED, words=30), "supported", "as a list of tokens does"),
        (Findings(score(0.99, 0.01), LEVEL, NOT, ALL_PASSED, words=31), "unresolved", "token_lookup_30"),
        (Findings(score(0.99, 0.01), LEVEL, NOT, ALL_PASSED, words=40, lookup_words=40), "supported", "list"),
        (Findings(score(0.94, 0.05), LEVEL, NOT, ALL_PASSED, words=9), "unresolved", "token_lookup_30"),
        (
            Findings(score(0.99, 0.01), ABOVE | {"token_lookup_30": gain(-0.02, 0)}, NOT, ALL_PASSED, words=9),
            "unresolved",
            "token_lookup_30",
        ),
        (Findings(score(0.99, 0.01), LEVEL | {"null": NOT}, NOT, ALL_PASSED, words=9), "unresolved", "null"),
        (Findings(score(0.99, 0.01), LEVEL, NOT, {}, words=9), "unresolved", "too few passed"),
        # several meanings
        (
            Findings(score(0.5), ABOVE, NOT, ALL_PASSED, meanings=[HALF, HALF]),
            "split",
            "2 unrelated meanings (50%, 50%",
        ),
        (Findings(score(0.99, 0.01), LEVEL, NOT, ALL_PASSED, words=9, meanings=[HALF] * 2), "split", "list of tokens"),
        (Findings(score(0.5), ABOVE, NOT, ALL_PASSED, meanings=[HALF]), "supported", "beats null"),
        (Findings(score(0.5), ABOVE, NOT, ALL_PASSED, meanings=[HALF, SMALL]), "supported", "beats null"),
        (Findings(score(0.5), ABOVE, NOT, ALL_PASSED, meanings=[HALF, FAILED]), "supported", "beats null"),
        (Findings(score(0.5), ABOVE, NOT, ALL_PASSED, meanings=[HALF, NO_PAIR]), "supported", "beats null"),
        (Findings(score(0.5), ABOVE, NOT, ALL_PASSED, meanings=[HALF, PAIR_FAILED]), "supported", "beats null"),
        (Findings(score(0.5), LEVEL, NOT, ALL_PASSED, meanings=[HALF, HALF]), "unresolved", "token_lookup_30"),
        # nothing to say
        (Findings(score(0.2, 0.06), ABOVE, gain(0.3, 0.4), ALL_PASSED), "unresolved", "explains nothing"),
        (Findings(score(0.12, 0.02), ABOVE, gain(0.0, 0.1), ALL_PASSED), "noise", "neither"),
        (Findings(score(0.05), {}, gain(0.0, 0.1), {}), "noise", "neither"),
        (Findings(NOT, {}, gain(0.0, 0.1), {}, has_explanation=False), "noise", "neither"),
        (Findings(NOT, {}, gain(0.0, 0.1), {}), "unresolved", "constant; no comparison"),
        (Findings(score(0.05), {}, gain(0.0, 0.2), {}), "unresolved", "no comparison"),
        (Findings(score(0.2), {}, gain(0.0, 0.1), {}), "unresolved", "no comparison"),
        (Findings(NOT, {}, NOT, {}), "unresolved", "constant; no comparison"),
        (Findings(NOT, ABOVE, gain(0.3, 0.4), ALL_PASSED), "unresolved", "constant"),
    ],
)
def test_verdicts(found: Findings, expected: str, why: str) -> None:
    verdict_, said = verdict(found)
    assert verdict_ == expected
    assert why in said


def test_more_tests_are_needed_where_they_neither_bear_it_out_nor_refute_it() -> None:
    tests = {
        "predicted positive": policy.Tests(4, 0),
        "predicted negative": policy.Tests(5, 5),
        "minimal pair": policy.Tests(2, 12),
    }
    assert untested(tests) == ["predicted positive", "predicted negative"]
    assert tests["minimal pair"].refuting
    assert untested(dict.fromkeys(KINDS, policy.Tests(0, 4))) == list(KINDS)
    assert untested(dict.fromkeys(KINDS, policy.Tests(9, 1))) == []


def test_of_rivals_that_say_the_same_the_most_believed_stays_then_the_shorter_then_the_better() -> None:
    scores = {"H1": score(0.5), "H2": score(0.51), "H3": NOT}
    words = {"H1": 9, "H2": 12, "H3": 9}
    assert to_merge([("H1", "H2")], scores, {"H1": 0.2, "H2": 0.6}, words) == [("H1", "H2")]
    assert to_merge([("H1", "H2")], scores, {"H1": 0.31, "H2": 0.34}, words) == [("H2", "H1")]
    assert to_merge([("H1", "H3")], scores, {"H1": 0.3, "H3": 0.3}, words) == [("H3", "H1")]
    assert to_merge([], scores, {}, words) == []


def test_who_is_gone_takes_nobody_along() -> None:
    names = ["H1", "H2", "H3"]
    scores, words = {name: score(0.5) for name in names}, dict.fromkeys(names, 9)
    pairs = [("H1", "H2"), ("H1", "H3"), ("H2", "H3")]
    assert to_merge(pairs, scores, {"H1": 0.2, "H2": 0.7, "H3": 0.1}, words) == [("H1", "H2"), ("H3", "H2")]


def test_a_perfect_score_is_no_end_for_what_its_tests_refute() -> None:
    perfect = Standing(score(0.996, 0.002), None, 1, patience=2, max_rounds=None, left=9, round_cost=4)
    assert should_stop(perfect) is not None
    assert should_stop(replace(perfect, refuted=True)) is None


def test_the_leader_is_the_most_believed_of_those_that_development_text_cannot_tell_apart() -> None:
    values = {"H1": 0.60, "H2": 0.595, "H3": 0.55}
    assert policy.leader(values, {"H1": 0.1, "H2": 0.3, "H3": 0.6}) == "H2"
    assert policy.leader(values, dict.fromkeys(values, 1 / 3)) == "H1"
    assert policy.leader({}, {"base-rate": 1.0}) is None
