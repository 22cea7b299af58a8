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
    own = subject.neuron_values(subject.mlp_input(TOKENS, LENGTHS, 1), 1, 3)
    changed = subject.ablate(TOKENS, LENGTHS, 1, 3, own + 5)
    last = np.arange(3), LENGTHS - 1
    effect = subject.ablate_last(TOKENS, LENGTHS, 1, np.full(3, 3), own[last] + 5, np.array([4]))
    np.testing.assert_allclose(effect.divergence, changed[last], rtol=1e-2)  # the last layer: nothing else is moved
    promoted, suppressed = subject.logit_effects(1, 3, 4)
    assert len(promoted) == len(suppressed) == 4


def test_an_architecture_without_a_loader_is_refused(save_gpt2: Any, tmp_path: Path) -> None:
    save_gpt2(tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "nonesuch", "architectures": ["NoneSuch"]}')
    with pytest.raises(BadInput, match="TransformerLens cannot load odd"):
        open_subject(ModelFolder(tmp_path, "odd"))
