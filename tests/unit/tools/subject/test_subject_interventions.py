"""Ablation, output weights and generation, by both adapters, against Hugging Face's own forward pass with a hook."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.errors import BadInput
from tools.subject.folder import ModelFolder
from tools.subject.load import open_subject

TOKENS = np.random.default_rng(1).integers(1, 250, (3, 12)).astype(np.int32)
LENGTHS = np.array([12, 5, 9], dtype=np.int64)
N_LAYERS = 3


@pytest.fixture(scope="module")
def tiny(save_gpt2: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    """Hugging Face's model with large weights, and its folder."""
    folder = tmp_path_factory.mktemp("gpt2")
    return save_gpt2(folder, initializer_range=0.3, n_layer=N_LAYERS), folder


@pytest.fixture(scope="module", params=["lean", "bridge"])
def gpt2(request: pytest.FixtureRequest, tiny: tuple[Any, Path]) -> tuple[Any, Any, Any]:
    """(Hugging Face's model, the lean reader, an adapter's interventions)."""
    from tools.subject.bridge import BridgeModel

    model, path = tiny
    folder = ModelFolder(path, "tiny")
    subject = open_subject(folder)
    return model, subject, subject.interventions() if request.param == "lean" else BridgeModel(folder)


def distributions(model: Any, row: int, layer: int, index: int, values: dict[int, float]) -> tuple[Any, Any]:
    """Hugging Face's next-token probabilities of a row, [pos, vocab], and those with the neuron set at positions."""
    import torch

    def swap(module: Any, args: Any, out: Any) -> Any:
        out = out.clone()
        for position, value in values.items():
            out[0, 1 + position, index] = value
        return out

    ids = torch.tensor([[0, *TOKENS[row, : LENGTHS[row]].tolist()]])
    with torch.inference_mode():
        p = model(ids).logits[0, 1:].double().softmax(-1).numpy()
        handle = model.transformer.h[layer].mlp.act.register_forward_hook(swap)
        q = model(ids).logits[0, 1:].double().softmax(-1).numpy()
        handle.remove()
    return p, q


def jensen_shannon(p: Any, q: Any) -> Any:
    m = (p + q) / 2
    return (p * np.log(p / m) + q * np.log(q / m)).sum(-1) / 2


@pytest.mark.slow
def test_the_lean_reader_needs_no_transformer_lens(tiny: tuple[Any, Path]) -> None:
    import subprocess
    import sys

    code = (
        "import sys, numpy as np; from tools.subject.load import open_subject\n"
        "from tools.subject.resolve import resolve\n"
        f"whole = open_subject(resolve({str(tiny[1])!r})).interventions()\n"
        "whole.ablate(np.array([[1, 2]], np.int32), np.array([2]), 1, 0, np.ones((1, 2), np.float32))\n"
        "whole.generate(['import'] * 1, 2, 1.0, np.random.default_rng(0)); whole.logit_effects(0, 0, 3)\n"
        "print([m for m in ('transformers', 'transformer_lens') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.slow
def test_generation_follows_the_generator_and_the_models_own_probabilities(gpt2: tuple[Any, Any, Any]) -> None:
    import torch

    model, subject, full = gpt2
    texts = full.generate(["import os"] * 3, 6, 0.7, np.random.default_rng(5))
    assert texts == full.generate(["import os"] * 3, 6, 0.7, np.random.default_rng(5))
    assert texts == subject.interventions().generate(["import os"] * 3, 6, 0.7, np.random.default_rng(5))
    assert texts != full.generate(["import os"] * 3, 6, 0.7, np.random.default_rng(6))
    assert all(text.startswith("import os") for text in texts)
    # almost cold, it writes what Hugging Face's model finds likeliest at each step
    ids = [0, *subject.tokenizer.encode(["import os"])[0]]
    start = len(ids)
    with torch.inference_mode():
        for _ in range(6):
            logits = model(torch.tensor([ids])).logits[0, -1]
            logits[0] = -torch.inf
            ids.append(int(logits.argmax()))
    cold = full.generate(["import os"] * 1, 6, 1e-6, np.random.default_rng(0))
    assert cold == ["import os" + subject.tokenizer.decode(ids[start:])]
    assert full.generate(["import os"] * 2, 0, 1.0, np.random.default_rng(0)) == ["import os"] * 2
    assert len(full.generate([""] * 2, 3, 1.0, np.random.default_rng(0))) == 2
    with pytest.raises(BadInput, match="temperature"):
        full.generate(["x"] * 1, 1, 0.0, np.random.default_rng(0))
    with pytest.raises(BadInput, match="too long"):
        full.generate(["x"] * 1, 60, 1.0, np.random.default_rng(0))


def test_draws_come_as_often_as_the_model_says(gpt2: tuple[Any, Any, Any]) -> None:
    model, subject, full = gpt2
    import torch

    n = 4000
    drawn = full.generate(["i"] * n, 1, 1.0, np.random.default_rng(3))
    start = subject.tokenizer.encode(["i"])[0]
    with torch.inference_mode():
        logits = model(torch.tensor([[0, *start]])).logits[0, -1].double()
        logits[0] = -torch.inf
    chances = logits.softmax(-1).numpy()
    best = int(chances.argmax())
    expected = "i" + subject.tokenizer.decode([best])
    p = sum(chances[i] for i in range(1, len(chances)) if "i" + subject.tokenizer.decode([i]) == expected)
    assert drawn.count(expected) / n == pytest.approx(p, abs=4 * (p * (1 - p) / n) ** 0.5)


@pytest.mark.parametrize("layer", range(N_LAYERS))
def test_ablation_is_the_divergence_that_hugging_face_gives(gpt2: tuple[Any, Any, Any], layer: int) -> None:
    model, subject, full = gpt2
    index = 9
    own = subject.neuron_values(subject.mlp_input(TOKENS, LENGTHS, layer), layer, index)
    both = np.stack([own, own + 3])
    found = full.ablate(TOKENS, LENGTHS, layer, index, both)
    assert found.shape == (2, *TOKENS.shape)
    assert found[0].max() < 1e-9
    np.testing.assert_allclose(full.ablate(TOKENS, LENGTHS, layer, index, own + 3), found[1], rtol=1e-3, atol=1e-9)
    for row, n in enumerate(LENGTHS):
        values = {i: float(both[1, row, i]) for i in range(n)}
        expected = jensen_shannon(*distributions(model, row, layer, index, values))
        assert expected.min() > 1e-6
        np.testing.assert_allclose(found[1, row, :n], expected, rtol=2e-3)
        assert not found[:, row, n:].any()
    assert found.max() <= np.log(2)


@pytest.mark.parametrize("layer", range(N_LAYERS))
def test_the_last_token_alone_can_be_set_for_another_neuron_in_each_text(
    gpt2: tuple[Any, Any, Any], layer: int
) -> None:
    model, _, full = gpt2
    indices, values, watched = np.array([9, 0, 127]), np.array([3.0, -2.0, 5.0], np.float32), np.array([7, 250, 7])
    effect = full.ablate_last(TOKENS, LENGTHS, layer, indices, values, watched)
    for row, n in enumerate(LENGTHS):
        p, q = distributions(model, row, layer, int(indices[row]), {int(n) - 1: float(values[row])})
        np.testing.assert_allclose(effect.divergence[row], jensen_shannon(p[-1], q[-1]), rtol=2e-3)
        np.testing.assert_allclose(effect.before[row], np.log(p[-1, watched]), atol=1e-4)
        np.testing.assert_allclose(effect.after[row], np.log(q[-1, watched]), atol=1e-4)


def test_a_batch_in_chunks_gives_the_same(gpt2: tuple[Any, Any, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    from tools.subject import batches, output

    _, _, full = gpt2
    given = np.ones(TOKENS.shape, np.float32)
    last = LENGTHS, 1, np.array([1, 2, 3]), np.ones(3, np.float32), np.array([5])
    whole, end = full.ablate(TOKENS, LENGTHS, 1, 4, given), full.ablate_last(TOKENS, *last)
    monkeypatch.setattr(batches, "CHUNK_TOKENS", 8)
    monkeypatch.setattr(output, "_IN_CACHE", 1000)
    np.testing.assert_allclose(full.ablate(TOKENS, LENGTHS, 1, 4, given), whole, rtol=1e-3, atol=1e-9)
    np.testing.assert_allclose(full.ablate_last(TOKENS, *last).after, end.after, atol=1e-5)


def test_what_cannot_be_ablated_is_refused(gpt2: tuple[Any, Any, Any]) -> None:
    _, _, full = gpt2
    given = np.ones(TOKENS.shape, np.float32)
    three, none = np.zeros(3, np.int64), np.empty(0, np.int64)
    with pytest.raises(BadInput, match="do not fit"):
        full.ablate(TOKENS, LENGTHS, 0, 0, given[:, :3])
    for layer, index in ((N_LAYERS, 0), (0, 128), (-1, 0)):
        with pytest.raises(BadInput, match="neurons 0-127"):
            full.ablate(TOKENS, LENGTHS, layer, index, given)
        with pytest.raises(BadInput, match="neurons 0-127"):
            full.output_weights(layer, index)
    with pytest.raises(BadInput, match="neurons 0-127"):
        full.ablate_last(TOKENS, LENGTHS, 0, three + 128, given[0, :3], none)
    with pytest.raises(BadInput, match="3 texts do not fit 2 neurons"):
        full.ablate_last(TOKENS, LENGTHS, 0, three[:2], given[0, :3], none)
    with pytest.raises(BadInput, match="no last token"):
        full.ablate_last(TOKENS, LENGTHS * 0, 0, three, given[0, :3], none)
    with pytest.raises(BadInput, match="watched token ids go from 0"):
        full.ablate_last(TOKENS, LENGTHS, 0, three, given[0, :3], np.array([5000]))


def test_logit_effects_are_the_output_weight(gpt2: tuple[Any, Any, Any]) -> None:
    model, subject, full = gpt2
    transformer = model.transformer
    direction = transformer.h[1].mlp.c_proj.weight[7] * transformer.ln_f.weight
    weights = (transformer.wte.weight @ direction).detach().numpy()
    np.testing.assert_allclose(full.output_weights(1, 7), weights, rtol=1e-4, atol=1e-6)
    promoted, suppressed = full.logit_effects(1, 7, 5)
    strings = subject.tokenizer.token_strings()
    for pairs, order in ((promoted, np.argsort(-weights)), (suppressed, np.argsort(weights))):
        assert [name for name, _ in pairs] == [strings[i] for i in order[:5]]
        np.testing.assert_allclose([value for _, value in pairs], weights[order[:5]], rtol=1e-5)


def test_an_output_matrix_of_its_own_is_used(save_gpt2: Any, tmp_path: Path) -> None:
    import torch

    model = save_gpt2(tmp_path, tie_word_embeddings=False)
    assert not torch.equal(model.lm_head.weight, model.transformer.wte.weight)
    whole = open_subject(ModelFolder(tmp_path, "tiny")).interventions()
    direction = model.transformer.h[0].mlp.c_proj.weight[3] * model.transformer.ln_f.weight
    expected = (model.lm_head.weight @ direction).detach().numpy()
    np.testing.assert_allclose(whole.output_weights(0, 3), expected, rtol=1e-4, atol=1e-7)


def test_a_folder_without_the_final_norm_reads_but_has_no_output(save_gpt2: Any, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    save_gpt2(tmp_path)
    file = tmp_path / "model.safetensors"
    save_file({k: v for k, v in load_file(file).items() if "ln_f" not in k}, file)
    subject = open_subject(ModelFolder(tmp_path, "tiny"))
    assert subject.mlp_input(TOKENS, LENGTHS, 1).any()
    with pytest.raises(BadInput, match=r"no tensor ln_f\.weight"):
        subject.interventions()


@given(st.integers(0, 2**32 - 1), st.sampled_from([0.0, 1e-4, 1e-2, 1.0, 30.0, 300.0]))
def test_a_divergence_is_symmetric_bounded_and_exact_where_small(seed: int, size: float) -> None:
    import torch

    from tools.subject.output import divergence

    rng = np.random.default_rng(seed)
    a, change = rng.normal(size=(4, 50)) * 3, rng.normal(size=(4, 50)) * size
    one, two = (torch.tensor(x, dtype=torch.float32) for x in (a, a + change))
    found = divergence(one, two).numpy()
    p, q = (x.double().softmax(-1).numpy() for x in (one, two))
    m = np.maximum((p + q) / 2, 1e-300)
    terms = (np.where(x > 0, x * np.log(np.maximum(x, 1e-300) / m), 0).sum(-1) for x in (p, q))
    expected = sum(terms) / 2
    np.testing.assert_allclose(found, expected, rtol=1e-2, atol=1e-11)
    np.testing.assert_allclose(divergence(two, one).numpy(), found, rtol=1e-2, atol=1e-11)
    assert (found >= 0).all()
    assert (found <= np.log(2) + 1e-5).all()
    np.testing.assert_allclose(divergence(one, two + 5).numpy(), found, rtol=1e-1, atol=1e-10)  # a shift is nothing
