"""How much better than base rate registered predictions are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tools.records.result import ScoreValue, Unscored

_N_RESAMPLES = 1000
PROTOCOL = "log score of registered predictions against base rate, fixed probe set"


def probe_skill(
    probabilities: Sequence[float], fired: Sequence[bool], rng: np.random.Generator
) -> ScoreValue | Unscored:
    """1 minus the mean log score (nats) of the predictions over that of the base rate; 1 is perfect, 0 is base rate.

    Args:
        probabilities: of firing, one per text.
        fired: what the neuron did.
        rng: for the 95 % interval, a bootstrap over texts.
    """
    outcome, p = np.array(fired, dtype=bool), np.array(probabilities, dtype=np.float64)
    if len(outcome) == 0:
        return Unscored(reason="the neuron fires in too few probe texts for a fixed probe set")
    base = float(outcome.mean())
    if base in (0.0, 1.0):
        return Unscored(reason="every text of the fixed probe set came out the same, so there is no base rate to beat")
    losses = -np.log(np.where(outcome, p, 1 - p))
    reference = -np.log(np.where(outcome, base, 1 - base))
    rows = rng.integers(len(p), size=(_N_RESAMPLES, len(p)))
    replicates = 1 - losses[rows].sum(1) / reference[rows].sum(1)
    low, high = np.percentile(replicates, [2.5, 97.5])
    return ScoreValue(
        value=round(float(1 - losses.sum() / reference.sum()), 6), low=round(float(low), 6), high=round(float(high), 6),
        protocol=PROTOCOL, split="probe", n_excerpts=len(p),
    )  # fmt: skip
