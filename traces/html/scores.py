"""The final scores of a run beside what they must beat, and how right its registered predictions were."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from traces.html import drawing

BASELINES = {
    "token_lookup_30": ("token-lookup-30", "a table of 30 tokens, as long as an explanation"),
    "null": ("null", "the best of as many explanations of other neurons as this run tried"),
    "token_lookup_full": ("token-lookup-full", "a table of all tokens, which nobody could read; for reference"),
}
"""By their names in a result: label, and what they are."""

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
    """A final score beside what it must beat; scores are dicts with value, low and high, or a reason."""

    label: str
    about: str
    score: dict[str, Any]
    gain: dict[str, Any] | None


def sealed_score(result: dict[str, Any]) -> dict[str, Any]:
    """The score on sealed text; with a reason where there is none."""
    if result.get("score"):
        return dict(result["score"])
    return {"value": None, "reason": "the sealed split is scored at the end of a run, and this one has not ended"}


def score_rows(result: dict[str, Any]) -> list[ScoreRow]:
    """The sealed score and its baselines on the same excerpts; none without a result."""
    if not result:
        return []
    rows = [ScoreRow("this explanation", "", sealed_score(result), None)]
    baselines, gains = result.get("baselines") or {}, result.get("gains") or {}
    for name, (label, about) in BASELINES.items():
        if name in baselines:
            rows.append(ScoreRow(label, about, baselines[name], gains.get(name)))
    if previous := result.get("previous"):
        about = f"the explanation of the run {previous.get('run_id')}, on this run's sealed text"
        rows.append(ScoreRow("the earlier one", about, previous.get("score") or {}, gains.get("previous")))
    return rows


def score_plot(rows: list[ScoreRow]) -> Markup | None:
    """Those that have a value, as a drawing; the first row is the one that the page is about."""
    bars = [
        drawing.Bar(row.label, row.score["value"], row.score["low"], row.score["high"], at == 0)
        for at, row in enumerate(rows)
        if row.score.get("value") is not None
    ]
    return drawing.intervals(bars) if bars else None


def other_scores(result: dict[str, Any]) -> list[tuple[str, dict[str, Any], dict[str, Any], dict[str, Any], str]]:
    """(label, explanation, token-lookup-30, null, protocol)."""
    found = result.get("scores") or {}
    out = []
    for name, label in _OTHER_SCORES.items():
        row = found.get(name) or ({"explanation": result[name]} if result.get(name) else None)
        if row:
            own = row.get("explanation") or {}
            out.append((label, own, row.get("token_lookup_30") or {}, row.get("null") or {}, own.get("protocol", "")))
    return out


def calibration(result: dict[str, Any]) -> list[tuple[str, list[drawing.Bin]]]:
    """The winner's registered predictions in bins: of its own experiments, and of the fixed probe set."""
    found = result.get("registered") or {}
    return [(label, drawing.bins_of(found[name])) for name, label in _PREDICTIONS.items() if found.get(name)]


def skills(result: dict[str, Any]) -> list[tuple[str, dict[str, Any], dict[str, Any], int]]:
    """(which predictions, skill against base rate, sign accuracy, how many)."""
    found = result.get("predictions") or {}
    return [
        (label, found[name].get("skill") or {}, found[name].get("sign_accuracy") or {}, found[name].get("n", 0))
        for name, label in _PREDICTIONS.items()
        if found.get(name)
    ]
