"""The judge's rules, case by case."""

from dataclasses import replace
from math import log

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.graph import policy
from agent.graph.belief import FLOOR
from agent.graph.policy import MOST_ALIVE, Contender, Standing, should_stop, to_drop, to_merge
from agent.graph.verdict import TEST_KINDS, Findings, borne_out, is_passed, is_refuting, untested, verdict
from agent.setup.config import MOST_ASKED
from tools.records.coverage import Count, FoundMeaning
from tools.records.result import Gains, Interval, ScoreValue, Unscored

NOT = Unscored(reason="constant")


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


def contenders(beliefs, scores) -> dict[str, Contender]:
    return {
        name: Contender(belief, one.value, one.n_excerpts) if isinstance(one := scores[name], ScoreValue)
        else Contender(belief)
        for name, belief in beliefs.items()
    }  # fmt: skip


def dropped(beliefs, scores, untried=()) -> list[tuple[str, str]]:
    return to_drop(contenders(beliefs, scores), scores, frozenset(untried))


def test_a_refuted_rival_goes_and_only_that() -> None:
    scores = {"H1": score(0.6), "H2": score(0.3), "H3": score(0.58), "H4": score(0.3)}
    beliefs = {"H1": 0.5, "H2": FLOOR, "H3": FLOOR, "H4": 0.3}
    assert dropped(beliefs, scores) == [("H2", "refuted by experiments and below the best on development text")]


def test_the_best_on_development_text_stays_whatever_experiments_say() -> None:
    assert dropped({"H1": FLOOR, "H2": 0.9}, {"H1": score(0.9), "H2": score(0.1)}) == []


def test_a_rival_without_a_score_stays_until_experiments_spoke_against_it() -> None:
    beliefs, scores = {"H1": 0.6, "H2": 0.2}, {"H1": score(0.5), "H2": NOT}
    assert dropped(beliefs, scores) == []
    why = "experiments spoke against it, and it has no development score: constant"
    assert dropped(beliefs | {"H2": FLOOR}, scores) == [("H2", why)]
    assert dropped(beliefs | {"H2": FLOOR}, scores, untried={"H2"}) == []
    assert dropped(beliefs | {"H2": FLOOR}, dict.fromkeys(beliefs, NOT)) == []


def test_among_too_many_nobody_without_a_score_goes_untried() -> None:
    scores = {f"H{i}": score(0.3 + 0.01 * i) for i in range(MOST_ALIVE)} | {"H8": NOT}
    beliefs = dict.fromkeys(scores, 0.1) | {"H8": 0.02}
    assert [name for name, _ in dropped(beliefs, scores, untried={"H8"})] == ["H0"]
    assert [name for name, _ in dropped(dict.fromkeys(scores, 0.1), scores)] == ["H0"]  # ten excerpts of doubt are few
    alike = {f"H{i}": score(0.36 + 0.001 * i) for i in range(MOST_ALIVE)} | {"H8": NOT}
    assert [name for name, _ in dropped(beliefs, alike)] == ["H8"]


def test_those_that_are_worth_least_of_too_many_go() -> None:
    names = [f"H{i}" for i in range(MOST_ALIVE + 3)]
    scores = {name: score(0.3 + 0.002 * i) for i, name in enumerate(names)}
    found = dropped(dict.fromkeys(names, 1 / len(names)), scores)
    assert [name for name, _ in found] == ["H0", "H1", "H2"]
    assert all("more than 8 rivals" in reason for _, reason in found)
    believed = dict.fromkeys(names, 0.05) | {"H0": 0.5}
    assert [name for name, _ in dropped(believed, scores)] == ["H1", "H2", "H3"]


@pytest.mark.parametrize(("gained", "is_said"), [(gain(-0.3, 0.1), True), (gain(-0.1, 0.3), False), (NOT, False)])
def test_the_reason_says_where_a_list_of_words_predicts_better(gained, is_said) -> None:
    found, why = verdict(Findings(score(0.5), but(ABOVE, token_lookup_30=gained), NOT, ALL_PASSED))
    assert found == "unresolved"
    assert ("a list of words predicts better" in why) == is_said


def tried(passed: int, failed: int) -> Count:
    return Count(passed=passed, failed=failed)


def meaning(share: float, positive: Count, pair: Count) -> FoundMeaning:
    return FoundMeaning(
        sentence="Fires on a.", share=share, predicted_positive=positive, minimal_pair=pair, counterexamples=[]
    )


@pytest.mark.parametrize(
    ("passed", "failed", "enough", "refuting"),
    [
        (5, 0, True, False), (4, 0, False, False), (0, 4, False, False), (0, 5, False, True),
        (5, 5, False, False), (6, 1, False, False), (8, 1, True, False), (1, 8, False, True),
        (23, 8, True, False), (55, 45, False, False), (60, 40, True, False), (49, 51, False, False),
    ],
)  # fmt: skip
def test_what_surely_passed_and_what_surely_failed(passed, failed, enough, refuting) -> None:
    tests = tried(passed, failed)
    assert (is_passed(tests), is_refuting(tests)) == (enough, refuting)


@given(st.integers(0, 200), st.integers(0, 200))
def test_no_tests_are_passed_and_refuting(passed, failed) -> None:
    tests = tried(passed, failed)
    assert not (is_passed(tests) and is_refuting(tests))
    assert is_refuting(tests) == is_passed(tried(failed, passed))
    assert is_passed(tried(passed + 1, failed)) >= is_passed(tests)


def test_a_kind_that_leaves_it_open_is_carried_by_the_others() -> None:
    sure, open_ = tried(30, 4), tried(11, 10)
    kinds = {"predicted positive": open_, "predicted negative": sure, "minimal pair": sure}
    assert borne_out(kinds) == dict.fromkeys(TEST_KINDS, True)
    assert not borne_out(dict.fromkeys(TEST_KINDS, open_))["minimal pair"]
    assert not borne_out(kinds | {"minimal pair": tried(4, 0)})["minimal pair"]
    assert not borne_out(kinds | {"predicted positive": tried(5, 20)})["predicted positive"]
    # hundreds of tests of one kind weigh no more than twenty of another
    failed = tried(3, 10)
    assert not borne_out(kinds | {"minimal pair": failed, "predicted negative": tried(400, 0)})["minimal pair"]


ALL_PASSED = dict.fromkeys(TEST_KINDS, tried(23, 8))


def but(gains: Gains, **others: Interval | Unscored) -> Gains:
    return gains.model_copy(update=others)


ABOVE = Gains(null=gain(0.01, 0.2), token_lookup_30=gain(0.001, 0.2))
LEVEL = but(ABOVE, token_lookup_30=gain(-0.019, 0.002))
BEATS = "it beats explanations of other neurons and a list of 30 words"
NOT_BETTER = "it is not surely better than a list of 30 words"
HALF = meaning(0.5, tried(3, 0), tried(1, 0))
SMALL = meaning(0.19, tried(9, 0), tried(9, 0))
FAILED = meaning(0.4, tried(3, 4), tried(1, 0))
NO_PAIR = meaning(0.4, tried(9, 0), tried(0, 0))
PAIR_FAILED = meaning(0.4, tried(9, 0), tried(1, 2))


@pytest.mark.parametrize(
    ("found", "expected", "why"),
    [
        (Findings(score(0.5), ABOVE, gain(0.5, 0.6), ALL_PASSED), "supported", "(23 of 31 where it should fire, "),
        (
            Findings(score(0.5), but(ABOVE, null=gain(0.0, 0.2)), NOT, ALL_PASSED),
            "unresolved",
            "explanations of other neurons may do as well",
        ),
        (Findings(score(0.5), LEVEL, NOT, ALL_PASSED), "unresolved", NOT_BETTER),
        (
            Findings(score(0.5), but(ABOVE, null=NOT), NOT, ALL_PASSED),
            "unresolved",
            "not be compared with explanations of other neurons",
        ),
        (
            Findings(score(0.5), Gains(), NOT, ALL_PASSED),
            "unresolved",
            "with explanations of other neurons; it could not be compared with a list of 30 words",
        ),
        (
            Findings(score(0.5), ABOVE, NOT, {}),
            "unresolved",
            "too few tests: where it should fire (passed 0 of 0); too few",
        ),
        (
            Findings(score(0.5), ABOVE, NOT, ALL_PASSED | {"minimal pair": tried(1, 9)}),
            "unresolved",
            "too many failed tests: one word changed (passed 1 of 10)",
        ),
        (
            Findings(score(0.5), ABOVE, NOT, dict.fromkeys(TEST_KINDS, tried(6, 6))),
            "unresolved",
            "undecided tests: where it should fire (passed 6 of 12)",
        ),
        (Findings(score(0.5), ABOVE, NOT, ALL_PASSED, has_explanation=False), "unresolved", "no explanation"),
        # as good as a list of tokens that tells nearly all
        (Findings(score(0.99, 0.01), LEVEL, NOT, ALL_PASSED, words=9), "supported", "as a list of words does"),
        (Findings(score(0.99, 0.01), LEVEL, NOT, ALL_PASSED, words=30), "supported", "as a list of words does"),
        (
            Findings(score(0.99, 0.01), LEVEL, NOT, ALL_PASSED, words=31),
            "unresolved",
            NOT_BETTER,
        ),
        (Findings(score(0.99, 0.01), LEVEL, NOT, ALL_PASSED, words=40, lookup_words=40), "supported", "list"),
        (
            Findings(score(0.94, 0.05), LEVEL, NOT, ALL_PASSED, words=9),
            "unresolved",
            NOT_BETTER,
        ),
        (
            Findings(score(0.99, 0.01), but(ABOVE, token_lookup_30=gain(-0.02, 0)), NOT, ALL_PASSED, words=9),
            "unresolved",
            "list of 30 words, since a list of words predicts better",
        ),
        (
            Findings(score(0.99, 0.01), but(LEVEL, null=NOT), NOT, ALL_PASSED, words=9),
            "unresolved",
            "explanations of other neurons",
        ),
        (Findings(score(0.99, 0.01), LEVEL, NOT, {}, words=9), "unresolved", "too few tests"),
        # several meanings
        (
            Findings(score(0.5), ABOVE, NOT, ALL_PASSED, meanings=[HALF, HALF]),
            "split",
            "2 unrelated meanings (50%, 50%",
        ),
        (Findings(score(0.99, 0.01), LEVEL, NOT, ALL_PASSED, words=9, meanings=[HALF] * 2), "split", "list of words"),
        (
            Findings(score(0.5), ABOVE, NOT, ALL_PASSED, meanings=[HALF]),
            "supported",
            BEATS,
        ),
        (
            Findings(score(0.5), ABOVE, NOT, ALL_PASSED, meanings=[HALF, SMALL]),
            "supported",
            BEATS,
        ),
        (
            Findings(score(0.5), ABOVE, NOT, ALL_PASSED, meanings=[HALF, FAILED]),
            "supported",
            BEATS,
        ),
        (
            Findings(score(0.5), ABOVE, NOT, ALL_PASSED, meanings=[HALF, NO_PAIR]),
            "supported",
            BEATS,
        ),
        (
            Findings(score(0.5), ABOVE, NOT, ALL_PASSED, meanings=[HALF, PAIR_FAILED]),
            "supported",
            BEATS,
        ),
        (
            Findings(score(0.5), LEVEL, NOT, ALL_PASSED, meanings=[HALF, HALF]),
            "unresolved",
            NOT_BETTER,
        ),
        # nothing to say
        (Findings(score(0.2, 0.06), ABOVE, gain(0.3, 0.4), ALL_PASSED), "unresolved", "explains nothing"),
        (Findings(score(0.12, 0.02), ABOVE, gain(0.0, 0.1), ALL_PASSED), "noise", "neither"),
        (Findings(score(0.05), Gains(), gain(0.0, 0.1), {}), "noise", "neither"),
        (Findings(NOT, Gains(), gain(0.0, 0.1), {}, has_explanation=False), "noise", "neither"),
        (Findings(NOT, Gains(), gain(0.0, 0.1), {}), "unresolved", "constant; it could not be compared"),
        (Findings(score(0.05), Gains(), gain(0.0, 0.2), {}), "unresolved", "it could not be compared"),
        (Findings(score(0.2), Gains(), gain(0.0, 0.1), {}), "unresolved", "it could not be compared"),
        (Findings(NOT, Gains(), NOT, {}), "unresolved", "constant; it could not be compared"),
        (
            Findings(NOT, ABOVE, gain(0.3, 0.4), {"predicted positive": tried(7, 1)}),
            "unresolved",
            "constant; experiments alone speak on it (passed 7 of 8 where it should fire); ",
        ),
    ],
)
def test_verdicts(found: Findings, expected: str, why: str) -> None:
    verdict_, said = verdict(found)
    assert verdict_ == expected
    assert why in said
    assert not [name for name in ("null", "token", "lookup", *TEST_KINDS) if name in said.replace("all tokens", "")]


def test_more_tests_are_needed_where_they_neither_bear_it_out_nor_refute_it() -> None:
    tests = {
        "predicted positive": tried(4, 0),
        "predicted negative": tried(5, 5),
        "minimal pair": tried(2, 12),
    }
    assert untested(tests) == ["predicted positive", "predicted negative"]
    assert is_refuting(tests["minimal pair"])
    assert untested(dict.fromkeys(TEST_KINDS, tried(0, 4))) == list(TEST_KINDS)
    assert untested(dict.fromkeys(TEST_KINDS, tried(9, 1))) == []


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


def worth(belief: float, merit: float | None = None, n: int = 321, *, was_right: bool = False) -> Contender:
    return Contender(belief, merit, n if merit is not None else 0, was_right)


def test_score_and_experiments_together_say_who_leads() -> None:
    """By hand: 100 excerpts, r of 0.60 and 0.58: 100 log((1 - 0.3364) / (1 - 0.36)) = 3.62 nats."""
    weight = policy.weights({"H1": worth(0.05, 0.60, 100), "H2": worth(0.95, 0.58, 100)})
    assert weight["H1"] == pytest.approx(log(0.05))
    assert weight["H2"] == pytest.approx(log(0.95) - 3.62, abs=0.01)
    assert (
        policy.leader({"H1": worth(0.05, 0.60, 100), "H2": worth(0.95, 0.58, 100)}) == "H1"
    )  # 2.94 nats by experiments
    assert policy.leader({"H1": worth(0.02, 0.60, 100), "H2": worth(0.98, 0.58, 100)}) == "H2"  # 3.89
    assert policy.leader({"H1": worth(0.02, 0.60, 100), "H2": worth(0.98, 0.50, 100)}) == "H1"
    assert policy.leader({"H1": worth(0.5, 0.60, 100), "H2": worth(0.5, 0.60, 100)}) == "H1"
    assert policy.leader({}) is None


def test_a_score_on_few_excerpts_decides_little() -> None:
    """The same loss of 0.1: 15 excerpts leave it to experiments, 300 do not."""
    assert policy.leader({"H1": worth(0.05, 0.6), "H2": worth(0.95, 0.5, 15)}) == "H2"
    assert policy.leader({"H1": worth(0.05, 0.6), "H2": worth(0.95, 0.5, 300)}) == "H1"


def test_a_high_score_on_few_excerpts_refutes_nobody_who_was_read_on_many() -> None:
    rule, few = worth(0.9, 0.556, 303), worth(0.01, 0.61, 42)
    assert policy.leader({"H15": rule, "H2": few}) == "H15"
    surer = {"H15": rule, "H2": worth(0.01, 0.61, 303)}
    assert policy.leader(surer) == "H2"


def test_a_rival_without_a_score_leads_when_experiments_bore_it_out() -> None:
    assert policy.leader({"H1": worth(0.1, 0.4), "H2": worth(0.9)}) == "H1"  # it never said rightly that it fires
    assert policy.leader({"H1": worth(0.1, 0.4), "H2": worth(0.9, was_right=True)}) == "H2"
    assert policy.leader({"H1": worth(0.4, 0.4), "H2": worth(0.6, was_right=True)}) == "H1"
    assert policy.leader({"H2": worth(0.6)}) is None


@given(st.lists(st.tuples(st.floats(0.01, 1), st.floats(-1, 1), st.integers(1, 900)), min_size=1, max_size=9))
def test_more_belief_or_a_better_score_never_hurts(several) -> None:
    rivals = {f"H{i}": worth(*one) for i, one in enumerate(several)}
    first = policy.leader(rivals)
    assert first is not None
    own = rivals[first]
    for better in (replace(own, belief=own.belief * 1.1), replace(own, merit=(own.merit or 0) + 0.05)):
        assert policy.leader(rivals | {first: better}) == first


def test_why_it_leads_tells_both_parts() -> None:
    told = policy.why_it_leads({"H1": worth(0.02, 0.60, 100), "H2": worth(0.98, 0.58, 100)}, "H2")
    assert told == (
        "score and experiments together put H2 (0.58 on 100 excerpts, belief 0.98) 0.27 nats before H1 (0.60 on 100 "
        "excerpts, belief 0.02): +3.89 by experiments, -3.62 by score"
    )
    assert policy.why_it_leads({"H1": worth(1.0, 0.6)}, "H1").endswith("has no rival left that could win")


def test_an_llm_is_asked_only_of_rivals_that_may_still_win() -> None:
    near = {
        "rule": Contender(0.4, 0.6, 250), "close": Contender(0.2, 0.58, 30), "far": Contender(0.2, 0.1, 30),
        "unread": Contender(0.1), "second": Contender(0.1, 0.57, 30),
    }  # fmt: skip
    costly = {"close", "far", "unread", "second"}
    asked = policy.worth_asking(near, costly)
    assert len(asked) == MOST_ASKED
    assert "close" in asked
    assert "far" not in asked
    assert policy.worth_asking(near, {"far"}) == set()
    assert policy.worth_asking(near, set()) == set()
