"""A neuron beside others of its layer that fire about as often and as strongly, and texts on which each fires.

All of it is explore text: how other neurons do on sealed text is nobody's business here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tools.evidence.neurons.neuron import MIN_THETA, THETA_SHARE
from tools.evidence.neurons.scan import LayerScan

N_DRAWN = 64
N_EXCERPTS = 160
MIN_TEXTS = 3
_PERCENTILE = 99.9  # of a sample, where the 99.99th would hang on two tokens


@dataclass(frozen=True)
class FiringTexts:
    """A neuron and texts that end where it fires.

    Attributes:
        neuron: its index.
        rate: share of tokens on which it fires, which is above 0.3 times its 99.9th percentile (at least 0.1).
        mean: its mean raw value.
        texts: token ids, one text an excerpt.
    """

    neuron: int
    rate: float
    mean: float
    texts: list[tuple[int, ...]]


def with_peers(
    scan: LayerScan, index: int, n_peers: int, n_texts: int, rng: np.random.Generator
) -> tuple[FiringTexts, list[FiringTexts]]:
    """The neuron and those of 64 randomly drawn others that are closest to it in log firing rate and mean.

    Rate and mean, over a random sample of explore excerpts, are each divided by their spread over the drawn neurons.
    Neurons that fire in fewer than three excerpts of the sample are left out.

    Args:
        scan: the layer.
        index: the neuron.
        n_peers: others wanted; fewer may come back.
        n_texts: texts wanted of each of them, and of the neuron itself twice as many; fewer may come back.
        rng: draws excerpts, neurons and texts.
    """
    explore, inputs = scan.corpus.explore, scan._inputs["explore"]
    rows = np.sort(rng.choice(len(explore), size=min(N_EXCERPTS, len(explore)), replace=False))
    starts = np.concatenate([[0], np.cumsum(explore.lengths)])
    sample = np.concatenate([inputs[starts[row] : starts[row + 1]] for row in rows])
    row_of = np.repeat(rows, explore.lengths[rows])
    position = np.concatenate([np.arange(n) for n in explore.lengths[rows]])

    def watch(neuron: int) -> _Watched:
        values = scan.subject.neuron_values(sample, scan.layer, neuron)
        fires = np.flatnonzero(values > max(MIN_THETA, THETA_SHARE * float(np.percentile(values, _PERCENTILE))))
        return _Watched(neuron, len(fires) / len(values), float(values.mean()), fires)

    def texts_of(watched: _Watched, n: int) -> FiringTexts:
        fires = rng.permutation(watched.fires)
        _, first = np.unique(row_of[fires], return_index=True)
        ends = fires[np.sort(first)[:n]]
        texts = [tuple(explore.tokens[row_of[end], : position[end] + 1].tolist()) for end in ends]
        return FiringTexts(watched.neuron, watched.rate, watched.mean, texts)

    own = watch(index)
    others = np.setdiff1d(scan.subject.null_neurons(), [index])
    drawn = [watch(int(neuron)) for neuron in rng.choice(others, size=min(N_DRAWN, len(others)), replace=False)]
    drawn = [one for one in drawn if len(np.unique(row_of[one.fires])) >= MIN_TEXTS]
    if not len(own.fires) or not drawn:
        return texts_of(own, 2 * n_texts), []
    places = np.array([[np.log(one.rate), one.mean] for one in (own, *drawn)])
    spread = places[1:].std(axis=0)
    far = (np.abs(places[1:] - places[0]) / np.where(spread > 0, spread, 1)).sum(axis=1)
    nearest = [drawn[i] for i in np.argsort(far, kind="stable")[:n_peers]]
    return texts_of(own, 2 * n_texts), [texts_of(one, n_texts) for one in nearest]


class _Watched(NamedTuple):
    """A neuron, its firing rate and mean on the sample, and at which of its tokens it fires."""

    neuron: int
    rate: float
    mean: float
    fires: NDArray[np.int64]
