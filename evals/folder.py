"""The folder of an evaluation: written line by line, so that a killed one loses at most the current cell."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from evals.records import EVAL_VERSION, READABLE, CellResult, Manifest, NeuronRecord, Record
from tools.errors import BadInput, StorageError
from traces.events.runs import safe_name
from traces.storage import replace_file, storage_errors, write_all

R = TypeVar("R", bound=Record)


@dataclass(frozen=True)
class EvalFolder:
    """The files in `path` are those of `evals.records`."""

    path: Path

    @property
    def exists(self) -> bool:
        """Whether an evaluation was begun here."""
        return (self.path / "eval.json").is_file()

    def manifest(self) -> Manifest:
        """The manifest.

        Raises:
            BadInput: there is no evaluation, or another version of this program wrote it.
            StorageError: it cannot be read.
        """
        path = self.path / "eval.json"
        if not path.is_file():
            raise BadInput(f"{self.path} has no evaluation: `agent eval run` makes one.")
        with storage_errors("read", path):
            data = path.read_bytes()
        try:
            found = json.loads(data)
            version = found.get("schema_version") if isinstance(found, dict) else None
            if version not in READABLE:
                raise BadInput(
                    f"{self.path} was written by another version of this program (format {version}, this one is "
                    f"{EVAL_VERSION}): give another folder with --out."
                )
            return Manifest.model_validate(found)
        except (ValueError, ValidationError) as error:
            raise StorageError(f"{path} is damaged: restore it, or give another folder with --out.") from error

    def write_manifest(self, manifest: Manifest) -> None:
        """Begin the evaluation.

        Raises:
            StorageError: it cannot be written.
        """
        with storage_errors("create", self.path):
            self.path.mkdir(parents=True, exist_ok=True)
        text = json.dumps(manifest.model_dump(mode="json"), ensure_ascii=False, indent=2)
        replace_file(self.path / "eval.json", text.encode() + b"\n")

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Lock this evaluation against other writers.

        Raises:
            StorageError: another process has the lock, or the folder cannot be made.
        """
        with storage_errors("create", self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            fd = os.open(self.path / ".lock", os.O_RDWR | os.O_CREAT, 0o666)
        try:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise StorageError(
                    f"{self.path} is being written by another process: wait for that evaluation to end, or stop it."
                ) from error
            yield
        finally:
            os.close(fd)

    def neurons(self) -> list[NeuronRecord]:
        """The neurons of the suite, the last line of each name; see `cells` for errors."""
        return list({record.name: record for record in self._read("neurons.jsonl", NeuronRecord)}.values())

    def cells(self) -> list[CellResult]:
        """The results, the last line of each cell, in the order of their keys.

        Raises:
            BadInput: a line is from another version.
            StorageError: a line other than the last is damaged, or the file cannot be read.
        """
        found = {cell.key: cell for cell in self._read("results.jsonl", CellResult)}
        return sorted(found.values(), key=lambda c: (c.variant, c.neuron, c.seed, -1 if c.half is None else c.half))

    def add_neurons(self, records: Iterable[NeuronRecord]) -> None:
        """Append to neurons.jsonl."""
        for record in records:
            self._append("neurons.jsonl", record)

    def add_cell(self, cell: CellResult) -> None:
        """Append to results.jsonl; on disk when this returns."""
        self._append("results.jsonl", cell)

    def _append(self, name: str, record: Record) -> None:
        path = self.path / name
        line = json.dumps(record.model_dump(mode="json"), ensure_ascii=False, allow_nan=False)
        with storage_errors("write", path):
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
            try:
                size = os.fstat(fd).st_size
                if size and os.pread(fd, 1, size - 1) != b"\n":  # keep a line that a kill cut short separate
                    line = "\n" + line
                write_all(fd, line.encode() + b"\n")
                os.fsync(fd)
            finally:
                os.close(fd)

    def _read(self, name: str, kind: type[R]) -> list[R]:
        path = self.path / name
        if not path.is_file():
            return []
        with storage_errors("read", path):
            lines = path.read_bytes().splitlines()
        out: list[R] = []
        for number, line in enumerate(lines, 1):
            try:
                out.append(kind.model_validate_json(line))
            except ValidationError as error:
                if _is_cut_short(line):
                    continue  # cut short by a kill; the cell is run again
                raise StorageError(
                    f"line {number} of {path} is damaged or from another version "
                    f"({error.errors()[0]['msg']}): delete that line, and the cell is run again."
                ) from error
        return out


def folder_name(name: str) -> str:
    """A unique file name of ASCII letters, digits and `-._` for any name."""
    safe = safe_name(name)
    return safe if safe == name else f"{safe[:60]}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def _is_cut_short(line: bytes) -> bool:
    try:
        json.loads(line)
    except ValueError:
        return True
    return False
