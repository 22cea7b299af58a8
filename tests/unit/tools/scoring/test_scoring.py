"""Scores held against hand-computed cases, against numpy, and against what an interval must do."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tools.records.excerpts import DevelopmentActivations, Excerpts, ExploreActivations
from tools.records.result import Unscored
from tools.rules.clauses import Clause, Listed, Rule
from tools.rules.lookup import SHRINKAGE, TokenMeans
from tools.scoring.calibration import (
    HIGHEST,
    LOWEST,
    LevelPrior,
    fit,
    fit_balanced,
    prior,
    probabilities,
    shipped,
)
from tools.scoring.explained_variance import Line, explained
from tools.scoring.metrics import MIN_TEXTS, N_RESAMPLES, Estimate, StratifiedSample
from tools.scoring.sampling import learning_sample, only, scoring_sample, stratum_size, top_and_random_sample

WIDTH = 64


def excerpts(lengths, documents=None, tokens=None, texts=None) -> Excerpts:
    lengths = np.array(lengths, dtype=np.int64)
    n = len(lengths)
    out = np.full((n, WIDTH), -1, dtype=np.int32)
    for row, length in enumerate(lengths):
        out[row, :length] = 0 if tokens is None else tokens[row]
    documents = np.array(range(n) if documents is None else documents, dtype=np.int32)
    texts = documents if texts is None else np.array(texts, dtype=np.int32)
    return Excerpts(out, lengths, documents, np.arange(n, dtype=np.int32), texts)


def padded(rows) -> np.ndarray:
    out = np.zeros((len(rows), WIDTH), dtype=np.float32)
    for row, values in enumerate(rows):
        out[row, : len(values)] = values
    return out


def sample_of(rows, documents=None, strata=None, seed=0, texts=None) -> StratifiedSample:
    activations = DevelopmentActivations(excerpts([len(row) for row in rows], documents, texts=texts), padded(rows))
    return StratifiedSample.draw(activations, strata or ["random"] * len(rows), np.random.default_rng(seed))


def random_sample(rng, n=40, scale=1.0, noise=1.0) -> tuple[StratifiedSample, np.ndarray]:
    rows = [rng.normal(size=rng.integers(1, WIDTH)) * scale for _ in range(n)]
    strata = [("top", "quantile", "random")[i % 3] for i in range(n)]
    sample = sample_of(rows, [i // 2 for i in range(n)], strata, seed=1)
    simulated = padded([row / scale + noise * rng.normal(size=len(row)) for row in rows])
    return sample, simulated


class TestCorrelation:
    def test_by_hand(self) -> None:
        sample = sample_of([[1, 2], [3, 4]])
        found = sample.correlation(padded([[2, 4], [6, 8]]))
        assert isinstance(found, Estimate)
        assert found.value == pytest.approx(1)
        # deviations of 1 2 3 4: -1.5 -.5 .5 1.5; of 2 1 4 3: -.5 -1.5 1.5 .5; their product sums to 3, squares to 5
        found = sample.correlation(padded([[2, 1], [4, 3]]))
        assert isinstance(found, Estimate)
        assert found.value == pytest.approx(3 / 5)

    @pytest.mark.parametrize("scale", [1e-6, 1e-3, 1, 1e6])
    def test_is_numpys_at_any_scale_and_padding_counts_for_nothing(self, scale) -> None:
        rng = np.random.default_rng(3)
        sample, simulated = random_sample(rng, scale=scale)
        mask = sample.activations.excerpts.mask
        simulated[~mask] = rng.normal(size=int((~mask).sum()))
        true = np.corrcoef(sample.activations.values[mask].astype(float), simulated[mask].astype(float))[0, 1]
        for factor in (1e-6, 1, 1e6):
            found = sample.correlation((factor * simulated).astype(np.float32))
            assert isinstance(found, Estimate)
            assert found.value == pytest.approx(true, abs=1e-6)

    def test_every_replicate_is_numpys_on_the_resampled_documents(self) -> None:
        sample, simulated = random_sample(np.random.default_rng(4), n=24)
        found = sample.correlation(simulated)
        assert isinstance(found, Estimate)
        mask = sample.activations.excerpts.mask
        for k in (0, 1, 500):
            weights = np.repeat(sample.weights[k][sample.units], sample.activations.excerpts.lengths)
            pair = sample.activations.values[mask].astype(float), simulated[mask].astype(float)
            (aa, a_s), (_, ss) = np.cov(*pair, aweights=weights, ddof=0)
            assert found.replicates[k] == pytest.approx(a_s / np.sqrt(aa * ss), abs=1e-9)

    def test_documents_are_resampled_within_strata(self) -> None:
        strata = ["top"] * 4 + ["random"] * 6
        sample = sample_of([[1.0, 2.0]] * 10, [0, 0, 1, 1, 0, 0, 2, 3, 3, 3], strata)
        assert sample.resampled == "sections of texts"
        top, random = sample.units[[0, 2]], sample.units[[4, 6, 7]]
        assert sample.units.tolist() == [*top.repeat(2), random[0], random[0], random[1], *[random[2]] * 3]
        assert sample.weights.shape == (N_RESAMPLES, 5)
        assert sample.weights.mean(0) == pytest.approx(np.ones(5), abs=0.35)
        drawn = sample.weights > 0
        assert (drawn[:, top[0]] == drawn[:, random[0]]).all()  # document 0, drawn for both strata or for neither
        for own, n_excerpts in ((top, [2, 2]), (random, [2, 1, 3])):
            kept = sample.weights[:, own] @ np.array(n_excerpts)
            assert kept == pytest.approx(np.where(drawn[:, own].any(1), sum(n_excerpts), 0))

    def test_whole_texts_are_resampled_where_there_are_enough(self) -> None:
        texts = [i // 2 for i in range(2 * MIN_TEXTS)]
        rows = [[1.0, 2.0]] * len(texts)
        sample = sample_of(rows, range(len(texts)), texts=texts)
        assert (sample.resampled, sample.weights.shape[1]) == ("texts", MIN_TEXTS)
        assert sample.units.tolist() == texts
        assert (sample.weights.sum(1) == MIN_TEXTS).all()
        fewer = sample_of(rows[2:], range(len(texts) - 2), texts=texts[2:])
        assert (fewer.resampled, fewer.weights.shape[1]) == ("sections of texts", len(texts) - 2)

    @pytest.mark.slow
    def test_sections_of_one_text_are_not_so_many_witnesses(self) -> None:
        """Every text has a noise of its own: over its sections the interval is too narrow, over texts it covers."""
        rng = np.random.default_rng(9)
        truth, n_worlds, covered = 0.5, 60, {"texts": 0, "sections": 0}
        for seed in range(n_worlds):
            own, other = (np.repeat(rng.normal(size=(40, 4)), 4, axis=0) for _ in range(2))
            own, other = (series + 0.3 * rng.normal(size=series.shape) for series in (own, other))
            simulated = padded(list(truth * own + np.sqrt(1 - truth**2) * other))
            for name, texts in (("texts", np.arange(160) // 4), ("sections", np.arange(160))):
                found = sample_of(list(own), seed=seed, texts=texts).correlation(simulated).interval()
                covered[name] += found.low <= truth <= found.high
        assert covered["texts"] / n_worlds > 0.86
        assert covered["sections"] / n_worlds < 0.75

    def test_the_order_of_excerpts_changes_no_interval(self) -> None:
        rng = np.random.default_rng(12)
        sample, simulated = random_sample(rng, n=36)
        order = rng.permutation(36)
        activations = sample.activations.take(order)
        turned = StratifiedSample.draw(activations, [sample.strata[i] for i in order], np.random.default_rng(1))
        assert turned.correlation(simulated[order]).interval() == sample.correlation(simulated).interval()

    @pytest.mark.parametrize(
        ("true", "simulated", "who"),
        [
            ([[0, 0], [0]], [[1, 2], [3]], "the neuron is constant"),
            ([[0.1] * 7, [0.1] * 5], [[1] * 7, [2] * 5], "the neuron is constant"),
            ([[1, 2], [3]], [[0.3, 0.3], [0.3]], "the simulation is constant"),
            ([], [], "there is no excerpt"),
        ],
    )
    def test_where_there_is_none_it_says_so(self, true, simulated, who) -> None:
        found = sample_of(true).correlation(padded(simulated))
        assert isinstance(found, Unscored)
        assert who in found.reason
        assert json.loads(found.model_dump_json())["value"] is None

    def test_too_few_documents_that_vary(self) -> None:
        rows = [[0.0] * 8 for _ in range(10)]
        rows[0][3] = 1
        found = sample_of(rows).correlation(padded(rows))  # a third of the resamples lack the only excerpt that fires
        assert isinstance(found, Unscored)
        assert "too few documents" in found.reason

    def test_one_document_says_nothing_of_how_much_a_score_varies(self) -> None:
        for strata in (["top", "top"], ["top", "random"]):
            found = sample_of([[1, 2, 3], [3, 4]], [0, 0], strata).correlation(padded([[2, 4, 6], [6, 7]]))
            assert isinstance(found, Unscored)
            assert "more than one document" in found.reason

    def test_rare_resamples_without_a_correlation_are_left_out_never_nan(self) -> None:
        rows = [[0.0] * 8 for _ in range(10)]
        for row in rows[:4]:
            row[3] = 1
        found = sample_of(rows).correlation(padded([[0, 0, 0, 1, 0, 0, 1, 0]] * 10))
        assert isinstance(found, Estimate)
        assert 0 < np.isnan(found.replicates).sum() < 50
        for interval in (found.interval(), found.minus(found)):
            json.loads(interval.model_dump_json(), parse_constant=pytest.fail)

    def test_same_generator_same_interval(self) -> None:
        first, simulated = random_sample(np.random.default_rng(5))
        second, _ = random_sample(np.random.default_rng(5))
        assert (first.weights == second.weights).all()
        assert first.correlation(simulated).interval() == second.correlation(simulated).interval()

    def test_the_same_sentence_gains_exactly_nothing(self) -> None:
        sample, simulated = random_sample(np.random.default_rng(6))
        one, two = sample.correlation(simulated), sample.correlation(simulated.copy())
        gain = one.minus(two)
        assert (gain.value, gain.low, gain.high) == (0, 0, 0)
        twice = one.minus(sample.correlation(2 * simulated))
        assert (twice.value, twice.low, twice.high) == (0, 0, 0)

    def test_a_better_sentence_gains_and_the_gain_is_the_difference(self) -> None:
        rng = np.random.default_rng(7)
        sample, good = random_sample(rng, n=60, noise=0.5)
        bad = good + 2 * rng.normal(size=good.shape).astype(np.float32)
        one, two = sample.correlation(good), sample.correlation(bad)
        gain = one.minus(two)
        assert gain.low > 0
        assert gain.value == pytest.approx(one.value - two.value, abs=1e-6)
        assert two.minus(one).high == -gain.low

    def test_the_interval_covers(self) -> None:
        """Documents with a mean of their own: an interval over tokens would cover far less often."""
        rng = np.random.default_rng(8)
        truth, covered, n_worlds = 0.5, 0, 120
        for seed in range(n_worlds):
            shared = rng.normal(size=(40, 1)) + 0.3 * rng.normal(size=(40, 10))
            other = rng.normal(size=(40, 1)) + 0.3 * rng.normal(size=(40, 10))
            simulated = truth * shared + np.sqrt(1 - truth**2) * other
            found = sample_of(list(shared), seed=seed).correlation(padded(list(simulated))).interval()
            covered += found.low <= truth <= found.high
        assert covered / n_worlds > 0.86

    @given(hnp.arrays(np.float32, (6, 5), elements=st.floats(-1e6, 1e6, width=32)), st.integers(0, 5))
    def test_bounds_and_order_of_excerpts(self, values, turn) -> None:
        levels = padded(np.random.default_rng(1).integers(0, 11, size=(6, 5)).astype(np.float32))
        found = sample_of(list(values)).correlation(levels)
        turned = sample_of(list(np.roll(values, turn, axis=0))).correlation(np.roll(levels, turn, axis=0))
        if isinstance(found, Unscored) or isinstance(turned, Unscored):
            return
        interval = found.interval()
        assert -1 <= interval.low <= interval.high <= 1
        assert turned.value == pytest.approx(found.value, abs=1e-9)


class TestExplained:
    def test_the_line_is_numpys(self) -> None:
        sample, simulated = random_sample(np.random.default_rng(1))
        mask = sample.activations.excerpts.mask
        line = Line.fit(sample, simulated)
        slope, intercept = np.polyfit(simulated[mask].astype(float), sample.activations.values[mask].astype(float), 1)
        assert (line.slope, line.intercept) == pytest.approx((slope, intercept), abs=1e-6)
        assert isinstance(Line.fit(sample, np.ones_like(simulated)), Unscored)

    def test_by_hand(self) -> None:
        """True 0 2 4 6, predicted 0 2 4 4: an error of 4 in all, of 2 in size; squares 56, variance 20, sizes 12."""
        sample = sample_of([[0, 2], [4, 6]])
        found = explained(sample, padded([[0, 1], [2, 2]]), Line(0, 2))
        values = {name: estimate.value for name, estimate in found.items()}
        assert values == pytest.approx(
            {"explained_variance": 1 - 4 / 20, "rsquared": 1 - 4 / 56, "absolute_dev_explained": 1 - 2 / 12}
        )

    def test_a_perfect_simulation_explains_all_and_a_wrong_line_less_than_nothing(self) -> None:
        sample, _ = random_sample(np.random.default_rng(2))
        perfect = (sample.activations.values - 3) / 2
        for estimate in explained(sample, perfect, Line.fit(sample, perfect)).values():
            assert estimate.value == pytest.approx(1, abs=1e-6)
            assert estimate.interval().low == pytest.approx(1, abs=1e-6)
        assert explained(sample, perfect, Line(5, -2))["explained_variance"].interval().high < 0

    @pytest.mark.parametrize("scale", [1e-4, 1, 1e4])
    def test_every_replicate_is_the_formula_on_the_resampled_documents(self, scale) -> None:
        sample, simulated = random_sample(np.random.default_rng(5), n=30, scale=scale)
        found = explained(sample, simulated, Line(0.1 * scale, 0.8 * scale))
        mask = sample.activations.excerpts.mask
        a, s = sample.activations.values[mask].astype(float), (0.1 + 0.8 * simulated[mask].astype(float)) * scale
        for k in (0, 500):
            w = np.repeat(sample.weights[k][sample.units], sample.activations.excerpts.lengths)
            mean = np.average(a, weights=w)
            expected = {
                "explained_variance": 1 - (w @ (a - s) ** 2) / (w @ (a - mean) ** 2),
                "rsquared": 1 - (w @ (a - s) ** 2) / (w @ a**2),
                "absolute_dev_explained": 1 - (w @ np.abs(a - s)) / (w @ np.abs(a)),
            }
            assert {name: e.replicates[k] for name, e in found.items()} == pytest.approx(expected, abs=1e-9)

    @given(hnp.arrays(np.float32, (6, 5), elements=st.floats(-100, 100, width=32)))
    def test_fitted_on_the_same_text_it_is_the_squared_correlation_and_else_never_more(self, values) -> None:
        levels = padded(np.random.default_rng(1).integers(0, 11, size=(6, 5)).astype(np.float32))
        sample = sample_of(list(values))
        correlation = sample.correlation(levels)
        if isinstance(correlation, Unscored) or values.std() < 1e-3:
            return
        line = Line.fit(sample, levels)
        own = explained(sample, levels, line)["explained_variance"]
        assert own.value == pytest.approx(correlation.value**2, abs=1e-6)
        other = explained(sample, levels, Line(line.intercept + 0.1, 1.1 * line.slope))["explained_variance"]
        assert other.value < own.value

    @pytest.mark.parametrize(
        ("true", "levels", "lacking"),
        [
            ([[0, 0], [0, 0]], [[1, 2], [3, 4]], {"explained_variance", "rsquared", "absolute_dev_explained"}),
            ([[2, 2], [2, 2]], [[1, 2], [3, 4]], {"explained_variance"}),
            ([[1, 2], [3, 4]], [[5, 5], [5, 5]], {"explained_variance", "rsquared", "absolute_dev_explained"}),
            ([], [], {"explained_variance", "rsquared", "absolute_dev_explained"}),
        ],
    )
    def test_where_there_is_none_it_says_so(self, true, levels, lacking) -> None:
        found = explained(sample_of(true), padded(levels), Line(0, 1))
        assert {name for name, score in found.items() if isinstance(score, Unscored)} == lacking


class TestCalibration:
    @given(st.lists(st.tuples(st.floats(0, 10, width=32), st.booleans()), max_size=60))
    def test_a_table_rises_and_is_never_certain(self, pairs) -> None:
        levels = np.array([level for level, _ in pairs], dtype=np.float32)
        fired = np.array([fires for _, fires in pairs], dtype=bool)
        for table in (fit(levels, fired), fit_balanced(levels, fired)):
            assert len(table) == 11
            assert all(LOWEST <= p <= HIGHEST for p in table)
            assert (np.diff(table) > 0).all()

    def test_without_evidence_it_is_the_prior(self) -> None:
        nothing = np.zeros(0, np.float32)
        assert fit(nothing, nothing > 0) == pytest.approx(0.02 + 0.96 * prior(0.0), abs=1e-5)
        silent = fit(np.zeros(50, np.float32), np.arange(50) < 1)  # one of fifty, as rare as the prior takes it to be
        assert silent[8] > 5 * silent[0]

    def test_the_prior_rises_from_about_the_base_rate(self) -> None:
        assert 0.001 < prior(0.01)[0] < 0.02
        assert 0.2 < prior(0.01)[10] < 0.95
        assert (np.diff(prior(0.2)) > 0).all()
        assert LevelPrior.from_json(shipped().to_json()) == shipped()

    def test_thousands_of_tokens_make_it_what_they_say(self) -> None:
        levels = np.repeat(np.array([0, 2, 5, 10], np.float32), [9_000, 2_000, 2_000, 2_000])
        rates = {0: 0.01, 2: 0.3, 5: 0.35, 10: 0.9}
        at = np.arange(len(levels)) % 1000 / 1000
        fired = at < np.array([rates[int(level)] for level in levels])
        table = fit(levels, fired)
        for level, rate in rates.items():
            assert table[level] == pytest.approx(0.02 + 0.96 * rate, abs=0.03)

    def test_levels_that_fall_are_told_apart_less_and_less(self) -> None:
        """Evidence against their order draws them together; it never turns them around."""
        gaps = []
        for n in (2, 10, 1000):
            levels = np.repeat(np.array([2, 7], np.float32), [5 * n, 5 * n])
            fired = np.repeat([True, False, True, False], [4 * n, n, n, 4 * n])
            table = fit(levels, fired)
            gaps.append(table[7] - table[2])
        assert gaps == sorted(gaps, reverse=True)
        assert 0 < gaps[-1] < 0.05 < gaps[0]

    def test_few_excerpts_flatten_nobody(self) -> None:
        """Thirty excerpts of silence and one token of level 8 that was silent: 6 and 2 still say different things."""
        levels = np.zeros(30 * 64, np.float32)
        levels[:1] = 8
        fired = np.zeros(len(levels), bool)
        fired[100:140] = True
        table = np.array(fit(levels, fired))
        assert table[6] > 2 * table[2]

    def test_a_claim_that_was_hardly_seen_is_neither_dead_nor_sure(self) -> None:
        """Too little evidence is no refutation: experiments must be able to speak for it."""
        silent = np.zeros(2_000, dtype=bool)
        silent[:20] = True
        found = []
        for n_seen in (0, 1, 3, 60):
            levels = np.zeros(2_000, dtype=np.float32)
            levels[2_000 - n_seen :] = 10
            found.append(fit(levels, silent)[10])
        assert found == sorted(found, reverse=True)
        assert 0.4 < found[0] < 0.9
        assert found[2] > 0.15
        assert found[3] < 0.08

    def test_tokens_that_stand_for_many_weigh_more(self) -> None:
        levels = np.repeat(np.array([0, 8], np.float32), [400, 400])
        fired = np.arange(800) % 2 == 0
        alike = fit(levels, fired, np.full(800, 7.0))
        assert alike == fit(levels, fired)
        counts = np.where(fired & (levels == 8), 3.0, 1.0)
        assert fit(levels, fired, counts)[8] > alike[8] + 0.1

    def test_read_between_the_knots(self) -> None:
        table = [0.1 * k for k in range(11)]
        assert probabilities(table, np.array([[0, 2.5], [10, 9.99]], np.float32)) == pytest.approx(
            np.array([[0, 0.25], [1, 0.999]]), abs=1e-6
        )


class TestTokenLookup:
    STRINGS = tuple(f"t{i}" for i in range(50))

    def explore(self, pairs) -> ExploreActivations:
        """One excerpt per (token, values at it)."""
        tokens = [[token] * len(values) for token, values in pairs]
        texts = excerpts([len(row) for row in tokens], tokens=[np.array(row) for row in tokens])
        return ExploreActivations(texts, padded([values for _, values in pairs]))

    def test_means_by_hand(self) -> None:
        means = TokenMeans.of(self.explore([(3, [2.0, 4.0]), (7, [0.0] * 4), (3, [3.0])]), 50)
        overall = 9 / 7
        assert means.overall == pytest.approx(overall)
        assert means.counts[[3, 7, 8]].tolist() == [3, 4, 0]
        assert means.means[3] == pytest.approx((9 + SHRINKAGE * overall) / (3 + SHRINKAGE))
        assert means.means[7] == pytest.approx((0 + SHRINKAGE * overall) / (4 + SHRINKAGE))
        assert means.means[8] == pytest.approx(overall)
        tokens = np.array([[3, 8, -1]], dtype=np.int32)
        assert means.full(tokens)[0, :2] == pytest.approx([means.means[3], overall], rel=1e-6)

    def test_levels_by_hand(self) -> None:
        counts = np.full(50, 10)
        values = np.zeros(50)
        values[[4, 9, 11]] = [1.0, 0.52, 0.5]
        rule = TokenMeans(counts, values, float(values.mean())).listed(list(self.STRINGS), n=3)
        assert rule == Rule((Clause(10, Listed(("t4",))), Clause(5, Listed(("t9", "t11")))))

    def test_a_common_level_is_said_and_the_others_are_relative_to_it(self) -> None:
        values = np.full(50, 0.4)
        values[4], values[5] = 1.0, 0.0
        rule = TokenMeans(np.full(50, 10), values, float(values.mean())).listed(list(self.STRINGS), n=2)
        assert rule == Rule((Clause(6, Listed(("t4",))), Clause(-4, Listed(("t5",))), Clause(4)))

    def test_which_tokens_are_listed(self) -> None:
        rng = np.random.default_rng(0)
        counts, values = rng.integers(0, 30, size=50), rng.random(50)
        overall = float((counts * values).sum() / counts.sum())
        rule = TokenMeans(counts, values, overall).listed(list(self.STRINGS))
        named = {token for clause in rule.clauses if isinstance(clause.token, Listed) for token in clause.token.tokens}
        pull = counts * (values - overall) ** 2
        most = {f"t{i}" for i in np.argsort(-pull)[:30]}
        assert named <= most
        assert rule.listed() == len(named) >= 25  # those at the common level need no naming

    def test_nothing_stands_out(self) -> None:
        assert TokenMeans(np.full(5, 3), np.zeros(5), 0.0).listed(list("abcde")) == Rule(())
        assert TokenMeans(np.full(5, 3), np.full(5, -0.1), -0.1).listed(list("abcde")) == Rule(())


class TestSamples:
    def activations(self, kind, n=300):
        rng = np.random.default_rng(2)
        values = np.where(rng.random((n, WIDTH)) < 0.01, rng.random((n, WIDTH)), 0).astype(np.float32)
        return kind(excerpts([WIDTH] * n, [i // 3 for i in range(n)]), values)

    def test_three_strata_of_one_size_without_overlap(self) -> None:
        sample = scoring_sample(self.activations(DevelopmentActivations), 67, np.random.default_rng(0))
        assert [sample.strata.count(name) for name in ("top", "quantile", "random")] == [67, 67, 67]
        assert len(set(sample.activations.excerpts.ids.tolist())) == len(sample) == 201

    def test_openais_five_and_five(self) -> None:
        sample = top_and_random_sample(self.activations(DevelopmentActivations), 5, np.random.default_rng(0))
        assert sample.strata == ("top",) * 5 + ("random",) * 5
        part = only(sample, "random", np.random.default_rng(0))
        assert part.activations.excerpts.ids.tolist() == sample.activations.excerpts.ids[5:].tolist()

    def test_strata_weigh_the_same_when_learning(self) -> None:
        explore, weights = learning_sample(self.activations(ExploreActivations), 40, np.random.default_rng(0))
        assert len(explore) == len(weights) == 160
        assert sorted({round(float(w), 6) for w in weights}) == pytest.approx([1 / 80, 1 / 40])
        assert weights.sum() == pytest.approx(3)

    @pytest.mark.parametrize(
        ("n", "fold", "size"), [(1000, 1000, 75), (300, 300, 67), (100, 100, 33), (10**6, 10**6, 400), (1, 1, 1)]
    )
    def test_how_large_a_stratum_is(self, n, fold, size) -> None:
        assert stratum_size(n, fold) == size
