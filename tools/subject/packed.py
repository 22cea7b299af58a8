"""Linear maps of the lean reader, with weights laid out once for oneDNN where this build of torch can.

The packed maps are private operators of torch, so each is probed before it is used: where one is missing or computes
something else, plain torch takes its place.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial

import torch
import torch.nn.functional as F

Map = Callable[[torch.Tensor], torch.Tensor]

_gelu_tanh: Map = partial(F.gelu, approximate="tanh")
ACTIVATIONS: dict[str, Map] = {
    "gelu_new": _gelu_tanh,
    "gelu_pytorch_tanh": _gelu_tanh,
    "gelu": F.gelu,
    "relu": F.relu,
    "silu": F.silu,
}
"""Activation functions by the names that Hugging Face gives them."""

FUSED: dict[str | None, tuple[str, str]] = {
    None: ("none", ""), "gelu_new": ("gelu", "tanh"), "gelu_pytorch_tanh": ("gelu", "tanh"), "gelu": ("gelu", "none"),
    "relu": ("relu", ""),
}  # fmt: skip
"""Those that the packed map can apply itself, by what it calls them."""


_FEW_ROWS = 16
"""Rows up to which the time goes into looking at the weights once, packed or not."""


def linear(weight: torch.Tensor, bias: torch.Tensor, activation: str | None = None, *, packs_late: bool = False) -> Map:
    """`x -> activation(x @ weight + bias)` for x [..., n_in] and weight [n_in, n_out], on their device, in their dtype.

    Args:
        weight: the matrix.
        bias: [n_out].
        activation: a name in `FUSED`, or None for none.
        packs_late: for weights that are kept in memory anyway: to pack them waits for more than a few rows, and few
            rows are never read by packed weights, so that no value depends on whether they are packed already.
    """
    plain = _plain(weight, bias, activation)
    if weight.device.type != "cpu" or not can_pack(weight.dtype):
        return plain
    if not packs_late:
        return _packed(weight, bias, activation)
    packed = cache(lambda: _packed(weight, bias, activation))
    most = _FEW_ROWS * weight.shape[0]
    return lambda x: plain(x) if x.numel() <= most else packed()(x)


def _plain(weight: torch.Tensor, bias: torch.Tensor, activation: str | None) -> Map:
    act = ACTIVATIONS[activation] if activation else None

    def mapped(x: torch.Tensor) -> torch.Tensor:
        y = torch.addmm(bias, x.reshape(-1, weight.shape[0]), weight).view(*x.shape[:-1], -1)
        return act(y) if act else y

    return mapped


def _packed(weight: torch.Tensor, bias: torch.Tensor, activation: str | None) -> Map:
    """The same with weights laid out once: about twice as fast on some CPUs, and the activation is almost free."""
    packed = torch.ops.mkldnn._reorder_linear_weight(weight.t().contiguous(), None)
    attribute, algorithm = FUSED[activation]
    return lambda x: torch.ops.mkldnn._linear_pointwise(x, packed, bias, attribute, [], algorithm)


@cache
def can_pack(dtype: torch.dtype) -> bool:
    """Whether this build of torch has the private packed linear map for `dtype`, and it computes what it should."""
    x, weight, bias = torch.ones(2, 3, 16), torch.arange(-64, 64.0).reshape(16, 8) / 64, torch.ones(8)
    try:
        found = {name: _packed(weight.to(dtype), bias.to(dtype), name)(x.to(dtype)).float() for name in FUSED}
    except (AttributeError, RuntimeError, TypeError):
        return False
    exact, error = x @ weight + bias, 4 * torch.finfo(dtype).eps
    return all(
        torch.allclose(y, ACTIVATIONS[name](exact) if name else exact, rtol=error, atol=error)
        for name, y in found.items()
    )
