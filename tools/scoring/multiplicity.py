"""Multiple testing: p-values from intervals, and the false discovery rate."""

from __future__ import annotations

import math
from collections.abc import Sequence

from scipy.stats import false_discovery_control

from tools.scoring.shares import Z


def p_above_zero(value: float, low: float, high: float) -> float:
    """One-sided p-value of a gain over nothing, from its 95 % interval, taken to be that of a normal distribution.

    An interval without width is certain: 0 for a gain above zero, else 1.
    """
    if high <= low:
        return 0.0 if value > 0 else 1.0
    return 0.5 * math.erfc(value / ((high - low) / (2 * Z)) / math.sqrt(2))


def q_values(p_values: Sequence[float]) -> list[float]:
    """The least rate of false discoveries at which each is among the discoveries: Benjamini and Hochberg (1995).

    Args:
        p_values: of all that was tested, in 0-1, in any order.

    Returns:
        Values in 0-1, each at least its p-value, in the order given; larger p-values never have smaller ones.
    """
    if not len(p_values):  # of none, SciPy makes an error
        return []
    found: list[float] = false_discovery_control(p_values, method="bh").tolist()
    return found
