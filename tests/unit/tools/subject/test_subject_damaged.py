"""Models that would be read without an error, and wrongly."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from agent import read
from tools.errors import BadInput
from tools.subject.load import open_subject
from tools.subject.resolve import resolve


def test_weights_that_are_not_numbers(tmp_path: Path, save_gpt2) -> None:
    save_gpt2(tmp_path)
    weights = load_file(tmp_path / "model.safetensors")
    for name in weights:
        if name.endswith("h.0.mlp.c_fc.weight"):
            weights[name] = torch.full_like(weights[name], float("nan"))
    save_file(weights, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(BadInput, match="not finite"):
        read("L0N0", "import os", model=str(tmp_path))


def test_weights_of_another_architecture(tmp_path: Path, save_gpt2) -> None:
    save_gpt2(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    config |= {"model_type": "gpt_neox", "architectures": ["GPTNeoXForCausalLM"]}
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(BadInput, match="not of the architecture"):
        open_subject(resolve(str(tmp_path)))


def test_a_target_and_an_option_that_name_different_models() -> None:
    with pytest.raises(BadInput, match="give one of them"):
        read("mini/L5N131", "x", model="gpt2")
