import errno
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from traces_samples import sample_run

from tools.errors import StorageError
from traces.events import store
from traces.events.kinds import CallError, Event, Failed, Interrupted, Stage, ToolCall, without_clock
from traces.events.store import TraceWriter, is_being_written, load_trace

ROOT = Path(__file__).resolve().parents[4]


def play(writer: TraceWriter, events: Sequence[Event]) -> list[Event]:
    with writer:
        return [writer.emit(event) for event in events]


def sequence(path: Path) -> list[dict[str, object]]:
    return [without_clock(event) for event in load_trace(path).events]


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    path = tmp_path / "whole.jsonl"
    play(TraceWriter(path), sample_run())
    return path


def test_what_is_written_is_what_is_read(whole: Path) -> None:
    trace = load_trace(whole)
    assert [event.seq for event in trace.events] == list(range(len(sample_run())))
    assert trace.complete
    assert not trace.truncated


def test_every_event_is_on_disk_at_once(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    with TraceWriter(path) as writer:
        for n, event in enumerate(sample_run(), start=1):
            writer.emit(event)
            assert len(load_trace(path).events) == n


@pytest.mark.parametrize("end", [b"", b'{"type": "stage", "se', b'{"type":"stage"}', b"\x00" * 40])
def test_stopped_anywhere_and_resumed_it_ends_like_the_undisturbed_run(tmp_path: Path, whole: Path, end: bytes) -> None:
    lines = whole.read_bytes().splitlines(keepends=True)
    for n_kept in range(len(lines) + 1):
        path = tmp_path / f"{n_kept}.jsonl"
        path.write_bytes(b"".join(lines[:n_kept]) + end)
        assert load_trace(path).truncated == (end != b"")
        writer = TraceWriter(path, resume=True)
        assert writer.cut == (end or None)
        emitted = play(writer, sample_run())
        assert sequence(path) == sequence(whole)
        assert path.read_bytes().startswith(b"".join(lines[:n_kept]))  # the recorded clock stays
        assert emitted == load_trace(path).events
        aside = path.with_suffix(".interrupted.jsonl")
        assert aside.exists() == (end != b"")


def test_recorded_calls_are_served_and_new_ones_are_not_known(tmp_path: Path, whole: Path) -> None:
    writer = TraceWriter(whole, resume=True)
    call = writer.recorded_call("read-1")
    assert call is not None
    assert call.result == {"values": [[0.1, 3.25, 0.0], [0.0]]}
    assert writer.recorded_call("read-2") is None
    writer.close()
    assert TraceWriter(tmp_path / "new.jsonl").recorded_call("read-1") is None


def test_an_interruption_at_the_end_is_kept_aside(tmp_path: Path, whole: Path) -> None:
    path = tmp_path / "events.jsonl"
    play(TraceWriter(path), [*sample_run()[:5], Interrupted(reason="Ctrl-C")])
    play(TraceWriter(path, resume=True), [*sample_run()[:9], Failed(error=CallError(kind="OSError", message="no"))])
    play(TraceWriter(path, resume=True), sample_run())
    assert sequence(path) == sequence(whole)
    aside = path.with_suffix(".interrupted.jsonl").read_text()
    assert '"Ctrl-C"' in aside
    assert '"failed"' in aside


def test_an_interruption_while_replaying_loses_nothing(tmp_path: Path, whole: Path) -> None:
    before = whole.read_bytes()
    play(TraceWriter(whole, resume=True), [*sample_run()[:3], Interrupted(reason="Ctrl-C again")])
    assert whole.read_bytes() == before
    assert "Ctrl-C again" in whole.with_suffix(".interrupted.jsonl").read_text()


def test_a_different_event_on_resuming_is_refused(whole: Path) -> None:
    events = sample_run()
    before = whole.read_bytes()
    changed = events[6].model_copy(update={"score": {"value": 0.66, "low": 0.6, "high": 0.7}})
    writer = TraceWriter(whole, resume=True)
    with pytest.raises(StorageError, match=r"event 6 \(scored\) .* in 'score.value' \(recorded 0.65, now 0.66\)"):
        play(writer, [*events[:6], changed])
    writer = TraceWriter(whole, resume=True)
    with pytest.raises(StorageError, match=r"event 0 \(run_started\)"):
        play(writer, [events[1]])
    assert whole.read_bytes() == before


def test_resuming_without_a_file_begins_anew(tmp_path: Path, whole: Path) -> None:
    play(TraceWriter(tmp_path / "none.jsonl", resume=True), sample_run())
    assert sequence(tmp_path / "none.jsonl") == sequence(whole)


def test_listeners_hear_every_event_after_it_is_on_disk(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    heard: list[tuple[int, int]] = []
    play(
        TraceWriter(path, listeners=[lambda event: heard.append((event.seq, len(load_trace(path).events)))]),
        sample_run()[:4],
    )
    assert heard == [(0, 1), (1, 2), (2, 3), (3, 4)]


@pytest.mark.parametrize("damage", [b"x\n", b"{}\n", b"\n"])
def test_a_damaged_line_in_the_middle_is_named(whole: Path, damage: bytes) -> None:
    lines = whole.read_bytes().splitlines(keepends=True)
    lines[3] = damage
    whole.write_bytes(b"".join(lines))
    for read in (load_trace, lambda path: TraceWriter(path, resume=True)):
        with pytest.raises(StorageError, match=r"line 4 of .*whole.jsonl is damaged"):
            read(whole)
    assert whole.read_bytes() == b"".join(lines)


def test_a_missing_line_is_noticed(whole: Path) -> None:
    lines = whole.read_bytes().splitlines(keepends=True)
    whole.write_bytes(b"".join(lines[:3] + lines[4:]))
    with pytest.raises(StorageError, match=r"line 4 of .* has seq 4 instead of 3"):
        load_trace(whole)


@pytest.mark.slow
def test_two_writers_are_refused_and_readers_are_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "_LOCK_PATIENCE_S", 0.05)
    path = tmp_path / "events.jsonl"
    writer = TraceWriter(path)
    writer.emit(sample_run()[0])
    assert is_being_written(path)
    assert len(load_trace(path).events) == 1
    with pytest.raises(StorageError, match="is being written by another process"):
        TraceWriter(path, resume=True)
    code = f"from traces.events.store import TraceWriter; TraceWriter({str(path)!r}, resume=True)"
    other = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert "is being written by another process" in other.stderr
    writer.close()
    assert not is_being_written(path)
    TraceWriter(path, resume=True).close()


def test_a_second_new_trace_in_the_same_place_is_refused(whole: Path) -> None:
    with pytest.raises(StorageError, match=r"cannot create .*has that name already"):
        TraceWriter(whole)


def test_a_closed_writer_takes_nothing_more(tmp_path: Path) -> None:
    writer = TraceWriter(tmp_path / "events.jsonl")
    writer.close()
    writer.close()
    with pytest.raises(StorageError, match="is closed"):
        writer.emit(Stage(stage="gather"))


def test_a_really_full_file_leaves_whole_lines_only(tmp_path: Path) -> None:
    """A limit on the file's size stops a write half-way, as a full disk does."""
    path = tmp_path / "events.jsonl"
    writer = TraceWriter(path)
    for event in sample_run()[:4]:
        writer.emit(event)
    before = path.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 20, hard))
        with pytest.raises(StorageError, match=r"cannot write .*events.jsonl: the file is larger than is allowed"):
            writer.emit(sample_run()[4])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)
    assert path.read_bytes() == before
    play(writer, sample_run()[4:])  # space was freed: it goes on
    assert load_trace(path).complete


@pytest.mark.parametrize("stop", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
def test_a_full_disk_or_ctrl_c_in_mid_write_loses_at_most_that_event(
    tmp_path: Path, whole: Path, monkeypatch: pytest.MonkeyPatch, stop: BaseException
) -> None:
    path = tmp_path / "events.jsonl"
    writer = TraceWriter(path)
    writer.emit(sample_run()[0])
    write, n_writes = os.write, 0

    def half(fd: int, data: memoryview) -> int:
        nonlocal n_writes
        n_writes += 1
        if n_writes == 1:
            return write(fd, data[:10])
        raise stop

    monkeypatch.setattr(os, "write", half)
    expected = StorageError if isinstance(stop, OSError) else KeyboardInterrupt
    with pytest.raises(expected) as caught:
        writer.emit(sample_run()[1])
    monkeypatch.undo()
    if isinstance(stop, OSError):
        assert str(caught.value) == f"cannot write {path}: the disk is full; free some space."
    assert len(load_trace(path).events) == 1
    assert not load_trace(path).truncated
    play(writer, sample_run()[1:])
    assert sequence(path) == sequence(whole)


KILLED = """
import os, signal, sys
sys.path.insert(0, {tests!r})
from traces_samples import sample_run
from traces.events.store import TraceWriter
writer = TraceWriter({path!r})
for event in sample_run()[:12]:
    writer.emit(event)
os.write(writer._fd, b'{{"type": "readings_rev')
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_kill_9_in_mid_write(tmp_path: Path, whole: Path) -> None:
    path = tmp_path / "events.jsonl"
    code = KILLED.format(tests=str(ROOT / "tests" / "unit"), path=str(path))
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == -signal.SIGKILL
    assert load_trace(path).truncated
    assert not is_being_written(path)
    writer = TraceWriter(path, resume=True)
    assert writer.cut == b'{"type": "readings_rev'
    assert sum(isinstance(event, ToolCall) for event in writer.recorded) == 1
    play(writer, sample_run())
    assert sequence(path) == sequence(whole)


def test_unreadable_places(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(StorageError, match=r"cannot create .*a part of the path is a file, not a folder"):
        TraceWriter(tmp_path / "file" / "events.jsonl")
    with pytest.raises(StorageError, match=r"cannot read .*it does not exist"):
        load_trace(tmp_path / "none.jsonl")
    with pytest.raises(StorageError, match=r"cannot read .*it is a folder"):
        load_trace(tmp_path)
