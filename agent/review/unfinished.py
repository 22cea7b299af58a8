"""Runs without a result: running, interrupted, failed, or ended before they reached a neuron.

With thousands of runs, only those whose ids are missing from the database are considered, and only one page of them
is read.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from agent.review.addresses import Address
from tools.errors import StorageError
from traces.database.results import ResultsDatabase
from traces.events.runs import RunFolder
from traces.events.store import is_being_written
from traces.storage import storage_errors
from traces.text.show import unread

PER_PAGE = 50
_TAIL = 64 * 1024


@dataclass(frozen=True)
class Unfinished:
    """One run on one neuron.

    Attributes:
        place: None where the run did not reach a neuron.
        state: running, interrupted, failed, damaged, not begun, or finished (with a result that the database does not
            know).
        about: the last event of the trace, in a few words.
    """

    run_id: str
    place: Address | None
    state: str
    about: str
    written_at: float


def without_result(database: ResultsDatabase) -> list[str]:
    """The ids of all runs without a result in the database, the latest first.

    Raises:
        StorageError: the database or the folder cannot be read.
    """
    with database.reading() as connection:
        known = set() if connection is None else {i for (i,) in connection.execute("SELECT run_id FROM results")}
    folder = database.path.parent
    if not folder.exists():
        return []
    with storage_errors("read", folder), os.scandir(folder) as entries:
        names = [entry.name for entry in entries if entry.name not in known and entry.is_dir()]
    return sorted((name for name in names if (folder / name / "run.json").is_file()), reverse=True)


def read_unfinished(runs_dir: Path, run_ids: Sequence[str]) -> list[Unfinished]:
    """What is known of these runs, which may change or vanish at any time."""
    out = []
    for run_id in run_ids:
        try:
            folders = RunFolder(runs_dir / run_id).neurons()
        except StorageError:
            folders = []
        if not folders:
            _, _, state, about = unread(RunFolder(runs_dir / run_id))
            out.append(Unfinished(run_id, None, state, about, 0.0))
        for folder in folders:
            state, about, when = _state(folder.events)
            if state != "finished" and folder.result.is_file():
                state = "finished"
            out.append(Unfinished(run_id, Address(run_id, folder.path.name), state, about, when))
    return out


def _state(events: Path) -> tuple[str, str, float]:
    try:
        with events.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _TAIL))
            lines = file.read().splitlines()
        when = events.stat().st_mtime
    except OSError:
        return "not begun", "there is no trace", 0.0
    last: dict[str, object] = {}
    for line in reversed(lines):
        try:
            found = json.loads(line)
        except ValueError:  # half a line: it is being written, or the run was stopped in mid-write
            continue
        if isinstance(found, dict):
            last = found
            break
    kind = str(last.get("type", ""))
    if kind == "finished":
        return "finished", "its result is not in the database: `agent results rebuild` puts it there", when
    about = _about(kind, last)
    if is_being_written(events):
        return "running", about, when
    return ("failed" if kind == "failed" else "interrupted"), about, when


def _about(kind: str, event: dict[str, object]) -> str:
    match kind, event:
        case "failed", {"error": {"message": str(message)}}:
            return message
        case "interrupted", {"reason": str(reason)}:
            return reason
        case "stage", {"stage": str(stage)}:
            return f"at the stage {stage}"
        case "tool_call", {"tool": str(tool)}:
            return f"after the tool {tool}"
        case "", _:
            return "nothing can be read of it"
        case _:
            return f"after {kind.replace('_', ' ')}"
