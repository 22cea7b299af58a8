"""Pearson correlation of two series, where it exists."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import pearsonr


def pearson(one: NDArray[Any], other: NDArray[Any]) -> float | None:
    """Correlation of two equally long series; None where one of them is constant, or shorter than two."""
    if len(one) < 2 or np.ptp(one) == 0 or np.ptp(other) == 0:
        return None
    return float(pearsonr(one.astype(np.float64), other.astype(np.float64)).statistic)
