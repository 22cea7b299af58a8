"""Which results are asked for, and the question put to the results database."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Any

from tools.errors import BadInput
from traces.rows import COLUMNS, ResultRow

_ALIASES = {"run": "run_id", "index": "idx", "development": "development_score", "null": "null_score"}
_NEURON_ORDER = ("model", "layer", "idx", "run_id")


@dataclass(frozen=True)
class Selection:
    """Filters, all of which hold; None for any.

    Attributes:
        below: the final score is under this; results without a score are left out.
        above: the final score is at least this; results without a score are left out.
        layer: zero-based.
        idx: the neuron's number in its layer.
        model: as results name it.
        verdict: such as `supported`.
        variant: the agent's.
        corpus: fingerprint.
        latest: of the runs on one neuron of a model that `layer`, `idx`, `model`, `variant` and `corpus` leave, only
            the latest, whatever its score; run ids sort by time.
        sort: a column, or its name after `-` for descending order; results that have nothing there come last.
        limit: at most so many.
    """

    below: float | None = None
    above: float | None = None
    layer: int | None = None
    idx: int | None = None
    model: str | None = None
    verdict: str | None = None
    variant: str | None = None
    corpus: str | None = None
    latest: bool = False
    sort: str = "run"
    limit: int | None = None

    def __post_init__(self) -> None:
        """Refuse a column that there is not.

        Raises:
            BadInput: there is no such column to sort by.
        """
        self._order()

    def read(self, connection: sqlite3.Connection) -> list[ResultRow]:
        """The results, in order; ties by model, layer, index and run."""
        question, values = self._question()
        return [ResultRow.read(row) for row in connection.execute(question, values)]

    def _question(self) -> tuple[str, list[Any]]:
        of_runs = {name: getattr(self, name) for name in ("layer", "idx", "model", "variant", "corpus")}
        runs, values = _where([(f"{name} = ?", value) for name, value in of_runs.items()])
        later = "ROW_NUMBER() OVER (PARTITION BY model, neuron ORDER BY run_id DESC)" if self.latest else "1"
        bounds = [("score < ?", self.below), ("score >= ?", self.above), ("verdict = ?", self.verdict)]
        wanted, more = _where([("later = ?", 1), *bounds])
        question = (
            f"SELECT {', '.join(COLUMNS)} FROM (SELECT *, {later} AS later FROM results{runs}){wanted} "
            f"ORDER BY {self._order()} LIMIT ?"
        )
        return question, [*values, *more, -1 if self.limit is None else self.limit]

    def _order(self) -> str:
        name, direction = self.sort.removeprefix("-"), "DESC" if self.sort.startswith("-") else "ASC"
        if name == "neuron":  # as numbers: L10 comes after L9
            return ", ".join(f"{column} {direction}" for column in ("layer", "idx", "model", "run_id"))
        column = _ALIASES.get(name, name)
        if column not in COLUMNS:  # the only words of a user's that become part of the question
            raise BadInput(f"cannot sort by {name!r}: give score, layer, seconds, run or another column's name.")
        return ", ".join((f"{column} {direction} NULLS LAST", *_NEURON_ORDER))


def _where(conditions: list[tuple[str, Any]]) -> tuple[str, list[Any]]:
    asked = [(condition, value) for condition, value in conditions if value is not None]
    clause = " AND ".join(condition for condition, _ in asked)
    return (f" WHERE {clause}" if clause else ""), [value for _, value in asked]
