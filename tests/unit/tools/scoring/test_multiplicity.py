import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.scoring.multiplicity import p_above_zero, q_values

P_VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=30)


def test_q_values_by_hand():
    # n p / rank: 0.04, 0.04, 0.0533, 0.5; each is the least of itself and those of larger p-values.
    assert q_values([0.5, 0.01, 0.04, 0.02]) == pytest.approx([0.5, 0.04, 0.16 / 3, 0.04])
    # The smallest p-value is rejected with the second, though alone it would not be.
    assert q_values([0.03, 0.04]) == pytest.approx([0.04, 0.04])
    assert q_values([0.2, 0.2, 0.2]) == pytest.approx([0.2, 0.2, 0.2])
    assert q_values([]) == []
    assert q_values([0.04, 0.005, 0.5, 0.01, 0.03]) == pytest.approx([0.05, 0.025, 0.5, 0.025, 0.05])


def test_the_fifteen_of_benjamini_and_hochberg():
    """Their example of 1995: at 0.05 the four smallest are discoveries, where Bonferroni leaves three."""
    small = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459]
    p = [*small, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0]
    assert [q <= 0.05 for q in q_values(p)] == [True] * 4 + [False] * 11
    assert sum(15 * value <= 0.05 for value in p) == 3


@given(P_VALUES, st.randoms(use_true_random=False))
def test_order_does_not_matter_and_larger_p_values_have_no_smaller_q_values(p, random):
    order = list(range(len(p)))
    random.shuffle(order)
    q = q_values(p)
    assert q_values([p[i] for i in order]) == [q[i] for i in order]
    assert all(a <= b for a, b in zip(p, q, strict=True))
    assert all(0 <= value <= 1 for value in q)
    in_order = [q[i] for i in sorted(order, key=p.__getitem__)]
    assert in_order == sorted(in_order)


@given(P_VALUES, st.floats(0.001, 0.5))
def test_what_survives_is_what_stepping_up_finds(p, rate):
    n, ordered = len(p), sorted(p)
    fitting = [k for k in range(1, n + 1) if ordered[k - 1] * (n / k) <= rate]
    assert sum(q <= rate for q in q_values(p)) == max(
        (sum(value <= ordered[k - 1] for value in p) for k in fitting), default=0
    )


def test_p_values_of_intervals():
    assert p_above_zero(1.96, 0.0, 3.92) == pytest.approx(0.025, abs=1e-4)  # the bound of a 95 % interval is at zero
    assert p_above_zero(0.0, -1.0, 1.0) == 0.5
    assert p_above_zero(-1.96, -3.92, 0.0) == pytest.approx(0.975, abs=1e-4)
    assert (p_above_zero(0.1, 0.1, 0.1), p_above_zero(0.0, 0.0, 0.0)) == (0.0, 1.0)
