"""Causal evidence: the scores by hand, and the tools on a subject whose wiring to the output is known."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from planted_world import D_MLP, N_TOKENS, PLANTED, TRUTH, WRONG, Ledger, Planted, concepts

from tools.catalogue import all_tools
from tools.catalogue.causal import MAX_EXCERPTS, MIN_EXCERPTS, CausalCheck, ClaimOutput, n_excerpts
from tools.embedded import EmbeddedReader
from tools.errors import BadInput
from tools.evidence.neurons.neuron import neuron_evidence
from tools.evidence.neurons.peers import with_peers
from tools.evidence.neurons.scan import scan_layer
from tools.evidence.progress import NoProgress
from tools.evidence.splits.split_corpus import split_corpus
from tools.evidence.texts.corpus import _corpus
from tools.readable.explainer import ReadableExplainer
from tools.records.excerpts import Activations, Excerpts, ExploreActivations
from tools.records.neuron import NeuronId
from tools.records.result import Unscored
from tools.rules.vocabulary import Vocabulary
from tools.scoring.causal import (
    N_CLAIMED,
    N_CONTROLS,
    Push,
    ablation_score,
    calibration,
    claim,
    push,
    times_its_like,
)
from tools.scoring.metrics import StratifiedSample
from tools.study.simulations import Simulations
from tools.study.study import Study
from tools.subject.protocol import LastTokenEffect
from tools.toolbox import Toolbox

PROMOTED = [40, 41, 42, 43, 44]


def sample_of(n: int, documents: list[int] | None = None) -> StratifiedSample:
    """`n` excerpts of three tokens, each of its own document unless told."""
    numbers = np.array(documents or range(n), dtype=np.int32)
    excerpts = Excerpts(np.ones((n, 3), np.int32), np.full(n, 3), numbers, np.arange(n, dtype=np.int32), numbers)
    activations = Activations(excerpts, np.zeros((n, 3), np.float32))
    return StratifiedSample.draw(activations, ["top"] * n, np.random.default_rng(0))


def test_the_ablation_score_by_hand() -> None:
    mean = np.array([[1, 1, 2], [0, 0, 4]], np.float32)
    found = ablation_score(sample_of(2), mean / 4, mean)
    assert (found.value, found.low, found.high) == (0.75, 0.75, 0.75)
    assert found.n_excerpts == 2
    assert ablation_score(sample_of(2), mean, mean).value == 0
    assert ablation_score(sample_of(2), 0 * mean, mean).value == 1
    assert ablation_score(sample_of(2), 3 * mean, mean).value == -2
    one = ablation_score(sample_of(2), np.array([[1, 0, 0], [3, 0, 0]], np.float32), mean)  # 1 - 4 / 8
    assert one.value == 0.5
    assert (one.low, one.high) == (0.25, 0.75)


def test_no_ablation_score_where_there_is_nothing_to_divide_by() -> None:
    nothing = np.zeros((2, 3), np.float32)
    assert "changes nothing" in ablation_score(sample_of(2), nothing, nothing).reason
    assert "nothing to resample" in ablation_score(sample_of(2, [5, 5]), nothing + 1, nothing + 1).reason
    assert "no excerpt" in ablation_score(sample_of(0), nothing[:0], nothing[:0]).reason
    rare = nothing.copy()
    rare[0] = 1
    assert "too few documents" in ablation_score(sample_of(2), rare, rare).reason


def test_calibration_is_least_squares() -> None:
    levels = np.array([0, 0, 5, 10], np.float32)
    assert calibration(levels, 2 * levels - 1) == pytest.approx((2, -1))
    slope, intercept = calibration(levels, np.array([0, 1, 0, 4], np.float32))
    fitted = np.polyfit(levels, [0, 1, 0, 4], 1)
    assert (slope, intercept) == pytest.approx(tuple(fitted))
    assert "constant" in calibration(levels * 0 + 3, levels).reason


def test_times_its_like_is_the_ratio_to_the_median_peer() -> None:
    rng = np.random.default_rng(0)
    own, peers = np.full(5, 6.0, np.float32), [np.full(4, x, np.float32) for x in (1, 2, 30)]
    found = times_its_like(own, peers, rng)
    assert found.value == 3
    assert found.low == pytest.approx(0.2)
    assert found.high == 6
    assert isinstance(times_its_like(own, [0 * peer for peer in peers], rng), Unscored)


@given(st.integers(0, 2**32 - 1))
def test_a_claim_names_known_tokens_and_controls_of_like_frequency(seed: int) -> None:
    rng = np.random.default_rng(seed)
    weights = rng.normal(size=400).astype(np.float32)
    counts = rng.integers(0, 1000, size=400)
    found = claim(weights, counts)
    known = np.flatnonzero(counts >= 5)
    assert set(found.tokens) == set(known[np.argsort(-weights[known])[:N_CLAIMED]])
    assert len(found.controls) == len(set(found.controls)) == N_CLAIMED * N_CONTROLS
    assert not set(found.tokens) & set(found.controls)
    low, high = np.percentile(weights[known], [25, 75])
    assert ((weights[found.controls] >= low) & (weights[found.controls] <= high)).all()
    middle = known[(weights[known] >= low) & (weights[known] <= high)]
    off = np.sort(np.abs(np.log(counts[middle] / counts[found.tokens[0]])))[:N_CONTROLS]
    first = np.abs(np.log(counts[found.controls[:N_CONTROLS]] / counts[found.tokens[0]]))
    np.testing.assert_allclose(first, off)


def test_no_claim_from_too_little_text() -> None:
    assert "only 3 tokens" in claim(np.ones(400, np.float32), np.where(np.arange(400) < 3, 9, 0)).reason


def test_a_claim_can_fail() -> None:
    rng = np.random.default_rng(0)
    is_claimed = np.array([True] * 2 + [False] * 3)
    gains = np.tile(np.array([0.3, 0.2, 0.1, 0.0, -0.1], np.float32), (10, 1))
    good = push(gains, is_claimed, rng)
    assert (good.value, good.low, good.ahead, good.holds) == (0.25, 0.25, 1.0, True)
    assert not push(gains / 100, is_claimed, rng).holds  # too little
    assert not push(-gains, is_claimed, rng).holds
    unsure = gains + 3 * rng.normal(size=(10, 1)).astype(np.float32) * is_claimed
    assert not push(unsure, is_claimed, rng).holds
    mixed = gains.copy()
    mixed[:, 4] = 0.25  # more than one of the two claimed gains
    assert push(mixed, is_claimed, rng).ahead == pytest.approx(5 / 6, abs=1e-4)
    assert not push(mixed, is_claimed, rng).holds


class Wired(Planted):
    """Each neuron adds to logits of its own; neuron 0 to those of five tokens."""

    strength = 1.0
    refused = False

    def __init__(self):
        super().__init__()
        rng = np.random.default_rng(5)
        self.out = 0.01 * rng.normal(size=(D_MLP, N_TOKENS)).astype(np.float32)
        self.out[0] = 0
        self.out[0, PROMOTED] = 1

    def interventions(self):
        if self.refused:
            raise BadInput("it cannot be ablated.")
        return self

    def output_weights(self, layer, index):
        return self.out[index] * self.strength

    def logit_effects(self, layer, index, k):
        order = np.argsort(-self.out[index], kind="stable")
        pairs = [(f" w{i}", float(self.out[index, i])) for i in order]
        return pairs[:k], pairs[::-1][:k]

    def _predict(self, value, index):
        logits = value[..., None] * self.out[index] * self.strength
        return logits - np.log(np.exp(logits).sum(-1, keepdims=True))

    def ablate(self, tokens, lengths, layer, index, replacement):
        own = self.neuron_values(self.mlp_input(tokens, lengths, layer), layer, index)
        before, after = self._predict(own, index), self._predict(replacement, index)
        keep = np.arange(tokens.shape[1]) < lengths[:, None]
        return np.where(keep, divergence(before, after), 0).astype(np.float32)

    def ablate_last(self, tokens, lengths, layer, indices, values, watched):
        last = np.arange(len(tokens)), lengths - 1
        inputs = self.mlp_input(tokens, lengths, layer)
        own = np.array([self.neuron_values(inputs[i], layer, n)[end] for i, (n, end) in
                        enumerate(zip(indices, last[1], strict=True))])  # fmt: skip
        before, after = self._predict(own, indices), self._predict(values, indices)
        return LastTokenEffect(divergence(before, after), before[:, watched], after[:, watched])


def divergence(log_p, log_q):
    p, q = np.exp(log_p), np.exp(log_q)
    m = np.log((p + q) / 2)
    return np.maximum((p * (log_p - m) + q * (log_q - m)).sum(-1) / 2, 0)


@pytest.fixture(scope="module")
def scan(tmp_path_factory):
    rng = np.random.default_rng(1)
    texts = []
    for i in range(300):
        tokens = rng.integers(10, N_TOKENS, size=rng.integers(100, 250))
        for token in PLANTED:
            tokens[rng.integers(len(tokens), size=3)] = token
        texts.append((f"text {i}", " ".join(f"w{t}" for t in tokens)))
    subject = Wired()
    folder = tmp_path_factory.mktemp("wired")
    corpus = split_corpus(_corpus("made up", texts), subject.tokenizer, 10**9, folder, NoProgress())
    return scan_layer(subject, corpus, 0, folder, NoProgress())


@pytest.fixture
def checked(scan, monkeypatch):
    """Claim and check neuron 0, with another sentence, wiring or claim."""

    def check(sentence=TRUTH, strength=1.0, refused=False, claimed=None, sought=False):
        monkeypatch.setattr(Wired, "strength", strength)
        monkeypatch.setattr(Wired, "refused", refused)
        vocabulary = Vocabulary(scan.subject.tokenizer.token_strings(), scan.subject.embeddings())
        reader = EmbeddedReader(vocabulary, concepts())
        evidence = neuron_evidence(scan, NeuronId(scan.layer, 0))
        if sought:
            evidence = replace(evidence, explore=with_sought(evidence.explore))
        study = Study(
            subject=scan.subject, scan=scan, evidence=evidence, vocabulary=vocabulary,
            explainers=(ReadableExplainer(reader.lexical),), seed=4, ledger=Ledger(),
            simulations=Simulations(scan.subject, evidence, vocabulary, reader),
        )  # fmt: skip
        recorder = SimpleNamespace(recorded=lambda call_id: None, record=lambda call: None)
        box = Toolbox(all_tools(study), recorder, 4, None, None)
        output = box.call("claim_output", ClaimOutput(k=7))
        tokens = output.claimed if claimed is None else claimed
        arguments = CausalCheck(sentence=sentence, claimed=tokens, controls=output.controls, fold=1)
        found = box.call("causal_check", arguments)
        assert study.ledger.opened == [1]
        assert box.used == 0
        return output, found

    return check


def with_sought(explore):
    """Explore text and, found by an index, a tenth as much in which the neuron does far more."""
    rows = np.arange(0, len(explore), 10)
    values = np.concatenate([explore.values, explore.values[rows] + 50])
    sought = np.arange(len(values)) >= len(explore)
    return ExploreActivations(explore.excerpts.followed_by(explore.excerpts.take(rows)), values, sought)


def test_the_mean_that_stands_in_for_a_neuron_is_that_of_ordinary_text(checked) -> None:
    (_, alone), (_, found) = checked(), checked(sought=True)
    assert found.push == alone.push


def test_the_truth_in_the_neurons_place_changes_nothing(checked) -> None:
    output, found = checked()
    assert sorted(output.claimed) == PROMOTED
    assert len(output.promoted) == len(output.suppressed) == 7
    assert found.ablation_score.value > 0.99
    assert found.to_simulation < 0.01 * found.to_mean
    assert found.ablation_score.n_excerpts <= MAX_EXCERPTS
    assert isinstance(found.push, Push)
    assert found.push.holds
    assert found.push.value > 1  # 2, less its mean
    assert len(found.beside_peers.peers) == 8
    assert found.beside_peers.above == 8
    assert found.beside_peers.times.low > 1


def test_a_wrong_explanation_and_a_wrong_claim_are_told(checked) -> None:
    _, found = checked(WRONG, claimed=[50, 51, 52, 53, 54])
    assert found.ablation_score.value == pytest.approx(0, abs=0.05)
    assert not found.push.holds


def test_what_cannot_be_had_is_unscored_with_a_reason(checked) -> None:
    assert "no explanation" in checked(None)[1].ablation_score.reason
    assert "constant" in checked("Never fires.")[1].ablation_score.reason
    assert checked(claimed=[])[1].push.reason == "nothing is claimed of the output"
    _, idle = checked(strength=0.0)
    assert "changes nothing" in idle.ablation_score.reason
    assert "change nothing" in idle.beside_peers.times.reason
    assert not idle.push.holds
    output, found = checked(refused=True)
    assert output.reason == found.ablation_score.reason == found.push.reason == "it cannot be ablated."
    assert not output.claimed


def test_peers_fire_alike_and_their_texts_end_where_they_fire(scan) -> None:
    own, peers = with_peers(scan, 0, 5, 4, np.random.default_rng(2))
    assert own.neuron == 0
    assert len(own.texts) == 8
    assert 0 not in [peer.neuron for peer in peers]
    assert all(text[-1] in PLANTED for text in own.texts)
    for peer in peers:
        assert len(peer.texts) == 4
        tokens = np.array([text[-1] for text in peer.texts])
        assert (scan.subject.neuron_values(scan.subject.embeddings()[tokens], 0, peer.neuron) > 0).all()
    again = with_peers(scan, 0, 5, 4, np.random.default_rng(2))
    assert again == (own, peers)


def test_fewer_excerpts_for_larger_models() -> None:
    def model(d_model: int, n_layers: int, d_vocab: int):
        tokenizer = SimpleNamespace(d_vocab=d_vocab)
        return SimpleNamespace(d_model=d_model, d_mlp=4 * d_model, n_layers=n_layers, tokenizer=tokenizer)

    small, large = model(192, 6, 4096), model(768, 12, 50257)
    assert MIN_EXCERPTS <= n_excerpts(small, 0, 64) < n_excerpts(small, 5, 64) <= MAX_EXCERPTS
    assert n_excerpts(large, 0, 64) == MIN_EXCERPTS
    assert n_excerpts(small, 0, 64) < n_excerpts(small, 0, 31)
    assert all(n_excerpts(small, layer, 64) % 3 == 0 for layer in range(6))
