"""Every reply that was paid for, kept on disk by the question it answers: nothing is asked twice.

One SQLite file, safe for several processes at once. Replies are written by a thread of its own, as many as are waiting
in one transaction, and a reply counts as received once it is on disk: what a killed process had been told, the next one
knows.
"""

from __future__ import annotations

import queue
import sqlite3
import threading
import time
import zlib
from collections.abc import Iterable
from concurrent.futures import Future
from pathlib import Path

from tools.errors import StorageError

FORMAT = 1
_PATIENCE_S = 30.0
_AT_ONCE = 500
_LOOK_EVERY_S = 0.01


class ReplyStore:
    """Answers by SHA-256 (hex) of the question.

    Args:
        path: of the file; made when the first answer is put there.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._waiting: queue.SimpleQueue[tuple[str, bytes, Future[None]] | None] = queue.SimpleQueue()
        self._writer: threading.Thread | None = None
        self._start = threading.Lock()

    def get(self, keys: Iterable[str]) -> dict[str, bytes]:
        """The answers that are there, by key.

        Raises:
            StorageError: the file is damaged, from a newer version, or cannot be read.
        """
        wanted = list(dict.fromkeys(keys))
        if not wanted or not self.path.is_file():
            return {}
        found: dict[str, bytes] = {}
        try:
            connection = self._connect()
            try:
                for first in range(0, len(wanted), _AT_ONCE):
                    some = wanted[first : first + _AT_ONCE]
                    marks = ", ".join("?" * len(some))
                    rows = connection.execute(f"SELECT key, answer FROM replies WHERE key IN ({marks})", some)
                    found |= {key: zlib.decompress(answer) for key, answer in rows}
            finally:
                connection.close()
        except (sqlite3.Error, zlib.error) as error:
            raise self._unusable(error) from error
        return found

    def prepare(self) -> None:
        """Make the file where there is none: better found out before anything is paid for.

        Raises:
            StorageError: it cannot be made or read.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._connect().close()
        except (OSError, sqlite3.Error) as error:
            raise self._unusable(error) from error

    def put(self, key: str, answer: bytes) -> Future[None]:
        """Keep an answer; the future is done once it is on disk, and holds a `StorageError` where it cannot be.

        Of two answers to one question the first stays.
        """
        done: Future[None] = Future()
        with self._start:
            if self._writer is None or not self._writer.is_alive():
                self._writer = threading.Thread(target=self._write, name="llm-replies", daemon=True)
                self._writer.start()
            self._waiting.put((key, answer, done))
        return done

    def _write(self) -> None:
        connection: sqlite3.Connection | None = None
        while True:
            entries = [self._waiting.get()]
            while len(entries) < _AT_ONCE:
                try:
                    entries.append(self._waiting.get_nowait())
                except queue.Empty:
                    break
            batch = [entry for entry in entries if entry is not None]
            for _, _, done in batch:
                done.set_running_or_notify_cancel()  # whoever asked may have given up; what came is kept all the same
            try:
                if batch and connection is None:
                    self.path.parent.mkdir(parents=True, exist_ok=True)
                    connection = self._connect()
                if connection is not None:
                    with connection:
                        connection.executemany(
                            "INSERT OR IGNORE INTO replies VALUES (?, ?)",
                            [(key, zlib.compress(answer, 1)) for key, answer, _ in batch],
                        )
                for _, _, done in batch:
                    if not done.cancelled():
                        done.set_result(None)
            except (sqlite3.Error, OSError, StorageError) as error:
                for _, _, done in batch:
                    if not done.cancelled():
                        done.set_exception(error if isinstance(error, StorageError) else self._unusable(error))
            if None in entries:
                if connection is not None:
                    connection.close()
                return

    def close(self) -> None:
        """Wait until everything is on disk."""
        with self._start:
            writer, self._writer = self._writer, None
            if writer is not None:
                self._waiting.put(None)
        if writer is not None:
            writer.join()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, timeout=_PATIENCE_S)
        try:
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            if version > FORMAT:
                raise StorageError(
                    f"{self.path} has format {version}, but this program knows up to {FORMAT}: upgrade the program, or "
                    "name another folder with NEURON_AGENT_CACHE."
                )
            if version == 0:
                _make(connection)
            connection.execute("PRAGMA synchronous = NORMAL")  # in WAL mode a killed process loses nothing
        except BaseException:
            connection.close()
            raise
        return connection

    def _unusable(self, error: Exception) -> StorageError:
        return StorageError(
            f"the kept LLM replies in {self.path} cannot be used ({error}): free some space, delete the file, or name "
            "another folder with NEURON_AGENT_CACHE."
        )


def _make(connection: sqlite3.Connection) -> None:
    """Make the table. Several processes may do so at once, and SQLite does not wait for its turn to change the mode."""
    give_up = time.monotonic() + _PATIENCE_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            with connection:
                connection.execute("CREATE TABLE IF NOT EXISTS replies (key TEXT PRIMARY KEY, answer BLOB NOT NULL)")
                connection.execute(f"PRAGMA user_version = {FORMAT}")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > give_up:
                raise
            time.sleep(_LOOK_EVERY_S)
