"""Belief moves by what was predicted, one unit of evidence per carrier."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.graph.belief import FLOOR, joined, log_scores, merged, updated, without

probability = st.floats(0.02, 0.98)
beliefs = st.integers(2, 12).flatmap(
    lambda n: st.lists(st.floats(0.01, 1), min_size=n, max_size=n).map(
        lambda weights: {f"H{i}": w / sum(weights) for i, w in enumerate(weights)}
    )
)


def test_by_hand():
    scores = log_scores({"a": [0.9, 0.2], "b": [0.5, 0.5]}, [True, False], ["x", "y"])
    assert scores == {"a": pytest.approx(np.log(0.9) + np.log(0.8), abs=1e-6), "b": pytest.approx(2 * np.log(0.5))}


@given(st.lists(st.tuples(probability, st.booleans()), min_size=16, max_size=16))
def test_sixteen_edits_of_one_sentence_are_one_witness(edits):
    given_p, fired = [p for p, _ in edits], [f for _, f in edits]
    scores = log_scores({"a": given_p}, fired, ["carrier"] * 16)
    per_text = [np.log(p if f else 1 - p) for p, f in edits]
    assert scores["a"] == pytest.approx(np.mean(per_text), abs=1e-6)
    assert np.log(0.02) - 1e-6 <= scores["a"] <= np.log(0.98) + 1e-6


def test_sixteen_edits_of_one_carrier_move_belief_as_one_text_does():
    before = {"a": 0.5, "b": 0.5}
    one = updated(before, log_scores({"a": [0.9], "b": [0.1]}, [True], ["x"]))
    sixteen = updated(before, log_scores({"a": [0.9] * 16, "b": [0.1] * 16}, [True] * 16, ["x"] * 16))
    two = updated(before, log_scores({"a": [0.9] * 2, "b": [0.1] * 2}, [True] * 2, ["x", "y"]))
    assert one == sixteen
    assert two["a"] > one["a"]


def test_carriers_may_come_in_any_order():
    p, fired, carriers = [0.9, 0.2, 0.6, 0.3], [True, True, False, False], ["x", "y", "x", "z"]
    turned = [2, 0, 3, 1]
    assert log_scores({"a": p}, fired, carriers) == log_scores(
        {"a": [p[i] for i in turned]}, [fired[i] for i in turned], [carriers[i] for i in turned]
    )


@given(beliefs, st.data())
def test_beliefs_sum_to_one_and_keep_the_floor(before, data):
    scores = {name: data.draw(st.floats(-1000, 0)) for name in before}
    after = updated(before, scores)
    assert sum(after.values()) == pytest.approx(1, abs=1e-4)
    assert min(after.values()) >= FLOOR - 1e-6
    assert list(after) == list(before)
    best = max(scores[name] + np.log(before[name]) for name in before)
    assert after[max(after, key=lambda name: after[name])] == max(after.values())
    assert any(scores[n] + np.log(before[n]) == best and after[n] >= max(after.values()) - 2e-6 for n in before)


def test_the_floor_is_no_grave():
    before = {"a": 1 - FLOOR, "b": FLOOR}
    for _ in range(3):
        before = updated(before, {"a": -8.0, "b": -0.1})
    assert before["b"] > 0.9


@given(beliefs)
def test_newcomers_have_the_mean_belief_and_change_no_ranking(before):
    after = joined(before, ["N1", "N2"])
    assert sum(after.values()) == pytest.approx(1, abs=1e-4)
    assert after["N1"] == after["N2"] == pytest.approx(1 / len(after), abs=1e-5)
    assert sorted(before, key=lambda n: before[n])[-1] in [
        name for name in before if after[name] >= max(after[n] for n in before) - 2e-6
    ]


def test_the_first_to_enter_are_believed_alike():
    assert joined({}, ["a", "b", "c", "d"]) == {"a": 0.25, "b": 0.25, "c": 0.25, "d": 0.25}
    assert joined({}, []) == {}


def test_what_a_dropped_rival_had_goes_to_the_others():
    after = without({"a": 0.5, "b": 0.25, "c": 0.25}, "b")
    assert list(after) == ["a", "c"]
    assert after["a"] / after["c"] == pytest.approx(2, rel=0.05)
    assert sum(after.values()) == pytest.approx(1, abs=1e-5)


def test_more_than_a_hundred_rivals():
    after = joined({}, [f"H{i}" for i in range(150)])
    assert sum(after.values()) == pytest.approx(1, abs=1e-3)


def test_rivals_that_are_one_believe_together():
    after = merged({"a": 0.5, "b": 0.3, "c": 0.2}, "b", "c")
    assert list(after) == ["a", "c"]
    assert after == {"a": pytest.approx(0.5, abs=0.02), "c": pytest.approx(0.5, abs=0.02)}
