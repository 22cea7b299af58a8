"""Which results are wanted, and the SQL that selects them."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Any

from tools.errors import BadInput
from traces.database.models import IDENTITY, named
from traces.database.rows import COLUMNS, ResultRow
from traces.database.token_index import pattern_of

_ALIASES = {"run": "run_id", "index": "idx", "development": "development_score", "null": "null_score"}
_NEURON_ORDER = ("model", "model_fingerprint", "layer", "idx", "run_id")
_REVIEWED = "SELECT 1 FROM reviews AS r WHERE (r.run_id, r.model, r.neuron) = (found.run_id, found.model, found.neuron)"
_LATEST_REVIEW = (
    "(SELECT opinion FROM reviews AS r WHERE (r.run_id, r.model, r.neuron) = (found.run_id, found.model, found.neuron) "
    "ORDER BY review_id DESC LIMIT 1)"
)
_TOKENS = (
    "EXISTS (SELECT 1 FROM result_tokens AS t WHERE (t.run_id, t.model, t.neuron) = (found.run_id, found.model, "
    "found.neuron) AND ({}))"
)
_LATER = (
    f"{IDENTITY.format('later.')} = {IDENTITY.format('found.')} AND later.neuron = found.neuron "
    "AND later.run_id > found.run_id"
)
_NAMED = "(model = ? OR (model = ? AND substr(model_fingerprint, 1, ?) = ?))"
_OF_BATCH = "(run_id, neuron) IN (SELECT run_id, neuron FROM batch_neurons WHERE batch_id = ?)"


@dataclass(frozen=True)
class Brief:
    """A short form of a result, enough to count, to draw and to find it again. `row` is its number in the database."""

    row: int
    run_id: str
    model: str
    model_fingerprint: str | None
    neuron: str
    verdict: str
    score: float | None
    reason: str | None


@dataclass(frozen=True)
class Selection:
    """Filters, all of which hold; None for any.

    Attributes:
        below: the final score is under this; results without a score are left out.
        above: the final score is at least this; results without a score are left out.
        layer: zero-based.
        idx: the neuron's number in its layer.
        model: as results name it, or as `traces.database.models.told_apart` does.
        verdict: such as `supported`.
        variant: the agent's.
        corpus: fingerprint.
        latest: only the latest run on each neuron, among those that match `layer`, `idx`, `model`, `variant` and
            `corpus`, whatever its score; run ids sort by the start of the run.
        batch: its id.
        text: words that must all be in the explanation; ASCII case is ignored.
        token: see `traces.database.token_index.pattern_of`; the neuron fired on it, or the explanation names it.
        token_is: `fired` or `named`, to restrict `token` to one of the two.
        review: the latest opinion, or `none` or `any`.
        scored: whether there is a score.
        sort: a column, or `-` and its name for descending order; results without a value come last.
        limit: the highest number of results.
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
    batch: str | None = None
    text: str | None = None
    token: str | None = None
    token_is: str | None = None
    review: str | None = None
    scored: bool | None = None
    sort: str = "run"
    limit: int | None = None

    def __post_init__(self) -> None:
        """Refuse an unknown column.

        Raises:
            BadInput: there is no such column to sort by.
        """
        self._order()

    def read(self, connection: sqlite3.Connection) -> list[ResultRow]:
        """The results, in order; ties by model, layer, index and run."""
        question, values = self._question()
        return [ResultRow.read(row) for row in connection.execute(question, values)]

    def brief(self, connection: sqlite3.Connection) -> list[Brief]:
        """The short forms of the results, in the same order."""
        question, values = self._question("rowid", *list(Brief.__dataclass_fields__)[1:])
        return [Brief(*row) for row in connection.execute(question, values)]

    def _question(self, *columns: str) -> tuple[str, list[Any]]:
        names = ("layer", "idx", "variant", "corpus")
        of_runs = [(f"{name} = ?", getattr(self, name)) for name in names]
        if self.model is not None:
            name, beginning = named(self.model)
            one = (self.model, name, len(beginning), beginning) if beginning else (self.model,)
            of_runs.append((_NAMED if beginning else "model = ?", one))
        of_runs.append((_OF_BATCH, self.batch))
        wanted = [*of_runs, *self._bounds()]
        if self.latest:  # no later run matches
            later, values = _where([(_LATER, ()), *of_runs])
            wanted.append((f"NOT EXISTS (SELECT 1 FROM results AS later{later})", tuple(values)))
        conditions, values = _where(wanted)
        question = (
            f"SELECT {', '.join(columns or COLUMNS)} FROM results AS found{conditions} ORDER BY {self._order()} LIMIT ?"
        )
        return question, [*values, -1 if self.limit is None else self.limit]

    def _bounds(self) -> list[tuple[str, Any]]:
        """The conditions on a single result, whatever other runs there are; a condition without a value has True."""
        asked: list[tuple[str, Any]] = [
            ("score < ?", self.below), ("score >= ?", self.above), ("verdict = ?", self.verdict),
            ("(score IS NOT NULL) = ?", self.scored),
        ]  # fmt: skip
        asked += [("explanation LIKE ? ESCAPE '\\'", f"%{_plain(word)}%") for word in (self.text or "").split()]
        if self.token and self.token.strip():
            kinds = (self.token_is,) if self.token_is in ("fired", "named") else ("fired", "named")
            like = " OR ".join(f"t.{kind} LIKE ? ESCAPE '\\'" for kind in kinds for _ in range(2))
            asked.append((_TOKENS.format(like), pattern_of(self.token) * len(kinds)))
        match self.review:
            case None:
                pass
            case "any" | "none":
                asked.append((f"EXISTS ({_REVIEWED}) = ?", self.review == "any"))
            case opinion:
                asked.append((f"{_LATEST_REVIEW} = ?", opinion))
        return asked

    def _order(self) -> str:
        name, direction = self.sort.removeprefix("-"), "DESC" if self.sort.startswith("-") else "ASC"
        if name == "neuron":  # as numbers: L10 comes after L9
            return ", ".join(
                f"{column} {direction}" for column in ("layer", "idx", "model", "model_fingerprint", "run_id")
            )
        column = _ALIASES.get(name, name)
        if column not in COLUMNS:  # the only user input that becomes part of the SQL
            raise BadInput(f"cannot sort by {name!r}: give score, layer, seconds, run or another column's name.")
        return ", ".join((f"{column} {direction} NULLS LAST", *_NEURON_ORDER))


def _where(conditions: list[tuple[str, Any]]) -> tuple[str, list[Any]]:
    asked = [(condition, value) for condition, value in conditions if value is not None]
    clause = " AND ".join(condition for condition, _ in asked)
    values = [one for _, value in asked for one in (value if isinstance(value, tuple) else (value,))]
    return (f" WHERE {clause}" if clause else ""), values


def _plain(word: str) -> str:
    """A word, escaped for LIKE."""
    return word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def rows_at(connection: sqlite3.Connection, numbers: list[int]) -> list[ResultRow]:
    """The full results with these numbers, in that order; missing ones are left out."""
    marks = ", ".join("?" * len(numbers))
    question = f"SELECT rowid, {', '.join(COLUMNS)} FROM results WHERE rowid IN ({marks})"
    found = {row[0]: ResultRow.read(row[1:]) for row in connection.execute(question, numbers)}
    return [found[number] for number in numbers if number in found]
