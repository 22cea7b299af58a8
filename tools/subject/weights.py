"""The weights of a model folder: memory-mapped tensors by name."""

from __future__ import annotations

from typing import Any

import torch
from safetensors import SafetensorError, safe_open

from tools.errors import BadInput
from tools.subject.folder import ModelFolder, weight_files
from tools.subject.packed import Map, linear

Pair = tuple[torch.Tensor, torch.Tensor]


class Tensors:
    """The tensors of a model folder by name, memory-mapped, in the file's dtype.

    Args:
        folder: where the model lies.
        prefix: of the base model (`transformer.`, `model.`), which files may have or lack; names here lack it.

    Raises:
        BadInput: there is no tensor of that name.
    """

    def __init__(self, folder: ModelFolder, prefix: str) -> None:
        self._where: dict[str, tuple[Any, str]] = {}
        for file in weight_files(folder.path):
            try:
                handle: Any = safe_open(str(file), framework="pt")
            except (SafetensorError, OSError) as error:
                raise BadInput(f"{file} cannot be read ({error}): fetch or save the model again.") from error
            for key in list(handle.keys()):
                self._where[key.removeprefix(prefix)] = (handle, key)
        self._path = folder.path

    def __contains__(self, name: str) -> bool:
        return name in self._where

    def __getitem__(self, name: str) -> torch.Tensor:
        handle, key = self._find(name)
        tensor: torch.Tensor = handle.get_tensor(key)
        return tensor

    def shape(self, name: str) -> list[int]:
        """Its shape, without reading it."""
        handle, key = self._find(name)
        return list(handle.get_slice(key).get_shape())

    def check_shapes(self, expected: dict[str, list[int]]) -> None:
        """Refuse weights that do not fit the configuration.

        Raises:
            BadInput: a tensor is missing or has another shape.
        """
        for name, shape in expected.items():
            found = self.shape(name)
            if found != shape:
                raise BadInput(f"{self._path}: the tensor {name} has shape {found}, config.json says {shape}.")

    def linear(
        self,
        weights: list[torch.Tensor],
        bias: torch.Tensor | None,
        device: torch.device,
        dtype: torch.dtype,
        activation: str | None = None,
    ) -> Map:
        """A linear map ready to run, of matrices [n_in, n_out] side by side; see `tools.subject.packed.linear`."""
        whole = weights[0] if len(weights) == 1 else torch.cat(weights, dim=1)
        is_mapped = device.type == "cpu" and len(weights) == 1 and whole.dtype == dtype
        whole = whole.to(device, dtype)
        ready = torch.zeros(whole.shape[1], device=device, dtype=dtype) if bias is None else bias.to(device, dtype)
        return linear(whole, ready, activation, packs_late=is_mapped)

    def _find(self, name: str) -> tuple[Any, str]:
        if name not in self._where:
            raise BadInput(f"the weights in {self._path} have no tensor {name}: they are not a whole model.")
        return self._where[name]
