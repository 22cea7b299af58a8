"""The evidence of a registered prediction once the neuron was read: one log score, in nats.

Of most texts it is the logarithm of the probability that was given to what came out, firing or silence. A minimal pair
is scored by its *order*: one word of a text on which the neuron fires was changed, and the prediction is whether the
activation falls, stays or rises. So it does not matter how often a rival says that the neuron fires, but whether it
knows what the change does; who says the same of everything earns what chance does.

The chances of the three outcomes are Davidson's (1970) for two things that are compared and may be alike: as the odds
of firing before the change, twice their geometric mean, and the odds after it.
"""

from __future__ import annotations

import math
from typing import Literal

Order = Literal["fell", "stayed", "rose"]

MINIMAL_PAIR = "minimal_pair"
"""The generator whose experiments are minimal pairs: they alone are scored by order, and count as that kind of test.

Sweeps and neighbours change one word too, but choose the new word because it may fire: what they ask is whether it
does, and a change from firing to silence, which nearly every word brings about, would be cheap to predict.
"""

_LEAST = 1e-9
"""Predictions are kept within 0.02 to 0.98; a trace from elsewhere may hold others, whose logarithm does not exist."""

_LEAST_CHANGE, _LEAST_SHARE = 0.1, 0.2
_TIES = 2.0


def order_of(before: float, after: float, theta: float) -> Order:
    """Whether an activation fell or rose, by at least a tenth of `theta` and a fifth of its value before."""
    change = after - before
    if abs(change) < max(_LEAST_CHANGE * theta, _LEAST_SHARE * abs(before)):
        return "stayed"
    return "rose" if change > 0 else "fell"


def order_chances(before: float, after: float) -> dict[Order, float]:
    """Chances of the three outcomes for somebody who gave these probabilities of firing before and after a change."""
    odds = [max(p, _LEAST) / max(1 - p, _LEAST) for p in (before, after)]
    weight: dict[Order, float] = {"fell": odds[0], "stayed": _TIES * math.sqrt(odds[0] * odds[1]), "rose": odds[1]}
    total = sum(weight.values())
    return {order: one / total for order, one in weight.items()}


def earned(predicted: float, fired: bool) -> float:
    """By a probability of firing."""
    return math.log(max(predicted if fired else 1 - predicted, _LEAST))


def earned_by_order(before: float, after: float, order: Order) -> float:
    """By probabilities of firing before and after a change."""
    return math.log(max(order_chances(before, after)[order], _LEAST))
