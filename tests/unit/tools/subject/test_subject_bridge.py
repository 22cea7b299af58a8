"""Architectures that no lean reader knows, through TransformerLens: read rightly, or refused on construction."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.architectures import KINDS, LONG, SHAPE, save
from tools.errors import BadInput
from tools.subject.folder import ModelFolder
from tools.subject.load import open_subject

TOKENS = np.random.default_rng(1).integers(1, 250, (3, 12)).astype(np.int32)
LENGTHS = np.array([12, 5, 9], dtype=np.int64)


@pytest.mark.slow
@pytest.mark.parametrize("kind", sorted(KINDS.keys() - {"Llama", "Qwen2", "Mistral", "Mixtral"}))
def test_other_architectures_read_what_the_output_map_gets(kind: str, save_tokenizer: Any, tmp_path: Path) -> None:
    import torch

    model = save(kind, save_tokenizer, tmp_path)
    subject = open_subject(ModelFolder(tmp_path, kind))
    assert type(subject).__name__ == "BridgeModel"
    assert subject.is_gated == (kind in ("Gemma2", "Qwen3"))
    _, layers, out = KINDS[kind]
    last_neuron = subject.d_mlp - 1
    for layer in (0, 1):
        seen: list[Any] = []
        out_map = model.get_submodule(f"{layers}.{layer}.{out}")
        handle = out_map.register_forward_pre_hook(lambda module, args, seen=seen: seen.append(args[0]))
        inputs = subject.mlp_input(TOKENS, LENGTHS, layer)
        activations = [subject.neuron_values(inputs, layer, index) for index in (0, last_neuron)]
        for row, n in enumerate(LENGTHS):
            with torch.inference_mode():
                model(torch.tensor([[0, *TOKENS[row, :n].tolist()]]))
            expected = seen.pop().reshape(n + 1, -1)[1:].numpy()
            assert expected.shape[1] == subject.d_mlp
            for index, values in zip((0, last_neuron), activations, strict=True):
                np.testing.assert_allclose(values[row, :n], expected[:, index], rtol=1e-5, atol=1e-5)
                assert not values[row, n:].any()
        handle.remove()
    assert len(subject.generate(["import"] * 2, 5, 1.0, np.random.default_rng(0))) == 2
    own = subject.neuron_values(subject.mlp_input(TOKENS, LENGTHS, 1), 1, 3)
    changed = subject.ablate(TOKENS, LENGTHS, 1, 3, own + 5)
    last = np.arange(3), LENGTHS - 1
    effect = subject.ablate_last(TOKENS, LENGTHS, 1, np.full(3, 3), own[last] + 5, np.array([4]))
    np.testing.assert_allclose(effect.divergence, changed[last], rtol=1e-2)  # the last layer: nothing else is moved
    promoted, suppressed = subject.logit_effects(1, 3, 4)
    assert len(promoted) == len(suppressed) == 4


def test_prompts_of_unequal_length_are_continued_as_each_alone_would_be(save_tokenizer: Any, tmp_path: Path) -> None:
    save("GPTNeoX", save_tokenizer, tmp_path)
    subject = open_subject(ModelFolder(tmp_path, "neox"))
    prompts = ["import os", "a", "for line in"]
    cold = subject.generate(prompts, 4, 1e-4, np.random.default_rng(0))
    assert cold == [subject.generate([one], 4, 1e-4, np.random.default_rng(1))[0] for one in prompts]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["GPTNeoX", "Gemma2"])
def test_readings_in_two_threads_are_those_in_one(kind: str, save_tokenizer: Any, tmp_path: Path) -> None:
    save(kind, save_tokenizer, tmp_path)
    subject = open_subject(ModelFolder(tmp_path, kind))
    rows = np.random.default_rng(0).normal(size=(4000, 32)).astype(np.float32)
    alone = [subject.neuron_values(rows, 0, i) for i in range(8)]
    inputs = [subject.mlp_input(TOKENS[i % 3 :], LENGTHS[i % 3 :], i % 2) for i in range(6)]
    with ThreadPoolExecutor(2) as pool:
        values = list(pool.map(lambda i: subject.neuron_values(rows, 0, i % 8), range(64)))
        again = list(pool.map(lambda i: subject.mlp_input(TOKENS[i % 3 :], LENGTHS[i % 3 :], i % 2), range(60)))
    for i, found in enumerate(values):
        np.testing.assert_array_equal(found, alone[i % 8])
    for i, found in enumerate(again):
        np.testing.assert_array_equal(found, inputs[i % 6])


def test_a_mixture_of_experts_is_refused_on_construction(save_tokenizer: Any, tmp_path: Path) -> None:
    save("Mixtral", save_tokenizer, tmp_path)
    with pytest.raises(BadInput, match="mixtures of experts"):
        open_subject(ModelFolder(tmp_path, "mixtral"))


def test_weights_that_do_not_give_the_neurons_are_refused(
    save_tokenizer: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from transformers.models.gpt_neox.modeling_gpt_neox import GPTNeoXMLP

    save("GPTNeoX", save_tokenizer, tmp_path)
    forward = GPTNeoXMLP.forward
    # an architecture that does more between the maps than apply an activation function
    monkeypatch.setattr(
        GPTNeoXMLP,
        "forward",
        lambda self, x: self.dense_4h_to_h(self.act(self.dense_h_to_4h(x)) * self.dense_h_to_4h(x).tanh().roll(1, -1)),
    )
    assert forward is not GPTNeoXMLP.forward
    with pytest.raises(BadInput, match="layer 0: its neurons are not an activation function"):
        open_subject(ModelFolder(tmp_path, "odd"))


def test_an_architecture_without_a_loader_is_refused(save_gpt2: Any, tmp_path: Path) -> None:
    save_gpt2(tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "nonesuch", "architectures": ["NoneSuch"]}')
    with pytest.raises(BadInput, match="TransformerLens cannot load odd"):
        open_subject(ModelFolder(tmp_path, "odd"))


def test_a_missing_tensor_is_refused_and_not_drawn_at_random(save_tokenizer: Any, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    save("Qwen3", save_tokenizer, tmp_path)
    weights = load_file(tmp_path / "model.safetensors")
    del weights["model.layers.1.mlp.gate_proj.weight"]
    save_file(weights, tmp_path / "model.safetensors", {"format": "pt"})
    with pytest.raises(BadInput, match=r"1 tensors are missing, such as model.layers.1.mlp.gate_proj.weight"):
        open_subject(ModelFolder(tmp_path, "torn"))


def test_a_tensor_of_another_shape_is_refused(save_tokenizer: Any, tmp_path: Path) -> None:
    import json

    save("Qwen3", save_tokenizer, tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"intermediate_size": 72}))
    with pytest.raises(BadInput, match=r"has shape \[.*80.*\], config.json says \[.*72.*\]"):
        open_subject(ModelFolder(tmp_path, "other"))


def test_a_model_that_looks_ahead_is_refused(save_tokenizer: Any, tmp_path: Path) -> None:
    from transformers import BertConfig, BertForMaskedLM

    config = BertConfig(vocab_size=save_tokenizer(tmp_path), bos_token_id=0, **SHAPE, **LONG)
    BertForMaskedLM(config).save_pretrained(tmp_path)
    with pytest.raises(BadInput, match="changes with the tokens after it"):
        open_subject(ModelFolder(tmp_path, "bert"))


def test_what_transformer_lens_cannot_run_is_refused(save_tokenizer: Any, tmp_path: Path) -> None:
    from transformers import OPTConfig, OPTForCausalLM

    shape = KINDS["OPT"][0] | {"do_layer_norm_before": False}
    OPTForCausalLM(OPTConfig(vocab_size=save_tokenizer(tmp_path), bos_token_id=0, **shape)).save_pretrained(tmp_path)
    with pytest.raises(BadInput, match="TransformerLens cannot"):
        open_subject(ModelFolder(tmp_path, "opt"))


def test_stretched_positions_do_not_make_a_reading_depend_on_its_neighbours(
    save_tokenizer: Any, tmp_path: Path
) -> None:
    from transformers import Phi3Config, Phi3ForCausalLM

    rope = {"rope_type": "longrope", "short_factor": [1.0] * 4, "long_factor": [4.0] * 4, "rope_theta": 10000.0}
    config = Phi3Config(
        vocab_size=save_tokenizer(tmp_path), bos_token_id=0, eos_token_id=0, pad_token_id=0, num_key_value_heads=2,
        rope_parameters=rope, original_max_position_embeddings=40, **SHAPE, **LONG,
    )  # fmt: skip
    Phi3ForCausalLM(config).eval().save_pretrained(tmp_path)
    assert open_subject(ModelFolder(tmp_path, "phi3")).n_ctx == 39
