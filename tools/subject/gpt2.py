"""The lean reader of GPT-2's architecture."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
import torch.nn.functional as F

from tools.errors import BadInput
from tools.subject.lean import LeanModel
from tools.subject.packed import ACTIVATIONS, FUSED, Map
from tools.subject.weights import Pair, Tensors


def can_read(config: dict[str, Any]) -> bool:
    """Whether this reader knows the architecture that a config.json describes."""
    return (
        config.get("model_type") == "gpt2"
        and config.get("activation_function", "gelu_new") in FUSED
        and not config.get("add_cross_attention", False)
    )


class LeanGPT2(LeanModel):
    """GPT-2: layer norms, learnt positions, one map for queries, keys and values, an MLP without a gate."""

    PREFIX = "transformer."
    WTE = "wte.weight"
    is_gated = False

    def _configure(self, config: dict[str, Any]) -> None:
        self.d_model, self.n_layers, self._n_heads = (int(config[k]) for k in ("n_embd", "n_layer", "n_head"))
        self.n_positions = int(config["n_positions"])
        self.eps = float(config.get("layer_norm_epsilon", 1e-5))
        self.d_mlp = int(config.get("n_inner") or 4 * self.d_model)
        self._activation: str = config.get("activation_function", "gelu_new")
        if self._n_heads < 1 or self.d_model % self._n_heads:
            raise BadInput(
                f"{self.folder.path / 'config.json'} says that a model of width {self.d_model} has {self._n_heads} "
                "attention heads, which does not fit."
            )
        self._d_head = self.d_model // self._n_heads
        self._base_scale = self._d_head**-0.5 if config.get("scale_attn_weights", True) else 1.0
        self._scales_by_layer = bool(config.get("scale_attn_by_inverse_layer_idx", False))
        self._blocks: dict[int, _Block] = {}

    def _shapes(self) -> dict[str, list[int]]:
        d, m = self.d_model, self.d_mlp
        expected = {"wpe.weight": [self.n_positions, d]}
        for i in range(self.n_layers):
            for part, shape in {
                "ln_1": [d], "ln_2": [d], "attn.c_attn": [d, 3 * d], "attn.c_proj": [d, d],
                "mlp.c_fc": [d, m], "mlp.c_proj": [m, d],
            }.items():  # fmt: skip
                expected[f"h.{i}.{part}.weight"] = shape
                expected[f"h.{i}.{part}.bias"] = shape[-1:]
        return expected

    def attention_scale(self, layer: int) -> float:
        """What products of queries and keys are multiplied by."""
        return self._base_scale / (layer + 1) if self._scales_by_layer else self._base_scale

    def embed_at(self, ids: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
        """The residual stream before layer 0 for ids [..., n] that stand at `positions` [..., n]."""
        tokens = F.embedding(ids.to(self.device), self._wte).float()
        return (tokens + F.embedding(positions.to(self.device), self._wpe)).to(self.dtype)

    def queries_keys_values(
        self, x: torch.Tensor, layer: int, positions: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Of the residual stream `x` [..., n, d_model], each [..., n, head, d_head]."""
        block = self._block(layer)
        qkv = block.qkv(F.layer_norm(x, (self.d_model,), *block.ln_1, self.eps))
        q, k, v = qkv.view(*x.shape[:-1], 3, self._n_heads, self._d_head).unbind(-3)
        return q, k, v

    def add_attention(self, x: torch.Tensor, mixed: torch.Tensor, layer: int) -> None:
        """Add the output of heads, `mixed` [..., head, d_head], to the residual stream `x` [..., d_model] in place."""
        x += self._block(layer).attn_out(mixed.reshape(x.shape))

    def feed_forward(self, x: torch.Tensor, layer: int) -> torch.Tensor:
        """Add the MLP's output to the residual stream `x` [..., d_model] in place; returns its neurons [..., d_mlp]."""
        block = self._block(layer)
        neurons = block.mlp_in(self.mlp_norm(x, layer))
        x += block.mlp_out(neurons)
        return neurons

    def mlp_norm(self, x: torch.Tensor, layer: int) -> torch.Tensor:
        """ln_2 of the residual stream `x` [..., d_model]: what the MLP of `layer` gets."""
        return F.layer_norm(x, (self.d_model,), *self._block(layer).ln_2, self.eps)

    def one_neuron(self, rows: torch.Tensor, layer: int, index: int) -> torch.Tensor:
        """One neuron's values [n] for inputs [n, d_model] of its MLP, in float32 on the CPU."""
        weight, bias = self._block(layer).c_fc
        return ACTIVATIONS[self._activation](torch.addmv(bias[index], rows, weight[:, index].contiguous()))

    def output_directions(self, layer: int) -> torch.Tensor:
        """What each neuron of a layer adds to the residual stream per unit, float32 [d_mlp, d_model]."""
        return self.tensors[f"h.{layer}.mlp.c_proj.weight"].float()

    def final_norm(self, x: torch.Tensor) -> torch.Tensor:
        """The norm between the last layer and the output matrix, of `x` [..., d_model], in float32."""
        return F.layer_norm(x, (self.d_model,), self.final_gain(), self._ln_f_bias, self.eps)

    def final_gain(self) -> torch.Tensor:
        """What that norm multiplies each dimension by, float32 [d_model]."""
        return self._ln_f_gain

    def unembedding(self) -> torch.Tensor:
        """The output matrix, float32 [at least d_vocab, d_model]."""
        # A file that holds an output matrix means it, tied or not.
        is_tied = self.config.get("tie_word_embeddings", True) and "lm_head.weight" not in self.tensors
        head = self.WTE if is_tied else "lm_head.weight"
        n_rows = self.tensors.shape(head)[0]
        self.tensors.check_shapes(
            {"ln_f.weight": [self.d_model], "ln_f.bias": [self.d_model], head: [n_rows, self.d_model]}
        )
        return self.tensors[head].float()

    @cached_property
    def _ln_f_gain(self) -> torch.Tensor:
        return self.tensors["ln_f.weight"].float()

    @cached_property
    def _ln_f_bias(self) -> torch.Tensor:
        return self.tensors["ln_f.bias"].float()

    @cached_property
    def _wpe(self) -> torch.Tensor:
        return self.tensors["wpe.weight"].to(self.device).float()

    def _block(self, layer: int) -> _Block:
        if layer not in self._blocks:
            self._blocks[layer] = _Block(self.tensors, layer, self._activation, self.device, self.dtype)
        return self._blocks[layer]


@dataclass(frozen=True)
class _Block:
    """One transformer block on a device and in a dtype.

    Each part is loaded, and packed where that is possible, when it is first used: the block at the layer asked for
    never runs its MLP, and packing takes time and memory.
    """

    tensors: Tensors
    layer: int
    activation: str
    device: torch.device
    dtype: torch.dtype

    @cached_property
    def ln_1(self) -> Pair:
        """Gain and bias of the norm before attention."""
        return self._pair("ln_1")

    @cached_property
    def ln_2(self) -> Pair:
        """Gain and bias of the norm before the MLP."""
        return self._pair("ln_2")

    @cached_property
    def qkv(self) -> Map:
        """Queries, keys and values, one after the other."""
        return self._linear("attn.c_attn")

    @cached_property
    def attn_out(self) -> Map:
        """What the heads have mixed, back to the residual stream."""
        return self._linear("attn.c_proj")

    @cached_property
    def mlp_in(self) -> Map:
        """To the neurons, their activation function included."""
        return self._linear("mlp.c_fc", self.activation)

    @cached_property
    def mlp_out(self) -> Map:
        """From the neurons back to the residual stream."""
        return self._linear("mlp.c_proj")

    @cached_property
    def c_fc(self) -> Pair:
        """Weight [d_model, d_mlp] and bias [d_mlp] of the map in `mlp_in`, always float32 and on the CPU."""
        weight, bias = self._tensor("mlp.c_fc.weight"), self._tensor("mlp.c_fc.bias")
        return weight.float(), bias.float()

    def _tensor(self, part: str) -> torch.Tensor:
        return self.tensors[f"h.{self.layer}.{part}"]

    def _linear(self, part: str, activation: str | None = None) -> Map:
        weight, bias = self._tensor(f"{part}.weight"), self._tensor(f"{part}.bias")
        return self.tensors.linear([weight], bias, self.device, self.dtype, activation)

    def _pair(self, part: str) -> Pair:
        weight, bias = self._tensor(f"{part}.weight"), self._tensor(f"{part}.bias")
        return weight.to(self.device, self.dtype), bias.to(self.device, self.dtype)
