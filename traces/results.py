"""`runs/results.sqlite`: which sealed folds were opened (primary), and an index rebuilt from every result.json."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tools.errors import StorageError
from tools.records.result import Interval, Result
from traces.runs import RunFolder, run_ids
from traces.storage import storage_errors

SCHEMA_VERSION = 1

_LOCK_PATIENCE_S = 30.0

_SCHEMA = """
CREATE TABLE sealed_openings (
    model TEXT NOT NULL,      -- fingerprint
    neuron TEXT NOT NULL,
    corpus TEXT NOT NULL,     -- fingerprint
    fold INTEGER NOT NULL,
    opening INTEGER NOT NULL, -- 1, 2, ... per model, neuron and corpus
    reused INTEGER NOT NULL,
    run_id TEXT NOT NULL,
    opened_at TEXT NOT NULL,
    UNIQUE (model, neuron, corpus, run_id),
    UNIQUE (model, neuron, corpus, opening)
);
CREATE TABLE results (
    run_id TEXT NOT NULL,
    model TEXT NOT NULL,
    neuron TEXT NOT NULL,
    verdict TEXT NOT NULL,
    score REAL, low REAL, high REAL, -- NULL where there is none; then `reason` says why
    reason TEXT,
    explanation TEXT,
    stop_reason TEXT NOT NULL,
    variant TEXT NOT NULL,
    seed INTEGER NOT NULL,
    corpus TEXT NOT NULL,
    budget_used INTEGER NOT NULL,
    seconds REAL NOT NULL,
    trace TEXT NOT NULL,
    PRIMARY KEY (run_id, model, neuron)
);
"""


@dataclass(frozen=True)
class Opening:
    """A fold of the sealed split, given to one run.

    Attributes:
        fold: which, from 0.
        number: the how-manieth opening for this model, neuron and corpus, from 1.
        reused: the fold had been opened by another run before.
    """

    fold: int
    number: int
    reused: bool


class ResultsDatabase:
    """The database in a folder of runs; made when it is first written to. Safe for several processes at once."""

    def __init__(self, runs_dir: str | Path) -> None:
        self.path = Path(runs_dir) / "results.sqlite"

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with storage_errors("create", self.path.parent):
            self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            connection = sqlite3.connect(self.path, timeout=_LOCK_PATIENCE_S, isolation_level=None)
            try:
                connection.execute("BEGIN IMMEDIATE")
                self._check_schema(connection)
                yield connection
                connection.execute("COMMIT")
            finally:
                connection.close()  # rolls back what was not committed
        except sqlite3.Error as error:
            raise StorageError(
                f"cannot use the results database {self.path}: {error}; free it, mend it or choose another --runs-dir."
            ) from error

    def _check_schema(self, connection: sqlite3.Connection) -> None:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version > SCHEMA_VERSION:
            raise StorageError(
                f"{self.path} has format {version}, but this program knows up to {SCHEMA_VERSION}: "
                "upgrade the program, or choose another --runs-dir."
            )
        if version == 0:
            for statement in _SCHEMA.split(";\n"):  # not executescript, which would end the transaction
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")

    def check(self) -> None:
        """Make sure that the database can be used.

        Raises:
            StorageError: it is damaged, from a newer version, or cannot be written.
        """
        with self._transaction():
            pass

    def next_fold(
        self, model: str, neuron: str, corpus: str, n_folds: int, run_id: str, wanted: int | None = None
    ) -> Opening:
        """Open a fold of the sealed split for a run: the smallest unopened one, else the least opened, as reused.

        A run that has opened one before gets the same again and is not counted twice.

        Args:
            model: the subject model's fingerprint.
            neuron: as in `L5N131`.
            corpus: the corpus's fingerprint.
            n_folds: how many folds the sealed split has, at least 1.
            run_id: who opens it.
            wanted: this fold and no other, as evaluations ask for, which compare runs on the same text.

        Raises:
            StorageError: the database cannot be used.
        """
        key = (model, neuron, corpus)
        where = "model = ? AND neuron = ? AND corpus = ?"
        with self._transaction() as connection:
            own = connection.execute(
                f"SELECT fold, opening, reused FROM sealed_openings WHERE {where} AND run_id = ?", (*key, run_id)
            ).fetchone()
            if own:
                return Opening(own[0], own[1], bool(own[2]))
            n_opened = [0] * n_folds
            n_all = 0
            for (fold,) in connection.execute(f"SELECT fold FROM sealed_openings WHERE {where}", key):
                n_all += 1
                if fold < n_folds:
                    n_opened[fold] += 1
            fold = min(range(n_folds), key=n_opened.__getitem__) if wanted is None else wanted
            opening = Opening(fold, n_all + 1, reused=n_opened[fold] > 0)
            connection.execute(
                "INSERT INTO sealed_openings VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (*key, fold, opening.number, opening.reused, run_id, datetime.now(UTC).isoformat(timespec="seconds")),
            )
            return opening

    def explanation_of_opening(self, model: str, neuron: str, corpus: str, number: int) -> tuple[str, str] | None:
        """(run id, explanation) of the run that made the `number`-th opening; None when it left no explanation.

        Raises:
            StorageError: the database cannot be used.
        """
        with self._transaction() as connection:
            found = connection.execute(
                "SELECT results.run_id, explanation FROM sealed_openings JOIN results USING (run_id, neuron) "
                "WHERE sealed_openings.model = ? AND neuron = ? AND sealed_openings.corpus = ? AND opening = ?",
                (model, neuron, corpus, number),
            ).fetchone()
        return (found[0], found[1]) if found and found[1] else None

    def add_result(self, result: Result) -> None:
        """Put a result into the index, in place of what the same run said about the same neuron before.

        Raises:
            StorageError: the database cannot be used.
        """
        with self._transaction() as connection:
            _insert(connection, result)

    def rebuild_index(self) -> list[StorageError]:
        """Make the index anew from every result.json; sealed openings are left alone.

        Returns the errors of the files that could not be read and are left out.

        Raises:
            StorageError: the database cannot be used.
        """
        unreadable: list[StorageError] = []
        results = []
        for run_id in run_ids(self.path.parent):
            for folder in RunFolder(self.path.parent / run_id).neurons():
                try:
                    result = folder.read_result()
                except StorageError as error:
                    unreadable.append(error)
                    continue
                if result is not None:
                    results.append(result)
        with self._transaction() as connection:
            connection.execute("DELETE FROM results")
            for result in results:
                _insert(connection, result)
        return unreadable


def _insert(connection: sqlite3.Connection, result: Result) -> None:
    score = result.score
    measured = (
        (score.value, score.low, score.high, None) if isinstance(score, Interval) else (None, None, None, score.reason)
    )
    connection.execute(
        f"INSERT OR REPLACE INTO results VALUES ({', '.join('?' * 16)})",
        (
            result.run_id,
            result.model,
            result.neuron,
            result.verdict,
            *measured,
            result.explanation,
            result.stop_reason,
            result.variant,
            result.seed,
            result.corpus.fingerprint,
            result.budget.used,
            result.seconds,
            result.trace,
        ),
    )
