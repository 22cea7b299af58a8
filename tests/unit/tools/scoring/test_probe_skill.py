"""Skill of registered predictions, and the calibration for texts of which half fire."""

import math

import numpy as np
import pytest

from tools.records.predictions import Registered
from tools.records.result import ScoreValue, Unscored
from tools.scoring.calibration import fit, fit_balanced
from tools.scoring.reliability import bins
from tools.scoring.skill import prediction_scores, probe_skill, sign_accuracy
from tools.scoring.skill import skill as skill_of


def skill(p, fired):
    return probe_skill(p, fired, np.random.default_rng(0))


def test_by_hand():
    found = skill([0.9, 0.8, 0.1, 0.4], [True, True, False, False])
    expected = 1 - sum(-math.log(p) for p in (0.9, 0.8, 0.9, 0.6)) / (4 * math.log(2))
    assert isinstance(found, ScoreValue)
    assert found.value == pytest.approx(expected, abs=1e-6)
    assert found.low <= found.value <= found.high
    assert (found.split, found.n_excerpts) == ("probe", 4)


def test_base_rate_has_none_and_nonsense_less():
    assert skill([0.5] * 4, [True, False, True, False]).value == pytest.approx(0)
    assert skill([0.1, 0.9] * 2, [True, False] * 2).value < 0


def test_nothing_to_beat():
    assert isinstance(skill([], []), Unscored)
    assert "no base rate" in skill([0.9, 0.9], [True, True]).reason


def test_a_balanced_table_knows_that_half_fire():
    levels = np.repeat(np.array([0, 10], np.float32), [9_000, 1_000])
    fired = np.zeros(10_000, bool)
    fired[:90], fired[9_000:9_500] = True, True  # 1 % at level 0, half at level 10; 5.9 % in all
    assert fit(levels, fired)[10] == pytest.approx(0.5, abs=0.01)
    odds = (0.5 / 0.059) / (0.5 / 0.941)
    table = fit_balanced(levels, fired)
    assert table[10] == pytest.approx(0.02 + 0.96 * odds / (1 + odds), abs=0.01)
    odds_silent = (0.01 / 0.059) / (0.99 / 0.941)
    assert table[0] == pytest.approx(0.02 + 0.96 * odds_silent / (1 + odds_silent), abs=0.01)


def test_a_constant_simulation_predicts_about_half():
    fired = np.zeros(10_000, bool)
    fired[:100] = True
    table = fit_balanced(np.zeros(10_000, np.float32), fired)
    assert table[0] == pytest.approx(0.5, abs=0.02)
    assert table == sorted(table)  # what it says above that was never seen, and is as the prior says


def registered(p, fired, carrier="a", value=1.0, before=None, value_before=None):
    return Registered(p, fired, carrier, value, before, value_before)


RNG = np.random.default_rng(0)


def test_edits_of_one_carrier_widen_the_interval():
    apart = [registered(0.7, i % 3 > 0, i) for i in range(60)]
    together = [registered(0.7, i % 3 > 0, i // 20 + (i % 3)) for i in range(60)]
    one, other = (skill_of(p, np.random.default_rng(0), "p", "chosen") for p in (apart, together))
    assert one.value == other.value
    assert other.high - other.low > one.high - one.low


def test_calibration_by_hand():
    found = bins([(0.02, False), (0.08, True), (0.98, True), (1.0, True)])
    assert [(b.low, b.high, b.n, b.predicted, b.fired) for b in found] == [
        (0.0, 0.1, 2, 0.05, 0.5),
        (0.9, 1.0, 2, 0.99, 1.0),
    ]
    assert sum(b.n for b in bins([(k / 100, True) for k in range(101)])) == 101
    assert bins([]) == []


def test_sign_accuracy_by_hand():
    pairs = [
        registered(0.1, False, 1, 0.0, 0.9, 2.0),  # said down, went down
        registered(0.9, True, 2, 2.0, 0.1, 0.0),  # said up, went up
        registered(0.1, True, 3, 2.0, 0.9, 2.0),  # said down, stayed: a miss
        registered(0.9, False, 4, 0.0, 0.1, 1.0),  # said up, went down
        registered(0.9, True, 5, 0.0, 0.9, 1.0),  # said nothing
        registered(0.9, True, 6, 0.0),  # no text before
    ]
    found = sign_accuracy(pairs, 0.5, RNG, "chosen")
    assert (found.value, found.n_excerpts, found.n_pairs) == (0.5, 4, 5)
    assert found.low <= 0.5 <= found.high
    assert sign_accuracy(pairs[4:], 0.5, RNG, "chosen").reason == "no change was predicted in any pair"
    assert sign_accuracy(pairs[5:], 0.5, RNG, "chosen").reason == "no pair was read"


def test_a_change_smaller_than_a_tenth_of_theta_is_none():
    assert sign_accuracy([registered(0.1, False, 1, 0.96, 0.9, 1.0)], 0.5, RNG, "p").value == 0.0
    assert sign_accuracy([registered(0.1, False, 1, 0.94, 0.9, 1.0)], 0.5, RNG, "p").value == 1.0


def test_everything_together_and_nothing_at_all():
    found = prediction_scores([registered(0.9, True), registered(0.2, False, "b")], [], "p", "chosen", 0.5, RNG)
    assert found.n == 2
    assert found.log_score == pytest.approx((math.log(0.9) + math.log(0.8)) / 2, abs=1e-6)
    nothing = prediction_scores([], [], "p", "chosen", 0.5, RNG)
    assert (nothing.n, nothing.log_score, nothing.calibration) == (0, None, [])
    assert nothing.skill.reason == "nothing was predicted"
