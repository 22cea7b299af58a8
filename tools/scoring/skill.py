"""How good registered predictions were: log score and skill against base rate, calibration, direction of change."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

from tools.records.predictions import PredictionScores, Registered
from tools.records.result import ScoreValue, Unscored
from tools.scoring.metrics import percentile_interval
from tools.scoring.reliability import bins

_N_RESAMPLES = 1000
_LEAST_CHANGE = 0.02
PROTOCOL = "log score of registered predictions against base rate, fixed probe set"
CHOSEN_PROTOCOL = "log score of registered predictions against base rate, the agent's own experiments"
SIGN_PROTOCOL = "share of predicted changes of the probability of firing whose direction the raw value followed"

Floats = NDArray[np.float64]


def prediction_scores(
    chosen: Sequence[Registered], pairs: Sequence[Registered], protocol: str, split: str, theta: float,
    rng: np.random.Generator,
) -> PredictionScores:  # fmt: skip
    """Everything about one hypothesis's predictions on one set of experiments.

    Args:
        chosen: what it predicted.
        pairs: those among which direction of change is judged; predictions without a text before the change are
            passed over.
        protocol: how the skill is described.
        split: which set it is.
        theta: raw value above which the neuron fires.
        rng: for the 95 % intervals, bootstraps over carriers.
    """
    return PredictionScores(
        n=len(chosen),
        log_score=round(-float(_losses(chosen).mean()), 6) if chosen else None,
        skill=skill(chosen, rng, protocol, split),
        calibration=bins([(p.probability, p.fired) for p in chosen]),
        sign_accuracy=sign_accuracy(pairs, theta, rng, split),
    )


def probe_skill(
    probabilities: Sequence[float], fired: Sequence[bool], rng: np.random.Generator
) -> ScoreValue | Unscored:
    """Skill on the fixed probe set, each text a witness of its own; see `skill`."""
    if not len(probabilities):
        return Unscored(reason="the neuron fires in too few probe texts for a fixed probe set")
    found = [Registered(p, f, i) for i, (p, f) in enumerate(zip(probabilities, fired, strict=True))]
    return skill(found, rng, PROTOCOL, "probe")


def skill(
    predictions: Sequence[Registered], rng: np.random.Generator, protocol: str, split: str
) -> ScoreValue | Unscored:
    """1 minus the mean log score (nats) of the predictions over that of the base rate; 1 is perfect, 0 is base rate.

    The base rate is the share of these very texts that fired. The 95 % interval is a bootstrap over carriers.
    """
    if not predictions:
        return Unscored(reason="nothing was predicted")
    losses, reference = _losses(predictions), losses_of_base_rate([p.fired for p in predictions])
    if reference is None:
        which = "fixed probe set" if split == "probe" else "experiments"
        return Unscored(reason=f"every text of the {which} came out the same, so there is no base rate to beat")
    own, of_base = _resampled([p.carrier for p in predictions], np.stack([losses, reference], 1), rng)
    return _score(1 - losses.sum() / reference.sum(), 1 - own / of_base, protocol, split, len(predictions))


def sign_accuracy(
    pairs: Sequence[Registered], theta: float, rng: np.random.Generator, split: str
) -> ScoreValue | Unscored:
    """Among pairs with a predicted change in the probability of firing of at least 0.02, the share in which the
    activation changed in that direction, by at least a tenth of theta. A value that stayed where it was is a miss.

    The interval is a bootstrap over carriers; `n_pairs` counts all pairs, predicted to change or not.
    """
    known = [(p, p.probability - p.before, p.value - p.value_before) for p in pairs
             if p.before is not None and p.value_before is not None]  # fmt: skip
    said = [(p, predicted, change) for p, predicted, change in known if abs(predicted) >= _LEAST_CHANGE]
    if not said:
        return Unscored(reason="no change was predicted in any pair" if known else "no pair was read")
    hits = np.array([change * np.sign(predicted) >= 0.1 * theta for _, predicted, change in said], dtype=np.float64)
    own, n = _resampled([p.carrier for p, _, _ in said], np.stack([hits, np.ones_like(hits)], 1), rng)
    found = _score(float(hits.mean()), own / n, SIGN_PROTOCOL, split, len(said))
    return found.model_copy(update={"n_pairs": len(known)})


def losses_of(probabilities: Sequence[float], fired: Sequence[bool]) -> Floats:
    """What each prediction loses: minus the log of the probability, in nats, that it gave to what happened.

    It is infinite where that was 0.
    """
    with np.errstate(divide="ignore"):
        return -np.log(np.where(fired, probabilities, 1 - np.asarray(probabilities)))


def losses_of_base_rate(fired: Sequence[bool]) -> Floats | None:
    """What a forecaster loses who says the share that fired of every text; None where all came out the same."""
    base = float(np.mean(fired))
    return None if base in (0.0, 1.0) else losses_of([base] * len(fired), fired)


def _losses(predictions: Sequence[Registered]) -> Floats:
    return losses_of([p.probability for p in predictions], [p.fired for p in predictions])


def _resampled(carriers: Sequence[Hashable], columns: Floats, rng: np.random.Generator) -> Floats:
    """Sums of each column over carriers drawn with replacement, [n_columns, n_resamples]."""
    numbers = {carrier: i for i, carrier in enumerate(dict.fromkeys(carriers))}
    unit = np.array([numbers[carrier] for carrier in carriers])
    sums = np.stack([np.bincount(unit, weights=column, minlength=len(numbers)) for column in columns.T], axis=1)
    drawn = rng.multinomial(len(numbers), np.full(len(numbers), 1 / len(numbers)), size=_N_RESAMPLES)
    return np.asarray((drawn @ sums).T)


def _score(value: float, replicates: Floats, protocol: str, split: str, n: int) -> ScoreValue:
    found = percentile_interval(float(value), replicates)
    return ScoreValue(
        value=found.value, low=found.low, high=found.high, protocol=protocol, split=split, n_excerpts=n,
    )  # fmt: skip
