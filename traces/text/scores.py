"""The final scores as a table: one line per score, the explanation beside its baselines."""

from __future__ import annotations

from typing import Any

from traces.text.formatting import one_line, score_text

TABULATED = ("score", "baselines", "gains", "random_only", "openai_top_random", "scores", "leaders", "previous")
"""Final scores that the table and the lines around it show; others are printed as they are."""

_COLUMNS = ("explanation", "token_lookup_30", "null")
_LABELS = {
    "random_only": "random excerpts only",
    "openai_top_random": "OpenAI's 5 + 5 excerpts",
    "rsquared": "R squared about zero",
    "absolute_dev_explained": "absolute dev. explained",
    "detection": "detection, accuracy",
    "detection_auc": "detection, AUC",
    "fuzzing": "fuzzing, accuracy",
    "fuzzing_auc": "fuzzing, AUC",
}


def score_table(confirmed: dict[str, Any], width: int) -> list[str]:
    """Final scores with 95 % intervals, aligned; empty without any.

    If `width` is too small, the baselines have no intervals.
    """
    rows = _rows(confirmed)
    if not rows:
        return []
    lines = _aligned(rows, shortened=())
    if max(map(len, lines)) > width:
        lines = _aligned(rows, shortened=_COLUMNS[1:])
    return lines


def _rows(confirmed: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """By label: the score by column."""
    rows = {
        "correlation": {"explanation": confirmed.get("score"), **(confirmed.get("baselines") or {})},
        "random_only": {"explanation": confirmed.get("random_only")},
        "openai_top_random": {"explanation": confirmed.get("openai_top_random")},
        **(confirmed.get("scores") or {}),
    }
    return {_LABELS.get(name, name.replace("_", " ")): row for name, row in rows.items() if any(row.values())}


def _aligned(rows: dict[str, dict[str, Any]], shortened: tuple[str, ...]) -> list[str]:
    cells = [("", *(column.replace("_", "-") for column in _COLUMNS))]
    for label, row in rows.items():
        cells.append((label, *(_cell(row.get(column), column in shortened) for column in _COLUMNS)))
    columns = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return ["  " + "  ".join(map(str.ljust, row, columns)).rstrip() for row in cells]


def _cell(score: Any, is_shortened: bool) -> str:
    if not score:
        return ""
    text = score_text({"value": score.get("value")} if is_shortened else score)
    return "no score" if text.startswith("no score") else text


def missing_scores(confirmed: dict[str, Any]) -> list[str]:
    """One line for each reason why scores of the table are missing, with those scores."""
    lacking: dict[tuple[str, str], list[str]] = {}
    for label, row in _rows(confirmed).items():
        for column in _COLUMNS:
            score = row.get(column)
            if score and score.get("value") is None:
                reason = one_line(str(score.get("reason") or "no reason given"))
                lacking.setdefault((column.replace("_", "-"), reason), []).append(label)
    return [f"{whose}, no score ({'; '.join(names)}): {reason}" for (whose, reason), names in lacking.items()]
