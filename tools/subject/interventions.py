"""What a neuron does to the model's output, and text from the model: the lean reader carried on to the logits.

Replacements are exact: the residual stream after the neuron's layer is what it was plus (new - old) times the neuron's
output direction, and only what comes after is computed anew. Values agree with Hugging Face's own forward pass with a
hook on the neuron (tests pin it).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from tools.errors import BadInput
from tools.subject.batches import check_finite, chunks
from tools.subject.network import Network, Past
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
)
from tools.subject.packed import Map, linear
from tools.subject.protocol import FloatArray, LastTokenEffect, TokenArray


class LeanInterventions:
    """Implements `tools.subject.protocol.Interventions` over a lean reader.

    Raises:
        BadInput: on construction, where the final norm or the output matrix is missing or does not fit.
    """

    def __init__(self, model: Network) -> None:
        self._model = model
        if len(model.unembedding()) < model.tokenizer.d_vocab:
            raise BadInput(
                f"{model.folder.path}: the output matrix has {len(model.unembedding())} rows, fewer than the "
                f"{model.tokenizer.d_vocab} tokens: save the whole model again."
            )
        # A bound cache, so that it goes when the model goes.
        self._unembed = lru_cache(maxsize=1)(self._load_unembed)
        self._directions = lru_cache(maxsize=1)(model.output_directions)

    @torch.inference_mode()
    def generate(
        self, prompts: Sequence[str], n_tokens: int, temperature: float, rng: np.random.Generator
    ) -> list[str]:
        """Sample a continuation of each prompt by `n_tokens` tokens; the prompt is part of its text.

        A prompt that stands there several times is read once, and all texts grow together: what a token costs is to
        look at the weights. BOS is never sampled. All randomness comes from `rng`: one uniform draw per text and token.

        Raises:
            BadInput: the temperature is not positive, or prompt and continuation exceed `n_ctx`.
        """
        model = self._model
        distinct = list(dict.fromkeys(prompts))
        starts = [[model.bos, *prompt_ids(model, prompt, n_tokens, temperature)] for prompt in distinct]
        if not prompts or not n_tokens:
            return [model.tokenizer.decode(starts[distinct.index(prompt)][1:]) for prompt in prompts]
        of = torch.tensor([distinct.index(prompt) for prompt in prompts])
        lengths = torch.tensor([len(start) for start in starts])
        x = model.embed(torch.nn.utils.rnn.pad_sequence([torch.tensor(start) for start in starts], batch_first=True))
        pasts: list[Past] = []
        for layer in range(model.n_layers):
            keys, values = model.attend(x, layer)
            pasts.append((keys[of], values[of]))
            model.feed_forward(x, layer)
        seen = (torch.arange(x.shape[1]) < lengths[:, None])[of]
        last = x[torch.arange(len(starts)), lengths - 1][of]
        at = lengths[of][:, None]
        drawn = [draw_tokens(self._logits(last), model.bos, model.tokenizer.d_vocab, temperature, rng)]
        for _ in range(n_tokens - 1):
            x = model.embed_at(drawn[-1], at)
            for layer in range(model.n_layers):
                pasts[layer] = model.attend(x, layer, at, pasts[layer], seen)
                model.feed_forward(x, layer)
            seen, at = F.pad(seen, (0, 1), value=True), at + 1
            drawn.append(draw_tokens(self._logits(x[:, 0]), model.bos, model.tokenizer.d_vocab, temperature, rng))
        rows = torch.cat(drawn, dim=1).tolist()
        return [model.tokenizer.decode([*starts[i][1:], *row]) for i, row in zip(of.tolist(), rows, strict=True)]

    @torch.inference_mode()
    def ablate(
        self, tokens: TokenArray, lengths: NDArray[np.int64], layer: int, index: int, replacement: FloatArray
    ) -> FloatArray:
        """Replace one neuron's values by `replacement` [..., batch, pos] and say how much the output changes.

        Leading axes are several replacements on the same texts, which share what is read without one. BOS's own value
        stays. Returns the Jensen-Shannon divergence in nats between the next-token distributions with and without the
        replacement, float32 [..., batch, pos], 0 at padded positions.

        Raises:
            BadInput: no such neuron, `replacement` of another shape, or tokens that cannot be read.
        """
        check_neurons(self._model, layer, [index])
        check_replacement(replacement, tokens)
        model, direction = self._model, self._directions(layer)[index]
        given = replacement.reshape(-1, *tokens.shape)
        out = np.zeros(given.shape, dtype=np.float32)
        for rows, ids in self._chunks(tokens, lengths):
            width = ids.shape[1] - 1
            x = model.embed(torch.from_numpy(ids))
            neurons = x
            for i in range(layer + 1):
                model.attend(x, i)
                neurons = model.feed_forward(x, i)
            change = torch.from_numpy(given[:, rows, :width]) - neurons[:, 1:, index]
            streams = x.repeat(1 + len(given), 1, 1, 1)
            streams[1:, :, 1:] += change[..., None] * direction
            flat = streams.view(-1, *x.shape[1:])
            for i in range(layer + 1, model.n_layers):
                model.attend(flat, i)
                model.feed_forward(flat, i)
            for i, row in enumerate(rows):
                n = int(lengths[row])
                logits = self._logits(streams[:, i, 1 : 1 + n])
                for k in range(len(given)):
                    out[k, row, :n] = divergence(logits[0], logits[1 + k]).numpy()
        check_finite(out, model.name)
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

        Says what this does to the prediction of the next token; `watched` are token ids [k] to follow. One position is
        computed anew, whatever the length of the text.

        Raises:
            BadInput: no such neuron, arguments that do not fit each other, or tokens that cannot be read.
        """
        check_neurons(self._model, layer, indices)
        check_last(self._model, lengths, indices, values, watched)
        model = self._model
        effect = no_effect(len(tokens), len(watched))
        directions = self._directions(layer)
        for rows, ids in self._chunks(tokens, lengths):
            x, changed = model.embed(torch.from_numpy(ids)), torch.empty(0)
            at = torch.arange(len(rows)), torch.from_numpy(lengths[rows])
            before = torch.arange(ids.shape[1]) < at[1][:, None]
            for i in range(model.n_layers):
                past = model.attend(x, i)
                if i == model.n_layers - 1:  # nothing looks at the other positions any more
                    x, at = x[at][:, None], (at[0], torch.zeros_like(at[1]))
                neurons = model.feed_forward(x, i)
                if i == layer:
                    which = torch.from_numpy(indices[rows])
                    change = torch.from_numpy(values[rows]) - neurons[at][at[0], which]
                    changed = (x[at] + change[:, None] * directions[which])[:, None]
                elif i > layer:
                    model.attend(changed, i, torch.from_numpy(lengths[rows])[:, None], past, before)
                    model.feed_forward(changed, i)
            note_effect(effect, rows, self._logits(x[at]), self._logits(changed[:, 0]), watched)
        check_finite(effect.divergence, model.name)
        return effect

    def output_weights(self, layer: int, index: int) -> FloatArray:
        """How each token's logit moves per unit of the neuron, directly. Float32 [d_vocab]; see `logit_effects`.

        Raises:
            BadInput: no such neuron.
        """
        check_neurons(self._model, layer, [index])
        direction = self._directions(layer)[index] * self._model.final_gain()
        weights: FloatArray = (self._model.unembedding() @ direction).numpy()
        return weights[: self._model.tokenizer.d_vocab]

    def logit_effects(self, layer: int, index: int, k: int) -> tuple[Ranked, Ranked]:
        """The `k` tokens the neuron promotes most and the `k` it suppresses most, each with its output weight.

        The weight of token t is `c_proj.w[n] @ diag(ln_f.g) @ w_u[:, t]` (OpenAI's output weight): how its logit moves
        per unit of the neuron, later layers and the final norm's division left out.

        Raises:
            BadInput: no such neuron.
        """
        return strongest(self.output_weights(layer, index), self._model.tokenizer.token_strings(), k)

    def _chunks(
        self, tokens: TokenArray, lengths: NDArray[np.int64]
    ) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        model = self._model
        return list(chunks(tokens, lengths, bos=model.bos, d_vocab=model.tokenizer.d_vocab, n_ctx=model.n_ctx))

    def _logits(self, x: torch.Tensor) -> torch.Tensor:
        """Logits [..., rows of the output matrix] of a final residual stream [..., d_model]."""
        return self._unembed()(self._model.final_norm(x))

    def _load_unembed(self) -> Map:
        weight = self._model.unembedding()
        return linear(weight.t(), torch.zeros(len(weight)))
