"""One neuron in an index: its top excerpts, the distribution of its values, and its firing rate."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tools.evidence.neurons.neuron import MIN_THETA, THETA_PERCENTILE, THETA_SHARE
from tools.evidence.splits.split_corpus import PARTS
from tools.index.keys import Entries, parse_sample_keys, parse_top_keys
from tools.index.shape import FIRST_TOKEN_OCTAVE, FIRST_VALUE_OCTAVE, TOKEN_BINS
from tools.index.store import ActivationIndex
from tools.records.excerpts import Excerpts
from tools.records.neuron import NeuronId

_EQUAL = 1e-3
"""Variance over mean square below which sums in float32 do not tell higher moments: 1e-7 / _EQUAL^2 is the error."""


@dataclass(frozen=True)
class Distribution:
    """A neuron's values at the tokens of the statistics sample, which is explore text.

    Attributes:
        n_tokens: tokens it is taken over.
        mean: of the raw value.
        variance: of the raw value, around that mean.
        skewness: third standardised moment; None where the values are all but equal, so that rounding would decide
            it, or too large for float32.
        kurtosis: fourth standardised moment, 3 for a normal distribution; None as for skewness.
        theta: the raw value above which the neuron fires: 0.3 times the 99.99th percentile, at least 0.1. Both this and
            the rate are read off a histogram with four bins an octave up to 64, and one bin from 56 on: where theta is
            above that, the rate is right within a factor of about two.
        firing_rate: share of tokens above theta.
    """

    n_tokens: int
    mean: float
    variance: float
    skewness: float | None
    kurtosis: float | None
    theta: float
    firing_rate: float


def top_entries(index: ActivationIndex, neuron: NeuronId, part: str) -> Entries:
    """Excerpts of a part with the largest values, best first; of parts beside explore for `tools.evidence` alone."""
    return parse_top_keys(index.record(neuron)["top"][PARTS.index(part)])


def sought_excerpts(index: ActivationIndex, neuron: NeuronId) -> dict[str, Excerpts]:
    """By part, the texts of the largest values that are not in the shared random sample. For `tools.evidence` alone."""
    out = {}
    for part in PARTS:
        rows = top_entries(index, neuron, part).rows
        out[part] = index.excerpts(np.sort(rows[rows >= index.sample_of(part).stop]))
    return out


def quantile_entries(index: ActivationIndex, neuron: NeuronId) -> list[tuple[float, float, Entries]]:
    """Explore excerpts drawn at random by their largest value: (least value of the bin, end, entries), none empty."""
    out = []
    for number, keys in enumerate(index.record(neuron)["sample"]):
        entries = parse_sample_keys(keys)
        if len(entries):
            octave = FIRST_VALUE_OCTAVE + number
            low = -np.inf if octave == FIRST_VALUE_OCTAVE else 2.0**octave
            last = number == len(index.record(neuron)["sample"]) - 1
            out.append((low, np.inf if last else 2.0 ** (octave + 1), entries))
    return out


def distribution(index: ActivationIndex, neuron: NeuronId) -> Distribution:
    """Moments, threshold and firing rate of a neuron."""
    record = index.record(neuron)
    n = int(index.manifest["statistics"]["tokens"])
    mean, second, third, fourth = (float(total) / n for total in record["sums"])
    variance = max(second - mean**2, 0.0)
    skewness = kurtosis = None
    if variance > _EQUAL * second:
        skewness = (third - 3 * mean * second + 2 * mean**3) / variance**1.5
        kurtosis = (fourth - 4 * mean * third + 6 * mean**2 * second - 3 * mean**4) / variance**2
    counts = record["tokens"].astype(np.float64)
    best = parse_top_keys(record["top"][0]).values
    edges = _edges(float(best[0]) if len(best) else 0.0)
    theta = max(MIN_THETA, THETA_SHARE * _value_of_rank(counts, edges, (1 - THETA_PERCENTILE / 100) * n))
    return Distribution(
        n, mean, variance, _if_finite(skewness), _if_finite(kurtosis), theta, _above(counts, edges, theta) / n
    )


def _if_finite(value: float | None) -> float | None:
    return value if value is not None and np.isfinite(value) else None


def _edges(largest: float) -> NDArray[np.float64]:
    """Where the token bins begin and, last, end: even in a float's first two bits of mantissa, not in its logarithm.

    `largest` is a value that none exceeds: no bin goes beyond it, and the last one goes up to it.
    """
    octaves = 2.0 ** (FIRST_TOKEN_OCTAVE + np.arange(TOKEN_BINS // 4 + 1))
    edges: NDArray[np.float64] = (octaves[:, None] * (1 + np.arange(4) / 4)).ravel()[: TOKEN_BINS + 1]
    edges = np.minimum(edges, max(largest, edges[0]))
    edges[-1] = max(edges[-1], largest)
    return edges


def _value_of_rank(counts: NDArray[np.float64], edges: NDArray[np.float64], rank: float) -> float:
    """The value that `rank` tokens exceed, 0 where fewer are counted at all; log-linear within a bin."""
    above = 0.0
    for number in range(TOKEN_BINS - 1, -1, -1):
        if counts[number] and above + counts[number] >= rank:
            share = (rank - above) / counts[number]
            return float(edges[number + 1] * (edges[number] / edges[number + 1]) ** share)
        above += counts[number]
    return 0.0


def _above(counts: NDArray[np.float64], edges: NDArray[np.float64], value: float) -> float:
    """How many tokens exceed a value of at least the first edge; log-linear within a bin."""
    number = int(np.searchsorted(edges, value, side="right")) - 1
    if number >= TOKEN_BINS:
        return 0.0
    inside = np.log(edges[number + 1] / value) / np.log(edges[number + 1] / edges[number])
    return float(counts[number + 1 :].sum() + inside * counts[number])
