"""A share of a count, with its interval."""

from __future__ import annotations

from math import sqrt
from statistics import NormalDist

Z = NormalDist().inv_cdf(0.975)
"""Standard errors from the middle of a normal distribution to the end of its 95 % interval."""


def wilson(count: float, total: float) -> tuple[float, float]:
    """Bounds of the share count / total, Wilson's at 95 %; 0 and 1 where there is nothing to count.

    Neither has to be whole, as a mean over seeds is not, which is why this is not SciPy's `proportion_ci`.
    """
    if total <= 0:
        return 0.0, 1.0
    share, z2 = count / total, Z**2 / total
    middle, half = share + z2 / 2, Z * sqrt(share * (1 - share) / total + z2 / (4 * total))
    return max(0.0, (middle - half) / (1 + z2)), min(1.0, (middle + half) / (1 + z2))
