"""A neuron beside others of its layer that fire about as often and as strongly, and texts on which each fires.

All of it is explore text: how other neurons do on sealed text is nobody's business here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tools.evidence.neuron import MIN_THETA, THETA_SHARE
from tools.evidence.scan import LayerScan

N_DRAWN = 64
N_EXCERPTS = 192
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
    tokens = [explore.tokens[row, : explore.lengths[row]] for row in rows]

    def firing(neuron: int) -> FiringTexts:
        values = scan.subject.neuron_values(sample, scan.layer, neuron)
        fires = values > max(MIN_THETA, THETA_SHARE * float(np.percentile(values, _PERCENTILE)))
        return FiringTexts(neuron, float(fires.mean()), float(values.mean()), _texts(fires, tokens, 2 * n_texts, rng))

    own = firing(index)
    others = np.setdiff1d(scan.subject.null_neurons(), [index])
    drawn = [firing(int(neuron)) for neuron in rng.choice(others, size=min(N_DRAWN, len(others)), replace=False)]
    drawn = [peer for peer in drawn if len(peer.texts) >= MIN_TEXTS]
    if not own.texts or not drawn:
        return own, []
    places = np.array([[np.log(neuron.rate), neuron.mean] for neuron in (own, *drawn)])
    spread = places[1:].std(axis=0)
    far = (np.abs(places[1:] - places[0]) / np.where(spread > 0, spread, 1)).sum(axis=1)
    nearest = [drawn[i] for i in np.argsort(far, kind="stable")[:n_peers]]
    return own, [FiringTexts(p.neuron, p.rate, p.mean, p.texts[:n_texts]) for p in nearest]


def _texts(
    fires: NDArray[np.bool_], tokens: list[NDArray[np.int32]], n: int, rng: np.random.Generator
) -> list[tuple[int, ...]]:
    """Up to `n` texts cut after a random firing token, of excerpts in random order; `fires` is flat over all tokens."""
    by_excerpt = np.split(fires, np.cumsum([len(t) for t in tokens])[:-1])
    firing = [i for i, excerpt in enumerate(by_excerpt) if excerpt.any()]
    out = []
    for i in rng.permutation(firing)[:n]:
        end = int(rng.choice(np.flatnonzero(by_excerpt[i])))
        out.append(tuple(int(t) for t in tokens[i][: end + 1]))
    return out
