"""Real text in which something is changed: prefixes of explore excerpts that end where the neuron fires."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tools.records.excerpts import ExploreReadings

N_CARRIERS = 32
MIN_CARRIERS = 6
NEAR_PEAK = 0.9


@dataclass(frozen=True)
class Carrier:
    """A text that ends where the neuron fires most in an excerpt, or nearly so.

    Attributes:
        tokens: int32 [n], at least one.
        value: the raw value at the last one.
        name: names the excerpt.
    """

    tokens: NDArray[np.int32]
    value: float
    name: str


def draw_carriers(explore: ExploreReadings, theta: float, used: Set[str], rng: np.random.Generator) -> list[Carrier]:
    """Prefixes of explore excerpts, drawn at random over those that fire and were not used before.

    At most 32, and at most half of what is left (but six), so that a neuron that fires seldom has texts for later
    rounds too. Where none is left that fires, those with the highest values.
    """
    values = np.where(explore.excerpts.mask, explore.values, -np.inf)
    peak = values.max(1)
    name = [f"explore-{i}" for i in explore.excerpts.ids.tolist()]
    left = np.array([row for row in range(len(explore)) if name[row] not in used], dtype=np.int64)
    firing = left[peak[left] > theta]
    if len(firing):
        n = min(N_CARRIERS, max(MIN_CARRIERS, len(firing) // 2), len(firing))
        rows = np.sort(rng.choice(firing, size=n, replace=False))
    else:
        rows = np.sort(left[np.argsort(-peak[left], kind="stable")[:MIN_CARRIERS]])
    fires, top = values[rows] > theta, peak[rows, None]
    near_peak = np.where(top > theta, fires & (values[rows] >= NEAR_PEAK * top), values[rows] == top)
    # One of the places near the peak: a neuron that fires in most places would else give nothing but beginnings.
    ends = np.where(near_peak, rng.random(near_peak.shape), -1).argmax(1)
    return [
        Carrier(explore.excerpts.tokens[row, : end + 1], float(values[row, end]), name[row])
        for row, end in zip(rows.tolist(), ends.tolist(), strict=True)
    ]
