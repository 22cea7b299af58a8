"""The accuracy of predictions that were registered before the reading."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

from pydantic import Field

from tools.records.scores import Measured, Record


@dataclass(frozen=True)
class Registered:
    """A prediction that was on record before the reading, and what was read.

    Attributes:
        probability: of firing.
        fired: what the neuron did.
        carrier: the text it was cut from; predictions of one carrier are one witness.
        value: the raw value.
        before: for an edit, the probability of firing before the change; None where it is not known.
        value_before: for an edit, the raw value before the change.
    """

    probability: float
    fired: bool
    carrier: Hashable
    value: float = 0.0
    before: float | None = None
    value_before: float | None = None


class Bin(Record):
    """Predictions in one of ten bins of equal width.

    Attributes:
        low: the least probability of firing in it, 0 to 1.
        high: where it ends.
        n: predictions in it.
        predicted: their mean probability of firing, 0 to 1.
        fired: the share of them that fired, 0 to 1.
    """

    low: float
    high: float
    n: int
    predicted: float
    fired: float


class PredictionScores(Record):
    """How well one hypothesis predicted one set of experiments.

    Attributes:
        n: predictions.
        log_score: mean log score, in nats a text, 0 at best; null without predictions.
        skill: 1 minus the log score over that of the base rate; 1 is perfect, 0 is base rate.
        calibration: ten bins of equal width, empty ones left out.
        sign_accuracy: of changes that were predicted, the share (0 to 1) that went that way.
    """

    n: int
    log_score: float | None
    skill: Measured
    calibration: list[Bin]
    sign_accuracy: Measured


class RegisteredPredictions(Record):
    """Predictions of the final explanation that were on record before the reading: probability of firing, outcome.

    Attributes:
        chosen: of the run's own experiments, each as [probability of firing, 0 to 1; whether it fired].
        probe: of the fixed probe set, of which about half fire by design, in the same form.
    """

    chosen: list[tuple[float, bool]] = Field(default_factory=list)
    probe: list[tuple[float, bool]] = Field(default_factory=list)
