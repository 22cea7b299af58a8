"""Intervals, the permutation test and the correction for many tests."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evals.power import power, rejected
from evals.statistics import (
    counted_share,
    mean_by_cluster,
    mean_by_neuron,
    mean_interval,
    permutation_p,
    permutation_ps,
    ratio_of_means,
)
from tools.records.result import Interval, Unscored

DIFFERENCES = st.lists(st.floats(-1, 1, allow_subnormal=False), min_size=1, max_size=30)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_seeds_are_averaged_before_neurons() -> None:
    assert mean_by_neuron([("a", 1.0), ("b", 5.0), ("a", 2.0)]) == {"a": 1.5, "b": 5.0}


def test_p_by_hand() -> None:
    assert permutation_p([0.1, 0.2, 0.3], rng()) == 2 / 8  # only the given signs and their mirror image sum to 0.6
    assert permutation_p([0.1, 0.1, -0.1], rng()) == 1.0  # every sum is at least 0.1 away from zero
    assert permutation_p([0.5], rng()) == 1.0
    assert permutation_p([], rng()) == 1.0


def test_zero_differences_tell_nothing() -> None:
    assert permutation_p([0.0] * 40, rng()) == 1.0
    assert permutation_p([0.0] * 5, rng()) == 1.0
    assert permutation_p([0.1, 0.2, 0.3, 0.0, 0.0], rng()) == permutation_p([0.1, 0.2, 0.3], rng())


def test_sums_that_are_equal_on_paper_count_as_equal() -> None:
    assert permutation_p([0.1, 0.2, 0.3, -0.3, -0.2, -0.1], rng()) == 1.0


def test_random_flips_agree_with_all_of_them() -> None:
    seen = rng(3).normal(0.05, 0.1, 14)
    exact = permutation_p(seen, rng())
    padded = permutation_p([*seen, 0.0, 0.0], rng())  # beyond what is enumerated, and the same test
    assert padded == pytest.approx(exact, abs=0.02)


@given(DIFFERENCES)
@settings(max_examples=25, deadline=None)
def test_swapping_the_variants_negates_the_difference_and_keeps_p(seen: list[float]) -> None:
    swapped = [-d for d in seen]
    p = permutation_p(seen, rng())
    assert p == permutation_p(swapped, rng())
    assert 0 < p <= 1
    ours, theirs = mean_interval(seen, rng()), mean_interval(swapped, rng())
    if isinstance(ours, Interval):
        assert isinstance(theirs, Interval)
        assert (theirs.value, theirs.low, theirs.high) == pytest.approx((-ours.value, -ours.high, -ours.low), abs=2e-6)
        assert ours.low <= ours.high
        assert min(seen) - 1e-6 <= ours.low
        assert ours.high <= max(seen) + 1e-6


@pytest.mark.parametrize("n", [10, 40])
def test_p_is_uniform_when_there_is_no_difference(n: int) -> None:
    p = permutation_ps(rng(1).laplace(0, 0.1, (2000, n)), rng(2))
    shares = [float(np.mean(p <= level)) for level in (0.05, 0.25, 0.5, 0.75)]
    assert shares == pytest.approx([0.05, 0.25, 0.5, 0.75], abs=0.03)


def covered(n: int, seed: int) -> float:
    drawn = rng(seed).normal(0.3, 0.1, (150, n))
    intervals = [mean_interval(row, rng(i)) for i, row in enumerate(drawn)]
    return float(np.mean([isinstance(i, Interval) and i.low <= 0.3 <= i.high for i in intervals]))


@pytest.mark.slow
def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    assert covered(10, seed=5) >= 0.91  # the plain percentile interval: 0.90 in the long run


def test_a_constant_has_an_interval_without_width() -> None:
    found = mean_interval([0.25] * 7, rng())
    assert found == Interval(value=0.25, low=0.25, high=0.25)


def test_too_few_neurons_are_unscored_with_the_reason() -> None:
    assert mean_interval([], rng()) == Unscored(reason="no neuron has a value")
    assert mean_interval([0.5], rng()) == Unscored(reason="0.500 over 1 neuron, too few for an interval")
    few = Unscored(reason="0.350 over 4 neurons, too few for an interval")
    assert mean_interval([0.2, 0.3, 0.4, 0.5], rng()) == few
    assert isinstance(mean_interval([0.2, 0.3, 0.4, 0.5, 0.6], rng()), Interval)


def test_noise_levels_of_one_function_are_one_neuron() -> None:
    clusters = {"f+noise0.5": "f", "f": "f"}
    found = mean_by_cluster([("f", 1.0), ("f", 0.0), ("f+noise0.5", 0.1), ("g", 0.7)], clusters)
    assert found == {"f": pytest.approx(0.3), "g": 0.7}  # seeds first, then noise levels


def test_ratio_of_means_is_not_the_mean_of_ratios() -> None:
    found = ratio_of_means(np.array([0.1, 0.8] * 3), np.array([0.1, 0.9] * 3), rng())
    assert isinstance(found, Interval)
    assert found.value == pytest.approx(0.9)
    same = ratio_of_means(np.array([0.2, 0.4, 0.6] * 2), np.array([0.4, 0.8, 1.2] * 2), rng())
    assert same == Interval(value=0.5, low=0.5, high=0.5)
    assert isinstance(ratio_of_means(np.ones(5), np.array([-1.0, 1.0, 0.5, -0.5, 0.1]), rng()), Unscored)


def test_a_counted_share_by_hand() -> None:
    found = counted_share(1, 10)
    assert isinstance(found, Interval)
    assert (found.value, found.low, found.high) == pytest.approx((0.1, 0.0179, 0.4042), abs=1e-4)
    none = counted_share(0, 20)
    assert isinstance(none, Interval)
    assert (none.value, none.low) == (0, 0)
    assert none.high == pytest.approx(0.1611, abs=1e-4)
    assert isinstance(counted_share(0, 0), Unscored)


@pytest.mark.parametrize("n", [20, 40, 60])
def test_it_rejects_in_5_percent_when_which_is_which_is_chance(n: int) -> None:
    skewed = rng(n).gamma(2, 0.07, n)
    found = power(skewed, 0.05, n, 1000, rng(n))
    assert 0.03 <= found.exchangeable <= 0.07
    assert found.no_difference <= 0.12  # a lopsided spread of mean zero is not what the test promises 5 % for


def test_a_difference_of_a_twentieth_is_found_on_forty_neurons() -> None:
    found = power(rng(4).normal(0.2, 0.08, 40), 0.05, 40, 1000, rng())
    assert found.with_difference >= 0.8
    assert 0.03 <= found.no_difference <= 0.07
    assert found.detectable == pytest.approx(2.8 * found.spread / 40**0.5)
    assert rejected(np.zeros((10, 20)), rng()) == 0
