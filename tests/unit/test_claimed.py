"""Excerpts drawn by what is claimed: who is drawn, and that the score is still that of the whole sample."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.records.excerpts import Excerpts, Readings
from tools.records.result import Unscored
from tools.scoring.claimed import (
    chances_of,
    claims_of_levels,
    claims_of_words,
    n_claimed,
    rows_with_claimed,
)
from tools.scoring.metrics import StratifiedSample
from tools.scoring.parts import part_of, stratum_shares, thin_rows

N, WIDTH = 300, 8
RARE = np.array([7, 111, 150, 205, 222, 251, 280, 299])
"""Excerpts with the rare thing, one of them among the top."""


def whole_sample(seed=0):
    rng = np.random.default_rng(seed)
    numbers = np.arange(N, dtype=np.int32)
    tokens = rng.integers(10, 50, (N, WIDTH)).astype(np.int32)
    tokens[RARE, 4] = 3
    values = np.where(rng.random((N, WIDTH)) < 0.1, rng.random((N, WIDTH)), 0).astype(np.float32)
    values[:100, 2] += 2
    values[RARE, 4] = 3
    readings = Readings(Excerpts(tokens, np.full(N, WIDTH), numbers, numbers, numbers), values)
    strata = [name for name in ("top", "quantile", "random") for _ in range(N // 3)]
    return StratifiedSample.draw(readings, strata, np.random.default_rng(1))


def levels_of(sample, token=3):
    return np.where(sample.readings.excerpts.tokens == token, 9, 0).astype(np.float32)


def claims_on(sample, *tokens):
    mask = sample.readings.excerpts.mask
    return np.stack([claims_of_levels(levels_of(sample, token), mask) for token in tokens])


def test_a_rare_meaning_is_no_constant_any_more():
    sample = whole_sample()
    levels = levels_of(sample)
    blind = part_of(sample, thin_rows(sample, 12))
    assert isinstance(blind.correlation(levels[thin_rows(sample, 12)]), Unscored)
    rows, importance = rows_with_claimed(sample, 12, claims_on(sample, 3))
    assert len(set(rows) & set(RARE)) >= 2
    part = part_of(sample, rows, importance)
    assert not isinstance(part.correlation(levels[rows]), Unscored)


def test_every_excerpt_counts_one_over_its_chance():
    sample = whole_sample()
    claims = claims_on(sample, 3, 17)
    _, importance = rows_with_claimed(sample, 30, claims)
    chances = chances_of(claims, n_claimed(30))
    base = stratum_shares(sample, 30 - n_claimed(30))
    np.testing.assert_allclose(1 / importance, 1 - (1 - base) * (1 - chances))
    assert (importance[RARE] < importance.max()).all()
    assert importance.max() == pytest.approx(100 / 7)  # drawn by what happened alone: 7 of 100


def test_weighted_sums_estimate_those_of_the_whole_sample():
    """Over many draws; the sums are what a correlation is made of."""
    sample = whole_sample()
    claims = claims_on(sample, 3, 17)
    chances, base = chances_of(claims, 10), stratum_shares(sample, 21)
    total = float(sample.readings.values.sum())
    product = float((sample.readings.values * levels_of(sample)).sum())
    rng = np.random.default_rng(3)
    weights = 1 / (1 - (1 - base) * (1 - chances))
    sums = []
    for _ in range(4000):
        drawn = rng.random(N) < chances
        for at in (0, 100, 200):
            drawn[at + rng.permutation(100)[:7]] = True
        some = np.flatnonzero(drawn)
        values = sample.readings.values[some]
        sums.append([(weights[some] @ values.sum(1)), weights[some] @ (values * levels_of(sample)[some]).sum(1)])
    assert np.mean(sums, 0) == pytest.approx([total, product], rel=0.03)


def test_without_claims_nothing_changes():
    sample = whole_sample()
    for claims in (np.zeros((0, N)), np.zeros((3, N))):
        rows, importance = rows_with_claimed(sample, 30, claims)
        np.testing.assert_array_equal(rows, thin_rows(sample, 30))
        assert (importance == 1).all()
    rows, importance = rows_with_claimed(sample, N, claims_on(sample, 3))
    assert (len(rows), importance.max()) == (N, 1)


def test_importance_changes_a_score_as_if_excerpts_stood_there_several_times():
    sample = whole_sample()
    rows = np.sort(np.random.default_rng(5).permutation(N)[:60])
    rows = np.union1d(rows, RARE)
    counts = np.ones(N)
    counts[rows[::2]] = 2
    weighted = part_of(sample, rows, counts).correlation(levels_of(sample)[rows])
    twice = np.sort(np.concatenate([rows, rows[::2]]))
    values, said = sample.readings.values[twice].ravel(), levels_of(sample)[twice].ravel()
    assert weighted.value == pytest.approx(np.corrcoef(values, said)[0, 1])
    plain = part_of(sample, rows).correlation(levels_of(sample)[rows])
    alike = part_of(sample, rows, np.full(N, 3.0)).correlation(levels_of(sample)[rows])
    assert alike.value == pytest.approx(plain.value)
    np.testing.assert_allclose(alike.replicates, plain.replicates)


@given(st.integers(1, 5), st.integers(1, 40), st.integers(0, 50))
def test_chances_are_shared_out_between_claimants(n_claimants, n, seed):
    claims = np.random.default_rng(seed).random((n_claimants, 60))
    claims[claims < 0.7] = 0
    chances = chances_of(claims, n)
    assert ((chances >= 0) & (chances <= 1)).all()
    assert (chances[~claims.any(0)] == 0).all()
    assert chances.sum() <= n + 1e-6
    alone = chances_of(claims[:1], n)
    np.testing.assert_allclose(chances_of(np.stack([claims[0], np.zeros(60)]), n), alone)


def test_disputed_excerpts_come_first():
    claims = np.array([[1.0, 1.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0]])
    chances = chances_of(claims, 1.0)
    assert chances[0] == pytest.approx(0.5 * 2 / 3)  # of the first claimant's half, twice what the undisputed one has
    assert chances[2] == chances[3] == 0


def test_who_comes_later_finds_most_of_the_excerpts():
    sample = whole_sample()
    before, _ = rows_with_claimed(sample, 30, claims_on(sample, 3, 17, 18, 19))
    after, _ = rows_with_claimed(sample, 30, claims_on(sample, 3, 17, 18, 19, 20))
    assert len(np.intersect1d(before, after)) > 0.8 * len(before)


def test_claims_of_levels_are_of_the_strongest_level():
    mask = np.ones((4, 2), dtype=bool)
    mask[3, 1] = False
    levels = np.array([[0, 6], [2, 0], [3, 1], [0, 6]], dtype=np.float32)
    assert claims_of_levels(levels, mask).tolist() == [1, 0, 0.5, 0]
    assert claims_of_levels(np.zeros((2, 3), np.float32), np.ones((2, 3), bool)).tolist() == [0, 0]


def test_claims_of_words():
    texts = ["He forgave and was forgiven.", "A solution of it", "The dog, again", "nothing at all", "an IF there"]
    sentence = 'Fires on words for putting things right, such as forgiveness and solving; after "if" or *dog*.'
    assert claims_of_words(sentence, texts).tolist() == [1, 0, 1, 0, 1]
    assert claims_of_words("Fires on solutions.", texts).tolist() == [0, 1, 0, 0, 0]
    assert claims_of_words("", texts).tolist() == [0] * 5
