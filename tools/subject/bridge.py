"""The subject model in TransformerLens, for architectures that the lean readers do not cover.

Importing this module takes seconds; the lean reader stands in for it wherever it can.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from functools import cached_property, lru_cache, partial
from threading import RLock
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from tools.errors import BadInput
from tools.subject.batches import check_finite, chunks, map_chunks
from tools.subject.folder import (
    ModelFolder,
    bos_id,
    check_folder,
    fingerprint,
    read_json,
    refuse_own_code,
)
from tools.subject.lean import rows_of, zero_padding
from tools.subject.mlp_maps import read_maps
from tools.subject.output import (
    Ranked,
    check_last,
    check_neurons,
    check_replacement,
    divergence,
    draw_tokens,
    no_effect,
    note_effect,
    prompt_ids,
    strongest,
)  # fmt: skip
from tools.subject.protocol import FloatArray, LastTokenEffect, TokenArray
from tools.subject.tokenizer import FolderTokenizer, load_tokenizer


class BridgeModel:
    """Implements `SubjectModel` and `Interventions` of `tools.subject.protocol` over a TransformerBridge.

    A neuron is what goes into the output map of a layer's MLP. One forward pass on construction finds out how wide
    that is, and by which weights and activation function each neuron comes from the MLP's input, so that one neuron
    costs one neuron. Forward passes take turns: the hooks of two at once would collect each other's values.

    Raises:
        BadInput: on construction, where the folder is damaged, TransformerLens cannot boot its architecture, or the
            MLPs compute their neurons in a way that is not understood, as mixtures of experts do.
    """

    def __init__(self, folder: ModelFolder) -> None:
        check_folder(folder.path)
        self.folder = folder
        self._turn = RLock()
        self._bridge = _boot(folder)
        n_rows = int(self._bridge.W_E.shape[0])
        self.tokenizer: FolderTokenizer = load_tokenizer(folder.path, n_rows, folder.trust_remote_code)
        self.bos = bos_id(folder, read_json(folder.path / "config.json"), n_rows)
        if not hasattr(self._bridge, "blocks"):
            raise BadInput(f"{folder.name} has no stack of MLP blocks, so it has no neurons to read.")
        try:
            self._maps = read_maps(self._bridge, folder.name, self.bos, self.tokenizer.d_vocab)
        except BadInput:
            raise
        except Exception as error:  # likewise
            raise BadInput(f"TransformerLens cannot run {folder.name}: {_first_line(error)}") from error

    @property
    def name(self) -> str:
        """The name by which a result calls this model."""
        return self.folder.name

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 (hex) over configuration and weights; see `tools.subject.folder.fingerprint`."""
        return fingerprint(self.folder.path, self.folder.trust_remote_code)

    @property
    def n_layers(self) -> int:
        """Number of layers."""
        return len(self._maps)

    @property
    def d_mlp(self) -> int:
        """Neurons per layer."""
        return self._maps[0].d_mlp

    @property
    def d_model(self) -> int:
        """Width of the residual stream."""
        return self._maps[0].d_model

    @property
    def is_gated(self) -> bool:
        """Whether neurons are products with a gate, and so take both signs."""
        return self._maps[0].up is not None

    @property
    def n_ctx(self) -> int:
        """Most tokens of one text that can be read, BOS left out.

        Where positions are stretched by how long the longest text of a batch is ("longrope"), only as many as are
        never stretched: a reading must not depend on what is read beside it.
        """
        config = read_json(self.folder.path / "config.json")
        rotary = config.get("rope_scaling") or config.get("rope_parameters") or {}
        if "longrope" not in (rotary.get("rope_type"), rotary.get("type")):
            return int(self._bridge.cfg.n_ctx) - 1
        before = config.get("original_max_position_embeddings") or rotary.get("original_max_position_embeddings")
        return int(before or self._bridge.cfg.n_ctx) - 1

    def mlp_input(self, tokens: TokenArray, lengths: NDArray[np.int64], layer: int) -> FloatArray:
        """What the MLP of `layer` gets as input, float32 [batch, pos, d_model], 0 at padded positions.

        Raises:
            BadInput: no such layer, a text longer than `n_ctx`, or a token id outside the vocabulary.
        """
        check_neurons(self, layer, [0])
        compute = partial(self._mlp_input, layer=layer)
        return map_chunks(compute, tokens, lengths, (self.d_model,), **self._limits)

    @torch.inference_mode()
    def neuron_values(self, mlp_input: FloatArray, layer: int, index: int) -> FloatArray:
        """What one neuron hands to the MLP's output map (post-activation; gated where the MLP is), raw. Shape [...].

        An all-zero input is padding (a norm never gives one) and its value is 0.

        Raises:
            BadInput: no such layer or neuron.
        """
        check_neurons(self, layer, [index])
        rows = rows_of(mlp_input)
        values = self._maps[layer].one_neuron(rows, index)
        zero_padding(values, rows)
        out: FloatArray = values.numpy().reshape(mlp_input.shape[:-1])
        check_finite(out, self.name)
        return out

    def embeddings(self) -> FloatArray:
        """The token embedding matrix W_E, float32 [d_vocab, d_embedding]."""
        out: FloatArray = self._bridge.W_E.detach()[: self.tokenizer.d_vocab].float().numpy()
        return out

    def null_neurons(self) -> range:
        """Every neuron of a layer may serve a matched null."""
        return range(self.d_mlp)

    def interventions(self) -> BridgeModel:
        """This model."""
        return self

    @torch.inference_mode()
    def generate(
        self, prompts: Sequence[str], n_tokens: int, temperature: float, rng: np.random.Generator
    ) -> list[str]:
        """Sample a continuation of each prompt by `n_tokens` tokens; the prompt is part of its text.

        BOS is never sampled. All randomness comes from `rng`: one uniform draw per text and token.

        Raises:
            BadInput: the temperature is not positive, or prompt and continuation exceed `n_ctx`.
        """
        texts = [[self.bos, *prompt_ids(self, prompt, n_tokens, temperature)] for prompt in prompts]
        for _ in range(n_tokens if texts else 0):
            # Read whole each time: not every architecture keeps what it has read in a way that can be carried on here.
            lengths = torch.tensor([len(text) for text in texts])
            ids = torch.nn.utils.rnn.pad_sequence([torch.tensor(text) for text in texts], batch_first=True)
            last = self._logits(ids)[torch.arange(len(texts)), lengths - 1]
            for text, [token] in zip(
                texts, draw_tokens(last, self.bos, self.tokenizer.d_vocab, temperature, rng).tolist(), strict=True
            ):
                text.append(token)
        return [self.tokenizer.decode(text[1:]) for text in texts]

    @torch.inference_mode()
    def ablate(
        self, tokens: TokenArray, lengths: NDArray[np.int64], layer: int, index: int, replacement: FloatArray
    ) -> FloatArray:
        """Replace one neuron's values by `replacement` [..., batch, pos] and say how much the output changes.

        Leading axes are several replacements on the same texts. BOS's own value stays. Returns the Jensen-Shannon
        divergence in nats between the next-token distributions with and without the replacement, float32
        [..., batch, pos], 0 at padded positions.

        Raises:
            BadInput: no such neuron, `replacement` of another shape, or tokens that cannot be read.
        """
        check_neurons(self, layer, [index])
        check_replacement(replacement, tokens)
        given = replacement.reshape(-1, *tokens.shape)
        out = np.zeros(given.shape, dtype=np.float32)
        for rows, ids in chunks(tokens, lengths, **self._limits):
            batch = torch.from_numpy(ids)
            original = self._logits(batch)
            at = slice(None), slice(1, None), index
            for k in range(len(given)):
                values = torch.from_numpy(given[k, rows, : ids.shape[1] - 1])
                ablated = self._with(batch, layer, at, values)
                for row, a, b, length in zip(rows, original, ablated, lengths[rows], strict=True):
                    out[k, row, :length] = divergence(a[1 : 1 + length], b[1 : 1 + length]).numpy()
        return out.reshape(replacement.shape)

    @torch.inference_mode()
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

        Raises:
            BadInput: no such neuron, arguments that do not fit each other, or tokens that cannot be read.
        """
        check_neurons(self, layer, indices)
        check_last(self, lengths, indices, values, watched)
        effect = no_effect(len(tokens), len(watched))
        for rows, ids in chunks(tokens, lengths, **self._limits):
            batch, at = torch.from_numpy(ids), (torch.arange(len(rows)), torch.from_numpy(lengths[rows]))
            swapped = (*at, torch.from_numpy(indices[rows]))
            ablated = self._with(batch, layer, swapped, torch.from_numpy(values[rows]))
            note_effect(effect, rows, self._logits(batch)[at], ablated[at], watched)
        return effect

    @torch.inference_mode()
    def output_weights(self, layer: int, index: int) -> FloatArray:
        """How each token's logit moves per unit of the neuron, directly. Float32 [d_vocab]; see `logit_effects`.

        Raises:
            BadInput: no such neuron, or an output map of another width than the residual stream.
        """
        check_neurons(self, layer, [index])
        direction = self._maps[layer].out[index].float()
        for norm in (getattr(self._bridge.blocks[layer], "ln2_post", None), getattr(self._bridge, "ln_final", None)):
            gain = getattr(norm, "weight", None)
            if gain is not None:
                direction = direction * (gain + 1 if getattr(self._bridge.cfg, "rmsnorm_uses_offset", False) else gain)
        unembedding = self._bridge.W_U.float()
        if unembedding.shape[0] != len(direction):
            raise BadInput(
                f"{self.name} puts another map between its last layer and its output matrix: what a neuron does to "
                "the logits cannot be read off its weights."
            )
        weights: FloatArray = (direction @ unembedding).numpy()
        return weights[: self.tokenizer.d_vocab]

    def logit_effects(self, layer: int, index: int, k: int) -> tuple[Ranked, Ranked]:
        """The `k` tokens the neuron promotes most and the `k` it suppresses most, each with its output weight.

        The weight of token t is `w_out[n] @ diag(ln_f.g) @ w_u[:, t]` (OpenAI's output weight): how its logit moves per
        unit of the neuron, later layers and the final norm's division left out.

        Raises:
            BadInput: no such neuron.
        """
        return strongest(self.output_weights(layer, index), self.tokenizer.token_strings(), k)

    def _logits(self, batch: torch.Tensor) -> torch.Tensor:
        with self._turn:
            logits: torch.Tensor = self._bridge(batch)
        return logits

    def _with(self, batch: torch.Tensor, layer: int, at: Any, values: torch.Tensor) -> torch.Tensor:
        """Logits of ids [batch, pos] with the neurons of `layer` at `at` (an index of [batch, pos, d_mlp]) replaced."""

        def swap(value: torch.Tensor, hook: Any) -> torch.Tensor:
            changed = value.reshape(*batch.shape, -1).clone()
            changed[at] = values.to(value.dtype)
            return changed.reshape(value.shape)

        with self._turn:
            logits: torch.Tensor = self._bridge.run_with_hooks(
                batch, fwd_hooks=[(f"blocks.{layer}.mlp.out.hook_in", swap)]
            )
        return logits

    @property
    def _limits(self) -> dict[str, int]:
        return {"bos": self.bos, "d_vocab": self.tokenizer.d_vocab, "n_ctx": self.n_ctx}

    @torch.inference_mode()
    def _mlp_input(self, ids: NDArray[np.int64], layer: int) -> FloatArray:
        kept: list[torch.Tensor] = []

        def keep(value: torch.Tensor, hook: Any) -> torch.Tensor:
            kept.append(value.reshape(*ids.shape, -1).float().clone())
            return value

        with self._turn:
            self._bridge.run_with_hooks(
                torch.from_numpy(ids), fwd_hooks=[(f"blocks.{layer}.mlp.in.hook_in", keep)], stop_at_layer=layer + 1
            )
        out: FloatArray = kept[0].numpy()
        return out


_MOST_SAID = 200
"""Characters of a library's message."""


@lru_cache(maxsize=1)
def open_bridge(folder: ModelFolder) -> BridgeModel:
    """The model in `folder`, booted once."""
    return BridgeModel(folder)


def _boot(folder: ModelFolder) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what the libraries say to their own developers
        from transformer_lens.model_bridge import TransformerBridge
        from transformers.utils import logging

        logging.disable_progress_bar()
        logging.set_verbosity_error()
        try:
            _check_tensors(folder)
            return TransformerBridge.boot_transformers(
                str(folder.path), device="cpu", dtype=torch.float32, trust_remote_code=folder.trust_remote_code
            )
        except BadInput:
            raise
        except Exception as error:  # two libraries and code for a hundred architectures raise whatever they raise
            first = _first_line(error)
            if not folder.trust_remote_code:
                refuse_own_code(folder.path, first)
            raise BadInput(f"TransformerLens cannot load {folder.name} from {folder.path}: {first}") from error


def _first_line(error: Exception) -> str:
    said = next(iter(str(error).splitlines()), "")[:_MOST_SAID]
    return f"{type(error).__name__}: {said}" if isinstance(error, KeyError) or not said else said


def _check_tensors(folder: ModelFolder) -> None:
    """Refuse weights that do not fit the configuration: what is missing would be filled with random numbers, silently.

    Transformers says what it would miss, without reading the weights.
    """
    from transformers import AutoModelForCausalLM

    _, found = AutoModelForCausalLM.from_pretrained(
        folder.path, device_map="meta", output_loading_info=True, ignore_mismatched_sizes=True,
        trust_remote_code=folder.trust_remote_code,  # said either way, or transformers asks on stdin
    )  # fmt: skip
    missing, other = sorted(found["missing_keys"]), sorted(found["mismatched_keys"])
    if missing:
        raise BadInput(
            f"the weights in {folder.path} are not of the architecture that config.json names, or not whole: "
            f"{len(missing)} tensors are missing, such as {missing[0]}."
        )
    if other:
        name, is_there, wanted = other[0]
        raise BadInput(f"{folder.path}: the tensor {name} has shape {list(is_there)}, config.json says {list(wanted)}.")
