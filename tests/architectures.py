"""Small random models of many architectures, as Hugging Face saves them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

SHAPE = {"hidden_size": 32, "intermediate_size": 80, "num_hidden_layers": 2, "num_attention_heads": 4}
OLD_SHAPE = {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 96}
LONG = {"max_position_embeddings": 96}
GROUPED = {"num_key_value_heads": 2}
KINDS: dict[str, tuple[dict[str, Any], str, str]] = {
    # configuration, the layers, and the output map in a layer
    "Llama": (SHAPE | LONG | GROUPED, "model.layers", "mlp.down_proj"),
    "Qwen2": (SHAPE | LONG | GROUPED, "model.layers", "mlp.down_proj"),
    "Mistral": (SHAPE | LONG | GROUPED | {"sliding_window": None}, "model.layers", "mlp.down_proj"),
    "Mixtral": (
        SHAPE | LONG | GROUPED | {"num_local_experts": 2, "num_experts_per_tok": 1}, "model.layers", "",
    ),
    "GPTNeoX": (SHAPE | LONG, "gpt_neox.layers", "mlp.dense_4h_to_h"),
    "Gemma2": (
        SHAPE | LONG | {"num_key_value_heads": 2, "head_dim": 8, "pad_token_id": 0, "sliding_window": 16},
        "model.layers", "mlp.down_proj",
    ),
    "Phi": (SHAPE | LONG, "model.layers", "mlp.fc2"),
    "Falcon": (
        {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "multi_query": True},
        "transformer.h", "mlp.dense_4h_to_h",
    ),
    "OPT": (
        {"hidden_size": 32, "ffn_dim": 80, "num_hidden_layers": 2, "num_attention_heads": 4, "word_embed_proj_dim": 32,
         "pad_token_id": 1} | LONG,
        "model.decoder.layers", "fc2",
    ),
    "Bloom": ({"hidden_size": 32, "n_layer": 2, "n_head": 4}, "transformer.h", "mlp.dense_4h_to_h"),
    "GPTJ": (OLD_SHAPE | {"rotary_dim": 4}, "transformer.h", "mlp.fc_out"),
    "GPTNeo": (
        {"hidden_size": 32, "num_layers": 2, "num_heads": 4, "attention_types": [[["global", "local"], 1]]} | LONG,
        "transformer.h", "mlp.c_proj",
    ),
    "OpenAIGPT": (OLD_SHAPE, "transformer.h", "mlp.c_proj"),
    "GPT2": (OLD_SHAPE | {"activation_function": "tanh"}, "transformer.h", "mlp.c_proj"),
    "Qwen3": (SHAPE | LONG | {"num_key_value_heads": 2, "head_dim": 8}, "model.layers", "mlp.down_proj"),
}  # fmt: skip
_HEADS = {"OpenAIGPT": "LMHeadModel", "GPT2": "LMHeadModel"}


def save(kind: str, save_tokenizer: Any, folder: Path) -> Any:
    """A random model of a kind in a folder, which is made."""
    import torch
    import transformers

    folder.mkdir(parents=True, exist_ok=True)
    config = getattr(transformers, f"{kind}Config")(
        vocab_size=save_tokenizer(folder), bos_token_id=0, eos_token_id=0, **KINDS[kind][0]
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = getattr(transformers, kind + _HEADS.get(kind, "ForCausalLM"))(config).eval()
        for parameter in model.parameters():
            if parameter.ndim == 2:  # so wide that one activation function is told from another
                torch.nn.init.normal_(parameter, std=0.3)
    model.save_pretrained(folder)
    return model
