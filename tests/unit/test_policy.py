"""The judge's rules, case by case."""

import pytest

from agent import policy
from agent.belief import FLOOR
from agent.policy import KINDS, MOST_ALIVE, Standing, should_stop, to_drop, verdict
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


def test_a_rival_without_a_score_goes_once_another_has_one() -> None:
    beliefs = {"base-rate": 0.2, "H1": 0.6, "H2": 0.2}
    scores = {"base-rate": NOT, "H1": score(0.5), "H2": NOT}
    assert to_drop(beliefs, scores, KEPT) == [("H2", "no development score: constant")]
    assert to_drop(beliefs, dict.fromkeys(beliefs, NOT), KEPT) == []


def test_the_lowest_of_too_many_go() -> None:
    names = [f"H{i}" for i in range(MOST_ALIVE + 3)]
    scores = {name: score(0.3 + 0.01 * i) for i, name in enumerate(names)} | {"base-rate": NOT}
    beliefs = dict.fromkeys(scores, 1 / len(scores))
    dropped = to_drop(beliefs, scores, KEPT)
    assert [name for name, _ in dropped] == ["H0", "H1", "H2"]
    assert all("more than 8 rivals" in reason for _, reason in dropped)


def test_a_kept_baseline_may_lead() -> None:
    scores = {"base-rate": score(0.9), "H1": score(0.2)}
    assert [name for name, _ in to_drop({"base-rate": 0.99, "H1": FLOOR}, scores, KEPT)] == ["H1"]
    assert to_drop({"base-rate": 0.9, "H1": 0.1}, scores, KEPT) == []


@pytest.mark.parametrize(
    ("passed", "failed", "enough"), [(5, 0, True), (4, 0, False), (5, 5, True), (5, 6, False), (49, 51, False)]
)
def test_enough_passed_tests(passed, failed, enough) -> None:
    assert policy.Tests(passed, failed).enough == enough


ALL_PASSED = dict.fromkeys(KINDS, policy.Tests(9, 1))
ABOVE = {"null": gain(0.01, 0.2), "token_lookup_30": gain(0.001, 0.2)}


@pytest.mark.parametrize(
    ("final", "gains", "full", "tests", "expected", "why"),
    [
        (score(0.5), ABOVE, gain(0.5, 0.6), ALL_PASSED, "supported", "beats null and token-lookup-30"),
        (score(0.5), ABOVE | {"null": gain(0.0, 0.2)}, NOT, ALL_PASSED, "unresolved", "not above null beyond doubt"),
        (score(0.5), ABOVE | {"token_lookup_30": gain(-0.1, 0.2)}, NOT, ALL_PASSED, "unresolved", "token_lookup_30"),
        (score(0.5), ABOVE | {"null": NOT}, NOT, ALL_PASSED, "unresolved", "no comparison with null"),
        (score(0.5), {}, NOT, ALL_PASSED, "unresolved", "no comparison with null; no comparison with token_lookup_30"),
        (score(0.5), ABOVE, NOT, {}, "unresolved", "too few passed tests: predicted positive; too few"),
        (
            score(0.5),
            ABOVE,
            NOT,
            ALL_PASSED | {"minimal pair": policy.Tests(1, 9)},
            "unresolved",
            "tests: minimal pair",
        ),
        (score(0.05), {}, gain(0.0, 0.1), {}, "noise", "neither"),
        (NOT, {}, gain(0.0, 0.1), {}, "unresolved", "constant; no comparison"),
        (score(0.05), {}, gain(0.0, 0.2), {}, "unresolved", "no comparison"),
        (score(0.2), {}, gain(0.0, 0.1), {}, "unresolved", "no comparison"),
        (NOT, {}, NOT, {}, "unresolved", "constant; no comparison"),
        (NOT, ABOVE, gain(0.3, 0.4), ALL_PASSED, "unresolved", "constant"),
    ],
)
def test_verdicts(final, gains, full, tests, expected, why) -> None:
    found, said = verdict(final, gains, full, tests)
    assert found == expected
    assert why in said


def test_the_leader_is_the_most_believed_of_those_that_development_text_cannot_tell_apart() -> None:
    values = {"H1": 0.60, "H2": 0.595, "H3": 0.55}
    assert policy.leader(values, {"H1": 0.1, "H2": 0.3, "H3": 0.6}) == "H2"
    assert policy.leader(values, dict.fromkeys(values, 1 / 3)) == "H1"
    assert policy.leader({}, {"base-rate": 1.0}) is None
