"""The subject model in TransformerLens: readings for every architecture, and all that is more than reading.

Importing this module takes seconds; the lean reader stands in for it wherever it can.
"""

from __future__ import annotations

import warnings
from functools import cached_property, lru_cache, partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import safe_open

from tools.errors import BadInput
from tools.subject.batches import check_finite, chunks, map_chunks
from tools.subject.folder import (
    ModelFolder,
    check_folder,
    fingerprint,
    read_json,
    refuse_own_code,
    weight_files,
)
from tools.subject.lean import rows_of
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

    Raises:
        BadInput: on construction, where the folder is damaged or TransformerLens cannot boot its architecture.
    """

    def __init__(self, folder: ModelFolder) -> None:
        check_folder(folder.path)
        self.folder = folder
        self._bridge = _boot(folder)
        self._tokenizer = load_tokenizer(folder.path, len(self._bridge.W_E), folder.trust_remote_code)
        self._bos = _bos_id(folder, self._tokenizer)
        if not getattr(self._bridge.cfg, "d_mlp", None) or not hasattr(self._bridge, "blocks"):
            raise BadInput(f"{folder.name} has no stack of MLP blocks, so it has no neurons to read.")

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
        return int(self._bridge.cfg.n_layers)

    @property
    def d_mlp(self) -> int:
        """Neurons per layer."""
        return int(self._bridge.cfg.d_mlp)

    @property
    def d_model(self) -> int:
        """Width of the residual stream."""
        return int(self._bridge.cfg.d_model)

    @property
    def n_ctx(self) -> int:
        """Most tokens of one text that can be read, BOS left out."""
        return int(self._bridge.cfg.n_ctx) - 1

    @property
    def tokenizer(self) -> FolderTokenizer:
        """The model's own tokenizer."""
        return self._tokenizer

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
        """What one neuron hands to the MLP's output map (post-GELU; gated where the MLP is), raw. Shape [...].

        An all-zero input is padding (a norm never gives one) and its value is 0.

        Raises:
            BadInput: no such layer or neuron.
        """
        check_neurons(self, layer, [index])
        flat = rows_of(mlp_input)
        kept: list[torch.Tensor] = []

        def keep(value: torch.Tensor, hook: Any) -> torch.Tensor:
            kept.append(value.reshape(-1, value.shape[-1])[:, index].clone())
            return value

        with self._bridge.hooks(fwd_hooks=[(f"blocks.{layer}.mlp.hook_post", keep)]):
            for part in torch.split(flat, 2048):
                self._bridge.blocks[layer].mlp(part[None])
        values = torch.cat(kept) if kept else torch.zeros(0)
        values[~flat.any(dim=1)] = 0
        out: FloatArray = values.numpy().reshape(mlp_input.shape[:-1])
        check_finite(out, self.name)
        return out

    def embeddings(self) -> FloatArray:
        """The token embedding matrix W_E, float32 [d_vocab, d_model]."""
        out: FloatArray = self._bridge.W_E.detach()[: self._tokenizer.d_vocab].numpy()
        return out

    def null_neurons(self) -> range:
        """Every neuron of a layer may serve a matched null."""
        return range(self.d_mlp)

    def interventions(self) -> BridgeModel:
        """This model."""
        return self

    @torch.inference_mode()
    def generate(
        self, prompt: str, n_texts: int, n_tokens: int, temperature: float, rng: np.random.Generator
    ) -> list[str]:
        """Sample `n_texts` continuations of `prompt` by `n_tokens` tokens each; the prompt is part of each text.

        BOS is never sampled. All randomness comes from `rng`: one uniform draw per text and token.

        Raises:
            BadInput: the temperature is not positive, or prompt and continuation exceed `n_ctx`.
        """
        start = prompt_ids(self, prompt, n_tokens, temperature)
        ids = torch.tensor([[self._bos, *start]] * n_texts)
        step, past = ids, None
        for _ in range(n_tokens):
            logits, past = self._bridge(step, return_type="logits_and_cache", past_key_values=past, use_cache=True)
            step = draw_tokens(logits[:, -1], self._bos, self._tokenizer.d_vocab, temperature, rng)
            ids = torch.cat([ids, step], dim=1)
        return [self._tokenizer.decode(row[1:]) for row in ids.tolist()]

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
            original = self._bridge(batch)
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
            note_effect(effect, rows, self._bridge(batch)[at], ablated[at], watched)
        return effect

    @torch.inference_mode()
    def output_weights(self, layer: int, index: int) -> FloatArray:
        """How each token's logit moves per unit of the neuron, directly. Float32 [d_vocab]; see `logit_effects`.

        Raises:
            BadInput: no such neuron.
        """
        check_neurons(self, layer, [index])
        direction = self._bridge.blocks[layer].mlp.W_out[index].float()
        gain = getattr(self._bridge.ln_final, "weight", None)
        if gain is not None:
            direction = direction * (gain + 1 if getattr(self._bridge.cfg, "rmsnorm_uses_offset", False) else gain)
        weights: FloatArray = (direction @ self._bridge.W_U.float()).numpy()
        return weights[: self._tokenizer.d_vocab]

    def logit_effects(self, layer: int, index: int, k: int) -> tuple[Ranked, Ranked]:
        """The `k` tokens the neuron promotes most and the `k` it suppresses most, each with its output weight.

        The weight of token t is `w_out[n] @ diag(ln_f.g) @ w_u[:, t]` (OpenAI's output weight): how its logit moves per
        unit of the neuron, later layers and the final norm's division left out.

        Raises:
            BadInput: no such neuron.
        """
        return strongest(self.output_weights(layer, index), self._tokenizer.token_strings(), k)

    def _with(self, batch: torch.Tensor, layer: int, at: Any, values: torch.Tensor) -> torch.Tensor:
        """Logits of ids [batch, pos] with the neurons of `layer` at `at` (an index of [batch, pos, d_mlp]) replaced."""

        def swap(value: torch.Tensor, hook: Any) -> torch.Tensor:
            value = value.clone()
            value[at] = values.to(value.dtype)
            return value

        logits: torch.Tensor = self._bridge.run_with_hooks(batch, fwd_hooks=[(f"blocks.{layer}.mlp.hook_post", swap)])
        return logits

    @property
    def _limits(self) -> dict[str, int]:
        return {"bos": self._bos, "d_vocab": self._tokenizer.d_vocab, "n_ctx": self.n_ctx}

    @torch.inference_mode()
    def _mlp_input(self, ids: NDArray[np.int64], layer: int) -> FloatArray:
        kept: list[torch.Tensor] = []

        def keep(value: torch.Tensor, hook: Any) -> torch.Tensor:
            kept.append(value.reshape(*ids.shape, -1).clone())
            return value

        self._bridge.run_with_hooks(
            torch.from_numpy(ids), fwd_hooks=[(f"blocks.{layer}.mlp.hook_in", keep)], stop_at_layer=layer + 1
        )
        out: FloatArray = kept[0].numpy()
        return out


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
        except (ValueError, OSError, KeyError, RuntimeError, NotImplementedError, ImportError) as error:
            first = next(iter(str(error).splitlines()), type(error).__name__)
            if not folder.trust_remote_code:
                refuse_own_code(folder.path, first)
            raise BadInput(f"TransformerLens cannot load {folder.name} from {folder.path}: {first}") from error


def _check_tensors(folder: ModelFolder) -> None:
    """Refuse weights of another architecture: what is missing would be filled with random numbers, without a word.

    Names are compared with and without the prefix of the base model. A loader may rename some, so only a folder that
    lacks most of what its configuration asks for is refused, and one whose shapes differ.
    """
    from transformers import AutoConfig, AutoModelForCausalLM

    with torch.device("meta"):
        trusted = {"trust_remote_code": folder.trust_remote_code}  # said either way, or transformers asks on stdin
        model = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(folder.path, **trusted), **trusted)
    prefix = f"{model.base_model_prefix}."
    found: dict[str, list[int]] = {}
    for file in weight_files(folder.path):
        with safe_open(str(file), framework="pt") as handle:
            for name in handle.keys():  # noqa: SIM118 (not a dict)
                found[name.removeprefix(prefix)] = list(handle.get_slice(name).get_shape())
    expected = {name.removeprefix(prefix): list(tensor.shape) for name, tensor in model.state_dict().items()}
    both = expected.keys() & found.keys()
    if len(both) < 0.3 * len(expected):
        missing = next(name for name in expected if name not in found)
        raise BadInput(
            f"the weights in {folder.path} are not of the architecture that config.json names: "
            f"{len(expected) - len(both)} of {len(expected)} tensors are missing, such as {missing}."
        )
    for name in sorted(both):
        if expected[name] != found[name]:
            raise BadInput(
                f"{folder.path}: the tensor {name} has shape {found[name]}, config.json says {expected[name]}."
            )


def _bos_id(folder: ModelFolder, tokenizer: FolderTokenizer) -> int:
    """The model's BOS id, or its EOS id where it has none, as TransformerLens does."""
    config = read_json(folder.path / "config.json")
    for key in ("bos_token_id", "eos_token_id"):
        value = config.get(key)
        if isinstance(value, list) and value:
            value = value[0]
        if isinstance(value, int) and 0 <= value < tokenizer.d_vocab:
            return value
    raise BadInput(f"{folder.path / 'config.json'} names no valid bos_token_id or eos_token_id: readings need one.")
