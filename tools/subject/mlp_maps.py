"""How a TransformerBridge's MLPs come to their neurons: found out from one forward pass, and checked on it.

What TransformerLens calls `hook_post` is not the neurons of every architecture: in a mixture of experts it is the
block's output. So the neurons are taken to be what the MLP's output map gets, and an architecture is refused unless
they are seen to be `act(x W_in + b)`, or `act(x W_gate + b) * (x W_up + b)` where the MLP is gated, in every layer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch

from tools.errors import BadInput

_N_TOKENS = 24
_TOLERANCE = 2e-5  # relative to the largest value: float32 through another kernel


@dataclass(frozen=True)
class MlpMaps:
    """One layer's MLP, weights in float32 and shared with the model where it holds float32.

    Attributes:
        act: the activation function.
        gate: weight [d_mlp, d_model] and bias of the map that `act` is applied to.
        up: the same of what that gates; None where the MLP has no gate.
        out: the output map, [d_mlp, width of the residual stream].
    """

    act: Callable[[torch.Tensor], torch.Tensor]
    gate: Linear
    up: Linear | None
    out: torch.Tensor

    @property
    def d_mlp(self) -> int:
        """Neurons."""
        return self.gate.weight.shape[0]

    @property
    def d_model(self) -> int:
        """Width of the MLP's input."""
        return self.gate.weight.shape[1]

    def one_neuron(self, rows: torch.Tensor, index: int) -> torch.Tensor:
        """One neuron's values [n] for inputs [n, d_model] of the MLP."""
        values = self.act(self.gate.one(rows, index))
        return values if self.up is None else values * self.up.one(rows, index)


@dataclass(frozen=True)
class Linear:
    """A linear map: weight [n_out, n_in] and bias [n_out], None for none."""

    weight: torch.Tensor
    bias: torch.Tensor | None

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """Of x [n, n_in], shape [n, n_out]."""
        return torch.nn.functional.linear(x, self.weight, self.bias)

    def one(self, rows: torch.Tensor, index: int) -> torch.Tensor:
        """One output [n] for rows [n, n_in]."""
        values = rows @ self.weight[index]
        return values if self.bias is None else values + self.bias[index]


@torch.inference_mode()
def read_maps(bridge: Any, name: str, bos: int, d_vocab: int) -> list[MlpMaps]:
    """The MLP of every layer.

    Args:
        bridge: the booted model.
        name: what to call it in errors.
        bos: the id to begin the text of the trial with.
        d_vocab: ids of the other tokens are drawn below this.

    Raises:
        BadInput: a layer has no MLP with one output map, or its neurons are not what its weights say.
    """
    points = []
    for layer, block in enumerate(bridge.blocks):
        mlp = getattr(block, "mlp", None)
        if mlp is None or not all(hasattr(mlp, part) for part in ("in", "out")):
            kind = type(getattr(mlp, "original_component", mlp)).__name__
            raise BadInput(
                f"layer {layer} of {name} has no MLP with one map into its neurons and one out of them (there is "
                f"a {kind}): mixtures of experts and other layers of that sort cannot be read yet."
            )
        points += [f"blocks.{layer}.mlp.{part}" for part in ("in", "gate", "out") if hasattr(mlp, part)]
    seen: dict[str, torch.Tensor] = {}

    def keep(value: torch.Tensor, hook: Any) -> torch.Tensor:
        seen[hook.name] = value.reshape(-1, value.shape[-1]).float().clone()
        return value

    n = min(_N_TOKENS, int(bridge.cfg.n_ctx))
    ids = torch.randint(d_vocab, (1, n), generator=torch.Generator().manual_seed(0))
    ids[0, 0] = bos
    hooks = [(f"{point}.{end}", keep) for point in points for end in ("hook_in", "hook_out")]
    other = ids.clone()
    other[0, -1] = (ids[0, -1] + 1) % d_vocab
    bridge.run_with_hooks(other, fwd_hooks=hooks)
    before = {layer: seen[f"blocks.{layer}.mlp.out.hook_in"][:-1] for layer in range(len(bridge.blocks))}
    bridge.run_with_hooks(ids, fwd_hooks=hooks)
    for layer, earlier in before.items():
        if not _is_same(seen[f"blocks.{layer}.mlp.out.hook_in"][:-1], earlier):
            raise BadInput(
                f"{name}, layer {layer}: what its neurons do on a token changes with the tokens after it. Only models "
                "that read from left to right can be explained here."
            )
    maps: list[MlpMaps] = []
    for layer, block in enumerate(bridge.blocks):
        where = f"{name}, layer {layer}"
        found = {
            part: _linear(getattr(block.mlp, part), seen, f"blocks.{layer}.mlp.{part}", where)
            for part in ("in", "gate", "out")
            if hasattr(block.mlp, part)
        }
        neurons, given = seen[f"blocks.{layer}.mlp.out.hook_in"], seen[f"blocks.{layer}.mlp.in.hook_in"]
        up = found["in"] if "gate" in found else None
        gate = found.get("gate", found["in"])
        summed = gate(given)
        gates = 1.0 if up is None else up(given)
        # the closest, not the first that is close: two ways to compute a GELU differ by 5e-4
        act = min(_activations(), key=lambda act: float((act(summed) * gates - neurons).abs().max()))
        if not _is_same(act(summed) * gates, neurons):
            raise BadInput(
                f"{where}: its neurons are not an activation function that is known here of the MLP's input map, so "
                "one of them cannot be read by itself."
            )
        made = MlpMaps(act, gate, up, found["out"].weight.t())
        if maps and (made.d_mlp, made.d_model) != (maps[0].d_mlp, maps[0].d_model):
            raise BadInput(f"{where} has {made.d_mlp} neurons and layer 0 has {maps[0].d_mlp}: that is not supported.")
        maps.append(made)
    return maps


def _linear(part: Any, seen: dict[str, torch.Tensor], point: str, where: str) -> Linear:
    """The weights of a linear part, which in some architectures lie transposed, checked against what it computed."""
    weight, bias = getattr(part, "weight", None), getattr(part, "bias", None)
    given, made = seen.get(f"{point}.hook_in"), seen.get(f"{point}.hook_out")
    if isinstance(weight, torch.Tensor) and weight.ndim == 2 and given is not None and made is not None:
        for way in (weight, weight.t()):
            if way.shape != (made.shape[1], given.shape[1]):
                continue
            found = Linear(way.detach().float(), bias.detach().float() if isinstance(bias, torch.Tensor) else None)
            if _is_same(found(given), made):
                return found
    raise BadInput(f"{where}: the map {point} does not compute what its weights say, so its neurons cannot be read.")


def _is_same(a: torch.Tensor, b: torch.Tensor) -> bool:
    return a.shape == b.shape and bool((a - b).abs().max() <= _TOLERANCE * b.abs().max().clamp(min=1e-3))


@cache
def _activations() -> tuple[Callable[[torch.Tensor], torch.Tensor], ...]:
    """The activation functions that transformers knows by name, of those without weights that work on single values."""
    from transformers.activations import ACT2FN

    return tuple(ACT2FN[name] for name in ACT2FN if name not in ("softmax", "prelu", "xielu"))
