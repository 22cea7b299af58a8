"""What a subject model must offer: tokens, readings of one neuron, embeddings. Adapters live beside this module."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]
TokenArray = NDArray[np.int32]


class Tokenizer(Protocol):
    """Text to token ids and back, byte-exact where the vocabulary is byte-level."""

    @property
    def d_vocab(self) -> int:
        """Number of token ids."""

    @property
    def fingerprint(self) -> str:
        """SHA-256 (hex) of the vocabulary and merges."""

    def encode(self, texts: list[str]) -> list[list[int]]:
        """Token ids of each text, without BOS."""

    def decode(self, ids: list[int]) -> str:
        """The text of a run of token ids; bytes that are not UTF-8 become U+FFFD."""

    def token_strings(self) -> list[str]:
        """One string per token id, unique: the token's own characters, leading space and newline included.

        A token that is not whole UTF-8 is written with `\\xNN` for each of its stray bytes.
        """


class Described(Protocol):
    """What is known of a model without reading with it."""

    @property
    def name(self) -> str:
        """The name by which a result calls this model."""

    @property
    def n_layers(self) -> int:
        """Number of layers."""

    @property
    def d_mlp(self) -> int:
        """Neurons per layer."""

    @property
    def n_ctx(self) -> int:
        """Most tokens of one text that can be read, BOS left out."""

    @property
    def tokenizer(self) -> Tokenizer:
        """The model's own tokenizer."""


class SubjectModel(Described, Protocol):
    """The network being explained.

    `tokens` below is always int32 [batch, pos] without BOS, right-padded with anything; `lengths` is int [batch]. BOS
    is prepended inside and its position is not returned. Values at padded positions are 0.
    """

    @property
    def fingerprint(self) -> str:
        """SHA-256 (hex) over configuration and weights."""

    @property
    def d_model(self) -> int:
        """Width of the residual stream."""

    @property
    def is_gated(self) -> bool:
        """Whether neurons are products with a gate, and so take both signs."""

    def mlp_input(self, tokens: TokenArray, lengths: NDArray[np.int64], layer: int) -> FloatArray:
        """What the MLP of `layer` gets as input, float32 [batch, pos, d_model]; computes no further than needed."""

    def neuron_values(self, mlp_input: FloatArray, layer: int, index: int) -> FloatArray:
        """Post-GELU values of one neuron, raw, for inputs [..., d_model] of its MLP. Shape [...]."""

    def embeddings(self) -> FloatArray:
        """The token embedding matrix W_E, float32 [d_vocab, d_embedding]."""

    def null_neurons(self) -> range:
        """The neurons of a layer whose explanations a matched null may be made of."""

    def interventions(self) -> Interventions:
        """Generation, ablation and logit effects; the first use may take seconds.

        Raises:
            BadInput: the model's output cannot be computed.
        """


@dataclass(frozen=True)
class LastTokenEffect:
    """What setting a neuron at the last token of each text does to the prediction of the next token.

    Attributes:
        divergence: Jensen-Shannon divergence in nats between the distributions with and without, float32 [batch].
        before: natural log probabilities of the watched tokens as the model has them, float32 [batch, k].
        after: the same with the neuron set.
    """

    divergence: FloatArray
    before: FloatArray
    after: FloatArray


class Interventions(Protocol):
    """All that is more than reading: text from the model, and what a neuron does to its output."""

    def generate(
        self, prompts: Sequence[str], n_tokens: int, temperature: float, rng: np.random.Generator
    ) -> list[str]:
        """Sample a continuation of each prompt by `n_tokens` tokens; the prompt is part of its text."""

    def ablate(
        self, tokens: TokenArray, lengths: NDArray[np.int64], layer: int, index: int, replacement: FloatArray
    ) -> FloatArray:
        """Replace one neuron's values by `replacement` [..., batch, pos] and say how much the output changes.

        Leading axes are several replacements on the same texts, which share what is read without one. Returns the
        Jensen-Shannon divergence in nats between the next-token distributions with and without the replacement,
        float32 [..., batch, pos], 0 at padded positions.
        """

    def ablate_last(
        self,
        tokens: TokenArray,
        lengths: NDArray[np.int64],
        layer: int,
        indices: NDArray[np.int64],
        values: FloatArray,
        watched: NDArray[np.int64],
    ) -> LastTokenEffect:
        """Set one neuron of `layer` at the last token of each text: neuron `indices` [batch] to `values` [batch].

        Says what this does to the prediction of the next token; `watched` are token ids [k] to follow.
        """

    def output_weights(self, layer: int, index: int) -> FloatArray:
        """How each token's logit moves per unit of the neuron, directly. Float32 [d_vocab]."""

    def logit_effects(self, layer: int, index: int, k: int) -> tuple[list[tuple[str, float]], list[tuple[str, float]]]:
        """The `k` tokens the neuron promotes most and the `k` it suppresses most, each with its output weight."""
