"""The real SmolLM2, where `agent fetch smollm2` has got it: what it says, how it is cut, and whole runs on it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tools.records.result import Result
from tools.subject.folder import read_json
from tools.subject.load import open_subject
from tools.subject.resolve import resolve
from tools.subject.smollm2 import GGUF
from tools.subject.tokenizer import load_tokenizer

_NAMED = os.environ.get("NEURON_AGENT_TEST_CORPUS")
CORPUS = Path(_NAMED).absolute() if _NAMED else None
SAYING = "The capital of France is"


def agent(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "agent.cli", *arguments, "--model", "smollm2"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def model(smollm2: Path) -> Any:
    """Hugging Face's model of the folder."""
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(smollm2, dtype="float32").eval()


def logits(model: Any, smollm2: Path) -> Any:
    import torch

    ids = load_tokenizer(smollm2).encode([SAYING])
    with torch.no_grad():
        return model(torch.tensor(ids)).logits


def test_what_it_is(smollm2: Path) -> None:
    config = read_json(smollm2 / "config.json")
    shape = [config[name] for name in ("num_hidden_layers", "hidden_size", "intermediate_size", "vocab_size")]
    assert shape == [30, 576, 1536, 49152]


def test_digits_are_cut_one_by_one(smollm2: Path) -> None:
    tokenizer = load_tokenizer(smollm2)
    strings = tokenizer.token_strings()
    for text, tokens in (("1984", ["1", "9", "8", "4"]), ("12,345", ["1", "2", ",", "3", "4", "5"])):
        assert [strings[i] for i in tokenizer.encode([text])[0]] == tokens


def test_what_it_knows(smollm2: Path, model: Any) -> None:
    assert load_tokenizer(smollm2).decode([int(logits(model, smollm2)[0, -1].argmax())]) == " Paris"


def test_the_folder_is_the_gguf_file(smollm2: Path, model: Any) -> None:
    if not (smollm2 / GGUF.name).is_file():
        pytest.skip("this is the hub's model, which comes without a GGUF file")
    import torch
    from transformers import AutoModelForCausalLM

    straight = AutoModelForCausalLM.from_pretrained(smollm2, gguf_file=GGUF.name, dtype=torch.float32)
    assert torch.equal(logits(model, smollm2), logits(straight.eval(), smollm2))
    assert (model.config.bos_token_id, model.config.eos_token_id) == (1, 2)


def test_a_neuron_is_read(smollm2: Path) -> None:
    done = agent("read", "L8N321", SAYING, "--json")
    assert done.returncode == 0, done.stderr
    reading = json.loads(done.stdout)
    assert (reading["model"], reading["neuron"]) == ("smollm2", "L8N321")
    assert "".join(reading["tokens"]) == SAYING


@pytest.mark.parametrize("layer", [0, 8, 20, 29])
def test_its_neurons_are_read_as_hugging_face_computes_them(layer: int, model: Any, smollm2: Path) -> None:
    import torch

    subject = open_subject(resolve("smollm2"))
    ids = subject.tokenizer.encode([SAYING + " Paris, and in 1984 he solved the problem by getting rid of it."])[0]
    seen: list[Any] = []
    down = model.model.layers[layer].mlp.down_proj
    handle = down.register_forward_pre_hook(lambda module, given: seen.append(given[0]))
    with torch.no_grad():
        model(torch.tensor([[subject.bos, *ids]]))
    handle.remove()
    expected = seen[0][0, 1:].numpy()
    inputs = subject.mlp_input(np.array([ids], dtype=np.int32), np.array([len(ids)]), layer)
    for index in (0, 321, 1535):
        values = subject.neuron_values(inputs, layer, index)[0]
        np.testing.assert_allclose(values, expected[:, index], rtol=1e-5, atol=1e-5)


@pytest.mark.skipif(CORPUS is None, reason="NEURON_AGENT_TEST_CORPUS names no English corpus")
@pytest.mark.parametrize("layer", [2, 8, 20])
def test_a_whole_run(layer: int, smollm2: Path) -> None:
    text = "--corpus", str(CORPUS), "--corpus-tokens", "60000"  # on one thread a minute, where the default takes three
    done = agent("explain", f"L{layer}N321", "--budget", "6", *text, "--json")
    assert done.returncode == 0, done.stderr
    result = Result.model_validate_json(done.stdout)
    assert (result.model, result.neuron) == ("smollm2", f"L{layer}N321")
    assert result.other_side.neuron == f"L{layer}N321-"
    assert result.other_side.firing_rate > 0
    written = Path(result.trace).with_name("result.json")
    assert Result.model_validate_json(written.read_text(encoding="utf-8")) == result
