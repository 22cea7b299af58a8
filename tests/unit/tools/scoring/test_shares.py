"""The interval of a share."""

import pytest
from scipy.stats import binomtest

from tools.scoring.shares import Z, wilson


@pytest.mark.parametrize(("count", "total"), [(0, 20), (1, 10), (5, 5), (23, 31), (311, 625)])
def test_it_is_the_interval_that_scipy_has_for_whole_numbers(count: int, total: int) -> None:
    theirs = binomtest(count, total).proportion_ci(confidence_level=0.95, method="wilson")
    assert wilson(count, total) == pytest.approx((theirs.low, theirs.high), abs=1e-12)


def test_by_hand() -> None:
    # (p + z²/2n ± z √(p(1 - p)/n + z²/4n²)) / (1 + z²/n) with p = 1/10: 0.29207 ± 0.26733, over 1.38415.
    assert wilson(1, 10) == pytest.approx((0.017876, 0.404150), abs=1e-6)
    assert pytest.approx(1.959964, abs=1e-6) == Z


def test_a_mean_over_seeds_need_not_be_whole() -> None:
    assert wilson(2.5, 5) == pytest.approx((0.170424, 0.829576), abs=1e-6)


def test_nothing_is_known_of_no_count() -> None:
    assert wilson(0, 0) == (0, 1)
