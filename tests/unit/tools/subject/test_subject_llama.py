"""The lean reader of the Llama family against Hugging Face's own forward pass, on small models of odd shapes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tools.errors import BadInput
from tools.subject.folder import ModelFolder
from tools.subject.load import open_subject

SMALL = {
    "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 3, "num_attention_heads": 4,
    "num_key_value_heads": 2, "max_position_embeddings": 96, "bos_token_id": 0, "eos_token_id": 0,
}  # fmt: skip
LLAMA3 = {
    "rope_type": "llama3", "rope_theta": 500.0, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
    "original_max_position_embeddings": 24,
}  # fmt: skip
VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    "llama": ("Llama", {}),
    "tied": ("Llama", {"tie_word_embeddings": True}),
    "own heads": ("Llama", {"num_key_value_heads": 4}),
    "one head of keys": ("Llama", {"num_key_value_heads": 1}),
    "wide heads": ("Llama", {"head_dim": 16}),
    "biases": ("Llama", {"attention_bias": True, "mlp_bias": True}),
    "geglu": ("Llama", {"hidden_act": "gelu_pytorch_tanh"}),
    "linear": ("Llama", {"rope_parameters": {"rope_type": "linear", "factor": 2.0, "rope_theta": 10000.0}}),
    "llama3": ("Llama", {"rope_parameters": LLAMA3}),
    "other base": ("Llama", {"rope_parameters": {"rope_type": "default", "rope_theta": 77.0}}),
    "mistral": ("Mistral", {"sliding_window": None}),
    "mistral with a window": ("Mistral", {"sliding_window": 40}),
    "mistral with a window and llama3": (
        "Mistral",
        {"sliding_window": 40, "rope_parameters": {k: v for k, v in LLAMA3.items() if k[:8] != "original"}},
    ),
    "qwen2": ("Qwen2", {}),
    "qwen2 with a window": ("Qwen2", {"sliding_window": 40, "use_sliding_window": True, "max_window_layers": 0}),
}


@pytest.fixture
def save_llama(save_tokenizer: Callable[[Path], int], tmp_path: Path) -> Callable[..., tuple[Any, Path]]:
    """Write a randomly initialised model of the family; returns Hugging Face's model and its folder."""

    def save(variant: str, **more: Any) -> tuple[Any, Path]:
        import torch
        import transformers

        kind, given = VARIANTS[variant]
        folder = tmp_path / variant
        folder.mkdir()
        config = getattr(transformers, f"{kind}Config")(
            **(SMALL | {"vocab_size": save_tokenizer(folder)} | given | more)
        )
        with torch.random.fork_rng():
            torch.manual_seed(0)
            model = getattr(transformers, f"{kind}ForCausalLM")(config).eval()
            for parameter in model.parameters():  # wide enough that a wrong position or bias shows
                torch.nn.init.normal_(parameter, mean=1.0 if parameter.ndim == 1 else 0.0, std=0.3)
        model.save_pretrained(folder)
        return model, folder

    return save


def texts(d_vocab: int, alike: bool) -> tuple[np.ndarray, np.ndarray]:
    """Random tokens of unequal lengths, one text empty; or texts that begin alike, which are read as a tree."""
    lengths = np.array([30, 3, 0, 17, 1] if not alike else [30, 29, 30, 28, 12], dtype=np.int64)
    tokens = np.random.default_rng(0).integers(1, d_vocab, (len(lengths), 30)).astype(np.int32)
    if alike:
        tokens[1:, :11] = tokens[0, :11]
    tokens[np.arange(30) >= lengths[:, None]] = -1
    return tokens, lengths


def reference(model: Any, tokens: np.ndarray, lengths: np.ndarray, layer: int, swap: Any = None) -> tuple[Any, Any]:
    """What the MLP's output map of a layer gets [batch, pos, d_mlp], and log probabilities, one text at a time.

    `swap` changes the former in place.
    """
    import torch

    seen: list[Any] = []

    def keep(module: Any, args: Any) -> Any:
        value = args[0].clone()
        if swap is not None:
            swap(value)
        seen.append(value)
        return (value,)

    handle = model.model.layers[layer].mlp.down_proj.register_forward_pre_hook(keep)
    neurons, logs = [], []
    with torch.inference_mode():
        for row, n in zip(tokens, lengths, strict=True):
            logits = model(torch.tensor([[0, *row[:n].tolist()]])).logits[0, 1:]
            neurons.append(np.pad(seen.pop()[0, 1:].numpy(), ((0, tokens.shape[1] - n), (0, 0))))
            logs.append(logits.log_softmax(-1))
    handle.remove()
    return np.stack(neurons), logs


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.slow
def test_the_lean_reader_agrees_with_hugging_face(variant: str, save_llama: Any) -> None:
    model, folder = save_llama(variant)
    subject = open_subject(ModelFolder(folder, "small"))
    assert type(subject).__name__ == "LeanLlama"
    assert subject.is_gated
    for alike in (False, True):
        tokens, lengths = texts(subject.tokenizer.d_vocab, alike)
        for layer in range(subject.n_layers):
            expected, _ = reference(model, tokens, lengths, layer)
            inputs = subject.mlp_input(tokens, lengths, layer)
            for index in (0, 17, 47):
                values = subject.neuron_values(inputs, layer, index)
                np.testing.assert_allclose(values, expected[..., index], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("variant", ["llama", "tied", "qwen2", "mistral with a window"])
def test_replacing_a_neuron_does_what_a_hook_in_hugging_face_does(variant: str, save_llama: Any) -> None:
    import torch

    model, folder = save_llama(variant)
    subject = open_subject(ModelFolder(folder, "small"))
    interventions = subject.interventions()
    tokens, lengths = texts(subject.tokenizer.d_vocab, alike=False)
    keep = lengths > 0
    tokens, lengths = tokens[keep], lengths[keep]
    _, before = reference(model, tokens, lengths, 1)

    everywhere = interventions.ablate(tokens, lengths, 1, 5, np.full(tokens.shape, 0.7, np.float32))
    _, after = reference(model, tokens, lengths, 1, lambda value: value[:, 1:, 5].fill_(0.7))
    for row, n in enumerate(lengths):
        np.testing.assert_allclose(everywhere[row, :n], _divergence(before[row], after[row]), atol=1e-5)

    watched = np.array([3, 4])
    last = interventions.ablate_last(
        tokens, lengths, 1, np.full(len(tokens), 5), np.full(len(tokens), 0.7, np.float32), watched
    )
    _, after = reference(model, tokens, lengths, 1, lambda value: value[:, -1, 5].fill_(0.7))
    for row in range(len(tokens)):
        np.testing.assert_allclose(last.divergence[row], _divergence(before[row][-1:], after[row][-1:])[0], atol=1e-5)
        np.testing.assert_allclose(last.after[row], after[row][-1][watched], atol=1e-4)

    prompt = "the cat"
    [text] = interventions.generate([prompt] * 1, 5, 1e-4, np.random.default_rng(0))
    ids = [0, *subject.tokenizer.encode([prompt])[0]]
    for _ in range(5):
        with torch.inference_mode():
            logits = model(torch.tensor([ids])).logits[0, -1]
            logits[0] = -torch.inf  # BOS is never drawn
        ids.append(int(logits[: subject.tokenizer.d_vocab].argmax()))
    assert text == subject.tokenizer.decode(ids[1:])


def _divergence(a: Any, b: Any) -> np.ndarray:
    p, q = a.double().exp(), b.double().exp()
    mixed = ((p + q) / 2).log()
    out: np.ndarray = (((p * (a.double() - mixed)).sum(-1) + (q * (b.double() - mixed)).sum(-1)) / 2).numpy()
    return out


def test_output_weights_are_those_of_the_final_norm_and_the_output_matrix(save_llama: Any) -> None:
    model, folder = save_llama("llama")
    subject = open_subject(ModelFolder(folder, "small"))
    found = subject.interventions().output_weights(2, 7)
    direction = model.model.layers[2].mlp.down_proj.weight[:, 7] * model.model.norm.weight
    np.testing.assert_allclose(found, (model.lm_head.weight @ direction).detach().numpy(), rtol=1e-4, atol=1e-5)


def test_a_window_shorter_than_the_positions_bounds_what_is_read(save_llama: Any) -> None:
    _, folder = save_llama("mistral with a window")
    subject = open_subject(ModelFolder(folder, "small"))
    assert subject.n_ctx == 39
    with pytest.raises(BadInput, match="reads at most 39 tokens"):
        subject.mlp_input(np.ones((1, 40), dtype=np.int32), np.array([40]), 0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"num_hidden_layers": 4}, "no tensor layers.3.input_layernorm.weight"),
        ({"intermediate_size": 40}, "has shape"),
        ({"num_key_value_heads": 3}, "does not fit"),
        ({"hidden_size": None}, "does not describe a whole model"),
    ],
)
def test_a_configuration_that_does_not_fit_is_refused(change: dict[str, Any], message: str, save_llama: Any) -> None:
    _, folder = save_llama("llama")
    config = folder / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | change))
    with pytest.raises(BadInput, match=message):
        open_subject(ModelFolder(folder, "small"))


@pytest.mark.parametrize("kind", ["int8", "float8_e4m3fn"])
def test_quantised_weights_are_refused_by_name(kind: str, save_llama: Any) -> None:
    import torch
    from safetensors.torch import load_file, save_file

    _, folder = save_llama("llama")
    weights = load_file(folder / "model.safetensors")
    name = "model.layers.0.mlp.up_proj.weight"
    weights[name] = weights[name].to(getattr(torch, kind))
    save_file(weights, folder / "model.safetensors")
    with pytest.raises(BadInput, match=r"quantised weights \(model.layers.0.mlp.up_proj.weight"):
        open_subject(ModelFolder(folder, "small"))


def test_a_quantised_configuration_is_refused_by_name(save_llama: Any) -> None:
    _, folder = save_llama("llama")
    config = folder / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"quantization_config": {"quant_method": "fp8"}}))
    with pytest.raises(BadInput, match=r"are quantised \(fp8\)"):
        open_subject(ModelFolder(folder, "small"))


@pytest.mark.parametrize(
    ("variant", "change"),
    [
        ("mistral with a window", {"use_sliding_window": False}),  # Mistral has no such setting
        ("biases", {"attention_bias": False, "mlp_bias": False}),  # the file holds some all the same
        ("llama3", {"original_max_position_embeddings": 12}),  # above all says what stands in the parameters
        ("linear", {"rope_scaling": {"type": "linear", "factor": 3.0}}),
        ("llama", {"rope_parameters": None, "rope_theta": 50.0, "rope_scaling": None}),
    ],
)
def test_a_configuration_is_understood_as_hugging_face_understands_it(
    variant: str, change: dict[str, Any], save_llama: Any
) -> None:
    from transformers import AutoModelForCausalLM

    _, folder = save_llama(variant)
    config = folder / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | change))
    model = AutoModelForCausalLM.from_pretrained(folder).eval()
    subject = open_subject(ModelFolder(folder, "small"))
    tokens, lengths = texts(subject.tokenizer.d_vocab, alike=False)
    expected, _ = reference(model, tokens, lengths, 2)
    values = subject.neuron_values(subject.mlp_input(tokens, lengths, 2), 2, 17)
    np.testing.assert_allclose(values, expected[..., 17], rtol=1e-5, atol=1e-5)


def test_an_output_matrix_in_the_file_is_meant_though_it_is_said_to_be_tied(save_llama: Any) -> None:
    model, folder = save_llama("llama")
    config = folder / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"tie_word_embeddings": True}))
    subject = open_subject(ModelFolder(folder, "small"))
    np.testing.assert_array_equal(subject.unembedding().numpy(), model.lm_head.weight.detach().numpy())
