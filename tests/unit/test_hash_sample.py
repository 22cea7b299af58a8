"""The evaluation by hash: which neurons, and what is said of them."""

import hashlib

import numpy as np
import pytest

from evals.hash_sample import hash_order, line, mean_interval, report
from tools.records.neuron import NeuronId
from tools.records.result import Result, ScoreValue, Unscored


def result(neuron: str, value: float | None, lookup: float) -> Result:
    def score(value: float, split: str = "sealed") -> ScoreValue:
        return ScoreValue(
            value=value, low=value - 0.1, high=value + 0.1, protocol="p", split=split, n_excerpts=201, n_unscored=0
        )

    missing = Unscored(reason="constant")
    return Result.model_validate(
        {
            "run_id": "r", "model": "mini", "neuron": neuron, "verdict": "unresolved", "explanation": "Never fires.",
            "stop_reason": "plateau", "score": missing if value is None else score(value),
            "development_score": missing if value is None else score(value + 0.02, "development"),
            "baselines": {"token_lookup_30": score(lookup), "token_lookup_full": score(0.9), "null": missing},
            "budget": {"limit": 20, "used": 10}, "seconds": 1.0, "rivals": [], "explainer": "rules",
            "simulator": "rules", "variant": "tournament", "seed": 0, "corpus": {"name": "c", "fingerprint": "f"},
            "trace": "t",
        }
    )  # fmt: skip


def test_order_is_by_hash_of_layer_and_index() -> None:
    order = hash_order(3, 50)
    assert len(set(order)) == 150
    digests = [hashlib.sha256(f"{n.layer}:{n.index}".encode()).hexdigest() for n in order]
    assert digests == sorted(digests)
    assert isinstance(order[0], NeuronId)


def test_report_pairs_differences_and_counts_what_has_no_score() -> None:
    said = report([result("L0N1", 0.6, 0.5), result("L1N2", 0.8, 0.5), result("L1N3", None, 0.5)], seed=0)
    assert "explanations: 3, unscored 1" in said
    assert "mean sealed score 0.700" in said
    assert "token_lookup_30    mean 0.500; paired difference 0.200 [0.100, 0.300], 2 neurons" in said
    assert "optimism gap (development - sealed) 0.020" in said
    assert "neurons by layer: 1 in 0, 2 in 1" in said
    assert "null" not in said  # it has no score on any of them


def test_a_line_says_unscored() -> None:
    assert "unscored" in line(result("L1N3", None, 0.5))


def test_the_interval_is_over_neurons() -> None:
    found = mean_interval([0.1] * 30, np.random.default_rng(0))
    assert (found.value, found.low, found.high) == (pytest.approx(0.1),) * 3
