"""Skill of registered predictions, and the calibration for texts of which half fire."""

import math

import numpy as np
import pytest

from tools.records.result import ScoreValue, Unscored
from tools.scoring.calibration import fit, fit_balanced
from tools.scoring.skill import probe_skill


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
    assert table[10] == pytest.approx(odds / (1 + odds), abs=0.01)
    odds_silent = (0.01 / 0.059) / (0.99 / 0.941)
    assert table[0] == pytest.approx(odds_silent / (1 + odds_silent), abs=0.01)


def test_a_constant_simulation_predicts_half():
    fired = np.array([True] + [False] * 99)
    assert fit_balanced(np.zeros(100, np.float32), fired) == pytest.approx([0.5] * 11, abs=1e-4)
