"""The tables of batches in `runs/results.sqlite`: what each batch is to do, and a queue with leases.

A process keeps a neuron as long as it lives, which its own machine can check, or as long as it renews its lease, which
is all that other machines can check. The neurons of a dead process are handed out again. So no neuron is lost, and none
is worked on twice at the same time, whichever batches and processes share a database.
"""

from __future__ import annotations

import json
import os
import socket
import sqlite3
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from tools.errors import BadInput
from traces.database.results import ResultsDatabase
from traces.database.rows import COLUMNS, ResultRow
from traces.storage import ELSEWHERE

LEASE_S = 60.0
Status = Literal["waiting", "running", "done", "failed"]

_ENTRY = "neuron, layer, idx, settings, about, status, attempts, run_id, reason, seconds"


@dataclass(frozen=True)
class Batch:
    """What all neurons of a batch share; see `traces.database.schema`."""

    batch_id: str
    created_at: str
    model: str
    model_fingerprint: str
    settings: dict[str, Any]
    asked: dict[str, Any]


@dataclass(frozen=True)
class Entry:
    """A neuron of a batch. `seconds` is how long its last attempt took, `reason` why it failed."""

    neuron: str
    layer: int
    idx: int
    settings: dict[str, Any] = field(default_factory=dict)
    about: dict[str, Any] = field(default_factory=dict)
    status: Status = "waiting"
    attempts: int = 0
    run_id: str | None = None
    reason: str | None = None
    seconds: float | None = None


def add_batch(
    database: ResultsDatabase,
    model: str,
    fingerprint: str,
    settings: dict[str, Any],
    asked: dict[str, Any],
    entries: list[Entry],
) -> Batch:
    """Put a new batch and its neurons into the queue.

    Raises:
        StorageError: the database cannot be used.
    """
    now = datetime.now(UTC).isoformat(timespec="seconds")
    with database.transaction() as connection:
        batch_id = database.new_run_id(model, "batch", connection)
        batch = Batch(batch_id, now, model, fingerprint, settings, asked)
        connection.execute(
            "INSERT INTO batches VALUES (?, ?, ?, ?, ?, ?)",
            (batch.batch_id, now, model, fingerprint, json.dumps(settings), json.dumps(asked)),
        )
        connection.executemany(
            "INSERT INTO batch_neurons (batch_id, model_fingerprint, neuron, layer, idx, settings, about) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            [
                (batch.batch_id, fingerprint, e.neuron, e.layer, e.idx, json.dumps(e.settings), json.dumps(e.about))
                for e in entries
            ],
        )
    return batch


def all_batches(database: ResultsDatabase) -> list[Batch]:
    """Oldest first.

    Raises:
        StorageError: the database cannot be used.
    """
    with database.reading() as connection:
        rows = [] if connection is None else connection.execute("SELECT * FROM batches ORDER BY batch_id").fetchall()
    return [
        Batch(batch_id, created_at, model, fingerprint, json.loads(settings), json.loads(asked))
        for batch_id, created_at, model, fingerprint, settings, asked in rows
    ]


def find_batch(database: ResultsDatabase, name: str) -> Batch:
    """The batch with that id, or the only one whose id holds it; `last` is the latest.

    Raises:
        BadInput: there is none, or more than one.
        StorageError: the database cannot be used.
    """
    known = all_batches(database)
    if name == "last" and known:
        return known[-1]
    matches = [batch for batch in known if batch.batch_id == name] or [
        batch for batch in known if name and name in batch.batch_id
    ]
    if len(matches) == 1:
        return matches[0]
    where = database.path.parent
    if matches:
        raise BadInput(f"{name!r} fits {len(matches)} batches in {where}: write more of the id.")
    if not known:
        raise BadInput(f"there is no batch {name!r}: {where} has none; {ELSEWHERE}.", settings=("runs_dir",))
    raise BadInput(f"there is no batch {name!r} in {where}; `agent batch list` shows them all.")


def entries_of(database: ResultsDatabase, batch_id: str) -> list[Entry]:
    """The neurons of a batch by layer and index.

    Raises:
        StorageError: the database cannot be used.
    """
    with database.reading() as connection:
        rows = [] if connection is None else connection.execute(
            f"SELECT {_ENTRY} FROM batch_neurons WHERE batch_id = ? ORDER BY layer, idx", (batch_id,)
        ).fetchall()  # fmt: skip
    return [_entry(row) for row in rows]


def results_of(database: ResultsDatabase, batch_id: str) -> dict[str, ResultRow]:
    """The results so far, by neuron.

    Raises:
        StorageError: the database cannot be used.
    """
    columns = ", ".join(f"results.{name}" for name in COLUMNS)
    question = (
        f"SELECT {columns} FROM batch_neurons JOIN results USING (run_id, neuron) WHERE batch_id = ? AND status = ?"
    )
    with database.reading() as connection:
        rows = [] if connection is None else connection.execute(question, (batch_id, "done")).fetchall()
    return {row.neuron: row for row in map(ResultRow.read, rows)}


def retry_failed(database: ResultsDatabase, batch_id: str) -> int:
    """Put failed neurons back into the queue; returns how many.

    Raises:
        StorageError: the database cannot be used.
    """
    with database.transaction() as connection:
        return connection.execute(
            "UPDATE batch_neurons SET status = 'waiting', reason = NULL WHERE batch_id = ? AND status = 'failed'",
            (batch_id,),
        ).rowcount


class Queue:
    """The neurons of one batch, handed out to one process. Safe for several threads."""

    def __init__(self, database: ResultsDatabase, batch: Batch, lease_s: float = LEASE_S) -> None:
        self.lease_s = lease_s
        self.owner = this_process()
        self._database, self._batch = database, batch

    def claim(self) -> Entry | None:
        """The next neuron by layer and index that nobody works on, now leased to this process, with a run id.

        Raises:
            StorageError: the database cannot be used.
        """
        with self._database.transaction() as connection:
            entry = next(self._free(connection), None)
            if entry is None:
                return None
            run_id = entry.run_id or self._database.new_run_id(self._batch.model, entry.neuron, connection)
            connection.execute(
                "UPDATE batch_neurons SET status = 'running', owner = ?, lease_until = ?, run_id = ?, "
                "attempts = attempts + 1 WHERE batch_id = ? AND neuron = ?",
                (self.owner, time.time() + self.lease_s, run_id, self._batch.batch_id, entry.neuron),
            )
            row = connection.execute(
                f"SELECT {_ENTRY} FROM batch_neurons WHERE batch_id = ? AND neuron = ?",
                (self._batch.batch_id, entry.neuron),
            ).fetchone()
            return _entry(row)

    def n_free(self) -> int:
        """How many neurons could be claimed now."""
        with self._database.reading() as connection:
            assert connection is not None
            return sum(1 for _ in self._free(connection))

    def n_open(self) -> int:
        """How many neurons are neither done nor failed, including those that another process works on."""
        with self._database.reading() as connection:
            assert connection is not None
            (n,) = connection.execute(
                "SELECT count(*) FROM batch_neurons WHERE batch_id = ? AND status IN ('waiting', 'running')",
                (self._batch.batch_id,),
            ).fetchone()
            return int(n)

    def renew(self) -> None:
        """Renew the leases of this process for `lease_s` seconds."""
        with self._database.transaction() as connection:
            connection.execute(
                "UPDATE batch_neurons SET lease_until = ? WHERE batch_id = ? AND owner = ? AND status = 'running'",
                (time.time() + self.lease_s, self._batch.batch_id, self.owner),
            )

    def finish(self, neuron: str, reason: str | None, seconds: float | None) -> None:
        """Note that a neuron of this process is done, or has failed for a reason."""
        with self._database.transaction() as connection:
            connection.execute(
                "UPDATE batch_neurons SET status = ?, reason = ?, seconds = ?, owner = NULL, lease_until = NULL "
                "WHERE batch_id = ? AND neuron = ? AND owner = ?",
                ("failed" if reason else "done", reason, seconds, self._batch.batch_id, neuron, self.owner),
            )

    def release(self) -> None:
        """Put the unfinished neurons of this process back into the queue."""
        with self._database.transaction() as connection:
            connection.execute(
                "UPDATE batch_neurons SET status = 'waiting', owner = NULL, lease_until = NULL "
                "WHERE batch_id = ? AND owner = ? AND status = 'running'",
                (self._batch.batch_id, self.owner),
            )

    def _free(self, connection: sqlite3.Connection) -> Iterator[Entry]:
        """Entries that nobody works on, in this batch or another, in order."""
        now = time.time()
        busy = {
            neuron
            for neuron, owner, until in connection.execute(
                "SELECT neuron, owner, lease_until FROM batch_neurons "
                "WHERE model_fingerprint = ? AND status = 'running'",
                (self._batch.model_fingerprint,),
            )
            if _is_held(owner, until, now)
        }
        rows = connection.execute(
            f"SELECT {_ENTRY} FROM batch_neurons WHERE batch_id = ? AND status IN ('waiting', 'running') "
            "ORDER BY layer, idx",
            (self._batch.batch_id,),
        )
        return (entry for entry in map(_entry, rows) if entry.neuron not in busy)


def _is_held(owner: str | None, until: float | None, now: float) -> bool:
    """A live process keeps its neurons, even if it slept past its lease or the clock was changed."""
    is_there = is_alive(owner)
    return until is not None and until > now if is_there is None else is_there


def _entry(row: tuple[Any, ...]) -> Entry:
    values = list(row)
    values[3], values[4] = json.loads(values[3]), json.loads(values[4])
    return Entry(*values)


def this_process() -> str:
    """A unique name of this process across machines, without any user name in it."""
    pid = os.getpid()
    return f"{_place()} {pid} {_started(pid)}"


def is_alive(owner: str | None) -> bool | None:
    """Whether the process of that name is alive; None if unknown, as on another machine."""
    if owner is None:
        return False
    place, _, process = owner.rpartition(" ")[0].rpartition(" ")
    started = owner.rpartition(" ")[2]
    if place != _place() or not process.isdigit():
        return None
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return False
    except OSError:  # it exists and belongs to somebody else
        pass
    now = _started(int(process))
    return None if "-" in (started, now) else now == started  # otherwise the number now belongs to another process


def _place() -> str:
    """The machine and its namespace of process numbers: containers on one machine have their own."""
    with suppress(OSError):
        return f"{socket.gethostname()}/{os.readlink('/proc/self/ns/pid')}"
    return socket.gethostname()


def _started(pid: int) -> str:
    """When a process started, in ticks since boot; `-` if unknown, `gone` for a dead one."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
    except OSError:
        return "-"
    return "gone" if fields[0] == b"Z" else fields[19].decode()
