"""What people say about an explanation after reading its run: the table `reviews`, which is primary data.

Rows are never changed or deleted: another review by the same person is a new row, and the latest counts.
"""

from __future__ import annotations

import dataclasses
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tools.errors import BadInput
from traces.database.results import ResultsDatabase

OPINIONS = ("agree", "disagree", "unclear")
LONGEST_NOTE, LONGEST_NAME = 10_000, 100

_KEYS = ("review_id", "run_id", "model", "neuron", "opinion", "note", "reviewer", "explanation", "reviewed_at")
_OF_RESULTS = ("verdict", "score", "low", "high", "reason", "layer", "idx", "variant", "seed", "explainer", "corpus",
               "model_fingerprint")  # fmt: skip
EXPORTED = ("model", "neuron", "layer", "idx", "opinion", "note", "reviewer", "reviewed_at", "is_latest", "explanation",
            "is_of_the_result", "verdict", "score", "low", "high", "reason", "variant", "seed", "explainer", "corpus",
            "model_fingerprint", "run_id", "review_id")  # fmt: skip
"""The columns of an export; those from `verdict` to `model_fingerprint` are the result's, empty if it is gone."""


@dataclass(frozen=True)
class Review:
    """One person's review of one run on one neuron.

    Attributes:
        opinion: agree, disagree or unclear.
        explanation: the reviewed explanation, as it was then; None if the run had none.
        reviewed_at: ISO 8601, UTC.
    """

    run_id: str
    model: str
    neuron: str
    opinion: str
    note: str
    reviewer: str
    explanation: str | None
    reviewed_at: str = ""
    review_id: int = 0


def add_review(database: ResultsDatabase, review: Review) -> Review:
    """Store a review; returns it with its number, and the time if it had none.

    Raises:
        BadInput: the opinion is none of the three, or a text is too long.
        StorageError: the database cannot be used.
    """
    if review.opinion not in OPINIONS:
        raise BadInput(f"an opinion cannot be {review.opinion[:40]!r}: choose agree, disagree or unclear.")
    for what, text, most in (("note", review.note, LONGEST_NOTE), ("name", review.reviewer, LONGEST_NAME)):
        if len(text) > most:
            raise BadInput(f"the {what} has {len(text):,} characters: at most {most:,} are kept.")
    kept = dataclasses.replace(
        review,
        note=_kept(review.note),
        reviewer=" ".join(_kept(review.reviewer).split()),
        reviewed_at=review.reviewed_at or datetime.now(UTC).isoformat(timespec="seconds"),
    )
    columns = _KEYS[1:]
    with database.transaction() as connection:
        cursor = connection.execute(
            f"INSERT INTO reviews ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})",
            tuple(getattr(kept, name) for name in columns),
        )
        return dataclasses.replace(kept, review_id=int(cursor.lastrowid or 0))


def _kept(text: str) -> str:
    """A form's text with uniform line breaks, without lone surrogates, which a database cannot hold."""
    return text.replace("\r\n", "\n").strip().encode("utf-8", "replace").decode()


def reviews_of(database: ResultsDatabase, run_id: str, model: str, neuron: str) -> list[Review]:
    """All reviews of one run on one neuron, the latest first.

    Raises:
        StorageError: the database cannot be used.
    """
    with database.reading() as connection:
        rows = [] if connection is None else connection.execute(
            f"SELECT {', '.join(_KEYS)} FROM reviews WHERE (run_id, model, neuron) = (?, ?, ?) ORDER BY review_id DESC",
            (run_id, model, neuron),
        ).fetchall()  # fmt: skip
    return [_review(row) for row in rows]


def _review(row: Sequence[Any]) -> Review:
    return Review(**dict(zip(_KEYS, row, strict=True)))


def labels(database: ResultsDatabase) -> list[dict[str, Any]]:
    """Every review with the key columns of its result, oldest first; the names are `EXPORTED`.

    `is_latest`: the reviewer has no later review of this result. `is_of_the_result`: the result still has the reviewed
    explanation.

    Raises:
        StorageError: the database cannot be used.
    """
    names = (*_KEYS, "is_latest", "now", *_OF_RESULTS)
    question = (
        f"SELECT {', '.join(f'reviews.{name}' for name in _KEYS)}, ROW_NUMBER() OVER (PARTITION BY reviews.run_id, "
        "reviews.model, reviews.neuron, reviews.reviewer ORDER BY review_id DESC) = 1, results.explanation, "
        f"{', '.join(f'results.{name}' for name in _OF_RESULTS)} FROM reviews LEFT JOIN results USING "
        "(run_id, model, neuron) ORDER BY review_id"
    )
    with database.reading() as connection:
        rows = [] if connection is None else connection.execute(question).fetchall()
    found = [dict(zip(names, row, strict=True)) for row in rows]
    for one in found:
        is_known = one["verdict"] is not None
        one |= {
            "is_latest": bool(one["is_latest"]),
            "is_of_the_result": one["now"] == one["explanation"] if is_known else None,
        }
    return [{name: one[name] for name in EXPORTED} for one in found]


def latest_of(
    connection: sqlite3.Connection, results: Sequence[tuple[str, str, str]]
) -> dict[tuple[str, str, str], Review]:
    """The last review of each of these results (run id, model, neuron), if there is one."""
    question = (
        f"SELECT {', '.join(_KEYS)} FROM reviews WHERE (run_id, model, neuron) = (?, ?, ?) "
        "ORDER BY review_id DESC LIMIT 1"
    )
    found = [(result, connection.execute(question, result).fetchone()) for result in results]
    return {result: _review(row) for result, row in found if row}
