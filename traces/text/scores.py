"""The final scores as a table: one line per score, the explanation beside its baselines."""

from __future__ import annotations

from tools.records.scores import Score, Unscored
from traces.events.recorded import FinalScores
from traces.text.formatting import one_line, score_text

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


def score_table(confirmed: FinalScores, width: int) -> list[str]:
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


def _rows(confirmed: FinalScores) -> dict[str, dict[str, Score]]:
    """By label: the score by column."""
    alone = {
        "correlation": confirmed.score,
        "random_only": confirmed.random_only,
        "openai_top_random": confirmed.openai_top_random,
    }
    rows = {name: {"explanation": score} if score else {} for name, score in alone.items()} | confirmed.scores
    rows["correlation"] |= confirmed.baselines
    return {_LABELS.get(name, name.replace("_", " ")): row for name, row in rows.items() if row}


def _aligned(rows: dict[str, dict[str, Score]], shortened: tuple[str, ...]) -> list[str]:
    cells = [("", *(column.replace("_", "-") for column in _COLUMNS))]
    for label, row in rows.items():
        cells.append((label, *(_cell(row.get(column), column in shortened) for column in _COLUMNS)))
    columns = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return ["  " + "  ".join(map(str.ljust, row, columns)).rstrip() for row in cells]


def _cell(score: Score | None, is_shortened: bool) -> str:
    if score is None:
        return ""
    if isinstance(score, Unscored):
        return "no score"
    return f"{score.value:.3f}" if is_shortened else score_text(score)


def missing_scores(confirmed: FinalScores) -> list[str]:
    """One line for each reason why scores of the table are missing, with those scores."""
    lacking: dict[tuple[str, str], list[str]] = {}
    for label, row in _rows(confirmed).items():
        for column in _COLUMNS:
            score = row.get(column)
            if isinstance(score, Unscored):
                lacking.setdefault((column.replace("_", "-"), one_line(score.reason)), []).append(label)
    return [f"{whose}, no score ({'; '.join(names)}): {reason}" for (whose, reason), names in lacking.items()]
