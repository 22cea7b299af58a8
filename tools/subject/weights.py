"""The weights of a GPT-2 folder: memory-mapped tensors by name, and one block of them ready to run."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from safetensors import SafetensorError, safe_open

from tools.errors import BadInput
from tools.subject.folder import ModelFolder, weight_files
from tools.subject.packed import Map, linear

Pair = tuple[torch.Tensor, torch.Tensor]


class Tensors:
    """The tensors of a model folder by their GPT-2 name without `transformer.`, memory-mapped, in the file's dtype.

    Raises:
        BadInput: there is no tensor of that name.
    """

    def __init__(self, folder: ModelFolder) -> None:
        self._where: dict[str, tuple[Any, str]] = {}
        for file in weight_files(folder.path):
            try:
                handle: Any = safe_open(str(file), framework="pt")
            except (SafetensorError, OSError) as error:
                raise BadInput(f"{file} cannot be read ({error}): fetch or save the model again.") from error
            for key in list(handle.keys()):
                self._where[key.removeprefix("transformer.")] = (handle, key)
        self._path = folder.path

    def __getitem__(self, name: str) -> torch.Tensor:
        handle, key = self._find(name)
        tensor: torch.Tensor = handle.get_tensor(key)
        return tensor

    def shape(self, name: str) -> list[int]:
        """Its shape, without reading it."""
        handle, key = self._find(name)
        return list(handle.get_slice(key).get_shape())

    def dtype(self, name: str) -> torch.dtype:
        """Its dtype in the file."""
        return self[name].dtype

    def _find(self, name: str) -> tuple[Any, str]:
        if name not in self._where:
            raise BadInput(f"the weights in {self._path} have no tensor {name}: they are not a whole GPT-2 model.")
        return self._where[name]


@dataclass(frozen=True)
class Block:
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
        name = f"h.{self.layer}.mlp.c_fc"
        return self.tensors[f"{name}.weight"].float(), self.tensors[f"{name}.bias"].float()

    def _linear(self, part: str, activation: str | None = None) -> Map:
        weight, bias = self._pair(part)
        is_mapped = self.device.type == "cpu" and weight.dtype == self.tensors.dtype(f"h.{self.layer}.{part}.weight")
        return linear(weight, bias, activation, packs_late=is_mapped)

    def _pair(self, part: str) -> Pair:
        weight, bias = (self.tensors[f"h.{self.layer}.{part}.{kind}"] for kind in ("weight", "bias"))
        return weight.to(self.device, self.dtype), bias.to(self.device, self.dtype)
