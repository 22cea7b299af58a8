"""Two runs side by side: rows of what they say, and other runs to compare with."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from agent.review.addresses import Address
from tools.records.scores import Interval
from traces.analysis.difference import Differences, Pair
from traces.database.models import IDENTITY
from traces.database.results import ResultsDatabase
from traces.text.formatting import score_text, shorten

_LONGEST = 600
_NONE = "–"


@dataclass(frozen=True)
class Row:
    """One thing that both runs say, as text; `is_same` where they say the same."""

    what: str
    a: str
    b: str
    is_same: bool


@dataclass(frozen=True)
class Other:
    """Another run on the same neuron."""

    place: Address
    variant: str
    verdict: str
    score: str


def outcomes(found: Differences) -> list[Row]:
    """Verdicts, explanations, scores and costs; rows that neither run has are left out."""
    explanations = Pair("explanation", found.a.result.explanation, found.b.result.explanation)
    rows = [_row(pair, _shown) for pair in (*found.outcome, explanations)]
    rows += [_row(pair, score_text) for pair in found.scores]
    rows += [_row(pair, _shown) for pair in found.cost]
    return [row for row in rows if (row.a, row.b) != (_NONE, _NONE)]


def settings(found: Differences) -> list[Row]:
    """Settings and versions that differ."""
    return [_row(pair, _shown) for pair in (*found.settings, *found.versions)]


def others(database: ResultsDatabase, identity: str, neuron: str, place: Address) -> list[Other]:
    """The other runs on the same neuron that have ended, the latest first; `identity` is the model's fingerprint.

    Raises:
        StorageError: the database cannot be used.
    """
    question = (
        f"SELECT run_id, model, variant, verdict, score, low, high FROM results WHERE {IDENTITY.format('')} = ? "
        "AND neuron = ? ORDER BY run_id DESC"
    )
    with database.reading() as connection:
        rows = [] if connection is None else connection.execute(question, (identity, neuron)).fetchall()
    found = [
        Other(
            Address.of(run_id, model, neuron), variant, verdict,
            "no score" if score is None else score_text(Interval(value=score, low=low, high=high)),
        )
        for run_id, model, variant, verdict, score, low, high in rows
    ]  # fmt: skip
    return [other for other in found if other.place != place]


def _row(pair: Pair, text_of: Callable[[Any], str]) -> Row:
    a, b = (_NONE if value is None else text_of(value) for value in (pair.a, pair.b))
    return Row(pair.name.replace("_", " "), a, b, not pair.differs)


def _shown(value: Any) -> str:
    return shorten(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False), _LONGEST)
