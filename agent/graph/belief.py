"""How far each rival is believed: by log score on registered predictions, one unit of evidence per carrier."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from tools.scoring.log_score import Order, earned, earned_by_order

FLOOR = 0.01
"""Nobody is believed less than this, as long as there are fewer than a hundred: no text kills a hypothesis for good."""


def log_scores(
    predictions: Mapping[str, Sequence[float | None]],
    fired: Sequence[bool],
    carriers: Sequence[str],
    before: Mapping[str, Sequence[float | None]] | None = None,
    orders: Sequence[Order | None] | None = None,
) -> dict[str, float]:
    """Each rival's log score (nats): averaged over the texts of a carrier, summed over carriers.

    On a text without its prediction, a rival earns the mean log score of those that have one, so it neither gains nor
    loses.

    Args:
        predictions: by rival, probabilities of firing.
        fired: what the neuron did.
        carriers: the text that each one was cut from.
        before: by rival, what it said of the texts before a change.
        orders: for texts that are scored by the order of the two, what came out; see `tools.scoring.log_score`.
    """
    names = {carrier: i for i, carrier in enumerate(dict.fromkeys(carriers))}
    unit = np.array([names[carrier] for carrier in carriers], dtype=np.int64)
    size = np.bincount(unit, minlength=len(names))
    by_order = orders or [None] * len(fired)
    per_text = {
        rival: np.array(
            [
                _earned(p, fires, None if before is None else before[rival][i], order)
                for i, (p, fires, order) in enumerate(zip(given, fired, by_order, strict=True))
            ]
        )
        for rival, given in predictions.items()
    }
    if any(np.isnan(own).any() for own in per_text.values()):
        earned = np.array(list(per_text.values()))
        n_said = (~np.isnan(earned)).sum(0)
        average = np.nansum(earned, 0) / np.maximum(n_said, 1)
        per_text = {rival: np.where(np.isnan(own), average, own) for rival, own in per_text.items()}
    return {
        rival: round(float((np.bincount(unit, weights=own, minlength=len(names)) / size).sum()), 6)
        for rival, own in per_text.items()
    }


def _earned(p: float | None, fired: bool, before: float | None, order: Order | None) -> float:
    if p is None or (order is not None and before is None):
        return np.nan
    return earned(p, fired) if order is None or before is None else earned_by_order(before, p, order)


def updated(beliefs: Mapping[str, float], scores: Mapping[str, float]) -> dict[str, float]:
    """Beliefs after the scores, floored and normalised."""
    names = list(beliefs)
    logs = np.array([np.log(beliefs[name]) + scores.get(name, 0.0) for name in names])
    return _floored(names, np.exp(logs - logs.max()))


def joined(beliefs: Mapping[str, float], newcomers: Sequence[str]) -> dict[str, float]:
    """Beliefs once newcomers have entered with the mean belief: they have earned nothing and lost nothing."""
    weights = {**beliefs, **{name: 1 / max(len(beliefs), 1) for name in newcomers}}
    return _floored(list(weights), np.array(list(weights.values())))


def merged(beliefs: Mapping[str, float], gone: str, kept: str) -> dict[str, float]:
    """Beliefs once two rivals are found to be one: what both had goes to the one that stays."""
    rest = {name: weight for name, weight in beliefs.items() if name != gone}
    rest[kept] += beliefs[gone]
    return _floored(list(rest), np.array(list(rest.values())))


def without(beliefs: Mapping[str, float], dropped: str) -> dict[str, float]:
    """Beliefs once a rival is gone."""
    rest = {name: weight for name, weight in beliefs.items() if name != dropped}
    return _floored(list(rest), np.array(list(rest.values())))


def _floored(names: list[str], weights: np.ndarray[tuple[int], np.dtype[np.float64]]) -> dict[str, float]:
    floor = min(FLOOR, 1 / max(len(names), 1))
    weights = floor + (1 - len(names) * floor) * weights / weights.sum()
    return {name: round(float(w), 6) for name, w in zip(names, weights, strict=True)}
