"""Models that read few tokens at once: excerpts are as long as they allow, in every command."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import agent
from agent.cli import main
from tools.errors import BadInput
from traces.events.kinds import without_clock


@pytest.fixture(scope="module")
def models(save_gpt2: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders named by how many positions the model in them has."""
    import torch

    folder = tmp_path_factory.mktemp("short")
    for n_positions in (16, 17, 32, 64):
        model = save_gpt2(folder / str(n_positions), n_positions=n_positions, n_embd=16, n_head=2)
        with torch.no_grad():
            for block in model.transformer.h:
                block.mlp.c_fc.weight *= 40
        model.save_pretrained(folder / str(n_positions))
    return folder


@pytest.mark.parametrize("n_positions", [17, 32, 64])
def test_a_whole_run_on_a_model_that_reads_less_than_64_tokens(models, world, n_positions):
    settings = {"model": str(models / str(n_positions)), "corpus": str(world.corpus), "corpus_tokens": 40_000}
    result = agent.explain("L1N3", **settings, budget=12)
    assert result.verdict in ("supported", "split", "unresolved", "noise")
    assert result.score is not None
    assert result.score.n_excerpts > 10
    (run,) = Path("runs").glob("*/run.json")
    assert json.loads(run.read_text())["reading"]["excerpt_tokens"] == n_positions - 1
    (trace,) = Path("runs").glob("*/neurons/*/events.jsonl")
    trace.write_bytes(b"".join(trace.read_bytes().splitlines(keepends=True)[:25]))
    trace.with_name("result.json").unlink()
    Path("runs/results.sqlite").unlink()
    assert without_clock(agent.resume("last").to_json()) == without_clock(result.to_json())
    longest = max(len(reading.tokens) for reading in agent.top("L1N3", 20, **settings).excerpts)
    assert longest == n_positions - 1


def test_an_index_of_a_model_that_reads_31_tokens_is_built_and_used(models, world, capsys):
    options = ["--model", str(models / "32"), "--corpus", str(world.corpus)]
    assert main(["index", "build", *options, "--workers", "1", "--out", "index"]) == 0
    assert main(["index", "info", "--index", "index", "--check"]) == 0
    result = agent.explain("L1N3", model=str(models / "32"), corpus=str(world.corpus), index="index", budget=6)
    assert result.score is not None
    capsys.readouterr()


def test_a_model_that_reads_fewer_than_16_tokens_is_refused_before_the_corpus_is_read(models, capsys):
    options = ["--model", str(models / "16"), "--corpus", "nowhere.txt"]
    for command in (
        ["explain", "L1N3"],
        ["top", "L1N3"],
        ["test", "L1N3", "Fires on `e` (5)."],
        ["index", "build"],
        ["batch", "--sample", "2"],
    ):
        assert main([*command, *options]) == BadInput.exit_code
        assert "16 reads at most 15 tokens of a text" in capsys.readouterr().err
    assert main(["read", "L1N3", "a text", "--model", str(models / "16")]) == 0
