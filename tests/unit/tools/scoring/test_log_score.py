"""What a prediction earns: by firing, and of minimal pairs by the order of the two texts."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.graph.belief import log_scores, updated
from tools.scoring.log_score import earned, earned_by_order, order_chances, order_of

THETA = 0.3
PAIRS = ((1.38, 0.60), (1.13, 0.67), (0.53, -0.05), (0.36, -0.05))
"""Raw values before and after a change, as they were read once."""

chance = st.floats(0.02, 0.98)


@pytest.mark.parametrize(
    ("before", "after", "order"),
    [(1.38, 0.60, "fell"), (1.0, 0.85, "stayed"), (1.0, 0.79, "fell"), (1.0, 1.3, "rose"), (0.02, 0.04, "stayed"),
     (0.0, -0.05, "fell"), (-0.1, 0.5, "rose")],
)  # fmt: skip
def test_orders(before, after, order):
    assert order_of(before, after, THETA) == order


@given(chance, chance)
def test_chances_of_orders(before, after):
    found = order_chances(before, after)
    assert sum(found.values()) == pytest.approx(1)
    assert (found["fell"] > found["rose"]) == (before > after) or before == pytest.approx(after)
    turned = order_chances(after, before)
    assert turned["fell"] == pytest.approx(found["rose"])


def test_who_says_the_same_of_everything_earns_what_chance_does():
    for constant in (0.02, 0.16, 0.5, 0.98):
        assert order_chances(constant, constant) == pytest.approx({"fell": 0.25, "stayed": 0.5, "rose": 0.25})


def test_all_four_orders_right_beat_a_higher_constant():
    """However low the probabilities are, and though the constant one is nearer to how often texts fire."""
    orders = [order_of(*pair, THETA) for pair in PAIRS]
    assert orders == ["fell"] * 4
    fired = [after > THETA for _, after in PAIRS]
    assert fired == [True, True, False, False]
    before = {"right": [0.09, 0.12, 0.1, 0.06], "constant": [0.4] * 4}
    after = {"right": [0.03] * 4, "constant": [0.4] * 4}
    carriers = ["a", "b", "c", "d"]
    by_firing = updated({"right": 0.5, "constant": 0.5}, log_scores(after, fired, carriers))
    by_order = updated({"right": 0.5, "constant": 0.5}, log_scores(after, fired, carriers, before, orders))
    assert by_firing["right"] < 0.1
    assert by_order["right"] > 0.7


def test_who_was_not_asked_about_the_text_before_earns_the_average():
    after, before = {"a": [0.1], "b": [0.9]}, {"a": [0.8], "b": [None]}
    scores = log_scores(after, [False], ["x"], before, ["fell"])
    assert scores["a"] == pytest.approx(math.log(order_chances(0.8, 0.1)["fell"]), abs=1e-6)
    assert scores["b"] == scores["a"]
    assert log_scores(after, [False], ["x"], before, [None])["b"] == pytest.approx(math.log(0.1), abs=1e-6)


def test_by_firing_it_is_the_logarithm():
    assert earned(0.9, fired=True) == pytest.approx(math.log(0.9))
    assert earned(0.9, fired=False) == pytest.approx(math.log(0.1))
    assert math.isfinite(earned(0.0, fired=True))
    assert math.isfinite(earned_by_order(0.0, 1.0, "fell"))
