"""The final scores of a run beside its baselines, and the calibration of its registered predictions."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from tools.records.predictions import Bin, RegisteredPredictions
from tools.records.result import Compared, Gains, Interval, Measured, PartialResult, ScoreValue, Unscored
from tools.scoring.reliability import bins
from traces.html import drawing

BASELINES = {
    "token_lookup_30": ("token-lookup-30", "a table of 30 tokens, as long as an explanation"),
    "null": ("null", "the best of as many explanations of other neurons as this run tried"),
    "token_lookup_full": ("token-lookup-full", "a table of all tokens, too long to read; for reference"),
}
"""Label and description of each baseline, by its name in a result."""

_OTHER_SCORES = {
    "random_only": "random excerpts only", "openai_top_random": "OpenAI's 5 + 5 excerpts",
    "explained_variance": "explained variance", "rsquared": "R squared about zero",
    "absolute_dev_explained": "absolute deviation explained", "detection": "detection, balanced accuracy",
    "detection_auc": "detection, area under the curve", "fuzzing": "fuzzing, balanced accuracy",
    "fuzzing_auc": "fuzzing, area under the curve",
}  # fmt: skip
_PREDICTIONS = {"chosen": "experiments that the run chose", "probe": "fixed probe set"}


@dataclass(frozen=True)
class ScoreRow:
    """A final score beside its baselines."""

    label: str
    about: str
    score: Compared
    gain: Compared | None


@dataclass(frozen=True)
class OtherScore:
    """One of the scores besides correlation; None for baselines without it."""

    label: str
    own: Measured
    token_lookup_30: Measured | None
    null: Measured | None

    @property
    def protocol(self) -> str:
        """How it was measured; empty without a score."""
        return self.own.protocol if isinstance(self.own, ScoreValue) else ""


def sealed_score(result: PartialResult) -> Measured:
    """The score on sealed text, or the reason why there is none."""
    if result.score:
        return result.score
    return Unscored(reason="sealed text is scored at the end of a run, and this one has not ended")


def score_rows(result: PartialResult) -> list[ScoreRow]:
    """The sealed score and its baselines on the same excerpts."""
    rows = [ScoreRow("this explanation", "", sealed_score(result), None)]
    baselines, gains = result.baselines.by_name() if result.baselines else {}, result.gains or Gains()
    for name, (label, about) in BASELINES.items():
        if name in baselines:
            rows.append(ScoreRow(label, about, baselines[name], gains.by_name().get(name)))
    if previous := result.previous:
        about = f"the explanation of the run {previous.run_id}, on this run's sealed text"
        rows.append(ScoreRow("the earlier one", about, previous.score, gains.previous))
    return rows


def score_plot(rows: list[ScoreRow]) -> Markup | None:
    """A drawing of the scores that have a value; the first row is the run's own."""
    bars = [
        drawing.Bar(row.label, row.score.value, row.score.low, row.score.high, at == 0)
        for at, row in enumerate(rows)
        if isinstance(row.score, Interval)
    ]
    return drawing.intervals(bars) if bars else None


def other_scores(result: PartialResult) -> list[OtherScore]:
    """The scores that the result has, in the order of the table."""
    alone = (("random_only", result.random_only), ("openai_top_random", result.openai_top_random))
    rows = {name: OtherScore(_OTHER_SCORES[name], score, None, None) for name, score in alone if score} | {
        name: OtherScore(_OTHER_SCORES[name], row.explanation, row.token_lookup_30, row.null)
        for name, row in (result.scores or {}).items()
        if name in _OTHER_SCORES
    }
    return [rows[name] for name in _OTHER_SCORES if name in rows]


def calibration(result: PartialResult) -> list[tuple[str, list[Bin]]]:
    """The winner's registered predictions in bins: on the run's own experiments, and on the fixed probe set."""
    found = result.registered or RegisteredPredictions()
    return [(_PREDICTIONS[name], bins(own)) for name, own in (("chosen", found.chosen), ("probe", found.probe)) if own]


def skills(result: PartialResult) -> list[tuple[str, Measured, Measured, int]]:
    """(which predictions, skill against base rate, sign accuracy, how many)."""
    found = result.predictions or {}
    return [
        (label, found[name].skill, found[name].sign_accuracy, found[name].n)
        for name, label in _PREDICTIONS.items()
        if name in found
    ]
