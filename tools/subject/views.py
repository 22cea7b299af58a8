"""One side of the neurons of a model: what they do below zero, or where one that is always on goes silent.

Everything that is built on a subject model asks where a neuron's value is large. A view turns another question into
that one, and leaves the model as it is: the scan of a layer, which holds what goes into its neurons, serves all views.
What is not asked about counts as 0, since an explanation of one side has nothing to say of the other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tools.errors import BadInput
from tools.records.neuron import NeuronId
from tools.subject.output import Ranked
from tools.subject.protocol import FloatArray, Interventions, LastTokenEffect, SubjectModel, TokenArray

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tools.subject.protocol import Tokenizer


class ModelView:
    """Implements `SubjectModel` and `Interventions` of `tools.subject.protocol` over a model and a question.

    Values are told as they are asked for, and are never below 0: `sign * value`, or how far the neuron `silent` falls
    below its value at rest. What is replaced is what was told; the rest of the neuron's value stays as it is.

    Args:
        base: the model.
        is_negative: whether the question is what neurons do below zero.
        silent: a neuron that is nearly always on, and its value at rest (of the side that is asked about): of it alone
            the question is where it falls silent.
    """

    def __init__(self, base: SubjectModel, is_negative: bool, silent: tuple[NeuronId, float] | None = None) -> None:
        self.base = base
        self.is_negative = is_negative
        self.silent = silent

    @property
    def name(self) -> str:
        """The name of the model."""
        return self.base.name

    @property
    def fingerprint(self) -> str:
        """SHA-256 (hex) over the model's configuration and weights: a view is no other model."""
        return self.base.fingerprint

    @property
    def n_layers(self) -> int:
        """Number of layers."""
        return self.base.n_layers

    @property
    def d_mlp(self) -> int:
        """Neurons per layer."""
        return self.base.d_mlp

    @property
    def d_model(self) -> int:
        """Width of what `mlp_input` gives."""
        return self.base.d_model

    @property
    def n_ctx(self) -> int:
        """Most tokens of one text that can be read, BOS left out."""
        return self.base.n_ctx

    @property
    def is_gated(self) -> bool:
        """Whether neurons take both signs."""
        return self.base.is_gated

    @property
    def tokenizer(self) -> Tokenizer:
        """The model's tokenizer."""
        return self.base.tokenizer

    def embeddings(self) -> FloatArray:
        """The token embedding matrix W_E, float32 [d_vocab, d_embedding]."""
        return self.base.embeddings()

    def null_neurons(self) -> range:
        """The neurons of a layer whose explanations a matched null may be made of."""
        return self.base.null_neurons()

    def interventions(self) -> Interventions:
        """This view."""
        return self

    def mlp_input(self, tokens: TokenArray, lengths: NDArray[np.int64], layer: int) -> FloatArray:
        """What the MLP of `layer` gets as input; see the model's own."""
        return self.base.mlp_input(tokens, lengths, layer)

    def neuron_values(self, mlp_input: FloatArray, layer: int, index: int) -> FloatArray:
        """Values as this view tells them, shape [...]; 0 where the input is padding."""
        told = np.maximum(self.signed_values(mlp_input, layer, index), 0)
        return told if self._told(layer, index)[1] == 0 else np.where(mlp_input.any(axis=-1), told, 0)

    def signed_values(self, mlp_input: FloatArray, layer: int, index: int) -> FloatArray:
        """The same with what is not asked about below 0, for whoever wants to look; shape [...]."""
        scale, shift = self._told(layer, index)
        values: FloatArray = shift + scale * self.base.neuron_values(mlp_input, layer, index)
        return values

    def generate(
        self, prompts: Sequence[str], n_tokens: int, temperature: float, rng: np.random.Generator
    ) -> list[str]:
        """Text from the model."""
        return self.base.interventions().generate(prompts, n_tokens, temperature, rng)

    def ablate(
        self, tokens: TokenArray, lengths: NDArray[np.int64], layer: int, index: int, replacement: FloatArray
    ) -> FloatArray:
        """Replace a neuron by values as this view tells them; see the model's own."""
        inputs = self.base.mlp_input(tokens, lengths, layer)
        kept = np.minimum(self.signed_values(inputs, layer, index), 0)
        raw = self._raw(layer, index, replacement + kept)
        return self.base.interventions().ablate(tokens, lengths, layer, index, raw)

    def ablate_last(
        self,
        tokens: TokenArray,
        lengths: NDArray[np.int64],
        layer: int,
        indices: NDArray[np.int64],
        values: FloatArray,
        watched: NDArray[np.int64],
    ) -> LastTokenEffect:
        """Set neurons at the last tokens, where they fire, to values as this view tells them; see the model's own."""
        pairs = zip(indices.tolist(), values, strict=True)
        raw = np.array([self._raw(layer, index, value) for index, value in pairs], dtype=np.float32)
        return self.base.interventions().ablate_last(tokens, lengths, layer, indices, raw, watched)

    def output_weights(self, layer: int, index: int) -> FloatArray:
        """How each token's logit moves per unit of what this view tells. Float32 [d_vocab]."""
        return self._told(layer, index)[0] * self.base.interventions().output_weights(layer, index)

    def logit_effects(self, layer: int, index: int, k: int) -> tuple[Ranked, Ranked]:
        """The `k` tokens promoted most and the `k` suppressed most as this view's value grows."""
        promoted, suppressed = self.base.interventions().logit_effects(layer, index, k)
        if self._told(layer, index)[0] > 0:
            return promoted, suppressed
        return [(token, -weight) for token, weight in suppressed], [(token, -weight) for token, weight in promoted]

    def _told(self, layer: int, index: int) -> tuple[np.float32, np.float32]:
        """What a raw value is multiplied by, and then added to, to be told."""
        sign = np.float32(-1 if self.is_negative else 1)
        if self.silent is not None and (self.silent[0].layer, self.silent[0].index) == (layer, index):
            return -sign, np.float32(self.silent[1])
        return sign, np.float32(0)

    def _raw(self, layer: int, index: int, told: FloatArray) -> FloatArray:
        scale, shift = self._told(layer, index)
        raw: FloatArray = ((told - shift) * scale).astype(np.float32)  # the scale is 1 or -1
        return raw


def side_of(subject: SubjectModel, neuron: NeuronId) -> SubjectModel:
    """The model as it is asked about a neuron's side; the model itself where neurons have but one.

    Raises:
        BadInput: the negative side is meant, and the model's neurons have none.
    """
    if not subject.is_gated and not neuron.is_negative:
        return subject
    if not subject.is_gated:
        raise BadInput(
            f"the neurons of {subject.name} have no negative side, because its MLPs have no gate: "
            f"ask for {neuron.other_side()}."
        )
    return ModelView(subject, neuron.is_negative)
