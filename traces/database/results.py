"""`runs/results.sqlite`: which sealed folds were opened (primary), and an index rebuilt from every result.json.

In this room, `schema` makes the tables, `rows` has a result's columns, `selection` the queries, `token_index` the
tokens that a result is about, and `reviews` what people say about it.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tools.errors import StorageError
from tools.records.result import Result
from traces.database.rows import COLUMNS, ResultRow
from traces.database.schema import FIRST_WITH_ALL_COLUMNS, SCHEMA_VERSION, migrate, version_of
from traces.database.selection import Selection
from traces.database.token_index import Tokens, put_tokens, tokens_of
from traces.events.runs import NeuronFolder, RunFolder, names_in, new_run_id, run_ids
from traces.storage import ELSEWHERE, storage_errors

_LOCK_PATIENCE_S = 30.0
_GLANCE_S = 0.001
_ANY_READING = "SELECT count(*) FROM sqlite_master"
"""The first statement of a read transaction: only a read takes the lock that lasts to its end."""
_LAST_IDS = " UNION ALL ".join(
    f"SELECT * FROM (SELECT {column} FROM {table} WHERE {column} GLOB '[0-9]*T[0-9]*Z-*' ORDER BY 1 DESC LIMIT 1)"
    for table, column in (("results", "run_id"), ("batches", "batch_id"), ("batch_neurons", "run_id"))
)
"""Run ids in all tables, including those of deleted runs, so that a new id sorts after all of them."""


@dataclass(frozen=True)
class Opening:
    """A sealed fold that one run was given.

    Attributes:
        fold: which, from 0.
        number: counts the openings for this model, neuron and corpus, from 1.
        reused: whether another run had opened the fold before.
    """

    fold: int
    number: int
    reused: bool


class ResultsDatabase:
    """The database in a folder of runs; created by the first write. Safe for several processes at once.

    Args:
        runs_dir: the folder of all runs.
        patience_s: how long to wait while another process uses it.
    """

    def __init__(self, runs_dir: str | Path, patience_s: float = _LOCK_PATIENCE_S) -> None:
        self.path = Path(runs_dir) / "results.sqlite"
        self._patience_s = patience_s

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """A connection inside one write transaction, with all tables made or brought up to date.

        The block ends with a commit, or with a rollback on an exception. Do no other work inside: other processes wait.

        Raises:
            StorageError: the database is damaged, from a newer version, in use for too long, or cannot be written.
        """
        with storage_errors("create", self.path.parent):
            self.path.parent.mkdir(parents=True, exist_ok=True)
        with self._usable(), self._connected(str(self.path)) as connection:
            self._begin(connection, "BEGIN IMMEDIATE")
            before = migrate(connection, self.path)
            if 0 < before < FIRST_WITH_ALL_COLUMNS:
                self._fill_in(connection)
            yield connection
            connection.execute("COMMIT")

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection | None]:
        """A read-only connection, which works on a read-only disk too; None if there is no database.

        Raises:
            StorageError: the database is damaged, from a newer version, or cannot be read.
        """
        with storage_errors("read", self.path.parent):
            is_there = self.path.exists()
        if not is_there:
            yield None
            return
        with self._usable():
            uri = f"{self.path.absolute().as_uri()}?mode=ro"
            if self._must_be_written(uri):
                self.check()
            with self._connected(uri) as connection:
                connection.execute("BEGIN")
                self._begin(connection, _ANY_READING)
                yield connection

    def _must_be_written(self, uri: str) -> bool:
        """Whether reading needs a write first: the tables are old, or a process was killed in mid-change."""
        with self._connected(uri) as connection:
            try:
                connection.execute("BEGIN")
                self._begin(connection, _ANY_READING)
                return version_of(connection, self.path) < SCHEMA_VERSION
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_READONLY:
                    raise
                return True  # half a change needs a rollback

    @contextmanager
    def _connected(self, where: str) -> Iterator[sqlite3.Connection]:
        connection = sqlite3.connect(
            where, timeout=self._patience_s, isolation_level=None, uri=where.startswith("file:")
        )
        try:
            yield connection
        finally:
            connection.close()  # rolls back what was not committed

    def _begin(self, connection: sqlite3.Connection, statement: str) -> None:
        """Run the statement that takes a lock as soon as the lock is free.

        SQLite's own waiting checks less and less often, in the end every 100 ms, and misses the gaps between the writes
        of a busy process. Later waits, such as for readers before a commit, end by themselves.

        Raises:
            sqlite3.OperationalError: the database is in use for longer than `patience_s`, or cannot be opened.
        """
        give_up = time.monotonic() + self._patience_s
        connection.execute("PRAGMA busy_timeout = 0")
        while True:
            try:
                connection.execute(statement)
                break
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > give_up:
                    raise
            time.sleep(_GLANCE_S)
        connection.execute(f"PRAGMA busy_timeout = {round(1000 * self._patience_s)}")

    @contextmanager
    def _usable(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise StorageError(
                f"cannot use the results database {self.path}: {error}; free it, mend it or {ELSEWHERE}.",
                settings=("runs_dir",),
            ) from error

    def _fill_in(self, connection: sqlite3.Connection) -> None:
        """Complete the rows of an older version from their result.json files, where these still exist."""
        for (run_id,) in connection.execute("SELECT DISTINCT run_id FROM results").fetchall():
            for result, _ in self._results_of(run_id, []):
                known = connection.execute(
                    "SELECT model_fingerprint FROM results WHERE (run_id, model, neuron) = (?, ?, ?)",
                    (result.run_id, result.model, result.neuron),
                ).fetchone()
                if known:
                    fingerprint = result.model_fingerprint or known[0]
                    _insert(connection, result.model_copy(update={"model_fingerprint": fingerprint}))

    def _results_of(self, run_id: str, unreadable: list[StorageError]) -> list[tuple[Result, NeuronFolder]]:
        """The results in the files of a run, with their paths; errors of unreadable ones go into `unreadable`."""
        found = []
        run = RunFolder(self.path.parent / run_id)
        try:
            for folder in run.neurons():
                try:
                    result = folder.read_result()
                except StorageError as error:
                    unreadable.append(error)
                    continue
                if result is not None:
                    found.append((_with_fingerprint(result, run), folder))
        except StorageError as error:
            unreadable.append(error)
        return found

    def check(self) -> None:
        """Make sure that the database can be used.

        Raises:
            StorageError: it is damaged, from a newer version, or cannot be written.
        """
        with self.transaction():
            pass

    def new_run_id(self, model: str, target: str, connection: sqlite3.Connection | None = None) -> str:
        """An id for a new run or batch that sorts after all existing ones, whatever the clock says.

        Pass `connection` if one is open.

        Raises:
            StorageError: the database or the folder of runs cannot be read.
        """
        if connection is None:
            with self.reading() as own:
                last = [] if own is None else own.execute(_LAST_IDS).fetchall()
        else:
            last = connection.execute(_LAST_IDS).fetchall()
        return new_run_id(model, target, [*(run_id for (run_id,) in last), *names_in(self.path.parent)])

    def next_fold(
        self, model: str, neuron: str, corpus: str, n_folds: int, run_id: str, wanted: int | None = None
    ) -> Opening:
        """Open a sealed fold for a run: the smallest unopened one, else the least opened one, as reused.

        A run that has opened one before gets the same again and is not counted twice.

        Args:
            model: the subject model's fingerprint.
            neuron: as in `L5N131`.
            corpus: the corpus's fingerprint.
            n_folds: how many folds the sealed split has, at least 1.
            run_id: who opens it.
            wanted: exactly this fold, for evaluations that compare runs on the same text.

        Raises:
            StorageError: the database cannot be used.
        """
        key = (model, neuron, corpus)
        where = "model = ? AND neuron = ? AND corpus = ?"
        with self.transaction() as connection:
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

    def explanation_before(self, model: str, neuron: str, corpus: str, number: int) -> tuple[str, str] | None:
        """(run id, explanation) of the last run with an explanation before opening `number`; None without one.

        A run that opened a fold and found nothing does not hide an earlier explanation.

        Raises:
            StorageError: the database cannot be used.
        """
        with self.transaction() as connection:
            found = connection.execute(
                "SELECT results.run_id, explanation FROM sealed_openings JOIN results USING (run_id, neuron) "
                "WHERE sealed_openings.model = ? AND neuron = ? AND sealed_openings.corpus = ? AND opening < ? "
                "AND explanation IS NOT NULL ORDER BY opening DESC LIMIT 1",
                (model, neuron, corpus, number),
            ).fetchone()
        return (found[0], found[1]) if found else None

    def add_result(self, result: Result) -> None:
        """Put a result into the index, replacing an earlier one of the same run and neuron.

        Raises:
            StorageError: the database cannot be used.
        """
        run = RunFolder(self.path.parent / result.run_id)
        tokens = tokens_of(run.folder_of(result.model, result.neuron).events, result.explanation)
        with self.transaction() as connection:
            _insert(connection, _with_fingerprint(result, run), tokens)

    def select(self, selection: Selection | None = None) -> list[ResultRow]:
        """The results that match; none if there is no database yet.

        Raises:
            StorageError: the database cannot be used.
        """
        with self.reading() as connection:
            return [] if connection is None else (selection or Selection()).read(connection)

    def rebuild_index(self) -> list[StorageError]:
        """Rebuild the index from every result.json and trace; sealed openings and reviews stay.

        Returns the errors of unreadable files, which are left out.

        Raises:
            StorageError: the database cannot be used.
        """
        unreadable: list[StorageError] = []
        results = [
            (result, tokens_of(folder.events, result.explanation))
            for run_id in run_ids(self.path.parent)
            for result, folder in self._results_of(run_id, unreadable)
        ]
        with self.transaction() as connection:
            connection.execute("DELETE FROM results")
            connection.execute("DELETE FROM result_tokens")
            for result, tokens in results:
                _insert(connection, result, tokens)
        return unreadable


def index_tokens(database: ResultsDatabase, most: int) -> int:
    """Index the tokens of at most `most` results that have none, the latest first; returns how many.

    Raises:
        StorageError: the database cannot be used.
    """
    question = (
        "SELECT run_id, model, neuron, explanation FROM results WHERE NOT EXISTS (SELECT 1 FROM result_tokens AS t "
        "WHERE (t.run_id, t.model, t.neuron) = (results.run_id, results.model, results.neuron)) "
        "ORDER BY run_id DESC LIMIT ?"
    )
    with database.reading() as connection:
        missing = [] if connection is None else connection.execute(question, (most,)).fetchall()
    if not missing:
        return 0
    found = []
    for run_id, model, neuron, explanation in missing:
        trace = RunFolder(database.path.parent / run_id).folder_of(model, neuron).events
        found.append(((run_id, model, neuron), tokens_of(trace, explanation)))
    with database.transaction() as connection:
        for key, tokens in found:
            put_tokens(connection, key, tokens)
    return len(found)


def _with_fingerprint(result: Result, run: RunFolder) -> Result:
    """The result with the model's fingerprint, which older results lack and `run.json` has."""
    if result.model_fingerprint is not None:
        return result
    with suppress(StorageError):
        if (model := run.recorded().model) is not None:
            return result.model_copy(update={"model_fingerprint": model.fingerprint})
    return result


def _insert(connection: sqlite3.Connection, result: Result, tokens: Tokens | None = None) -> None:
    connection.execute(
        f"INSERT OR REPLACE INTO results ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))})",
        ResultRow.of(result).values(),
    )
    if tokens is not None:
        put_tokens(connection, (result.run_id, result.model, result.neuron), tokens)
