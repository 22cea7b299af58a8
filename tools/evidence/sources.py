"""Text from files and folders: plain text and JSON lines, with what was skipped or repaired counted."""

from __future__ import annotations

import json
import os
import re
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from tools.errors import BadInput, StorageError

MAX_REPLACED_SHARE = 0.05

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass
class Repairs:
    """What reading left out or changed."""

    n_binary: int = 0
    n_empty: int = 0
    n_replaced: int = 0

    def notes(self) -> tuple[str, ...]:
        """One sentence for each kind that occurred."""
        said = (
            (self.n_binary, "{:,} files that are not text were skipped."),
            (self.n_empty, "{:,} empty files were skipped."),
            (self.n_replaced, "{:,} characters that are not UTF-8 were replaced by U+FFFD."),
        )
        return tuple(sentence.format(n) for n, sentence in said if n)


class _NotText(BadInput):
    """A file that holds something else than text."""


class FileTexts:
    """The texts of a file or, recursively, of a folder, which stay there; hidden files and folders are passed over.

    A `.jsonl` file holds one text a line and is read line by line, whatever its length; any other file is one text,
    which is read whole. In a folder, files that are not text are skipped and counted; a file named by itself must be
    text. In memory are the files' names and 32 bytes a text.
    """

    def __init__(self, path: Path, repairs: Repairs) -> None:
        self._path = path
        self._repairs = repairs
        self._files: list[str] = []  # not paths, which take five times the memory
        self._file = array("q")
        self._start = array("q")
        self._size = array("q")
        self._line = array("q")  # counted from 1; 0 where the whole file is one text

    def read(self) -> Iterator[tuple[str, str]]:
        """(name, text) of every text, noting where each lies. To be called once.

        Raises:
            BadInput: the file is binary, mostly not UTF-8, or has a bad JSON line.
            StorageError: a file cannot be read.
        """
        if self._path.is_file():
            yield from self._read_file(self._path, self._path.name)
            return
        for file in _files_under(self._path):
            try:
                yield from self._read_file(file, file.relative_to(self._path).as_posix())
            except _NotText:
                self._repairs.n_binary += 1

    def name(self, number: int) -> str:
        """The name of a text: its file's, and its line's number."""
        name = self._files[self._file[number]]
        return f"{name}:{self._line[number]}" if self._line[number] else name

    def text(self, number: int) -> str:
        """The text itself, read again."""
        path = self._path if self._path.is_file() else self._path / self._files[self._file[number]]
        if not self._line[number]:
            return _decode(_content(path), path)[0]
        with _reading(path) as file:
            file.seek(self._start[number])
            line = file.read(self._size[number])
        return _line_text(_decode_line(line, self._start[number]), path, self._line[number])[0]

    def _read_file(self, path: Path, name: str) -> Iterator[tuple[str, str]]:
        self._files.append(name)
        if path.suffix == ".jsonl":
            yield from self._read_lines(path, name)
            return
        text, n_replaced = _decode(_content(path), path)
        self._repairs.n_replaced += n_replaced
        if text.strip():
            self._note(0, 0, 0)
            yield name, text
        else:
            self._repairs.n_empty += 1

    def _read_lines(self, path: Path, name: str) -> Iterator[tuple[str, str]]:
        # a pass of its own, so that nothing is taken from a file that turns out to be no text near its end
        is_empty, n_replaced = _check_lines(path)
        self._repairs.n_replaced += n_replaced
        self._repairs.n_empty += is_empty
        start = 0
        with _reading(path) as file:
            for number, line in enumerate(file, start=1):
                content = _decode_line(line, start)
                if content.strip():
                    text, n_lone = _line_text(content, path, number)
                    self._repairs.n_replaced += n_lone
                    if text.strip():
                        self._note(start, len(line), number)
                        yield f"{name}:{number}", text
                start += len(line)

    def _note(self, start: int, size: int, line: int) -> None:
        self._file.append(len(self._files) - 1)
        self._start.append(start)
        self._size.append(size)
        self._line.append(line)


def _files_under(folder: Path) -> Iterator[Path]:
    for root, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            file = Path(root, name)
            if not name.startswith(".") and file.is_file():
                yield file


@contextmanager
def _reading(path: Path) -> Iterator[BinaryIO]:
    try:
        with path.open("rb") as file:
            yield file
    except OSError as error:
        raise StorageError(f"cannot read {path} ({error.strerror}): check its permissions.") from error


def _content(path: Path) -> bytes:
    with _reading(path) as file:
        return file.read()


def _decode(content: bytes, path: Path) -> tuple[str, int]:
    """The text, and how many characters were replaced because they are not UTF-8."""
    if b"\0" in content:
        raise _binary(path, content.index(0))
    try:
        return content.decode("utf-8-sig"), 0
    except UnicodeDecodeError as error:
        text = content.decode("utf-8-sig", errors="replace")
        n_replaced = text.count("\ufffd") - content.count("\ufffd".encode())
        if n_replaced > MAX_REPLACED_SHARE * len(text):
            raise _not_utf8(path, error.start) from error
        return text, n_replaced


def _check_lines(path: Path) -> tuple[bool, int]:
    """Whether a file has nothing but blank lines, and what `_decode` would replace in it, line by line."""
    start = n_characters = n_replaced = first_bad = 0
    is_empty = True
    with _reading(path) as file:
        for line in file:
            if b"\0" in line:
                raise _binary(path, start + line.index(0))
            text = _decode_line(line, start)
            n_bad = text.count("\ufffd") - line.count("\ufffd".encode()) if "\ufffd" in text else 0
            if n_bad and not n_replaced:
                first_bad = start + len(text[: text.index("\ufffd")].encode())
            n_replaced += n_bad
            n_characters += len(text)
            is_empty = is_empty and not text.strip()
            start += len(line)
    if n_replaced > MAX_REPLACED_SHARE * n_characters:
        raise _not_utf8(path, first_bad)
    return is_empty, n_replaced


def _decode_line(line: bytes, start: int) -> str:
    return line.decode("utf-8" if start else "utf-8-sig", errors="replace")


def _binary(path: Path, at: int) -> _NotText:
    return _NotText(f"{path} is a binary file (byte {at:,} is zero): give a text file in UTF-8.")


def _not_utf8(path: Path, at: int) -> _NotText:
    return _NotText(f"{path} is not UTF-8 text from byte {at:,} on: convert it to UTF-8.")


def _line_text(line: str, path: Path, number: int) -> tuple[str, int]:
    """The text in a line of JSON, and how many halves of surrogate pairs were replaced in it."""
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:  # beside bad JSON: numbers of thousands of digits, deep nesting
        said = getattr(error, "msg", None) or "it cannot be read"
        raise BadInput(f"{path}, line {number:,}, is not JSON ({said}): mend or remove that line.") from error
    text = record.get("text") if isinstance(record, dict) else None
    if not isinstance(text, str):
        raise BadInput(f'{path}, line {number:,}, is no JSON object with a string "text": mend that line.')
    # JSON can spell half of a surrogate pair, which no encoding of text can hold
    return _LONE_SURROGATE.subn("\ufffd", text)
