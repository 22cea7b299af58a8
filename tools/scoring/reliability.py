"""Predicted probability of firing against how often the neuron fired."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tools.records.predictions import Bin

N_BINS = 10


def bins(predictions: Sequence[tuple[float, bool]]) -> list[Bin]:
    """Predictions (probability of firing, whether it fired) in ten bins of equal width; empty ones are left out."""
    p, fired = np.array([said for said, _ in predictions]), np.array([came for _, came in predictions])
    which = np.minimum((p * N_BINS).astype(int), N_BINS - 1)
    return [
        Bin(
            low=k / N_BINS, high=(k + 1) / N_BINS, n=int((which == k).sum()),
            predicted=round(float(p[which == k].mean()), 6), fired=round(float(fired[which == k].mean()), 6),
        )
        for k in range(N_BINS) if np.any(which == k)
    ]  # fmt: skip
