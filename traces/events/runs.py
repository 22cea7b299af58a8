"""The folder of a run, and how it is found again.

runs/<run_id>/run.json                                its settings and, once it has read them, model and corpus
runs/<run_id>/neurons/<model>.L5N131/events.jsonl     see traces.events.store
runs/<run_id>/neurons/<model>.L5N131/result.json      see tools.records.result
"""

from __future__ import annotations

import difflib
import json
import os
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from tools.errors import BadInput, StorageError
from tools.records.neuron import NeuronId
from tools.records.result import Result
from tools.records.scores import as_far_as_readable
from traces.events.canonical import canonical
from traces.events.recorded import RecordedRun, RecordedSettings
from traces.events.store import lock
from traces.storage import ELSEWHERE, replace_file, storage_errors

EVENTS = "events.jsonl"
"""The name of every trace."""

_N_SUGGESTIONS = 3
_TIMED = re.compile(r"\d{8}T\d{6}(\.\d{3})?Z-")


def safe_name(model: str) -> str:
    """A model's name or path as a part of a file name: `openai-community/gpt2` becomes `openai-community--gpt2`.

    Of a path on disk only the last part is used: the folder above says nothing about the model.
    """
    if os.path.isabs(model) or model.startswith((".", "~")):
        model = Path(model).name or model
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", model.replace("/", "--")).lstrip(".-")
    return name[:80] or "model"


def new_run_id(model: str, target: str, known: Iterable[str] = ()) -> str:
    """A readable, unique run id: `20260131T120102.345Z-gpt2-L5N131-3f9a1c`.

    Ids sort in the order in which they were made: if the clock was set back, a new one is a millisecond after the last
    of those `known`.
    """
    now = datetime.now(UTC)
    last = max((run_id for run_id in known if _TIMED.match(run_id)), default="")
    with suppress(ValueError, OverflowError):  # a folder whose name only looks like a run id
        day, _, part = last.partition("Z")[0].partition(".")
        behind = datetime.strptime(day, "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
        now = max(now, behind + timedelta(milliseconds=int(part or 999) + 1))
    when = f"{now:%Y%m%dT%H%M%S}.{now.microsecond // 1000:03}Z"
    return f"{when}-{safe_name(model)}-{safe_name(target)}-{os.urandom(3).hex()}"


@dataclass(frozen=True)
class NeuronFolder:
    """The folder of one neuron's trace and result."""

    path: Path

    @property
    def events(self) -> Path:
        """The trace, see `traces.events.store.TraceWriter`."""
        return self.path / EVENTS

    @property
    def result(self) -> Path:
        """The result; missing until the run has ended with one."""
        return self.path / "result.json"

    def write_result(self, result: Result) -> None:
        """Write result.json atomically.

        Raises:
            StorageError: it cannot be written.
        """
        text = json.dumps(result.to_json(), ensure_ascii=False, allow_nan=False, indent=2)
        replace_file(self.result, text.encode() + b"\n")

    def read_result(self) -> Result | None:
        """The result, or None if there is none yet.

        Raises:
            StorageError: it cannot be read, or is not a result of this version.
        """
        if not self.result.is_file():
            return None
        with storage_errors("read", self.result):
            data = self.result.read_bytes()
        try:
            return Result.model_validate_json(data, extra="ignore")
        except ValidationError as error:
            first = error.errors()[0]
            field = ".".join(str(part) for part in first["loc"]) or "JSON"
            raise StorageError(
                f"{self.result} is damaged or from another version ({field}: {first['msg']}): "
                "delete it and resume the run."
            ) from error


@dataclass(frozen=True)
class RunFolder:
    """`runs/<run_id>`. Made with `create` or found with `find`."""

    path: Path

    @property
    def run_id(self) -> str:
        """The folder's name."""
        return self.path.name

    @classmethod
    def create(cls, runs_dir: str | Path, run_id: str, manifest: dict[str, Any]) -> RunFolder:
        """Make the folder of a new run and write `run.json`.

        Args:
            runs_dir: the folder of all runs; made if it does not exist.
            run_id: from `new_run_id`.
            manifest: config, seeds, versions, commit, fingerprints, prices; JSON values.

        Raises:
            StorageError: it cannot be written.
        """
        folder = cls(Path(runs_dir) / run_id)
        with storage_errors("create", folder.path):
            folder.path.parent.mkdir(parents=True, exist_ok=True)
            folder.path.mkdir()
        folder.write_manifest(manifest)
        return folder

    def write_manifest(self, manifest: dict[str, Any]) -> None:
        """Write `run.json` atomically.

        Raises:
            StorageError: it cannot be written.
        """
        text = json.dumps(canonical(manifest), ensure_ascii=False, indent=2)
        # Typed paths may hold undecodable bytes: escaped, as JSON does.
        replace_file(self.path / "run.json", text.encode("utf-8", "backslashreplace") + b"\n")

    def recorded(self) -> RecordedRun:
        """What can be read of `run.json`, whatever version wrote it.

        Raises:
            StorageError: it cannot be read, or is no JSON.
        """
        return as_far_as_readable(RecordedRun, self.manifest())

    def remove(self) -> None:
        """Remove the run and its results."""
        shutil.rmtree(self.path, ignore_errors=True)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep other processes from working on this run; see `traces.events.store.is_being_written`.

        Raises:
            StorageError: another process works on it, or the folder does not exist.
        """
        with storage_errors("open", self.path):
            fd = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            with suppress(OSError):  # a disk without locks; the trace has its own lock
                lock(fd, self.path)
            yield
        finally:
            os.close(fd)

    @classmethod
    def find(cls, runs_dir: str | Path, run_id: str) -> RunFolder:
        """The run with that id, or the only one whose id contains it; `last` is the latest. A path of its folder, as
        a shell completes it, is its id too.

        Raises:
            BadInput: the path is of another folder of runs, or there is none, or more than one; the message names the
                closest ids.
            StorageError: the folder of runs cannot be read.
        """
        path = Path(run_id)
        if path.name != run_id and (path / "run.json").is_file():
            if path.resolve().parent != Path(runs_dir).resolve():
                raise BadInput(
                    f"the run {path.name} is not in {runs_dir}: add `runs_dir={path.parent}`.", settings=("runs_dir",)
                )
            run_id = path.name
        known = run_ids(runs_dir)
        if run_id == "last" and known:
            return cls(Path(runs_dir) / known[-1])
        matches = [known_id for known_id in known if known_id == run_id] or [
            known_id for known_id in known if run_id and _holds(known_id, run_id)
        ]
        if len(matches) == 1:
            return cls(Path(runs_dir) / matches[0])
        if matches:
            shown = ", ".join(matches[:_N_SUGGESTIONS])
            raise BadInput(f"{run_id!r} fits {len(matches)} runs in {runs_dir} ({shown}): write more of the id.")
        if not known:
            raise BadInput(f"there is no run {run_id!r}: {runs_dir} has no runs; {ELSEWHERE}.", settings=("runs_dir",))
        close = difflib.get_close_matches(run_id, known, n=_N_SUGGESTIONS, cutoff=0.0)
        raise BadInput(
            f"there is no run {run_id!r} in {runs_dir}; the closest: {', '.join(close)}. "
            "`agent trace list` shows them all."
        )

    def manifest(self) -> dict[str, Any]:
        """The content of `run.json`.

        Raises:
            StorageError: it cannot be read or is damaged.
        """
        path = self.path / "run.json"
        with storage_errors("read", path):
            data = path.read_bytes()
        try:
            manifest = json.loads(data)
        except ValueError as error:
            raise StorageError(f"{path} is damaged (not JSON): restore it, or start a new run.") from error
        if not isinstance(manifest, dict):
            raise StorageError(f"{path} is damaged (not an object): restore it, or start a new run.")
        return manifest

    def folder_of(self, model: str, neuron: str) -> NeuronFolder:
        """The path of a neuron's trace, whether or not it exists; `model` and `neuron` as results name them."""
        return NeuronFolder(self.path / "neurons" / f"{safe_name(model)}.{neuron.replace('/', '-')}")

    def neuron(self, model: str, neuron: NeuronId) -> NeuronFolder:
        """The folder of one neuron, made if it does not exist.

        Raises:
            StorageError: it cannot be made.
        """
        folder = NeuronFolder(self.path / "neurons" / f"{safe_name(model)}.{neuron}")
        with storage_errors("create", folder.path):
            folder.path.mkdir(parents=True, exist_ok=True)
        return folder

    def neurons(self) -> list[NeuronFolder]:
        """The folders of all neurons of this run, by name.

        Raises:
            StorageError: they cannot be listed.
        """
        path = self.path / "neurons"
        if not path.is_dir():
            return []
        with storage_errors("read", path):
            return [NeuronFolder(child) for child in sorted(path.iterdir()) if child.is_dir()]

    def traced(self) -> list[NeuronFolder]:
        """The folders of the neurons with a trace: none if the run was stopped while it read the corpus.

        Raises:
            StorageError: they cannot be listed.
        """
        return [folder for folder in self.neurons() if folder.events.is_file()]


def names_in(runs_dir: str | Path) -> list[str]:
    """The names of all entries of a folder of runs; none if the folder does not exist.

    Raises:
        StorageError: the folder cannot be read.
    """
    path = Path(runs_dir)
    with storage_errors("read", path):
        return os.listdir(path) if path.is_dir() else []


def _holds(run_id: str, part: str) -> bool:
    """Whether an id contains what was typed; `L5N131-` is a negative side, not the start of `L5N131-3f9a1c`."""
    return (f"{part}-" if re.search(r"L\d+N\d+-$", part) else part) in run_id


def run_ids(runs_dir: str | Path) -> list[str]:
    """The ids of all runs in a folder, oldest first; none when the folder does not exist.

    Raises:
        StorageError: the folder cannot be read.
    """
    path = Path(runs_dir)
    with storage_errors("read", path):
        if not path.exists():
            return []
        return sorted(child.name for child in path.iterdir() if (child / "run.json").is_file())


def traces_of(runs_dir: str | Path, name: str, neuron: str | None = None) -> list[Path]:
    """The traces of a run by its id, a part of it, or `last`; or by the path of a folder or an `events.jsonl` anywhere.

    Raises:
        BadInput: there is no such run, no such neuron in it, or no trace yet.
        StorageError: it cannot be read.
    """
    path = Path(name)
    if path.is_file():
        return [path]
    if (path / EVENTS).is_file():
        return [path / EVENTS]
    places = [place for place in (path, Path(runs_dir) / name) if name and (place / "neurons").is_dir()]
    run = RunFolder(places[0]) if places else RunFolder.find(runs_dir, name)
    folders = run.traced()
    wanted = [folder for folder in folders if neuron is None or folder.path.name.endswith(f".{neuron}")]
    if not folders:
        raise BadInput(f"the run {run.run_id} stopped before it reached a neuron: it has no trace yet.")
    if not wanted:
        known = ", ".join(folder.path.name.rpartition(".")[2] for folder in folders)  # what a person may type
        raise BadInput(f"run {run.run_id} has no neuron {neuron!r}; it has: {known}.")
    return [folder.events for folder in wanted]


SESSION_POLICY = "mcp"
"""The `policy` in the recorded config of a session."""


def is_session(config: Mapping[str, Any]) -> bool:
    """Whether a recorded config belongs to a session, which cannot be resumed or replayed: its client is gone."""
    return as_far_as_readable(RecordedSettings, config).policy == SESSION_POLICY
