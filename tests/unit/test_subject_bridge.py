from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tools.errors import BadInput
from tools.subject.folder import ModelFolder
from tools.subject.load import open_subject

TOKENS = np.random.default_rng(1).integers(1, 250, (3, 12)).astype(np.int32)
LENGTHS = np.array([12, 5, 9], dtype=np.int64)


@pytest.fixture(scope="module")
def gpt2(save_gpt2: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any, Any]:
    """(Hugging Face's model, the lean reader, its interventions) of one tiny GPT-2 with large weights."""
    folder = tmp_path_factory.mktemp("gpt2")
    model = save_gpt2(folder, initializer_range=0.3)
    subject = open_subject(ModelFolder(folder, "tiny"))
    return model, subject, subject.interventions()


@pytest.mark.parametrize("kind", ["Llama", "GPTNeoX"])
def test_other_architectures_read_what_the_output_map_gets(kind: str, save_tokenizer: Any, tmp_path: Path) -> None:
    import torch
    import transformers

    shape = {"hidden_size": 32, "intermediate_size": 80, "num_hidden_layers": 2, "num_attention_heads": 4}
    config = getattr(transformers, f"{kind}Config")(
        vocab_size=save_tokenizer(tmp_path), bos_token_id=0, eos_token_id=0, max_position_embeddings=48, **shape
    )
    torch.manual_seed(0)
    model = getattr(transformers, f"{kind}ForCausalLM")(config).eval()
    model.save_pretrained(tmp_path)
    subject = open_subject(ModelFolder(tmp_path, kind))
    assert type(subject).__name__ == "BridgeModel"
    assert (subject.n_layers, subject.d_mlp, subject.d_model, subject.n_ctx) == (2, 80, 32, 47)
    layers = model.model.layers if kind == "Llama" else model.gpt_neox.layers
    for layer in (0, 1):
        mlp = layers[layer].mlp
        seen: list[Any] = []
        out_map = mlp.down_proj if kind == "Llama" else mlp.dense_4h_to_h
        handle = out_map.register_forward_pre_hook(lambda module, args, seen=seen: seen.append(args[0]))
        inputs = subject.mlp_input(TOKENS, LENGTHS, layer)
        readings = [subject.neuron_values(inputs, layer, index) for index in (0, 79)]
        for row, n in enumerate(LENGTHS):
            with torch.inference_mode():
                model(torch.tensor([[0, *TOKENS[row, :n].tolist()]]))
            expected = seen.pop()[0, 1:].numpy()
            for index, values in zip((0, 79), readings, strict=True):
                np.testing.assert_allclose(values[row, :n], expected[:, index], rtol=0, atol=1e-5)
                assert not values[row, n:].any()
        handle.remove()
    assert len(subject.generate("import", 2, 5, 1.0, np.random.default_rng(0))) == 2
    promoted, suppressed = subject.logit_effects(1, 3, 4)
    assert len(promoted) == len(suppressed) == 4


def test_generation_follows_the_generator_and_the_models_own_probabilities(gpt2: tuple[Any, Any, Any]) -> None:
    import torch

    model, subject, full = gpt2
    texts = full.generate("import os", 3, 6, 0.7, np.random.default_rng(5))
    assert texts == full.generate("import os", 3, 6, 0.7, np.random.default_rng(5))
    assert texts != full.generate("import os", 3, 6, 0.7, np.random.default_rng(6))
    assert all(text.startswith("import os") for text in texts)
    # almost cold, it writes what Hugging Face's model finds likeliest at each step
    ids = [0, *subject.tokenizer.encode(["import os"])[0]]
    start = len(ids)
    with torch.inference_mode():
        for _ in range(6):
            logits = model(torch.tensor([ids])).logits[0, -1]
            logits[0] = -torch.inf
            ids.append(int(logits.argmax()))
    cold = full.generate("import os", 1, 6, 1e-6, np.random.default_rng(0))
    assert cold == ["import os" + subject.tokenizer.decode(ids[start:])]
    with pytest.raises(BadInput, match="temperature"):
        full.generate("x", 1, 1, 0.0, np.random.default_rng(0))
    with pytest.raises(BadInput, match="too long"):
        full.generate("x", 1, 60, 1.0, np.random.default_rng(0))


def test_ablation_is_the_divergence_that_hugging_face_gives(gpt2: tuple[Any, Any, Any]) -> None:
    import torch

    model, subject, full = gpt2
    layer, index = 0, 9
    own = subject.neuron_values(subject.mlp_input(TOKENS, LENGTHS, layer), layer, index)
    assert full.ablate(TOKENS, LENGTHS, layer, index, own).max() < 1e-9
    replacement = own + 3
    found = full.ablate(TOKENS, LENGTHS, layer, index, replacement)
    row, n = 1, int(LENGTHS[1])

    def swap(module: Any, args: Any, out: Any) -> Any:
        out = out.clone()
        out[0, 1:, index] = torch.from_numpy(replacement[row, :n])
        return out

    ids = torch.tensor([[0, *TOKENS[row, :n].tolist()]])
    with torch.inference_mode():
        p = model(ids).logits[0, 1:].double().softmax(-1).numpy()
        handle = model.transformer.h[layer].mlp.act.register_forward_hook(swap)
        q = model(ids).logits[0, 1:].double().softmax(-1).numpy()
        handle.remove()
    m = (p + q) / 2
    expected = (p * np.log(p / m) + q * np.log(q / m)).sum(-1) / 2
    assert expected.min() > 1e-5
    np.testing.assert_allclose(found[row, :n], expected, rtol=1e-3)
    assert found.max() <= np.log(2)
    assert not found[row, n:].any()
    with pytest.raises(BadInput, match="do not fit"):
        full.ablate(TOKENS, LENGTHS, layer, index, replacement[:, :3])


def test_logit_effects_are_the_output_weight(gpt2: tuple[Any, Any, Any]) -> None:
    model, subject, full = gpt2
    transformer = model.transformer
    direction = transformer.h[1].mlp.c_proj.weight[7] * transformer.ln_f.weight
    weights = (transformer.wte.weight @ direction).detach().numpy()
    promoted, suppressed = full.logit_effects(1, 7, 5)
    strings = subject.tokenizer.token_strings()
    for pairs, order in ((promoted, np.argsort(-weights)), (suppressed, np.argsort(weights))):
        assert [name for name, _ in pairs] == [strings[i] for i in order[:5]]
        np.testing.assert_allclose([value for _, value in pairs], weights[order[:5]], rtol=1e-5)
    with pytest.raises(BadInput, match="neurons 0-127"):
        full.logit_effects(0, 128, 5)


def test_an_architecture_without_a_loader_is_refused(save_gpt2: Any, tmp_path: Path) -> None:
    save_gpt2(tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "nonesuch", "architectures": ["NoneSuch"]}')
    with pytest.raises(BadInput, match="TransformerLens cannot load odd"):
        open_subject(ModelFolder(tmp_path, "odd"))
