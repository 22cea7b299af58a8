"""The lean reader of the Llama family: Llama, Mistral, Qwen 2, SmolLM2 and their kin.

RMS norms, rotary positions, heads of queries that share keys and values, and a gated MLP, whose neurons take both
signs: a neuron is `act(gate) * up`, what the MLP's output map gets.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
import torch.nn.functional as F

from tools.errors import BadInput
from tools.subject.lean import LeanModel
from tools.subject.packed import ACTIVATIONS, Map
from tools.subject.weights import Tensors

_TYPES = ("llama", "mistral", "qwen2")
_MAPS = (
    "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj", "mlp.gate_proj", "mlp.up_proj",
    "mlp.down_proj",
)  # fmt: skip
_ROTARY = ("default", "linear", "llama3")


def can_read(config: dict[str, Any]) -> bool:
    """Whether this reader knows the architecture that a config.json describes."""
    rotary = _rotary(config)
    return (
        config.get("model_type") in _TYPES
        and config.get("hidden_act", "silu") in ACTIVATIONS
        and rotary["rope_type"] in _ROTARY
        and float(rotary.get("partial_rotary_factor") or 1) == 1
    )


def _rotary(config: dict[str, Any]) -> dict[str, Any]:
    """The parameters of rotary positions, which older configurations spread over several keys."""
    given = config.get("rope_scaling") or config.get("rope_parameters") or {}
    base = config.get("rope_theta", 10_000.0)
    kind = given.get("rope_type", given.get("type", "default"))
    before = config.get("original_max_position_embeddings") or given.get("original_max_position_embeddings")
    return {
        "rope_theta": base, **given, "rope_type": kind,
        "original_max_position_embeddings": before or config.get("max_position_embeddings"),
    }  # fmt: skip


def _window(config: dict[str, Any]) -> int | None:
    """How far back attention looks, where that is bounded; what is left out is as Hugging Face has it."""
    if config["model_type"] == "llama" or (config["model_type"] == "qwen2" and not config.get("use_sliding_window")):
        return None
    window = config.get("sliding_window", 4096)
    return int(window) if window else None


def _has_bias(config: dict[str, Any], part: str) -> bool:
    """Whether a map has a bias: the configuration decides, whatever else the file holds."""
    if config["model_type"] == "qwen2":
        return part in ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj")
    is_llama = config["model_type"] == "llama"
    return is_llama and bool(config.get("attention_bias" if part.startswith("self_attn") else "mlp_bias"))


def frequencies(rotary: dict[str, Any], d_head: int) -> torch.Tensor:
    """Radians by which each pair of dimensions turns from one position to the next, float32 [d_head / 2].

    `default` is of Su et al., "RoFormer" (2021); `linear` and `llama3` stretch it as transformers does.
    """
    base = float(rotary["rope_theta"])
    turns = 1.0 / (base ** (torch.arange(0, d_head, 2, dtype=torch.int64).float() / d_head))
    if rotary["rope_type"] == "linear":
        return turns / float(rotary["factor"])
    if rotary["rope_type"] == "llama3":
        factor = float(rotary["factor"])
        low, high = float(rotary["low_freq_factor"]), float(rotary["high_freq_factor"])
        before = float(rotary["original_max_position_embeddings"])
        length = 2 * math.pi / turns
        smooth = ((before / length - low) / (high - low)).clamp(0, 1)
        return (1 - smooth) * turns / factor + smooth * turns
    return turns


class LeanLlama(LeanModel):
    """The Llama family; `tools.subject.llama` says what it has in common."""

    PREFIX = "model."
    WTE = "embed_tokens.weight"
    is_gated = True

    def _configure(self, config: dict[str, Any]) -> None:
        self.d_model, self.n_layers = int(config["hidden_size"]), int(config["num_hidden_layers"])
        self.d_mlp = int(config["intermediate_size"])
        self._n_heads = int(config["num_attention_heads"])
        self._n_kv_heads = int(config.get("num_key_value_heads") or self._n_heads)
        self._d_head = int(config.get("head_dim") or self.d_model // self._n_heads)
        if self._n_heads < 1 or self._n_kv_heads < 1 or self._n_heads % self._n_kv_heads or self._d_head % 2:
            raise BadInput(
                f"{self.folder.path / 'config.json'} says that {self._n_heads} heads of width {self._d_head} share "
                f"{self._n_kv_heads} of keys and values, which does not fit."
            )
        self.n_positions = int(config["max_position_embeddings"])
        if window := _window(config):
            self.n_positions = min(self.n_positions, window)  # within its window attention is as without one
        self.eps = float(config.get("rms_norm_eps", 1e-6))
        self._activation: str = config.get("hidden_act", "silu")
        self._turns = frequencies(_rotary(config), self._d_head)
        self._turned: tuple[torch.Tensor, torch.Tensor] | None = None
        self._blocks: dict[int, _Block] = {}

    def _shapes(self) -> dict[str, list[int]]:
        d, m, own, shared = self.d_model, self.d_mlp, self._n_heads * self._d_head, self._n_kv_heads * self._d_head
        expected = {}
        for i in range(self.n_layers):
            for part, shape in {
                "input_layernorm": [d], "post_attention_layernorm": [d],
                "self_attn.q_proj": [own, d], "self_attn.k_proj": [shared, d], "self_attn.v_proj": [shared, d],
                "self_attn.o_proj": [d, own], "mlp.gate_proj": [m, d], "mlp.up_proj": [m, d], "mlp.down_proj": [d, m],
            }.items():  # fmt: skip
                expected[f"layers.{i}.{part}.weight"] = shape
                if part in _MAPS and _has_bias(self.config, part):
                    expected[f"layers.{i}.{part}.bias"] = shape[:1]
        return expected

    def attention_scale(self, layer: int) -> float:
        """What products of queries and keys are multiplied by."""
        return float(self._d_head**-0.5)

    def queries_keys_values(
        self, x: torch.Tensor, layer: int, positions: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Of the residual stream `x` [..., n, d_model] at `positions` [..., n], each [..., n, head, d_head].

        Queries and keys are turned by their positions; there are fewer heads of keys and values.
        """
        block = self._block(layer)
        qkv = block.qkv(self._norm(x, block.norm_1)).view(*x.shape[:-1], -1, self._d_head)
        turned, v = torch.split(qkv, [self._n_heads + self._n_kv_heads, self._n_kv_heads], dim=-2)
        q, k = torch.split(_turned(turned, *self._at(positions)), [self._n_heads, self._n_kv_heads], dim=-2)
        return q, k, v

    def add_attention(self, x: torch.Tensor, mixed: torch.Tensor, layer: int) -> None:
        """Add the output of heads, `mixed` [..., head, d_head], to the residual stream `x` [..., d_model] in place."""
        x += self._block(layer).attn_out(mixed.reshape(*x.shape[:-1], self._n_heads * self._d_head))

    def feed_forward(self, x: torch.Tensor, layer: int) -> torch.Tensor:
        """Add the MLP's output to the residual stream `x` [..., d_model] in place; returns its neurons [..., d_mlp]."""
        block = self._block(layer)
        gate, up = block.mlp_in(self.mlp_norm(x, layer)).chunk(2, dim=-1)
        neurons = ACTIVATIONS[self._activation](gate).mul_(up)
        x += block.mlp_out(neurons)
        return neurons

    def mlp_norm(self, x: torch.Tensor, layer: int) -> torch.Tensor:
        """The norm after attention of the residual stream `x` [..., d_model]: what the MLP of `layer` gets."""
        return self._norm(x, self._block(layer).norm_2)

    def one_neuron(self, rows: torch.Tensor, layer: int, index: int) -> torch.Tensor:
        """One neuron's values [n] for inputs [n, d_model] of its MLP, in float32 on the CPU."""
        weights, biases = self._block(layer).one_neuron(index)
        gate, up = torch.addmm(biases, rows, weights).unbind(1)
        return ACTIVATIONS[self._activation](gate) * up

    def output_directions(self, layer: int) -> torch.Tensor:
        """What each neuron of a layer adds to the residual stream per unit, float32 [d_mlp, d_model]."""
        return self.tensors[f"layers.{layer}.mlp.down_proj.weight"].float().t()

    def final_norm(self, x: torch.Tensor) -> torch.Tensor:
        """The norm between the last layer and the output matrix, of `x` [..., d_model], in float32."""
        return self._norm(x, self.final_gain())

    def final_gain(self) -> torch.Tensor:
        """What that norm multiplies each dimension by, float32 [d_model]."""
        return self._final_gain

    def unembedding(self) -> torch.Tensor:
        """The output matrix, float32 [at least d_vocab, d_model]."""
        # A file that holds an output matrix means it, tied or not.
        is_tied = self.config.get("tie_word_embeddings", False) and "lm_head.weight" not in self.tensors
        head = self.WTE if is_tied else "lm_head.weight"
        n_rows = self.tensors.shape(head)[0]
        self.tensors.check_shapes({"norm.weight": [self.d_model], head: [n_rows, self.d_model]})
        return self.tensors[head].float()

    @cached_property
    def _final_gain(self) -> torch.Tensor:
        return self.tensors["norm.weight"].float()

    def _norm(self, x: torch.Tensor, gain: torch.Tensor) -> torch.Tensor:
        return F.rms_norm(x, (self.d_model,), gain, self.eps)

    def _at(self, positions: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Cosine and sine [..., n, 1, d_head / 2] at `positions` [..., n], from a table that grows with need."""
        need = int(positions.max()) + 1 if positions.numel() else 0
        if self._turned is None or len(self._turned[0]) < need:
            angles = torch.arange(max(need, 128)).float()[:, None] * self._turns
            self._turned = angles.cos().to(self.device, self.dtype), angles.sin().to(self.device, self.dtype)
        where = positions.to(self.device)
        cosine, sine = self._turned
        return cosine[where][..., None, :], sine[where][..., None, :]

    def _block(self, layer: int) -> _Block:
        if layer not in self._blocks:
            self._blocks[layer] = _Block(self.tensors, self.config, layer, self.device, self.dtype)
        return self._blocks[layer]


def _turned(x: torch.Tensor, cosine: torch.Tensor, sine: torch.Tensor) -> torch.Tensor:
    """`x` [..., n, head, d_head] with each pair of its dimensions, half a head apart, turned by an angle."""
    (first, second), out = x.chunk(2, dim=-1), torch.empty_like(x)
    half = x.shape[-1] // 2
    torch.mul(first, cosine, out=out[..., :half]).addcmul_(second, sine, value=-1)
    torch.mul(second, cosine, out=out[..., half:]).addcmul_(first, sine)
    return out


@dataclass(frozen=True)
class _Block:
    """One transformer block on a device and in a dtype; each part is loaded when it is first used."""

    tensors: Tensors
    config: dict[str, Any]
    layer: int
    device: torch.device
    dtype: torch.dtype

    @cached_property
    def norm_1(self) -> torch.Tensor:
        """Gain of the norm before attention."""
        return self._tensor("input_layernorm.weight").to(self.device, self.dtype)

    @cached_property
    def norm_2(self) -> torch.Tensor:
        """Gain of the norm before the MLP."""
        return self._tensor("post_attention_layernorm.weight").to(self.device, self.dtype)

    @cached_property
    def qkv(self) -> Map:
        """Queries, keys and values, one after the other."""
        return self._linear("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj")

    @cached_property
    def attn_out(self) -> Map:
        """What the heads have mixed, back to the residual stream."""
        return self._linear("self_attn.o_proj")

    @cached_property
    def mlp_in(self) -> Map:
        """The gates and then what they gate, [..., 2 * d_mlp], no activation function applied."""
        return self._linear("mlp.gate_proj", "mlp.up_proj")

    @cached_property
    def mlp_out(self) -> Map:
        """From the neurons back to the residual stream."""
        return self._linear("mlp.down_proj")

    def one_neuron(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Weights [d_model, 2] and biases [2] of one neuron's gate and of what it gates, float32 on the CPU."""
        parts = "mlp.gate_proj", "mlp.up_proj"
        weights = [self._tensor(f"{part}.weight")[index].float() for part in parts]
        biases = [self._bias(part) for part in parts]
        return torch.stack(weights, 1), torch.stack(
            [torch.zeros(()) if b is None else b[index].float() for b in biases]
        )

    def _tensor(self, part: str) -> torch.Tensor:
        return self.tensors[f"layers.{self.layer}.{part}"]

    def _bias(self, part: str) -> torch.Tensor | None:
        return self._tensor(f"{part}.bias") if _has_bias(self.config, part) else None

    def _linear(self, *parts: str) -> Map:
        weights = [self._tensor(f"{part}.weight") for part in parts]
        biases = [self._bias(part) for part in parts]
        bias = None
        if any(b is not None for b in biases):
            pairs = zip(weights, biases, strict=True)
            bias = torch.cat([torch.zeros(len(w), dtype=w.dtype) if b is None else b for w, b in pairs])
        return self.tensors.linear([w.t() for w in weights], bias, self.device, self.dtype)
