"""What all adapters share of a model's output: divergences, drawing tokens, ranking output weights, checks."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from numpy.typing import NDArray

from tools.errors import BadInput
from tools.subject.protocol import Described, FloatArray, LastTokenEffect, TokenArray

Ranked = list[tuple[str, float]]

_LARGEST_RATIO = 80.0
_IN_CACHE = 2**18


def divergence(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Jensen-Shannon divergence in nats between the distributions of two sets of logits [n, vocab]. Shape [n].

    Written in the ratio of the two distributions, so that small divergences keep their digits in float32.
    """
    at_once = max(1, _IN_CACHE // max(1, a.shape[-1]))
    parts = [_divergence(p, q) for p, q in zip(torch.split(a, at_once), torch.split(b, at_once), strict=True)]
    return torch.cat(parts)


def _divergence(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    log_p, log_q = a.float().log_softmax(-1), b.float().log_softmax(-1)
    # Where the ratio leaves float32, p or q is 0 in it, and so is what is lost.
    log_ratio = (log_q - log_p).clamp_(-_LARGEST_RATIO, _LARGEST_RATIO)
    log_mixed = log_ratio.expm1().div_(2).log1p_()  # of the mixture over p
    p, q = log_p.exp_(), log_q.exp_()
    return ((q * log_ratio).sub_((p + q).mul_(log_mixed))).sum(-1).div_(2).clamp_(min=0)


def draw_tokens(
    logits: torch.Tensor, bos: int, d_vocab: int, temperature: float, rng: np.random.Generator
) -> torch.Tensor:
    """Draw a token id for each row of logits [n, vocab], never BOS: one uniform draw each. Int64 [n, 1]."""
    scaled = logits[:, :d_vocab].double() / temperature
    scaled[:, bos] = -torch.inf
    cumulative = scaled.softmax(dim=-1).cumsum(dim=-1)
    drawn = torch.from_numpy(rng.random(len(logits)))[:, None] * cumulative[:, -1:]
    return torch.searchsorted(cumulative, drawn, right=True)


def prompt_ids(model: Described, prompt: str, n_tokens: int, temperature: float) -> list[int]:
    """The token ids of a prompt that is to be continued.

    Raises:
        BadInput: the temperature is not positive, or prompt and continuation exceed `n_ctx`.
    """
    if not temperature > 0:
        raise BadInput(f"the temperature must be above 0, not {temperature}.")
    start = model.tokenizer.encode([prompt])[0]
    if len(start) + n_tokens > model.n_ctx:
        raise BadInput(f"{len(start)} + {n_tokens} tokens are too long: {model.name} reads at most {model.n_ctx}.")
    return start


def strongest(weights: FloatArray, strings: list[str], k: int) -> tuple[Ranked, Ranked]:
    """The `k` tokens of largest and the `k` of smallest weight [d_vocab], each with its weight."""
    order = np.argsort(-weights, kind="stable")
    return (
        [(strings[i], float(weights[i])) for i in order[:k]],
        [(strings[i], float(weights[i])) for i in order[::-1][:k]],
    )


def no_effect(batch: int, k: int) -> LastTokenEffect:
    """Room for the effects on so many texts."""
    return LastTokenEffect(
        np.zeros(batch, np.float32), np.zeros((batch, k), np.float32), np.zeros((batch, k), np.float32)
    )


def note_effect(
    effect: LastTokenEffect,
    rows: NDArray[np.int64],
    before: torch.Tensor,
    after: torch.Tensor,
    watched: NDArray[np.int64],
) -> None:
    """Put down what the logits [n, vocab] of `rows` were and have become."""
    effect.divergence[rows] = divergence(before, after).numpy()
    for kept, logits in ((effect.before, before), (effect.after, after)):
        kept[rows] = logits.float().log_softmax(-1)[:, torch.from_numpy(watched)].numpy()


def check_neurons(model: Described, layer: int, indices: Iterable[int]) -> None:
    """Refuse neurons that the model does not have.

    Raises:
        BadInput: names what there is.
    """
    for index in indices:
        if not (0 <= layer < model.n_layers and 0 <= index < model.d_mlp):
            raise BadInput(
                f"{model.name} has layers 0-{model.n_layers - 1} and neurons 0-{model.d_mlp - 1} a layer, "
                f"not layer {layer} neuron {index}."
            )


def check_replacement(replacement: FloatArray, tokens: TokenArray) -> None:
    """Refuse replacement values that do not fit the tokens [batch, pos].

    Raises:
        BadInput: names both shapes.
    """
    if replacement.shape[-2:] != tokens.shape:
        raise BadInput(f"replacement values of shape {replacement.shape} do not fit tokens of shape {tokens.shape}.")


def check_last(
    model: Described, lengths: NDArray[np.int64], indices: NDArray[np.int64], values: FloatArray,
    watched: NDArray[np.int64],
) -> None:  # fmt: skip
    """Refuse arguments of `ablate_last` that do not fit each other or the model.

    Raises:
        BadInput: says which.
    """
    if not len(lengths) == len(indices) == len(values):
        raise BadInput(f"{len(lengths)} texts do not fit {len(indices)} neurons and {len(values)} values.")
    if len(lengths) and lengths.min() < 1:
        raise BadInput("one of the texts is empty, so it has no last token.")
    if len(watched) and not 0 <= watched.min() <= watched.max() < model.tokenizer.d_vocab:
        raise BadInput(f"watched token ids go from 0 to {model.tokenizer.d_vocab - 1}.")
