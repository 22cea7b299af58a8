"""The trace of one neuron on disk: an append-only writer that can also replay, and a reader that accepts half-written
files.

Resuming is running again. `TraceWriter(path, resume=True)` serves recorded tool calls first, and checks every event
that the run emits against the recorded one, without clock fields. When the recorded ones are used up, it appends.
"""

from __future__ import annotations

import fcntl
import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tools.errors import StorageError
from traces.events.kinds import Event, Failed, Interrupted, ToolCall, event_from_line, event_to_line, without_clock
from traces.storage import storage_error, storage_errors, write_all

Listener = Callable[[Event], None]

_LOCK_PATIENCE_S = 0.5


@dataclass(frozen=True)
class Trace:
    """The events of one neuron's run.

    Attributes:
        events: in order of `seq`.
        complete: the run ended with a result.
        truncated: the last line was half-written (a crash in mid-write) and is left out.
    """

    events: list[Event]
    complete: bool
    truncated: bool


def load_trace(path: str | Path) -> Trace:
    """Read `events.jsonl`, even while it is being written or after a crash.

    Raises:
        StorageError: it cannot be read, a line is damaged, or it was written by a newer version of this program.
    """
    path = Path(path)
    with storage_errors("read", path):
        data = path.read_bytes()
    return _parse(data, path)


def _parse(data: bytes, path: Path) -> Trace:
    *lines, rest = data.split(b"\n")
    events = []
    for number, line in enumerate(lines, start=1):
        event = event_from_line(line, f"line {number} of {path}")
        if event.seq != number - 1:
            raise StorageError(
                f"line {number} of {path} has seq {event.seq} instead of {number - 1}: lines are missing or moved; "
                "restore the file, or start a new run."
            )
        events.append(event)
    complete = bool(events) and events[-1].type == "finished"
    return Trace(events, complete, truncated=rest != b"")


def is_being_written(path: Path) -> bool:
    """Whether a process is writing this trace, or working on the run of this folder."""
    try:
        fd = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(fd)
    return False


def lock(fd: int, path: Path) -> None:
    """Lock the open file or folder for this process until it is closed.

    Raises:
        StorageError: another process has the lock.
        OSError: it cannot be locked, as on some network disks.
    """
    give_up = time.monotonic() + _LOCK_PATIENCE_S  # `is_being_written` holds the lock for an instant
    while True:
        try:
            return fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > give_up:
                raise StorageError(
                    f"{path} is being written by another process: wait for that run to end, or stop it."
                ) from None
        time.sleep(0.02)


class TraceWriter:
    """Appends events to `events.jsonl`, one write per event, so that a crash loses at most the event in mid-write.

    With `resume`, what the file holds is replayed first. An `interrupted` or `failed` at its end, or a half-written
    line, is moved to `events.interrupted.jsonl` beside it, so that the resumed run's events are those of an
    undisturbed one.

    Args:
        path: the file; its folder must exist. Without `resume` the file must not; with it, a missing file counts as
            empty.
        resume: go on with the run that the file records.
        listeners: called with every event, replayed ones included, after it is on disk.

    Attributes:
        recorded: the events that are replayed, in order; empty for a new run.
        cut: the bytes that were moved aside on resuming; None if there were none.

    Raises:
        StorageError: the file cannot be opened or is damaged, or another process is writing it.
    """

    def __init__(self, path: str | Path, *, resume: bool = False, listeners: Sequence[Listener] = ()) -> None:
        self.path = Path(path)
        self.recorded: list[Event] = []
        self.cut: bytes | None = None
        self._listeners = list(listeners)
        self._seq = 0
        self._emitting = threading.RLock()
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | (0 if resume else os.O_EXCL)
        with storage_errors("open" if resume else "create", self.path):
            self._fd: int | None = os.open(self.path, flags | os.O_CLOEXEC, 0o666)
        try:
            self._lock()
            if resume:
                self._load()
        except BaseException:
            self.close()
            raise
        self._calls = {event.call_id: event for event in self.recorded if isinstance(event, ToolCall)}

    def _lock(self) -> None:
        with storage_errors("lock", self.path):
            lock(self._open_fd(), self.path)

    def _load(self) -> None:
        with storage_errors("read", self.path):
            data = self.path.read_bytes()
        events = _parse(data, self.path).events
        while events and isinstance(events[-1], (Interrupted, Failed)):
            events.pop()
        n_kept = sum(len(line) + 1 for line in data.split(b"\n")[: len(events)])
        if data[n_kept:]:
            self.cut = data[n_kept:]
            self._put_aside(self.cut if self.cut.endswith(b"\n") else self.cut + b"\n")
            with storage_errors("write", self.path):
                os.ftruncate(self._open_fd(), n_kept)
        self.recorded = events

    def _put_aside(self, data: bytes) -> None:
        aside = self.path.with_suffix(".interrupted.jsonl")
        with storage_errors("write", aside):
            fd = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o666)
            try:
                write_all(fd, data)
                os.fsync(fd)
            finally:
                os.close(fd)

    def _open_fd(self) -> int:
        if self._fd is None:
            raise StorageError(f"{self.path} is closed: this trace takes no more events.")
        return self._fd

    @property
    def is_replaying(self) -> bool:
        """Whether some recorded events have not been emitted again yet."""
        return self._seq < len(self.recorded)

    def recorded_call(self, call_id: str) -> ToolCall | None:
        """The recorded outcome of a tool call, to be served instead of calling again; None if there is none."""
        return self._calls.get(call_id)

    def emit(self, event: Event) -> Event:
        """Put an event on disk, or check it against the recorded one, and tell the listeners.

        Returns the event as it stands in the trace, with `seq` and `at`; while replaying, with the recorded clock.

        Raises:
            StorageError: it cannot be written, or it differs from the recorded event.
        """
        with self._emitting:
            self._open_fd()
            if not self.is_replaying:
                event = event.model_copy(update={"seq": self._seq, "at": _now()})
                self._append(event)
            elif isinstance(event, (Interrupted, Failed)):
                # Stopped before the replay caught up: keep the recorded events after this point.
                event = event.model_copy(update={"seq": self._seq, "at": _now()})
                self._put_aside(event_to_line(event))
            else:
                event = self._same_as_recorded(event)
                self._seq += 1
            for listener in self._listeners:
                listener(event)
            return event

    def _append(self, event: Event) -> None:
        line = event_to_line(event)
        fd = self._open_fd()
        size = os.fstat(fd).st_size
        try:
            write_all(fd, line)
            self._seq += 1
        except BaseException as error:  # even on Ctrl-C a line is either written and counted, or absent
            self._take_back(fd, size)
            if isinstance(error, OSError):
                raise storage_error(error, "write", self.path) from error
            raise

    def _take_back(self, fd: int, size: int) -> None:
        try:
            os.ftruncate(fd, size)
        except OSError:  # half a line stays; it is readable as long as nothing follows it
            self._fd = None
            os.close(fd)

    def _same_as_recorded(self, event: Event) -> Event:
        recorded = self.recorded[self._seq]
        event = event.model_copy(update={"seq": self._seq})
        difference = first_difference(without_clock(recorded), without_clock(event))
        if difference is None:
            return recorded
        field, before, now = difference
        raise StorageError(
            f"cannot resume from {self.path}: event {self._seq} ({recorded.type}) differs from what was recorded in "
            f"{field!r} (recorded {_short(before)}, now {_short(now)}); the program, its libraries, the model or the "
            "text has changed since: start a new run."
        )

    def close(self) -> None:
        """Flush everything to disk, and release the lock."""
        if self._fd is not None:
            fd, self._fd = self._fd, None
            try:
                with storage_errors("write", self.path):
                    os.fsync(fd)
            finally:
                os.close(fd)

    def __enter__(self) -> TraceWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def first_difference(before: Any, now: Any, field: str = "") -> tuple[str, Any, Any] | None:
    """Where two JSON values first differ, as (dotted field, value before, value now); None if they are equal."""
    if isinstance(before, dict) and isinstance(now, dict):
        for key in [*before, *(key for key in now if key not in before)]:
            path = f"{field}.{key}" if field else str(key)
            if key not in before or key not in now:
                return path, before.get(key, "nothing"), now.get(key, "nothing")
            if found := first_difference(before[key], now[key], path):
                return found
        return None
    if isinstance(before, list) and isinstance(now, list):
        for i, (a, b) in enumerate(zip(before, now, strict=False)):
            if found := first_difference(a, b, f"{field}.{i}"):
                return found
        if len(before) != len(now):
            return field, f"{len(before)} items", f"{len(now)} items"
        return None
    return None if type(before) is type(now) and before == now else (field, before, now)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
