"""The ceiling: finds what stands in the last tokens, never below the lookup, the same every time."""

import numpy as np
import pytest

from evals.ceiling import N_BACK, _folds_of, _held_out_means, _last_tokens, ceiling
from tools.records.excerpts import DevelopmentActivations, Excerpts, ExploreActivations
from tools.records.result import Unscored
from tools.rules.lookup import TokenMeans
from tools.scoring.metrics import Estimate, StratifiedSample

WIDTH = 32
D_VOCAB = 12
EMBEDDINGS = np.random.default_rng(0).normal(size=(D_VOCAB, 4)).astype(np.float32)


def drawn(n: int, seed: int) -> Excerpts:
    rng = np.random.default_rng(seed)
    lengths = rng.integers(WIDTH // 2, WIDTH + 1, size=n)
    tokens = np.where(np.arange(WIDTH) < lengths[:, None], rng.integers(0, D_VOCAB, size=(n, WIDTH)), -1)
    return Excerpts(
        tokens.astype(np.int32),
        lengths,
        np.arange(n, dtype=np.int32) // 2,
        np.arange(n, dtype=np.int32),
        np.arange(n, dtype=np.int32) // 2,
    )


def after_pair(excerpts: Excerpts) -> np.ndarray:
    """4 at token 3 right after token 5, and where it stands first 0, like everywhere else."""
    values = np.zeros(excerpts.tokens.shape, dtype=np.float32)
    values[:, 1:][(excerpts.tokens[:, 1:] == 3) & (excerpts.tokens[:, :-1] == 5)] = 4
    return values


def by_token(excerpts: Excerpts) -> np.ndarray:
    return np.where(excerpts.mask, excerpts.tokens % 5, 0).astype(np.float32)


def noise(excerpts: Excerpts) -> np.ndarray:
    values = np.random.default_rng(9).exponential(size=excerpts.tokens.shape).astype(np.float32)
    return np.where(excerpts.mask, values, 0)


def silent(excerpts: Excerpts) -> np.ndarray:
    return np.zeros(excerpts.tokens.shape, dtype=np.float32)


def sample(values, seed=2, n=60) -> StratifiedSample:
    excerpts = drawn(n, seed)
    strata = ["random"] * n
    return StratifiedSample.draw(DevelopmentActivations(excerpts, values(excerpts)), strata, np.random.default_rng(3))


def explored(values, n=200) -> tuple[ExploreActivations, TokenMeans]:
    excerpts = drawn(n, 1)
    explore = ExploreActivations(excerpts, values(excerpts))
    return explore, TokenMeans.of(explore, D_VOCAB)


def lookup_on(scored: StratifiedSample, means: TokenMeans) -> Estimate:
    found = scored.correlation(means.full(scored.activations.excerpts.tokens))
    assert isinstance(found, Estimate)
    return found


@pytest.mark.slow
def test_finds_what_a_pair_of_tokens_means_where_the_lookup_cannot() -> None:
    explore, means = explored(after_pair)
    scored = sample(after_pair)
    (found,) = ceiling(explore, EMBEDDINGS, [scored], means)
    assert isinstance(found, Estimate)
    assert found.value > 0.95
    assert lookup_on(scored, means).value < 0.5
    interval = found.interval()
    assert interval.low <= interval.value <= interval.high


@pytest.mark.parametrize("values", [by_token, noise])
@pytest.mark.parametrize("n", [3, 200])
@pytest.mark.slow
def test_is_never_below_the_full_lookup(values, n) -> None:
    explore, means = explored(values, n)
    samples = [sample(values, seed) for seed in (4, 5, 6)]
    found = ceiling(explore, EMBEDDINGS, samples, means)
    assert len(found) == 3
    for one, scored in zip(found, samples, strict=True):
        assert isinstance(one, Estimate)
        assert one.value >= lookup_on(scored, means).value


@pytest.mark.slow
def test_is_the_same_every_time_and_samples_do_not_touch_each_other() -> None:
    explore, means = explored(after_pair)
    one, other = sample(after_pair, 2), sample(after_pair, 8)
    first = ceiling(explore, EMBEDDINGS, [one, other], means)
    (again,) = ceiling(explore, EMBEDDINGS, [other], means)
    assert isinstance(first[1], Estimate)
    assert isinstance(again, Estimate)
    assert first[1].value == again.value
    np.testing.assert_array_equal(first[1].replicates, again.replicates)


@pytest.mark.slow
def test_nothing_is_learnt_from_a_sample() -> None:
    explore, means = explored(after_pair)
    told = sample(after_pair)
    lied = sample(noise)
    a, _ = ceiling(explore, EMBEDDINGS, [told, lied], means)
    b, _ = ceiling(explore, EMBEDDINGS, [told, told], means)
    assert isinstance(a, Estimate)
    assert isinstance(b, Estimate)
    assert a.value == b.value


def test_constant_on_explore_is_unscored() -> None:
    explore, means = explored(silent)
    found = ceiling(explore, EMBEDDINGS, [sample(after_pair), sample(by_token)], means)
    assert [isinstance(one, Unscored) and "constant on explore text" in one.reason for one in found] == [True, True]


@pytest.mark.slow
def test_constant_on_one_sample_is_unscored_there_alone() -> None:
    explore, means = explored(after_pair)
    there, here = ceiling(explore, EMBEDDINGS, [sample(silent), sample(after_pair)], means)
    assert isinstance(there, Unscored)
    assert "the neuron is constant" in there.reason
    assert isinstance(here, Estimate)


def test_no_samples() -> None:
    explore, means = explored(after_pair, n=20)
    assert ceiling(explore, EMBEDDINGS, [], means) == []


def test_context_ends_at_the_start_of_an_excerpt() -> None:
    tokens = np.array([[7, 8, 9], [4, -1, -1]], dtype=np.int32)
    numbers = np.arange(2, dtype=np.int32)
    context = _last_tokens(Excerpts(tokens, np.array([3, 1]), numbers, numbers, numbers))
    assert context.shape == (4, N_BACK)
    assert context[:, :4].tolist() == [[7, -1, -1, -1], [8, 7, -1, -1], [9, 8, 7, -1], [4, -1, -1, -1]]
    assert (context[:, 4:] == -1).all()


def test_a_document_lies_in_one_fold() -> None:
    excerpts = drawn(60, 1)
    folds = _folds_of(excerpts, np.random.default_rng(4))
    documents = np.repeat(excerpts.documents, excerpts.lengths)
    assert all(len(set(folds[documents == document])) == 1 for document in set(documents))
    assert set(folds) == set(range(10))


def test_a_mean_leaves_out_its_own_fold() -> None:
    codes = np.array([1, 1, 1, 2, -1, 1, 3])
    folds = np.array([0, 0, 1, 1, 1, 10, 10])
    means, counts = _held_out_means(codes, np.array([1.0, 2.0, 6.0, 5.0, 9.0]), folds, shrinkage=1.0)
    # the last two rows are predicted: code 1 from all three readings, code 3 was never seen
    assert means[:4].tolist() == [6 / 2, 6 / 2, 3 / 3, 0]
    assert np.isnan(means[4])
    assert means[5:].tolist() == [9 / 4, 0]
    assert counts[[0, 2, 3, 5, 6]].tolist() == [1, 2, 0, 3, 0]
