"""A model of GPT-2 small's shape with random weights, in a folder: how fast it is does not depend on the values."""

from __future__ import annotations

import json
from pathlib import Path

N_TOKENS = 50257
LAYER = 5


def save_gpt2_shape(folder: Path, n_layer: int = 12, width: int = 768) -> Path:
    """Write configuration, weights and a byte-level BPE tokenizer of as many merges as GPT-2's; returns the folder."""
    import torch
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    config = {
        "model_type": "gpt2", "architectures": ["GPT2LMHeadModel"], "n_embd": width, "n_layer": n_layer,
        "n_head": width // 64, "n_positions": 1024, "vocab_size": N_TOKENS, "bos_token_id": N_TOKENS - 1,
        "eos_token_id": N_TOKENS - 1, "activation_function": "gelu_new", "layer_norm_epsilon": 1e-5,
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config))
    _save_tokenizer(folder)
    rng = torch.Generator().manual_seed(0)

    def drawn(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=rng) * 0.02

    tensors = {"wte.weight": drawn(N_TOKENS, width), "wpe.weight": drawn(1024, width)}
    for name in ("ln_f", *(f"h.{i}.ln_{k}" for i in range(n_layer) for k in (1, 2))):
        tensors |= {f"{name}.weight": 1 + drawn(width), f"{name}.bias": drawn(width)}
    for i in range(n_layer):
        for part, n_in, n_out in (
            ("attn.c_attn", width, 3 * width), ("attn.c_proj", width, width),
            ("mlp.c_fc", width, 4 * width), ("mlp.c_proj", 4 * width, width),
        ):  # fmt: skip
            tensors |= {f"h.{i}.{part}.weight": drawn(n_in, n_out), f"h.{i}.{part}.bias": drawn(n_out)}
    save_file({f"transformer.{k}": v for k, v in tensors.items()}, folder / "model.safetensors", {"format": "pt"})
    return folder


def _save_tokenizer(folder: Path) -> None:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    merges = [(a, b) for a in letters for b in letters][: N_TOKENS - 1 - len(letters)]
    pieces = [*letters, *(a + b for a, b in merges), "<|endoftext|>"]
    raw = Tokenizer(models.BPE({piece: i for i, piece in enumerate(pieces)}, merges))
    raw.add_special_tokens(["<|endoftext|>"])
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    raw.save(str(folder / "tokenizer.json"))
    special = {f"{kind}_token": "<|endoftext|>" for kind in ("bos", "eos", "unk")}
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": 1024, **special})
    )
