"""From a GGUF file of SmolLM2's kind (Llama's architecture, digits cut one by one) to Hugging Face's format.

The file's quantised weights become the float32 numbers that they stand for. Nothing here depends on a library's
version or on the machine, so that the same file gives the same folder, and the same fingerprint, everywhere.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tools.subject.folder import WEIGHTS
from tools.subject.progress import Progress

if TYPE_CHECKING:
    from gguf import GGUFReader

_CONTROL = 3
"""The type that GGUF gives to tokens that stand for no text, such as the marks of a chat."""

_SPECIAL_TOKENS = {"bos": "bos", "eos": "eos", "pad": "padding", "unk": "unknown"}
"""GGUF's names of them by Hugging Face's."""


def convert(file: Path, folder: Path, progress: Progress | None = None) -> None:
    """Write the model and the tokenizer of the GGUF `file` into `folder`, which is there.

    `progress` is called with the bytes of float32 weights made and of all.

    Raises:
        OSError: the file cannot be read, or the folder cannot be written.
    """
    from gguf import GGUFReader
    from safetensors import SafetensorError
    from safetensors.numpy import save_file

    reader = GGUFReader(file)
    values = {name: field.contents() for name, field in reader.fields.items()}
    weights = _weights(reader, values, progress)
    try:
        save_file(weights, folder / WEIGHTS, metadata={"format": "pt"})
    except SafetensorError as error:
        raise OSError(str(error)) from error
    (folder / WEIGHTS).chmod(0o644)  # it comes out closed to everybody else, and a cache may be shared
    _raw_tokenizer(values).save(str(folder / "tokenizer.json"))
    for name, content in (
        ("config.json", _config(values)),
        ("generation_config.json", _special_ids(values)),
        ("tokenizer_config.json", _tokenizer_config(values)),
    ):
        (folder / name).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    if template := values.get("tokenizer.chat_template"):
        (folder / "chat_template.jinja").write_text(template, encoding="utf-8")


def _weights(reader: GGUFReader, values: dict[str, Any], progress: Progress | None) -> dict[str, Any]:
    """Every tensor in float32, by the name that Hugging Face's Llama gives it."""
    import numpy as np
    from gguf import MODEL_ARCH, dequantize, get_tensor_name_map

    names = get_tensor_name_map(MODEL_ARCH.LLAMA, values["llama.block_count"])
    heads = {"attn_q": values["llama.attention.head_count"], "attn_k": values["llama.attention.head_count_kv"]}
    wanted = {names.get_name(name, (".weight",)): name for name in _parameters(values)}
    total = 4 * sum(int(tensor.n_elements) for tensor in reader.tensors)
    weights, done = {}, 0
    for tensor in reader.tensors:
        array = dequantize(tensor.data, tensor.tensor_type)
        n_heads = heads.get(tensor.name.split(".")[-2])
        if n_heads:
            # GGUF has the two halves of a head's rotary pairs side by side, Hugging Face one after the other
            pairs = array.reshape(n_heads, array.shape[0] // n_heads // 2, 2, array.shape[1])
            array = pairs.swapaxes(1, 2).reshape(array.shape)
        weights[wanted[tensor.name]] = np.ascontiguousarray(array, dtype=np.float32)
        done += array.nbytes
        if progress:
            progress(done, total, "converting")
    return weights


def _parameters(values: dict[str, Any]) -> list[str]:
    """The names of Llama's parameters in Hugging Face's format."""
    attention = [f"self_attn.{part}_proj" for part in "qkvo"]
    mlp = [f"mlp.{part}_proj" for part in ("gate", "up", "down")]
    of_layer = ["input_layernorm", "post_attention_layernorm", *attention, *mlp]
    layers = range(values["llama.block_count"])
    inner = [f"model.layers.{layer}.{part}" for layer in layers for part in of_layer]
    return [f"{name}.weight" for name in ("model.embed_tokens", *inner, "model.norm")]


def _special_ids(values: dict[str, Any]) -> dict[str, int]:
    return {f"{name}_token_id": values[f"tokenizer.ggml.{ggml}_token_id"] for name, ggml in _SPECIAL_TOKENS.items()}


def _config(values: dict[str, Any]) -> dict[str, Any]:
    width, n_heads = values["llama.embedding_length"], values["llama.attention.head_count"]
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "dtype": "float32",
        "vocab_size": values["llama.vocab_size"],
        "hidden_size": width,
        "intermediate_size": values["llama.feed_forward_length"],
        "num_hidden_layers": values["llama.block_count"],
        "num_attention_heads": n_heads,
        "num_key_value_heads": values["llama.attention.head_count_kv"],
        "head_dim": width // n_heads,
        "hidden_act": "silu",
        "max_position_embeddings": values["llama.context_length"],
        "rms_norm_eps": values["llama.attention.layer_norm_rms_epsilon"],
        "rope_parameters": {"rope_type": "default", "rope_theta": values["llama.rope.freq_base"]},
        "tie_word_embeddings": True,
        **_special_ids(values),
    }


def _tokenizer_config(values: dict[str, Any]) -> dict[str, Any]:
    tokens = values["tokenizer.ggml.tokens"]
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "add_prefix_space": False,
        "clean_up_tokenization_spaces": False,
        "model_max_length": values["llama.context_length"],
        **{name.removesuffix("_id"): tokens[index] for name, index in _special_ids(values).items()},
    }


def _raw_tokenizer(values: dict[str, Any]) -> Any:
    from tokenizers import AddedToken, Tokenizer
    from tokenizers.decoders import ByteLevel as ByteLevelDecoder
    from tokenizers.models import BPE
    from tokenizers.pre_tokenizers import ByteLevel, Digits, Sequence

    tokens = values["tokenizer.ggml.tokens"]
    merges = [tuple(merge.split(" ")) for merge in values["tokenizer.ggml.merges"]]
    raw = Tokenizer(BPE({token: index for index, token in enumerate(tokens)}, merges))
    raw.pre_tokenizer = Sequence([Digits(individual_digits=True), ByteLevel(add_prefix_space=False)])
    raw.decoder = ByteLevelDecoder()
    kinds = values["tokenizer.ggml.token_type"]
    raw.add_special_tokens(
        [
            AddedToken(token, special=True, normalized=False)
            for token, kind in zip(tokens, kinds, strict=True)
            if kind == _CONTROL
        ]
    )
    return raw
