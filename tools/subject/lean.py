"""Lean readers: torch on memory-mapped safetensors, and nothing past the layer asked for.

`LeanModel` is what all architectures share; `tools.subject.gpt2` and `tools.subject.llama` say what a block computes.
What goes on to the model's output is in `tools.subject.interventions`. Values agree with Hugging Face's own forward
pass within 1e-5 (tests pin it). They are float32 whatever the file holds. The same text read in a batch of another
shape may differ in the last bits.
"""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from tools.errors import BadInput
from tools.subject.batches import check, check_finite, map_chunks
from tools.subject.folder import ModelFolder, bos_id, fingerprint, read_json
from tools.subject.memo import Memo
from tools.subject.prefixes import in_order, read_alike
from tools.subject.protocol import FloatArray, Interventions, TokenArray
from tools.subject.threads import threads_for
from tools.subject.tokenizer import FolderTokenizer, load_tokenizer
from tools.subject.weights import Tensors

if TYPE_CHECKING:
    from tools.subject.interventions import LeanInterventions

_MOST_IDS = {"cpu": 1024, "cuda": 65536}
"""Of one pass: on a CPU what goes between two layers should stay in a core's cache; a GPU wants much at once."""

Past = tuple[torch.Tensor, torch.Tensor]


def rows_of(mlp_input: FloatArray) -> torch.Tensor:
    """`mlp_input` [..., d_model] as a tensor [n, d_model], uncopied where possible; not to be written to."""
    rows = np.ascontiguousarray(mlp_input, dtype=np.float32).reshape(-1, mlp_input.shape[-1])
    with warnings.catch_warnings():  # a memory-mapped array is read-only, which torch warns of
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.from_numpy(rows)


def zero_padding(values: torch.Tensor, rows: torch.Tensor) -> None:
    """Set the values [n] of all-zero rows [n, d_model] to 0 in place: they are padding, since no norm gives one."""
    blank = torch.nonzero(rows[:, 0] == 0)[:, 0]
    values[blank[~rows[blank].any(dim=1)]] = 0


class LeanModel(ABC):
    """Implements `tools.subject.protocol.SubjectModel`; weights are loaded when first needed.

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
        self._memo = Memo()

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

    def mlp_input(self, tokens: TokenArray, lengths: NDArray[np.int64], layer: int) -> FloatArray:
        """What the MLP of `layer` gets as input, float32 [batch, pos, d_model], 0 at padded positions.

        Where texts begin alike, their beginning is read once; a batch that was just read is not read again. What is
        returned depends on the batch alone, and is not to be written to.

        Raises:
            BadInput: no such layer, a text longer than `n_ctx`, or a token id outside the vocabulary.
        """
        self._check_layer(layer)
        return self._memo.inputs(tokens, lengths, layer, self._read)

    def neuron_values(self, mlp_input: FloatArray, layer: int, index: int) -> FloatArray:
        """What one neuron hands to the MLP's output map, raw, for inputs [..., d_model] of its MLP. Shape [...].

        Post-activation; of a gated MLP the product with the gate. Not to be written to. An all-zero input is padding
        (a norm never gives one) and its value is 0. Always in float32.

        Raises:
            BadInput: no such layer or neuron.
        """
        self._check_layer(layer)
        if not 0 <= index < self.d_mlp:
            raise BadInput(f"{self.name} has neurons 0-{self.d_mlp - 1} a layer, not {index}.")
        return self._memo.values(mlp_input, layer, index, self._values)

    def embeddings(self) -> FloatArray:
        """The token embedding matrix W_E, float32 [d_vocab, d_model]."""
        out: FloatArray = self.tensors[self.WTE][: self.tokenizer.d_vocab].float().numpy()
        return out

    def null_neurons(self) -> range:
        """Every neuron of a layer may serve a matched null."""
        return range(self.d_mlp)

    @cached_property
    def _interventions(self) -> LeanInterventions:
        from tools.subject.interventions import LeanInterventions

        exact = self.device.type == "cpu" and self.dtype == torch.float32
        return LeanInterventions(self if exact else type(self)(self.folder))

    def interventions(self) -> Interventions:
        """On the same weights, on the CPU and in float32.

        Raises:
            BadInput: the folder lacks the final norm or the output matrix, or their shapes do not fit.
        """
        return self._interventions

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

    def _read(self, tokens: TokenArray, lengths: NDArray[np.int64], layer: int) -> FloatArray:
        check(tokens, lengths, d_vocab=self.tokenizer.d_vocab, n_ctx=self.n_ctx)
        n_ids = int(lengths.sum()) + len(lengths)
        with threads_for(n_ids * (layer + 1) * self.d_model * (4 * self.d_model + 2 * self.d_mlp)):
            texts = in_order(tokens, lengths)
            if texts.are_alike:
                out = read_alike(self, texts, tokens.shape, layer)
                check_finite(out, self.name)
                return out
            return map_chunks(
                lambda ids: self._forward(ids, layer), tokens, lengths, (self.d_model,),
                bos=self.bos, d_vocab=self.tokenizer.d_vocab, n_ctx=self.n_ctx,
                most=_MOST_IDS[self.device.type],
            )  # fmt: skip

    @torch.inference_mode()
    def _forward(self, ids: NDArray[np.int64], layer: int) -> FloatArray:
        x = self.embed(torch.from_numpy(ids))
        for i in range(layer):
            self.attend(x, i)
            self.feed_forward(x, i)
        self.attend(x, layer)
        out: FloatArray = self.mlp_norm(x, layer).float().cpu().numpy()
        return out

    @torch.inference_mode()
    def _values(self, mlp_input: FloatArray, layer: int, index: int) -> FloatArray:
        rows = rows_of(mlp_input)
        values = self.one_neuron(rows, layer, index)
        zero_padding(values, rows)
        out: FloatArray = values.numpy().reshape(mlp_input.shape[:-1])
        check_finite(out, self.name)
        return out

    @cached_property
    def _wte(self) -> torch.Tensor:
        return self.tensors[self.WTE].to(self.device)

    def _check_layer(self, layer: int) -> None:
        if not 0 <= layer < self.n_layers:
            raise BadInput(f"{self.name} has layers 0-{self.n_layers - 1}, not {layer}.")


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
