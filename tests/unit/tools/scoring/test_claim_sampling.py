"""Excerpts drawn by what is claimed: who is drawn, and that the score is still that of the whole sample."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.records.excerpts import Activations, Excerpts
from tools.records.result import Unscored
from tools.scoring.chances import pareto_draw
from tools.scoring.claim_sampling import (
    EACH,
    Claimant,
    chances_of,
    claims_of_levels,
    claims_of_words,
    drawn,
    n_of_claimants,
    rows_with_claimed,
)
from tools.scoring.metrics import StratifiedSample
from tools.scoring.subsampling import chances_of_excerpts, first_rows, part_of, thin_rows

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
    activations = Activations(Excerpts(tokens, np.full(N, WIDTH), numbers, numbers, numbers), values)
    strata = [name for name in ("top", "quantile", "random") for _ in range(N // 3)]
    return StratifiedSample.draw(activations, strata, np.random.default_rng(1))


def levels_of(sample, token=3):
    return np.where(sample.activations.excerpts.tokens == token, 9, 0).astype(np.float32)


def claims_on(sample, *tokens):
    mask = sample.activations.excerpts.mask
    return np.stack([claims_of_levels(levels_of(sample, token), mask) for token in tokens])


def claiming(sample, n, *tokens, costly=True):
    """Rows and what they stand for, where each token is the claim of somebody."""
    claimants = [Claimant(f"on {token}") for token in tokens]
    return rows_with_claimed(sample, n, claimants, claims_on(sample, *tokens), [costly] * len(tokens))


def test_a_rare_meaning_is_no_constant_any_more():
    """Whoever else claims something, and however few excerpts can be paid for."""
    sample = whole_sample()
    levels = levels_of(sample)
    for others in range(10, 20):
        for n in (6, 12, 30):
            rows, importance = claiming(sample, n, 3, *range(10, others))
            assert len(set(rows) & set(RARE)) >= EACH
            part = part_of(sample, rows, importance)
            assert not isinstance(part.correlation(levels[rows]), Unscored), (n, others)


def test_every_excerpt_counts_one_over_its_chance():
    sample = whole_sample()
    claims = claims_on(sample, 3, 17)
    _, importance = claiming(sample, 30, 3, 17)
    chances = chances_of(claims, [EACH, EACH])
    base = chances_of_excerpts(sample, 30 - 2 * EACH)
    np.testing.assert_allclose(1 / importance, 1 - (1 - base) * (1 - chances[0]) * (1 - chances[1]))
    assert (importance[RARE] < importance.max()).all()


def test_weighted_sums_estimate_those_of_the_whole_sample():
    """Over many draws; the sums are what a correlation is made of."""
    sample = whole_sample()
    claims = claims_on(sample, 3, 17)
    chances, base = chances_of(claims, [5, 5]), chances_of_excerpts(sample, 21)
    total = float(sample.activations.values.sum())
    product = float((sample.activations.values * levels_of(sample)).sum())
    rng = np.random.default_rng(3)
    weights = 1 / (1 - (1 - base) * (1 - chances[0]) * (1 - chances[1]))
    sums = []
    for turn in range(4000):
        is_in = np.zeros(N, dtype=bool)
        for k, own in enumerate(chances):
            is_in[drawn(own, Claimant(f"{k} {turn}"))] = True
        for at in (0, 100, 200):
            is_in[at + pareto_draw(base[at : at + 100], rng.random(100))] = True
        some = np.flatnonzero(is_in)
        values = sample.activations.values[some]
        sums.append([(weights[some] @ values.sum(1)), weights[some] @ (values * levels_of(sample)[some]).sum(1)])
    assert np.mean(sums, 0) == pytest.approx([total, product], rel=0.03)


def test_a_claimant_draws_as_many_as_it_may_with_the_chances_that_it_has():
    rng = np.random.default_rng(2)
    claims = np.where(rng.random(40) < 0.5, rng.uniform(0.5, 1, 40), 0)[None]
    (chances,) = chances_of(claims, [EACH])
    assert chances.sum() == pytest.approx(EACH)
    times = np.zeros(40)
    for turn in range(4000):
        rows = drawn(chances, Claimant(str(turn)))
        assert len(rows) == EACH
        times[rows] += 1
    np.testing.assert_allclose(times / 4000, chances, atol=0.03)
    (few,) = chances_of(np.eye(1, 40), [EACH])
    assert drawn(few, Claimant("")).tolist() == [0]


def test_who_is_free_to_ask_draws_what_is_left():
    assert n_of_claimants(30, [True, True]) == [EACH, EACH]
    assert n_of_claimants(30, [True, False, False]) == [EACH, 3, 3]
    assert n_of_claimants(6, [False] * 4) == [1, 1, 1, 1]


def test_half_of_the_excerpts_are_drawn_by_what_happened():
    sample = whole_sample()
    rows, _ = claiming(sample, 30, *range(10, 22))
    assert len(np.intersect1d(rows, thin_rows(sample, 15))) == 15


def test_without_claims_nothing_changes():
    sample = whole_sample()
    for claimants in ([], [Claimant("a"), Claimant("b"), Claimant("c")]):
        claims, costly = np.zeros((len(claimants), N)), [True] * len(claimants)
        rows, importance = rows_with_claimed(sample, 30, claimants, claims, costly)
        np.testing.assert_array_equal(rows, thin_rows(sample, 30))
        np.testing.assert_allclose(importance, 1 / chances_of_excerpts(sample, 30))
    rows, importance = claiming(sample, N, 3)
    assert (len(rows), importance.max()) == (N, 1)


def test_importance_changes_a_score_as_if_excerpts_stood_there_several_times():
    sample = whole_sample()
    rows = np.sort(np.random.default_rng(5).permutation(N)[:60])
    rows = np.union1d(rows, RARE)
    counts = np.ones(N)
    counts[rows[::2]] = 2
    weighted = part_of(sample, rows, counts).correlation(levels_of(sample)[rows])
    twice = np.sort(np.concatenate([rows, rows[::2]]))
    values, said = sample.activations.values[twice].ravel(), levels_of(sample)[twice].ravel()
    assert weighted.value == pytest.approx(np.corrcoef(values, said)[0, 1])
    plain = part_of(sample, rows).correlation(levels_of(sample)[rows])
    alike = part_of(sample, rows, np.full(N, 3.0)).correlation(levels_of(sample)[rows])
    assert alike.value == pytest.approx(plain.value)
    np.testing.assert_allclose(alike.replicates, plain.replicates)


@given(st.integers(1, 5), st.integers(1, 40), st.integers(0, 50))
def test_chances_sum_to_what_is_drawn(n_claimants, n, seed):
    claims = np.random.default_rng(seed).random((n_claimants, 60))
    claims[claims < 0.7] = 0
    chances = chances_of(claims, [n] * n_claimants)
    assert ((chances >= 0) & (chances <= 1)).all()
    assert (chances[claims == 0] == 0).all()
    np.testing.assert_allclose(chances.sum(1), np.minimum(n, (claims > 0).sum(1)))


def test_disputed_excerpts_come_first():
    claims = np.array([[1.0, 1.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0]])
    (first, second) = chances_of(claims, [1, 1])
    assert first.tolist() == pytest.approx([2 / 3, 1 / 3, 0, 0])  # twice what the undisputed one has
    assert second.tolist() == [0, 1, 0, 0]


def test_who_comes_later_finds_most_of_the_excerpts():
    sample = whole_sample()
    before, _ = claiming(sample, 30, 3, 17, 18, 19)
    after, _ = claiming(sample, 30, 3, 17, 18, 19, 20)
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
    assert claims_of_words(Claimant(sentence), texts).tolist() == [1, 0, 1, 0, 1]
    assert claims_of_words(Claimant("Fires on solutions."), texts).tolist() == [0, 1, 0, 0, 0]
    assert claims_of_words(Claimant(""), texts).tolist() == [0] * 5


def test_the_words_that_an_author_names_come_before_those_of_the_sentence():
    texts = ["in May  1990", "you may go", "the mayor", 'he said: "no', "month", "f(x)"]
    sentence = "month names in dates"
    assert claims_of_words(Claimant(sentence, ("may 1990", "June")), texts).tolist() == [1, 0, 0, 0, 0, 0]
    assert claims_of_words(Claimant(sentence, ("may",)), texts).tolist() == [1, 1, 0, 0, 0, 0]
    assert claims_of_words(Claimant(sentence, (': "', "(")), texts).tolist() == [0, 0, 0, 1, 0, 1]
    assert claims_of_words(Claimant(sentence, ("absent", " ")), texts).tolist() == [0, 0, 0, 0, 1, 0]


def test_what_is_claimed_is_among_the_first_and_counts_the_less():
    sample = whole_sample()
    rows, importance = claiming(sample, 60, 3)
    is_claimed = np.isin(np.arange(N), RARE)
    first, counts = first_rows(sample, rows, 0.3, importance, is_claimed)
    assert set(first) < set(rows)
    share, of_others = (np.isin(rows[is_claimed[rows] == which], first).mean() for which in (True, False))
    assert share > of_others
    for label in set(sample.strata):
        for which in (True, False):
            own = [row for row in rows if sample.strata[row] == label and is_claimed[row] == which]
            taken = [row for row in own if row in first]
            np.testing.assert_allclose(counts[taken], importance[taken] * len(own) / max(len(taken), 1))
    np.testing.assert_array_equal(first, first_rows(sample, rows, 0.3, importance, is_claimed)[0])


def test_excerpts_in_which_the_neuron_varies_more_have_more_chance_and_count_the_less():
    sample = whole_sample()
    chances = chances_of_excerpts(sample, 30)
    spread = sample.activations.values.std(axis=1)
    for at in (0, 100, 200):
        own = slice(at, at + 100)
        assert chances[own].sum() == pytest.approx(10)
        assert np.corrcoef(chances[own], spread[own])[0, 1] > 0.9
    assert (chances > 0.02).all()
    assert (chances_of_excerpts(sample, N) == 1).all()


def test_a_few_excerpts_so_drawn_tell_more_of_a_correlation_than_as_many_with_the_same_chance():
    sample = whole_sample()
    values, levels = sample.activations.values, np.where(levels_of(sample) > 0, 1.0, sample.activations.values > 1.9)
    rng, chances = np.random.default_rng(4), chances_of_excerpts(sample, 30)

    def weighted(rows, weights):
        each = np.repeat(weights, WIDTH)
        x, y = values[rows].ravel(), levels[rows].ravel()
        (vx, c), (_, vy) = np.cov(x, y, aweights=each)
        return c / np.sqrt(vx * vy)

    whole, errors = weighted(np.arange(N), np.ones(N)), []
    for _ in range(300):
        own = [at + pareto_draw(chances[at : at + 100], rng.random(100)) for at in (0, 100, 200)]
        even = [at + rng.permutation(100)[:10] for at in (0, 100, 200)]
        both = np.concatenate(own), np.concatenate(even)
        errors.append([weighted(both[0], 1 / chances[both[0]]) - whole, weighted(both[1], np.ones(30)) - whole])
    drawn_so, evenly = np.sqrt(np.mean(np.square(errors), axis=0))
    assert drawn_so < 0.9 * evenly
