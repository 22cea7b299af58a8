"""Text from files, folders and pipes, with what was passed over or repaired counted."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from tools.errors import BadInput
from tools.evidence.texts.formats import (
    IN_PLACE,
    File,
    NotTexts,
    compression_of,
    decode_line,
    file_at,
    line_text,
    pieces_of,
    reading,
    whole_text,
)
from tools.evidence.texts.repairs import Repairs
from tools.evidence.texts.sorted_texts import SPOOL_IN_MEMORY, Spool, kept_in

_KEPT = -1


class FileTexts:
    """The texts of a file or, recursively, of a folder; hidden files and folders are passed over.

    What can be read again by seeking, plain text and JSON lines, stays where it lies; the texts of all other formats
    are kept in a `Spool`. In a folder linked files and folders are followed, each real one is read once, and files
    that hold no texts are passed over and counted; a file named by itself must hold some. In memory are the files'
    names, 80 bytes a file of a folder and 32 bytes a text.
    """

    def __init__(self, path: Path, repairs: Repairs, folder: Path) -> None:
        """Texts that cannot be read again where they lie are kept in `folder`."""
        self._path = path
        self._repairs = repairs
        self._spool = Spool(folder)
        self._files: list[str] = []  # not paths, which take five times the memory
        self._file = array("q")
        self._start = array("q")
        self._size = array("q")
        self._line = array("q")  # counted from 1; 0 where the whole file is one text; _KEPT in the spool

    def read(self) -> Iterator[tuple[str, str]]:
        """(name, text) of every text, noting where each lies. To be called once.

        Raises:
            BadInput: the file is binary or mostly not UTF-8, is damaged, or has a bad line.
            StorageError: a file cannot be read, or a text not be kept.
        """
        if self._path.is_file():
            yield from self._read_file(self._path, self._path.name)
            return
        for file in _files_under(self._path, self._repairs):
            try:
                yield from self._read_file(file, file.relative_to(self._path).as_posix())
            except NotTexts as other:
                self._repairs.passed_over[other.matter] += 1

    def name(self, number: int) -> str:
        """The name of a text: its file's, and its line's number."""
        if self._line[number] == _KEPT:
            return self._spool.name(self._start[number])
        return _name(self._files[self._file[number]], self._line[number])

    def text(self, number: int) -> str:
        """The text itself, read again."""
        if self._line[number] == _KEPT:
            return self._spool.text(self._start[number])
        path = self._path if self._path.is_file() else self._path / self._files[self._file[number]]
        if not self._line[number]:
            return whole_text(file_at(path))[0]
        with reading(path) as file:
            file.seek(self._start[number])
            line = file.read(self._size[number])
        return line_text(decode_line(line, self._start[number]), str(path), self._line[number])[0]

    def _read_file(self, path: Path, name: str) -> Iterator[tuple[str, str]]:
        self._files.append(name)
        kind, pieces = pieces_of(file_at(path), self._repairs)
        is_in_place = kind in IN_PLACE and compression_of(path) is None
        n_before = len(self._file)
        for text, number, start, size in pieces:
            named = _name(name, number)
            if is_in_place:
                self._note(start, size, number)
            else:
                self._note(self._spool.add(named, text), 0, _KEPT)
            yield named, text
        if len(self._file) > n_before:
            self._repairs.read[kind] += 1
        elif path is not self._path:
            self._repairs.passed_over["empty"] += 1

    def _note(self, start: int, size: int, line: int) -> None:
        self._file.append(len(self._files) - 1)
        self._start.append(start)
        self._size.append(size)
        self._line.append(line)


def piped_texts(descriptor: int, said: str, folder: Path, repairs: Repairs) -> Iterator[tuple[str, str]]:
    """(name, text) of what comes through a pipe: JSON lines or JSON where its beginning is that, else one text.

    Args:
        descriptor: the open file; 0 is standard input.
        said: what messages call it.
        folder: where it is kept while it is read, if it is long.
        repairs: counts what is repaired.

    Raises:
        BadInput: it is a terminal or closed; or as `pieces_of` does.
        StorageError: it cannot be kept.
    """
    with tempfile.SpooledTemporaryFile(SPOOL_IN_MEMORY, dir=str(folder)) as kept:
        try:
            stream = open(descriptor, "rb", closefd=False)  # noqa: SIM115 closed below; a number is no path
        except OSError as error:
            raise BadInput(f"cannot read {said} ({error.strerror}): pipe text into it, or name a file.") from error
        with stream:
            if stream.isatty():
                raise BadInput(f"{said} is a terminal: pipe the text of the corpus into it, or name a file.")
            with kept_in(folder):
                folder.mkdir(parents=True, exist_ok=True)
                shutil.copyfileobj(stream, kept)

        @contextmanager
        def opened() -> Iterator[BinaryIO]:
            kept.seek(0)
            yield kept  # type: ignore[misc]

        kind, pieces = pieces_of(File(said, opened, None), repairs)
        is_read = False
        for text, number, _, _ in pieces:
            is_read = True
            yield _name(said, number), text
        repairs.read[kind] += is_read


def _name(file: str, line: int) -> str:
    return f"{file}:{line}" if line else file


def _files_under(folder: Path, repairs: Repairs) -> Iterator[Path]:
    """Regular files that can be read, each once, through links too; what else there is, is counted."""
    seen = {_identity(folder.stat())}

    def is_new(path: Path) -> bool:
        identity = _identity(path.stat())
        if identity in seen:
            return False
        seen.add(identity)
        return True

    def refused(error: OSError) -> None:
        repairs.passed_over["unreadable folder"] += 1

    for root, folders, files in os.walk(folder, followlinks=True, onerror=refused):
        folders[:] = [name for name in sorted(folders) if not name.startswith(".") and is_new(Path(root, name))]
        for name in sorted(files):
            if name.startswith("."):
                continue
            path = Path(root, name)
            try:
                mode = path.stat().st_mode
            except OSError:
                repairs.passed_over["broken link"] += 1
                continue
            if not stat.S_ISREG(mode):
                repairs.passed_over["pipe or device"] += 1
            elif not os.access(path, os.R_OK):
                repairs.passed_over["unreadable"] += 1
            elif is_new(path):
                yield path


def _identity(found: os.stat_result) -> int:
    """What two paths to one file have in common, in as little memory as can be."""
    return found.st_dev << 64 | found.st_ino
