"""How far each rival is believed: by log score on registered predictions, one unit of evidence per carrier."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

FLOOR = 0.01
"""Nobody is believed less than this, as long as there are fewer than a hundred: no text kills a hypothesis for good."""


def log_scores(
    predictions: Mapping[str, Sequence[float]], fired: Sequence[bool], carriers: Sequence[str]
) -> dict[str, float]:
    """Each rival's log score (nats): averaged over the texts of a carrier, summed over carriers."""
    outcome = np.array(fired)
    names = {carrier: i for i, carrier in enumerate(dict.fromkeys(carriers))}
    unit = np.array([names[carrier] for carrier in carriers], dtype=np.int64)
    size = np.bincount(unit, minlength=len(names))
    out = {}
    for rival, given in predictions.items():
        p = np.array(given)
        per_text = np.log(np.where(outcome, p, 1 - p))
        out[rival] = round(float((np.bincount(unit, weights=per_text, minlength=len(names)) / size).sum()), 6)
    return out


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
