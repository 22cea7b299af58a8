"""Detection and fuzzing by hand, against scikit-learn, and at their bounds."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_scoring import padded, sample_of

from tools.records.result import Unscored
from tools.scoring.detection import (
    Cases,
    Marks,
    area_under_curve,
    balanced_accuracy,
    detection_cases,
    fit_threshold,
    fuzzing_cases,
)
from tools.scoring.metrics import Estimate
from tools.scoring.panel import PROTOCOLS, Panel

THETA = 0.5


def cases_of(numbers, truth, units=None) -> Cases:
    units = range(len(numbers)) if units is None else units
    return Cases(np.array(numbers, dtype=float), np.array(truth, dtype=bool), np.array(units, dtype=np.int64))


def some_weights(n_units, seed=0, n=50):
    weights = np.random.default_rng(seed).multinomial(n_units, np.full(n_units, 1 / n_units), size=n).astype(float)
    return weights[(weights > 0).sum(1) > n_units // 2]


def sparse_sample(n=60, seed=0, texts=None):
    """Every other excerpt fires, on one to three of its tokens; every third is shorter."""
    rng = np.random.default_rng(seed)
    rows = []
    for i in range(n):
        row = 0.3 * rng.random(20 if i % 3 else 12)
        if i % 2:
            row[rng.choice(len(row), size=rng.integers(1, 4), replace=False)] = 1 + rng.random()
        rows.append(row)
    strata = [("top", "quantile", "random")[i % 3] for i in range(n)]
    return sample_of(rows, strata=strata, texts=texts)


class TestCases:
    def test_detection_by_hand(self) -> None:
        sample = sample_of([[0, 1, 0], [0, 0.5], [2]])
        levels = padded([[3, 1, 2], [0, 4], [5]])
        levels[1, 2:] = 9  # past the end
        cases = detection_cases(sample, THETA, levels)
        assert cases.numbers.tolist() == [3, 4, 5]
        assert cases.truth.tolist() == [True, False, True]  # 0.5 is not above theta

    def test_fuzzing_by_hand(self) -> None:
        sample = sample_of([[1, 0, 1, 0], [0, 0], [1, 1, 0], [0, 1]])
        marks = Marks.draw(sample, THETA, np.random.default_rng(0))
        assert marks.rows.tolist() == [0, 3]  # the second never fires, the third has too few others
        cases = fuzzing_cases(sample, marks, padded([[4, 1, 6, 3], [9, 9], [9, 9, 9], [2, 8]]))
        assert cases.numbers.tolist() == [5, 8, 2, 2]
        assert cases.truth.tolist() == [True, True, False, False]
        assert cases.units.tolist() == [*sample.units[[0, 3]]] * 2

    def test_marks_are_as_many_of_the_same_excerpt_and_silent(self) -> None:
        sample = sparse_sample()
        marks = Marks.draw(sample, THETA, np.random.default_rng(0))
        firing = sample.activations.values[marks.rows] > THETA
        assert (marks.firing == firing).all()
        assert (marks.others.sum(1) == firing.sum(1)).all()
        assert not (marks.others & (firing | ~sample.activations.excerpts.mask[marks.rows])).any()
        again = Marks.draw(sample, THETA, np.random.default_rng(0))
        assert (marks.others == again.others).all()


class TestThreshold:
    def test_by_hand(self) -> None:
        assert fit_threshold(cases_of([1, 2, 6, 8], [False, False, True, True])) == 4
        assert fit_threshold(cases_of([1, 2, 6, 8], [False, True, True, False])) == 1.5
        assert fit_threshold(cases_of([1, 1, 1, 4, 4], [False, True, False, True, True])) == 2.5

    def test_one_class_has_none(self) -> None:
        for truth in ([True, True], [False, False]):
            found = fit_threshold(cases_of([1, 2], truth))
            assert isinstance(found, Unscored)
            assert "no threshold can be fitted" in found.reason
        assert isinstance(fit_threshold(cases_of([], [])), Unscored)

    @given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=2, max_size=30))
    def test_no_other_threshold_does_better(self, pairs) -> None:
        cases = cases_of(*zip(*pairs, strict=True))
        best = fit_threshold(cases)
        if isinstance(best, Unscored) or len(set(cases.numbers)) == 1:
            return

        def accuracy(threshold):
            says = cases.numbers > threshold
            return (says[cases.truth].mean() + (~says[~cases.truth]).mean()) / 2

        between = {(a + b) / 2 for a in cases.numbers for b in cases.numbers if a != b}
        assert accuracy(best) == pytest.approx(max(map(accuracy, between)))


class TestScores:
    def test_by_hand(self) -> None:
        """Above 3: two of three firing, one of two silent, so (2/3 + 1/2) / 2; of six pairs 4 are won and 1 tied."""
        cases = cases_of([1, 5, 6, 1, 4], [True, True, True, False, False])
        weights = np.ones((4, 5))
        assert balanced_accuracy(cases, 3, weights).value == pytest.approx((2 / 3 + 1 / 2) / 2)
        assert area_under_curve(cases, weights).value == pytest.approx(4.5 / 6)

    def test_replicates_are_scikit_learns_with_weights(self) -> None:
        from sklearn.metrics import balanced_accuracy_score, roc_auc_score

        rng = np.random.default_rng(0)
        cases = cases_of(rng.integers(0, 6, 80), rng.random(80) < 0.4, rng.integers(0, 20, 80))
        weights = some_weights(20)
        accuracy, area = balanced_accuracy(cases, 2.5, weights), area_under_curve(cases, weights)
        for k, weight in enumerate(weights):
            own = weight[cases.units]
            expected = balanced_accuracy_score(cases.truth, cases.numbers > 2.5, sample_weight=own)
            assert accuracy.replicates[k] == pytest.approx(expected)
            assert area.replicates[k] == pytest.approx(roc_auc_score(cases.truth, cases.numbers, sample_weight=own))

    def test_resamples_of_one_class_are_left_out(self) -> None:
        cases = cases_of([1, 2, 3, 4], [False, False, True, True], [0, 0, 1, 1])
        weights = np.ones((100, 2))
        weights[:3, 0] = 0
        for found in (balanced_accuracy(cases, 2.5, weights), area_under_curve(cases, weights)):
            assert np.isnan(found.replicates).sum() == 3
            assert found.interval().low == found.interval().high == 1
        weights[:30, 0] = 0
        assert isinstance(balanced_accuracy(cases, 2.5, weights), Unscored)
        assert isinstance(area_under_curve(cases, weights), Unscored)

    @pytest.mark.parametrize("truth", [[True] * 3, [False] * 3, []])
    def test_one_class_has_no_score(self, truth) -> None:
        cases, weights = cases_of(range(len(truth)), truth), np.ones((4, 3))
        for found in (balanced_accuracy(cases, 0.5, weights), area_under_curve(cases, weights)):
            assert isinstance(found, Unscored)
            assert "nothing to tell apart" in found.reason

    @given(
        st.lists(st.tuples(st.integers(0, 4), st.booleans(), st.integers(0, 5)), min_size=1, max_size=40),
        st.randoms(use_true_random=False),
    )
    def test_bounds_and_order(self, rows, random) -> None:
        weights = np.random.default_rng(0).integers(1, 4, size=(20, 6)).astype(float)
        turned = random.sample(rows, len(rows))
        for score in (lambda c: balanced_accuracy(c, 1.5, weights), lambda c: area_under_curve(c, weights)):
            found, again = (score(cases_of(*zip(*order, strict=True))) for order in (rows, turned))
            assert type(found) is type(again)
            if isinstance(found, Estimate):
                assert found.interval() == again.interval()
                assert 0 <= found.interval().low <= found.interval().high <= 1

    @given(st.lists(st.booleans(), min_size=2, max_size=30))
    def test_whoever_says_the_same_of_all_gets_a_half(self, truth) -> None:
        cases, weights = cases_of([3] * len(truth), truth), np.ones((10, len(truth)))
        threshold = fit_threshold(cases)
        if isinstance(threshold, Unscored):
            return
        for found in (balanced_accuracy(cases, threshold, weights), area_under_curve(cases, weights)):
            assert found.interval().model_dump() == {"value": 0.5, "low": 0.5, "high": 0.5}


class TestPanel:
    def panel(self) -> Panel:
        return Panel(sparse_sample(seed=1), sparse_sample(seed=2), THETA, (0, 1))

    def test_a_perfect_simulation_gets_one_everywhere(self) -> None:
        panel = self.panel()
        scores = panel.scores(panel.development.activations.values, panel.sample.activations.values)
        assert list(scores) == list(PROTOCOLS)
        for score in scores.values():
            assert score.interval().model_dump() == pytest.approx({"value": 1, "low": 1, "high": 1}, abs=1e-6)

    def test_the_base_rate_explains_nothing_and_detects_by_chance(self) -> None:
        panel = self.panel()
        same = np.full_like(panel.sample.activations.values, 2)
        scores = panel.scores(same, same)
        for name, score in scores.items():
            if name.split("_")[0] in ("detection", "fuzzing"):
                assert score.interval().model_dump() == {"value": 0.5, "low": 0.5, "high": 0.5}
            else:
                assert isinstance(score, Unscored)
                assert "constant" in score.reason

    def test_noise_is_near_chance(self) -> None:
        panel = self.panel()
        rng = np.random.default_rng(0)
        noise = [rng.random(panel.sample.activations.values.shape).astype(np.float32) for _ in range(2)]
        scores = {name: score.interval() for name, score in panel.scores(*noise).items()}
        for name in ("detection_auc", "fuzzing_auc"):
            assert scores[name].low < 0.5 < scores[name].high
        assert scores["explained_variance"].low < 0.01

    def test_thresholds_and_lines_come_from_development_text_alone(self) -> None:
        """On development text the simulation is upside down, so what fits there misleads here."""
        panel = self.panel()
        scores = panel.scores(-panel.development.activations.values, panel.sample.activations.values)
        assert scores["explained_variance"].value < 0
        assert scores["detection_auc"].value == scores["fuzzing_auc"].value == 1

    def test_a_neuron_that_fires_everywhere_or_nowhere(self) -> None:
        for theta in (-1.0, 99.0):
            panel = Panel(sparse_sample(seed=1), sparse_sample(seed=2), theta, (0, 1))
            scores = panel.scores(panel.development.activations.values, panel.sample.activations.values)
            lacking = {name for name, score in scores.items() if isinstance(score, Unscored)}
            assert lacking == {"detection", "detection_auc", "fuzzing", "fuzzing_auc"}

    def test_one_document_has_no_interval(self) -> None:
        few = sample_of([[0, 1, 0], [0, 0, 0]], [0, 0])
        scores = Panel(sparse_sample(), few, THETA, (0,)).scores(
            sparse_sample().activations.values, few.activations.values
        )
        assert all(isinstance(score, Unscored) for score in scores.values())
        assert {score.reason for score in scores.values()} == {
            "no stratum has more than one document, so there is nothing to resample"
        }
