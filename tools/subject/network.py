"""A transformer's weights, and what its layers compute: torch on memory-mapped safetensors.

`tools.subject.gpt2` and `tools.subject.llama` say what a block computes. `tools.subject.prefixes` and
`tools.subject.interventions` work on this class, and `tools.subject.lean` makes a subject model of it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import cached_property
from typing import Any

import torch
import torch.nn.functional as F

from tools.errors import BadInput
from tools.subject.folder import ModelFolder, bos_id, fingerprint, read_json
from tools.subject.tokenizer import FolderTokenizer, load_tokenizer
from tools.subject.weights import Tensors

Past = tuple[torch.Tensor, torch.Tensor]


class Network(ABC):
    """A transformer; weights are loaded when first needed.

    A subclass reads the configuration, and says what a block computes.

    Args:
        folder: where the model lies.
        device: `cpu`, or `cuda` where there is one.
        dtype: of weights and activations, `float32` or `bfloat16`. bfloat16 is for screening only: it errs by about
            one percent, and no value that is reported may come from it.

    Raises:
        BadInput: on construction, where the folder's parts are missing, damaged, or do not fit together, or where
            there is no such device or dtype.
    """

    PREFIX: str
    """What the names of tensors begin with in some files."""
    WTE: str
    """The tensor of token embeddings."""
    n_layers: int
    d_model: int
    d_mlp: int
    n_positions: int
    eps: float
    is_gated: bool

    def __init__(self, folder: ModelFolder, device: str = "cpu", dtype: str = "float32") -> None:
        self.device, self.dtype = _device(device), _dtype(dtype)
        self.folder = folder
        self.config = read_json(folder.path / "config.json")
        self.tensors = Tensors(folder, self.PREFIX)
        try:
            self._configure(self.config)
        except (KeyError, TypeError, ValueError, ZeroDivisionError) as error:
            raise BadInput(
                f"{folder.path / 'config.json'} does not describe a whole model of its type "
                f"({type(error).__name__}: {error}): fetch or save the model again."
            ) from error
        self.tensors.check_shapes(self._shapes())
        n_rows, *width = self.tensors.shape(self.WTE)
        if width != [self.d_model]:
            raise BadInput(f"{folder.path}: the token embeddings have width {width}, config.json says {self.d_model}.")
        self.tokenizer: FolderTokenizer = load_tokenizer(folder.path, n_rows, folder.trust_remote_code)
        self.bos = bos_id(folder, self.config, n_rows)

    @property
    def name(self) -> str:
        """The name by which a result calls this model."""
        return self.folder.name

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 (hex) over configuration and weights; see `tools.subject.folder.fingerprint`."""
        return fingerprint(self.folder.path)

    @property
    def n_ctx(self) -> int:
        """Most tokens of one text that can be read, BOS left out."""
        return self.n_positions - 1

    def attend(
        self,
        x: torch.Tensor,
        layer: int,
        positions: torch.Tensor | None = None,
        past: Past | None = None,
        seen: torch.Tensor | None = None,
    ) -> Past:
        """Add attention's output to the residual stream `x` [batch, pos, d_model] in place.

        Args:
            x: all positions from BOS on; where `past` is given, one position.
            layer: whose attention.
            positions: where in their text the positions stand, int64 [pos] or [batch, pos]; from 0 on unless given.
            past: keys and values that the one position sees beside its own.
            seen: which of the past it sees, bool [batch, n_past]; all unless given.

        Returns:
            Keys and values [batch, head, pos, d_head], the past before them where it is given.
        """
        where = torch.arange(x.shape[1]) if positions is None else positions
        q, k, v = (part.transpose(1, 2) for part in self.queries_keys_values(x, layer, where))
        if past is not None:
            k, v = torch.cat([past[0], k], 2), torch.cat([past[1], v], 2)
        mask = None if seen is None else F.pad(seen, (0, x.shape[1]), value=True)[:, None, None]
        self.add_attention(x, self.mix(q, k, v, layer, mask, is_causal=past is None).transpose(1, 2), layer)
        return k, v

    def mix(
        self,
        q: torch.Tensor,
        k: torch.Tensor,
        v: torch.Tensor,
        layer: int,
        mask: torch.Tensor | None = None,
        is_causal: bool = False,
    ) -> torch.Tensor:
        """What the heads make of queries, keys and values, each [batch, head, pos, d_head].

        Several heads of queries may share one of keys and values.
        """
        shared = q.shape[1] // k.shape[1]
        if shared > 1:
            k, v = k.repeat_interleave(shared, 1), v.repeat_interleave(shared, 1)
        return F.scaled_dot_product_attention(q, k, v, mask, is_causal=is_causal, scale=self.attention_scale(layer))

    def embed(self, ids: torch.Tensor, first: int = 0) -> torch.Tensor:
        """The residual stream before layer 0 for ids [batch, pos] that stand at positions `first` and on."""
        return self.embed_at(ids, torch.arange(first, first + ids.shape[1]))

    def embed_at(self, ids: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
        """The residual stream before layer 0 for ids [..., n] that stand at `positions` [..., n]."""
        return F.embedding(ids.to(self.device), self._wte).to(self.dtype)

    @abstractmethod
    def _configure(self, config: dict[str, Any]) -> None:
        """Take what is needed from config.json; KeyError, TypeError and ValueError mean that it is damaged."""

    @abstractmethod
    def _shapes(self) -> dict[str, list[int]]:
        """The shape that each tensor up to the last MLP must have."""

    @abstractmethod
    def attention_scale(self, layer: int) -> float:
        """What products of queries and keys are multiplied by."""

    @abstractmethod
    def queries_keys_values(
        self, x: torch.Tensor, layer: int, positions: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Of the residual stream `x` [..., n, d_model] at `positions` [..., n], each [..., n, head, d_head]."""

    @abstractmethod
    def add_attention(self, x: torch.Tensor, mixed: torch.Tensor, layer: int) -> None:
        """Add the output of heads, `mixed` [..., head, d_head], to the residual stream `x` [..., d_model] in place."""

    @abstractmethod
    def feed_forward(self, x: torch.Tensor, layer: int) -> torch.Tensor:
        """Add the MLP's output to the residual stream `x` [..., d_model] in place; returns its neurons [..., d_mlp]."""

    @abstractmethod
    def mlp_norm(self, x: torch.Tensor, layer: int) -> torch.Tensor:
        """What the MLP of `layer` gets of the residual stream `x` [..., d_model]."""

    @abstractmethod
    def one_neuron(self, rows: torch.Tensor, layer: int, index: int) -> torch.Tensor:
        """One neuron's values [n] for inputs [n, d_model] of its MLP, in float32 on the CPU."""

    @abstractmethod
    def output_directions(self, layer: int) -> torch.Tensor:
        """What each neuron of a layer adds to the residual stream per unit, float32 [d_mlp, d_model]."""

    @abstractmethod
    def final_norm(self, x: torch.Tensor) -> torch.Tensor:
        """The norm between the last layer and the output matrix, of `x` [..., d_model], in float32."""

    @abstractmethod
    def final_gain(self) -> torch.Tensor:
        """What that norm multiplies each dimension by, float32 [d_model]."""

    @abstractmethod
    def unembedding(self) -> torch.Tensor:
        """The output matrix, float32 [at least d_vocab, d_model].

        Raises:
            BadInput: it, or the final norm, is missing or does not fit.
        """

    @cached_property
    def _wte(self) -> torch.Tensor:
        return self.tensors[self.WTE].to(self.device)


def _device(name: str) -> torch.device:
    if name not in ("cpu", "cuda"):
        raise BadInput(f"the device {name!r} is not known: use cpu or cuda.")
    if name == "cuda" and not torch.cuda.is_available():
        raise BadInput(
            "there is no CUDA device that torch can use here: use the device cpu, or a torch built for CUDA."
        )
    return torch.device(name)


def _dtype(name: str) -> torch.dtype:
    if name not in ("float32", "bfloat16"):
        raise BadInput(f"the dtype {name!r} is not known: use float32, or bfloat16 for screening.")
    found: torch.dtype = getattr(torch, name)
    return found
