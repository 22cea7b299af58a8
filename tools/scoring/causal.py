"""Effects of ablation: of an explanation, of a neuron beside its peers, and on the tokens that it promotes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tools.records.effects import Push
from tools.records.result import Interval, ScoreValue, Unscored
from tools.scoring.metrics import N_RESAMPLES, StratifiedSample, percentile_interval
from tools.subject.protocol import FloatArray

ABLATION = (
    "ablate-to-simulation against ablate-to-mean, Jensen-Shannon divergence over top, quantile and random excerpts"
)
PUSH = "nats that claimed tokens gain on control tokens from the neuron where it fires, against its mean"
NOTHING = 1e-9
"""Nats. Below this a divergence is the rounding of the logits."""

_TOO_MANY_UNDEFINED = 0.05

N_CLAIMED = 5
N_CONTROLS = 4
"""Control tokens for each claimed one."""

MIN_COUNT = 5
"""A token that a claim names occurs at least so often in explore text: rarer ones have weights that nothing trained."""


def calibration(levels: FloatArray, values: FloatArray) -> tuple[float, float] | Unscored:
    """Slope and intercept that bring simulated levels closest to raw values, both flat, in squared error."""
    x, y = levels.astype(np.float64), values.astype(np.float64)
    if len(x) == 0 or x.max() == x.min():
        return Unscored(reason="the simulation is constant on development text, so it says no more than the mean")
    slope = float(np.mean((x - x.mean()) * (y - y.mean())) / x.var())
    return slope, float(y.mean() - slope * x.mean())


def ablation_score(sample: StratifiedSample, simulated: FloatArray, mean: FloatArray) -> ScoreValue | Unscored:
    """OpenAI's ablation score (2023): `1 - E[JSD(ablate-to-simulation)] / E[JSD(ablate-to-mean)]`, over all tokens.

    1 is what the neuron itself would get, 0 is what its mean gets, and there is no lower bound. The interval resamples
    documents within strata.

    Args:
        sample: the excerpts.
        simulated: divergence from the original in nats with the neuron set to the simulation, [n, pos].
        mean: the same with the neuron set to its mean, [n, pos].
    """
    n_units = sample.weights.shape[1]
    if len(sample) == 0:
        return Unscored(reason="there is no excerpt to score on")
    if n_units == len(set(sample.strata)):
        return Unscored(reason="no stratum has more than one document, so there is nothing to resample")
    mask = sample.activations.excerpts.mask
    if float(mean[mask].mean()) <= NOTHING:
        return Unscored(reason="setting the neuron to its mean changes nothing in the model's output on this text")
    sums = np.stack(
        [
            np.bincount(sample.units, weights=np.where(mask, d, 0).sum(axis=1, dtype=np.float64), minlength=n_units)
            for d in (simulated, mean)
        ]
    )
    drawn = sums @ sample.weights.T
    something = drawn[1] > NOTHING
    if np.mean(~something) > _TOO_MANY_UNDEFINED:
        return Unscored(reason="the neuron changes the output in too few documents for an interval")
    replicates = 1 - drawn[0, something] / drawn[1, something]
    total = sums.sum(axis=1)
    found = percentile_interval(float(1 - total[0] / total[1]), replicates)
    return ScoreValue(
        value=found.value, low=found.low, high=found.high, protocol=ABLATION, split="sealed", n_excerpts=len(sample)
    )


def times_its_like(own: FloatArray, peers: Sequence[FloatArray], rng: np.random.Generator) -> Interval | Unscored:
    """The effect of ablating the neuron on the output where it fires, divided by that of the median peer.

    Args:
        own: divergences in nats, one a text on which the neuron fires.
        peers: the same for each peer, on its own texts.
        rng: for the interval, which resamples the neuron's texts and the peers.
    """
    means = np.array([peer.mean(dtype=np.float64) for peer in peers])
    if float(np.median(means)) <= NOTHING:
        return Unscored(reason="the neurons that it is compared to change nothing in the model's output")
    ours = own.astype(np.float64)[rng.integers(len(own), size=(N_RESAMPLES, len(own)))].mean(axis=1)
    theirs = np.median(means[rng.integers(len(means), size=(N_RESAMPLES, len(means)))], axis=1)
    return percentile_interval(float(own.mean(dtype=np.float64) / np.median(means)), ours / np.maximum(theirs, NOTHING))


@dataclass(frozen=True)
class Claim:
    """Token ids that a neuron should make likelier when it fires, and tokens as frequent that it should leave alone."""

    tokens: list[int]
    controls: list[int]


def claim(weights: FloatArray, counts: NDArray[np.int64]) -> Claim | Unscored:
    """The tokens with the largest output weights, and controls; decided by weights and explore text alone.

    Tokens that occur fewer than five times in explore text are left out. Controls have weights between the quartiles
    and are the closest in frequency, each used once.

    Args:
        weights: of all tokens, [d_vocab].
        counts: how often each occurs in explore text, [d_vocab].
    """
    known = np.flatnonzero(counts >= MIN_COUNT)
    if len(known) < 4 * N_CLAIMED * N_CONTROLS:
        return Unscored(reason=f"only {len(known)} tokens occur often enough in explore text to be claimed or compared")
    tokens = known[np.argsort(-weights[known], kind="stable")[:N_CLAIMED]]
    low, high = np.percentile(weights[known], [25, 75])
    middle = known[(weights[known] >= low) & (weights[known] <= high)]
    middle = middle[~np.isin(middle, tokens)]
    controls: list[int] = []
    for token in tokens:
        free = middle[~np.isin(middle, controls)]
        off = np.abs(np.log(counts[free] / counts[token]))
        controls += [int(t) for t in free[np.argsort(off, kind="stable")[:N_CONTROLS]]]
    return Claim([int(t) for t in tokens], controls)


def push(gains: FloatArray, is_claimed: NDArray[np.bool_], rng: np.random.Generator) -> Push:
    """How much likelier the neuron makes the claimed tokens than their controls: mean log probability, in nats.

    Args:
        gains: log probability with the neuron minus without, [text, token]; the texts are of different documents.
        is_claimed: which of the tokens are claimed; the others are controls.
        rng: for the interval, which resamples texts.
    """
    exact = gains.astype(np.float64)
    beside = exact[:, is_claimed].mean(axis=1) - exact[:, ~is_claimed].mean(axis=1)
    replicates = beside[rng.integers(len(beside), size=(N_RESAMPLES, len(beside)))].mean(axis=1)
    found = percentile_interval(float(beside.mean()), replicates)
    by_token = exact.mean(axis=0)
    ahead = float((by_token[is_claimed][:, None] > by_token[~is_claimed]).mean())
    return Push(
        value=found.value, low=found.low, high=found.high, split="sealed", n_excerpts=len(gains), protocol=PUSH,
        ahead=round(ahead, 4),
    )  # fmt: skip
