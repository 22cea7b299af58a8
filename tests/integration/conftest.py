"""A small world for whole runs: a GPT-2 with random weights, a corpus of text, and a cache of its own."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tools.subject.smollm2 import unpacked_folder

DEAD = "L0N7"
N_TEXTS, N_CHARACTERS = 60, 6_000


@dataclass(frozen=True)
class World:
    """Where things lie. `options` are the command line's for this model and corpus."""

    folder: Path
    model: Path
    corpus: Path

    @property
    def options(self) -> list[str]:
        return ["--model", str(self.model), "--corpus", str(self.corpus)]


@pytest.fixture(scope="session")
def world(save_gpt2: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> World:
    """Random weights, scaled so that neurons fire; of layer 0, neuron 7 never does."""
    import torch

    from tools.mini.text import texts_of

    folder = tmp_path_factory.mktemp("world")
    made = World(folder, folder / "model", folder / "corpus")
    model = save_gpt2(made.model, n_positions=96, n_embd=16, n_head=2)
    with torch.no_grad():
        for block in model.transformer.h:
            block.mlp.c_fc.weight *= 40
        model.transformer.h[0].mlp.c_fc.weight[:, 7] = 0
        model.transformer.h[0].mlp.c_fc.bias[7] = -9
    model.save_pretrained(made.model)
    made.corpus.mkdir()
    for number, (_, text) in zip(range(N_TEXTS), texts_of("corpus"), strict=False):
        (made.corpus / f"{number:02d}.txt").write_text(text[:N_CHARACTERS], encoding="utf-8")
    return made


@pytest.fixture(scope="session")
def smollm2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the real SmolLM2, which lies in the tests' cache too, so that `--model smollm2` finds it there."""
    folder = Path(os.environ["NEURON_AGENT_TEST_SMOLLM2"])
    if not folder.is_dir():
        pytest.skip("SmolLM2 is not on this machine: `agent fetch smollm2` gets it")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NEURON_AGENT_CACHE", str(tmp_path_factory.getbasetemp() / "evidence"))
        here = unpacked_folder()
    here.parent.mkdir(parents=True)
    here.symlink_to(folder.resolve())
    return here


@pytest.fixture(autouse=True)
def _own_cache_and_folder(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One cache of evidence for the whole session, and a new folder to work in for each test."""
    monkeypatch.setenv("NEURON_AGENT_CACHE", str(tmp_path_factory.getbasetemp() / "evidence"))
    monkeypatch.chdir(tmp_path)
