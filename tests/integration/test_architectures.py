"""Whole runs on small random models of many architectures: explained, or refused with a sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from agent import api
from tests.architectures import KINDS, save
from tools.errors import BadInput
from traces.database.results import ResultsDatabase

WHOLE_RUNS = sorted(KINDS.keys() - {"Mixtral"})


def explain(kind: str, target: str, save_tokenizer: Any, world: Any, tmp_path: Path) -> Any:
    save(kind, save_tokenizer, tmp_path / kind)
    return api.explain(
        target, model=str(tmp_path / kind), corpus=str(world.corpus), corpus_tokens=20_000, budget=2,
        runs_dir=tmp_path / "runs",
    )  # fmt: skip


@pytest.mark.parametrize("kind", WHOLE_RUNS)
def test_a_whole_run(kind: str, save_tokenizer: Any, world: Any, tmp_path: Path) -> None:
    result = explain(kind, "L1N5", save_tokenizer, world, tmp_path)
    assert result.model == kind
    assert result.verdict != "dead"
    # random weights: a neuron may fire on too little of a short text for a score, or mean nothing that could be said
    unscored = ("too few documents", "the simulation is constant")
    assert result.score.value is not None or result.score.reason.startswith(unscored)
    is_gated = kind in ("Llama", "Qwen2", "Qwen3", "Mistral", "Gemma2")
    assert (result.other_side is not None) == is_gated
    # the model could be read to its output
    assert len(result.causal.output.promoted) > 0


def test_the_negative_side_is_a_neuron_of_its_own(save_tokenizer: Any, world: Any, tmp_path: Path) -> None:
    negative = explain("Llama", "L1N5-", save_tokenizer, world, tmp_path)
    positive = explain("Llama", "L1N5", save_tokenizer, world, tmp_path)
    assert (negative.neuron, positive.neuron) == ("L1N5-", "L1N5")
    assert negative.other_side.neuron == "L1N5"
    assert positive.other_side.theta == pytest.approx(negative.theta, abs=1e-5)
    assert negative.other_side.theta == pytest.approx(positive.theta, abs=1e-5)
    assert negative.sealed_opening == positive.sealed_opening == 1
    rows = ResultsDatabase(tmp_path / "runs").select()
    assert {(row.neuron, row.layer, row.idx) for row in rows} == {("L1N5-", 1, 5), ("L1N5", 1, 5)}


def test_a_model_without_gates_has_no_negative_side(world: Any, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no negative side"):
        api.explain("L1N5-", model=str(world.model), corpus=str(world.corpus), runs_dir=tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


def test_a_mixture_of_experts_is_refused(save_tokenizer: Any, world: Any, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="mixtures of experts"):
        explain("Mixtral", "L1N5", save_tokenizer, world, tmp_path)
