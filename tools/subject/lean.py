"""A lean reader for GPT-2's architecture: torch on memory-mapped safetensors, and nothing past the layer asked for.

What goes on to the model's output is in `tools.subject.interventions`. Values agree with Hugging Face's own forward
pass within 1e-5 (tests pin it). They are float32 whatever the file holds. The same text read in a batch of another
shape may differ in the last bits.
"""

from __future__ import annotations

import warnings
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from tools.errors import BadInput
from tools.subject.batches import check, check_finite, map_chunks
from tools.subject.folder import ModelFolder, fingerprint, read_json
from tools.subject.memo import Memo
from tools.subject.packed import ACTIVATIONS
from tools.subject.prefixes import in_order, read_alike
from tools.subject.protocol import FloatArray, Interventions, TokenArray
from tools.subject.threads import threads_for
from tools.subject.tokenizer import FolderTokenizer, load_tokenizer
from tools.subject.weights import Block, Tensors

if TYPE_CHECKING:
    from tools.subject.interventions import LeanInterventions

_MOST_IDS = {"cpu": 1024, "cuda": 65536}
"""Of one pass: on a CPU what goes between two layers should stay in a core's cache; a GPU wants much at once."""

Past = tuple[torch.Tensor, torch.Tensor]


def can_read(config: dict[str, Any]) -> bool:
    """Whether the lean reader knows the architecture that a config.json describes."""
    return (
        config.get("model_type") == "gpt2"
        and config.get("activation_function", "gelu_new") in ACTIVATIONS
        and not config.get("add_cross_attention", False)
    )


def rows_of(mlp_input: FloatArray) -> torch.Tensor:
    """`mlp_input` [..., d_model] as a tensor [n, d_model], uncopied where possible; not to be written to."""
    rows = np.ascontiguousarray(mlp_input, dtype=np.float32).reshape(-1, mlp_input.shape[-1])
    with warnings.catch_warnings():  # a memory-mapped array is read-only, which torch warns of
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.from_numpy(rows)


class LeanGPT2:
    """Implements `tools.subject.protocol.SubjectModel`; blocks are loaded when first needed.

    Args:
        folder: where the model lies.
        device: `cpu`, or `cuda` where there is one.
        dtype: of weights and activations, `float32` or `bfloat16`. bfloat16 is for screening only: it errs by about
            one percent, and no value that is reported may come from it.

    Raises:
        BadInput: on construction, where the folder's parts are missing, damaged, or do not fit together, or where
            there is no such device or dtype.
    """

    def __init__(self, folder: ModelFolder, device: str = "cpu", dtype: str = "float32") -> None:
        self._device, self._dtype = _device(device), _dtype(dtype)
        config = read_json(folder.path / "config.json")
        self.folder = folder
        try:
            self._d_model, self._n_layers, self._n_heads = (int(config[k]) for k in ("n_embd", "n_layer", "n_head"))
            self._n_positions = int(config["n_positions"])
            self._eps = float(config.get("layer_norm_epsilon", 1e-5))
        except (KeyError, TypeError, ValueError) as error:
            raise BadInput(f"{folder.path / 'config.json'} does not describe a GPT-2 model: {error}.") from error
        if self._n_heads < 1:
            raise BadInput(f"{folder.path / 'config.json'} says that the model has {self._n_heads} attention heads.")
        self._d_mlp = int(config.get("n_inner") or 4 * self._d_model)
        self._activation: str = config.get("activation_function", "gelu_new")
        self._scales = _attention_scales(config, self._n_layers, self._d_model // self._n_heads)
        self._tensors = Tensors(folder)
        n_rows = (self._tensors.shape("wte.weight") or [0])[0]
        self._tokenizer = load_tokenizer(folder.path, n_rows, folder.trust_remote_code)
        self._bos = _bos_id(folder, config)
        self._check_shapes()
        self._blocks: dict[int, Block] = {}
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
    def n_layers(self) -> int:
        """Number of layers."""
        return self._n_layers

    @property
    def d_mlp(self) -> int:
        """Neurons per layer."""
        return self._d_mlp

    @property
    def d_model(self) -> int:
        """Width of the residual stream."""
        return self._d_model

    @property
    def n_ctx(self) -> int:
        """Most tokens of one text that can be read, BOS left out."""
        return self._n_positions - 1

    @property
    def tokenizer(self) -> FolderTokenizer:
        """The model's own tokenizer."""
        return self._tokenizer

    def mlp_input(self, tokens: TokenArray, lengths: NDArray[np.int64], layer: int) -> FloatArray:
        """What the MLP of `layer` gets as input (ln_2's output), float32 [batch, pos, d_model], 0 at padded positions.

        Where texts begin alike, their beginning is read once; a batch that was just read is not read again. What is
        returned depends on the batch alone, and is not to be written to.

        Raises:
            BadInput: no such layer, a text longer than `n_ctx`, or a token id outside the vocabulary.
        """
        self._check_layer(layer)
        return self._memo.inputs(tokens, lengths, layer, self._read)

    def neuron_values(self, mlp_input: FloatArray, layer: int, index: int) -> FloatArray:
        """Post-GELU values of one neuron, raw, for inputs [..., d_model] of its MLP. Shape [...]; not to be written to.

        An all-zero input is padding (a layer norm never gives one) and its value is 0. Always in float32.

        Raises:
            BadInput: no such layer or neuron.
        """
        self._check_layer(layer)
        if not 0 <= index < self._d_mlp:
            raise BadInput(f"{self.name} has neurons 0-{self._d_mlp - 1} a layer, not {index}.")
        return self._memo.values(mlp_input, layer, index, self._values)

    def embeddings(self) -> FloatArray:
        """The token embedding matrix W_E, float32 [d_vocab, d_model]."""
        out: FloatArray = self._tensors["wte.weight"][: self._tokenizer.d_vocab].float().numpy()
        return out

    def null_neurons(self) -> range:
        """Every neuron of a layer may serve a matched null."""
        return range(self.d_mlp)

    @cached_property
    def _interventions(self) -> LeanInterventions:
        from tools.subject.interventions import LeanInterventions

        exact = self._device.type == "cpu" and self._dtype == torch.float32
        return LeanInterventions(self if exact else LeanGPT2(self.folder))

    def interventions(self) -> Interventions:
        """On the same weights, on the CPU and in float32.

        Raises:
            BadInput: the folder lacks the final norm or the output matrix, or their shapes do not fit.
        """
        return self._interventions

    @property
    def bos(self) -> int:
        """The id of BOS."""
        return self._bos

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return self._device

    @property
    def eps(self) -> float:
        """What layer norms add to a variance."""
        return self._eps

    @property
    def tensors(self) -> Tensors:
        """The weights."""
        return self._tensors

    def embed(self, ids: torch.Tensor, first: int = 0) -> torch.Tensor:
        """The residual stream before layer 0 for ids [batch, pos] that stand at positions `first` and on."""
        return self.embed_at(ids, torch.arange(first, first + ids.shape[1]))

    def embed_at(self, ids: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
        """The residual stream before layer 0 for ids [..., n] that stand at `positions` [n]."""
        tokens = F.embedding(ids.to(self._device), self._wte).float()
        return (tokens + F.embedding(positions.to(self._device), self._wpe)).to(self._dtype)

    def attend(self, x: torch.Tensor, layer: int, past: Past | None = None, seen: torch.Tensor | None = None) -> Past:
        """Add attention's output to the residual stream `x` [batch, pos, d_model] in place.

        Args:
            x: all positions from BOS on; where `past` is given, one position.
            layer: whose attention.
            past: keys and values that the one position sees beside its own.
            seen: which of the past it sees, bool [batch, n_past]; all unless given.

        Returns:
            Keys and values [batch, head, pos, d_head], the past before them where it is given.
        """
        q, k, v = self.queries_keys_values(x, layer).permute(2, 0, 3, 1, 4)
        if past is not None:
            k, v = torch.cat([past[0], k], 2), torch.cat([past[1], v], 2)
        mask = None if seen is None else F.pad(seen, (0, x.shape[1]), value=True)[:, None, None]
        self.add_attention(x, self.mix(q, k, v, layer, mask, is_causal=past is None).transpose(1, 2), layer)
        return k, v

    def queries_keys_values(self, x: torch.Tensor, layer: int) -> torch.Tensor:
        """Of the residual stream `x` [..., d_model], shape [..., 3, head, d_head]."""
        block = self._block(layer)
        qkv = block.qkv(F.layer_norm(x, (self._d_model,), *block.ln_1, self._eps))
        return qkv.view(*x.shape[:-1], 3, self._n_heads, self._d_model // self._n_heads)

    def mix(
        self,
        q: torch.Tensor,
        k: torch.Tensor,
        v: torch.Tensor,
        layer: int,
        mask: torch.Tensor | None = None,
        is_causal: bool = False,
    ) -> torch.Tensor:
        """What the heads make of queries, keys and values, each [batch, head, pos, d_head]."""
        return F.scaled_dot_product_attention(q, k, v, mask, is_causal=is_causal, scale=self._scales[layer])

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
        return F.layer_norm(x, (self._d_model,), *self._block(layer).ln_2, self._eps)

    def _read(self, tokens: TokenArray, lengths: NDArray[np.int64], layer: int) -> FloatArray:
        check(tokens, lengths, d_vocab=self._tokenizer.d_vocab, n_ctx=self.n_ctx)
        n_ids = int(lengths.sum()) + len(lengths)
        with threads_for(n_ids * (layer + 1) * self._d_model * (4 * self._d_model + 2 * self._d_mlp)):
            texts = in_order(tokens, lengths)
            if texts.are_alike:
                out = read_alike(self, texts, tokens.shape, layer)
                check_finite(out, self.name)
                return out
            return map_chunks(
                lambda ids: self._forward(ids, layer), tokens, lengths, (self._d_model,),
                bos=self._bos, d_vocab=self._tokenizer.d_vocab, n_ctx=self.n_ctx,
                most=_MOST_IDS[self._device.type],
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

    def _values(self, mlp_input: FloatArray, layer: int, index: int) -> FloatArray:
        weight, bias = self._block(layer).c_fc
        flat = rows_of(mlp_input)
        values = ACTIVATIONS[self._activation](torch.addmv(bias[index], flat, weight[:, index].contiguous()))
        blank = torch.nonzero(flat[:, 0] == 0)[:, 0]
        values[blank[~flat[blank].any(dim=1)]] = 0
        out: FloatArray = values.numpy().reshape(mlp_input.shape[:-1])
        check_finite(out, self.name)
        return out

    @cached_property
    def _wte(self) -> torch.Tensor:
        return self._tensors["wte.weight"].to(self._device)

    @cached_property
    def _wpe(self) -> torch.Tensor:
        return self._tensors["wpe.weight"].to(self._device).float()

    def _block(self, layer: int) -> Block:
        if layer not in self._blocks:
            self._blocks[layer] = Block(self._tensors, layer, self._activation, self._device, self._dtype)
        return self._blocks[layer]

    def _check_layer(self, layer: int) -> None:
        if not 0 <= layer < self._n_layers:
            raise BadInput(f"{self.name} has layers 0-{self._n_layers - 1}, not {layer}.")

    def _check_shapes(self) -> None:
        d, m = self._d_model, self._d_mlp
        expected = {"wpe.weight": [self._n_positions, d]}
        for i in range(self._n_layers):
            for part, shape in {
                "ln_1": [d], "ln_2": [d], "attn.c_attn": [d, 3 * d], "attn.c_proj": [d, d],
                "mlp.c_fc": [d, m], "mlp.c_proj": [m, d],
            }.items():  # fmt: skip
                expected[f"h.{i}.{part}.weight"] = shape
                expected[f"h.{i}.{part}.bias"] = shape[-1:]
        for name, shape in expected.items():
            found = self._tensors.shape(name)
            if found != shape:
                raise BadInput(f"{self.folder.path}: the tensor {name} has shape {found}, config.json says {shape}.")
        rows = self._tensors.shape("wte.weight")
        if d % self._n_heads or rows[1:] != [d] or rows[0] < self._tokenizer.d_vocab:
            raise BadInput(
                f"{self.folder.path}: {rows[0]} token embeddings of width {rows[-1]} do not fit "
                f"{self._tokenizer.d_vocab} tokens, width {d} and {self._n_heads} heads."
            )


def _bos_id(folder: ModelFolder, config: dict[str, Any]) -> int:
    bos = config.get("bos_token_id")
    if not isinstance(bos, int) or not 0 <= bos < int(config.get("vocab_size", bos + 1)):
        raise BadInput(f"{folder.path / 'config.json'} names no valid bos_token_id ({bos}): readings need one.")
    return bos


def _attention_scales(config: dict[str, Any], n_layers: int, d_head: int) -> list[float]:
    base = d_head**-0.5 if config.get("scale_attn_weights", True) else 1.0
    by_layer = config.get("scale_attn_by_inverse_layer_idx", False)
    return [base / (layer + 1) if by_layer else base for layer in range(n_layers)]


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
