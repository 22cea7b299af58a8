"""Lean readers: torch on memory-mapped safetensors, and nothing past the layer asked for.

`LeanModel` is what all architectures share; `tools.subject.network` holds what a block computes, and
`tools.subject.interventions` goes on to the model's output. Values agree with Hugging Face's own forward
pass within 1e-5 (tests pin it). They are float32 whatever the file holds. The same text read in a batch of another
shape may differ in the last bits.
"""

from __future__ import annotations

import warnings
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray

from tools.errors import BadInput
from tools.subject.batches import check, check_finite, map_chunks
from tools.subject.folder import ModelFolder
from tools.subject.interventions import LeanInterventions
from tools.subject.memo import Memo
from tools.subject.network import Network
from tools.subject.prefixes import in_order, read_alike
from tools.subject.protocol import FloatArray, Interventions, TokenArray
from tools.subject.threads import threads_for

_MOST_IDS = {"cpu": 1024, "cuda": 65536}
"""Of one pass: on a CPU what goes between two layers should stay in a core's cache; a GPU wants much at once."""


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


class LeanModel(Network):
    """Implements `tools.subject.protocol.SubjectModel`, with the arguments of `Network`."""

    def __init__(self, folder: ModelFolder, device: str = "cpu", dtype: str = "float32") -> None:
        super().__init__(folder, device, dtype)
        self._memo = Memo()

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
        exact = self.device.type == "cpu" and self.dtype == torch.float32
        return LeanInterventions(self if exact else type(self)(self.folder))

    def interventions(self) -> Interventions:
        """On the same weights, on the CPU and in float32.

        Raises:
            BadInput: the folder lacks the final norm or the output matrix, or their shapes do not fit.
        """
        return self._interventions

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

    def _check_layer(self, layer: int) -> None:
        if not 0 <= layer < self.n_layers:
            raise BadInput(f"{self.name} has layers 0-{self.n_layers - 1}, not {layer}.")
