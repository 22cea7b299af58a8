from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tools.errors import BadInput
from tools.records.neuron import NeuronId
from tools.subject.folder import ModelFolder
from tools.subject.load import check_neuron, open_subject
from tools.subject.resolve import MINI

TOLERANCE = 1e-5
SIZES = {"gpt2": (768, 12), "gpt2-medium": (1024, 16), "gpt2-large": (1280, 20), "gpt2-xl": (1600, 25)}


def reference(model: Any, tokens: np.ndarray, lengths: np.ndarray, layer: int) -> np.ndarray:
    """Hugging Face's own post-GELU values, one text at a time and unpadded; [batch, pos, d_mlp], 0 past the end."""
    import torch

    seen: list[Any] = []
    act = model.transformer.h[layer].mlp.act
    handle = act.register_forward_hook(lambda module, args, out: seen.append(out))
    rows = []
    with torch.inference_mode():
        for row, n in zip(tokens, lengths, strict=True):
            model(torch.tensor([[0, *row[:n].tolist()]]))
            rows.append(np.pad(seen.pop()[0, 1:].numpy(), ((0, tokens.shape[1] - n), (0, 0))))
    handle.remove()
    return np.stack(rows)


def batch(d_vocab: int, pos: int = 24) -> tuple[np.ndarray, np.ndarray]:
    """Random tokens of unequal lengths, one of them empty, padded with ids that no vocabulary has."""
    lengths = np.array([pos, 3, 0, 17, 1], dtype=np.int64)
    tokens = np.random.default_rng(0).integers(0, d_vocab, (len(lengths), pos)).astype(np.int32)
    tokens[np.arange(pos) >= lengths[:, None]] = -1
    return tokens, lengths


def assert_agrees(subject: Any, model: Any, neurons: list[int], pos: int = 24) -> None:
    tokens, lengths = batch(subject.tokenizer.d_vocab, pos)
    for layer in range(subject.n_layers):
        expected = reference(model, tokens, lengths, layer)
        inputs = subject.mlp_input(tokens, lengths, layer)
        assert inputs.dtype == np.float32
        for index in neurons:
            values = subject.neuron_values(inputs, layer, index)
            assert values.shape == tokens.shape
            np.testing.assert_allclose(values, expected[..., index], rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.slow
def test_both_adapters_agree_with_hugging_face_at_true_widths(size: str, save_gpt2: Any, tmp_path: Path) -> None:
    from tools.subject.bridge import BridgeModel

    width, heads = SIZES[size]
    dtype = "float16" if size == "gpt2-xl" else "float32"
    model = save_gpt2(tmp_path, n_embd=width, n_head=heads, dtype=dtype)
    neurons = [0, 1, width, 4 * width - 1]
    try:
        for subject in (open_subject(ModelFolder(tmp_path, size)), BridgeModel(ModelFolder(tmp_path, size))):
            assert (subject.n_layers, subject.d_mlp, subject.d_model, subject.n_ctx) == (2, 4 * width, width, 47)
            assert_agrees(subject, model, neurons)
    finally:
        shutil.rmtree(tmp_path)


@pytest.mark.slow
@pytest.mark.skipif(not (MINI / "model.safetensors").is_file(), reason="the weights of mini are not in this checkout")
def test_both_adapters_agree_with_hugging_face_on_mini() -> None:
    from transformers import GPT2LMHeadModel

    from tools.subject.bridge import BridgeModel

    model = GPT2LMHeadModel.from_pretrained(MINI).float().eval()
    subject = open_subject(ModelFolder(MINI, "mini"))
    assert type(subject).__name__ == "LeanGPT2"
    assert_agrees(subject, model, [0, 131, 511], pos=64)
    assert_agrees(BridgeModel(ModelFolder(MINI, "mini")), model, [131], pos=64)


@pytest.mark.slow
@pytest.mark.parametrize(
    "config",
    [
        {"activation_function": "gelu"},
        {"activation_function": "relu"},
        {"activation_function": "gelu_pytorch_tanh", "layer_norm_epsilon": 1e-2},
        {"scale_attn_by_inverse_layer_idx": True, "n_layer": 3},
        {"scale_attn_weights": False, "n_inner": 48},
        {"dtype": "bfloat16"},
        {"bare": True},
        {"shard": "40KB"},
    ],
    ids=lambda c: "-".join(c),
)
def test_lean_honours_what_a_folder_says(config: dict[str, Any], save_gpt2: Any, tmp_path: Path) -> None:
    model = save_gpt2(tmp_path, **config)
    assert ("shard" in config) == (tmp_path / "model.safetensors.index.json").is_file()
    subject = open_subject(ModelFolder(tmp_path, "tiny"))
    assert type(subject).__name__ == "LeanGPT2"
    assert_agrees(subject, model, list(range(subject.d_mlp)))
    np.testing.assert_array_equal(subject.embeddings(), model.transformer.wte.weight.detach().numpy())


@pytest.mark.slow
def test_unpacked_linear_maps_agree_too(save_gpt2: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tools.subject import packed

    monkeypatch.setattr(packed, "can_pack", lambda dtype: False)
    model = save_gpt2(tmp_path)
    assert_agrees(open_subject(ModelFolder(tmp_path, "tiny")), model, [0, 5])


@pytest.mark.parametrize("packs", [True, False])
def test_bfloat16_is_near_enough_to_screen(
    packs: bool, save_gpt2: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tools.subject import packed
    from tools.subject.gpt2 import LeanGPT2

    if not packs:
        monkeypatch.setattr(packed, "can_pack", lambda dtype: False)
    save_gpt2(tmp_path, n_embd=96, n_layer=4)
    folder = ModelFolder(tmp_path, "tiny")
    exact, fast = LeanGPT2(folder), LeanGPT2(folder, dtype="bfloat16")
    tokens, lengths = batch(exact.tokenizer.d_vocab)
    one, other = (subject.mlp_input(tokens, lengths, 3) for subject in (exact, fast))
    assert other.dtype == np.float32
    error = np.linalg.norm(one - other) / np.linalg.norm(one)
    assert 1e-4 < error < 0.03, "of another precision than bfloat16"
    values = [subject.neuron_values(one, 3, 5) for subject in (exact, fast)]
    np.testing.assert_array_equal(*values)
    ablated = [
        subject.interventions().ablate(tokens[:2], lengths[:2], 3, 5, np.zeros((2, 24), np.float32))
        for subject in (exact, fast)
    ]
    np.testing.assert_array_equal(*ablated)


def test_a_device_or_dtype_that_is_not_there_is_refused(save_gpt2: Any, tmp_path: Path) -> None:
    import torch

    from tools.subject.gpt2 import LeanGPT2

    save_gpt2(tmp_path)
    folder = ModelFolder(tmp_path, "tiny")
    with pytest.raises(BadInput, match="the device 'tpu' is not known: use cpu or cuda"):
        LeanGPT2(folder, device="tpu")
    with pytest.raises(BadInput, match="the dtype 'float16' is not known: use float32, or bfloat16"):
        LeanGPT2(folder, dtype="float16")
    if not torch.cuda.is_available():
        with pytest.raises(BadInput, match="no CUDA device"):
            LeanGPT2(folder, device="cuda")


def test_a_batch_is_read_in_bounded_chunks(save_gpt2: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tools.subject import batches

    save_gpt2(tmp_path)
    subject = open_subject(ModelFolder(tmp_path, "tiny"))
    tokens, lengths = batch(subject.tokenizer.d_vocab)
    whole = subject.mlp_input(tokens, lengths, 1)
    monkeypatch.setattr(batches, "CHUNK_TOKENS", 8)
    shapes = [ids.shape for _, ids in batches.chunks(tokens, lengths, bos=0, d_vocab=300, n_ctx=47)]
    assert shapes == [(1, 25), (1, 18), (2, 4)]
    np.testing.assert_allclose(subject.mlp_input(tokens, lengths, 1), whole, atol=TOLERANCE)


def test_bos_stands_before_every_text_and_padding_reads_zero(save_gpt2: Any, tmp_path: Path) -> None:
    save_gpt2(tmp_path)
    subject = open_subject(ModelFolder(tmp_path, "tiny"))
    tokens, lengths = batch(subject.tokenizer.d_vocab)
    inputs = subject.mlp_input(tokens, lengths, 1)
    padded = np.arange(tokens.shape[1]) >= lengths[:, None]
    values = subject.neuron_values(inputs, 1, 3)
    assert not inputs[padded].any()
    assert not values[padded].any()
    assert values[~padded].all()
    inputs.setflags(write=False)  # as a memory-mapped cache gives them
    np.testing.assert_array_equal(subject.neuron_values(inputs, 1, 3), values)
    # the first token's reading depends on nothing but BOS and itself
    alone = subject.mlp_input(tokens[:1, :1], np.array([1]), 1)
    np.testing.assert_allclose(alone[0, 0], inputs[0, 0], atol=TOLERANCE)
    assert subject.mlp_input(tokens[:0], lengths[:0], 0).shape == (0, 24, 32)
    assert subject.mlp_input(tokens, np.zeros(5, dtype=np.int64), 0).shape == (5, 24, 32)


def test_what_cannot_be_read_is_refused(save_gpt2: Any, tmp_path: Path) -> None:
    save_gpt2(tmp_path)
    subject = open_subject(ModelFolder(tmp_path, "tiny"))
    d_vocab = subject.tokenizer.d_vocab
    ones = np.ones((1, 60), dtype=np.int32)
    with pytest.raises(BadInput, match="a text of 48 tokens is too long: the model reads at most 47 tokens"):
        subject.mlp_input(ones, np.array([48]), 0)
    for bad in (-1, d_vocab):
        with pytest.raises(BadInput, match=f"token id {bad} is not in the vocabulary: ids go from 0 to {d_vocab - 1}"):
            subject.mlp_input(np.array([[1, bad]], dtype=np.int32), np.array([2]), 0)
    with pytest.raises(BadInput, match="lengths"):
        subject.mlp_input(ones, np.array([61]), 0)
    with pytest.raises(BadInput, match=r"\[batch, pos\]"):
        subject.mlp_input(ones[0], np.array([1]), 0)
    with pytest.raises(BadInput, match="layers 0-1"):
        subject.mlp_input(ones, np.array([3]), 2)
    with pytest.raises(BadInput, match="neurons 0-127"):
        subject.neuron_values(np.ones((1, 32), dtype=np.float32), 0, 128)


def test_a_neuron_out_of_range_is_told_the_range(save_gpt2: Any, tmp_path: Path) -> None:
    save_gpt2(tmp_path)
    subject = open_subject(ModelFolder(tmp_path, "tiny"))
    check_neuron(subject, NeuronId(1, 127))
    for neuron in (NeuronId(2, 0), NeuronId(0, 128)):
        with pytest.raises(BadInput, match=f"no neuron {neuron}: tiny has layers 0-1 and neurons 0-127 a layer"):
            check_neuron(subject, neuron)


def test_the_fingerprint_follows_weights_and_configuration(save_gpt2: Any, tmp_path: Path) -> None:
    for name, config in {"a": {}, "b": {}, "c": {"layer_norm_epsilon": 1e-3}, "d": {"dtype": "float16"}}.items():
        save_gpt2(tmp_path / name, **config)
    start = time.perf_counter()
    a, b, c, d = (open_subject(ModelFolder(tmp_path / name, name)).fingerprint for name in "abcd")
    assert time.perf_counter() - start < 2
    assert a == b
    assert len({a, c, d}) == 3
    weights = tmp_path / "b" / "model.safetensors"
    changed = bytearray(weights.read_bytes())
    changed[-1] ^= 1
    weights.write_bytes(changed)
    assert open_subject(ModelFolder(tmp_path / "b", "b")).fingerprint != a


def test_a_large_file_is_hashed_in_samples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tools.subject import folder

    monkeypatch.setattr(folder, "_WHOLE_HASH_BYTES", 1000)
    monkeypatch.setattr(folder, "_SAMPLE_BYTES", 10)
    (tmp_path / "config.json").write_text("{}")
    weights = tmp_path / "model.safetensors"
    prints = []
    for position in (None, 0, 9_999):
        content = bytearray(10_000)
        if position is not None:
            content[position] = 1
        weights.write_bytes(content)
        prints.append(folder.fingerprint(tmp_path))
    assert len(set(prints)) == 3


@pytest.mark.slow
def test_the_lean_path_imports_neither_transformers_nor_transformer_lens(save_gpt2: Any, tmp_path: Path) -> None:
    import subprocess
    import sys

    save_gpt2(tmp_path)
    code = (
        "import sys, numpy as np; from tools.subject.load import open_subject\n"
        "from tools.subject.resolve import resolve\n"
        f"s = open_subject(resolve({str(tmp_path)!r}))\n"
        "s.neuron_values(s.mlp_input(np.array([[1, 2]], dtype=np.int32), np.array([2]), 1), 1, 0)\n"
        "print([m for m in ('transformers', 'transformer_lens', 'httpx2', 'torch') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['torch']"
    assert done.stderr == ""


def test_names_reach_no_torch() -> None:
    import subprocess
    import sys

    code = "import sys, tools.subject.load; print('torch' in sys.modules, 'huggingface_hub' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n_layer": 3}, "no tensor h.2.ln_1.weight"),
        ({"n_embd": 40}, "has shape"),
        ({"n_head": 5}, "does not fit"),
        ({"bos_token_id": None, "eos_token_id": None}, "names no valid bos_token_id"),
        ({"n_positions": "many"}, "does not describe a whole model of its type"),
    ],
)
def test_a_configuration_that_does_not_fit_is_refused(
    change: dict[str, Any], message: str, save_gpt2: Any, tmp_path: Path
) -> None:
    import json

    save_gpt2(tmp_path)
    config = tmp_path / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | change))
    with pytest.raises(BadInput, match=message):
        open_subject(ModelFolder(tmp_path, "tiny"))
