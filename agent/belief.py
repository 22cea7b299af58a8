"""How far each rival is believed: by log score on registered predictions, one unit of evidence per carrier."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

FLOOR = 0.01
"""Nobody is believed less than this, as long as there are fewer than a hundred: no text kills a hypothesis for good."""


def log_scores(
    predictions: Mapping[str, Sequence[float | None]], fired: Sequence[bool], carriers: Sequence[str]
) -> dict[str, float]:
    """Each rival's log score (nats): averaged over the texts of a carrier, summed over carriers.

    Of a text on which a rival has no prediction it earns what those that have one earn on average: having said nothing,
    it is neither right nor wrong.
    """
    outcome = np.array(fired)
    names = {carrier: i for i, carrier in enumerate(dict.fromkeys(carriers))}
    unit = np.array([names[carrier] for carrier in carriers], dtype=np.int64)
    size = np.bincount(unit, minlength=len(names))
    per_text = {}
    for rival, given in predictions.items():
        p = np.array([np.nan if one is None else one for one in given])
        per_text[rival] = np.log(np.where(outcome, p, 1 - p))
    if any(None in given for given in predictions.values()):
        earned = np.array(list(per_text.values()))
        n_said = (~np.isnan(earned)).sum(0)
        average = np.nansum(earned, 0) / np.maximum(n_said, 1)
        per_text = {rival: np.where(np.isnan(own), average, own) for rival, own in per_text.items()}
    return {
        rival: round(float((np.bincount(unit, weights=own, minlength=len(names)) / size).sum()), 6)
        for rival, own in per_text.items()
    }


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
