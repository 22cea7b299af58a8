"""Text from files and folders: plain text and JSON lines, with what was skipped or repaired counted."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

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


def read_path(path: Path, repairs: Repairs) -> list[tuple[str, str]]:
    """(name, text) of every text in a file or, recursively, in a folder; hidden files and folders are passed over.

    A `.jsonl` file holds one text a line; any other file is one text. In a folder, files that are not text are skipped
    and counted; a file named by itself must be text.

    Raises:
        BadInput: the file is binary, mostly not UTF-8, or has a bad JSON line.
        StorageError: a file cannot be read.
    """
    if path.is_file():
        return list(_read_file(path, path.name, repairs))
    texts: list[tuple[str, str]] = []
    for file in _files_under(path):
        try:
            texts.extend(_read_file(file, file.relative_to(path).as_posix(), repairs))
        except _NotText:
            repairs.n_binary += 1
    return texts


def _files_under(folder: Path) -> Iterator[Path]:
    for root, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            file = Path(root, name)
            if not name.startswith(".") and file.is_file():
                yield file


def _read_file(path: Path, name: str, repairs: Repairs) -> Iterator[tuple[str, str]]:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise StorageError(f"cannot read {path} ({error.strerror}): check its permissions.") from error
    text = _decode(content, path, repairs)
    if not text.strip():
        repairs.n_empty += 1
    elif path.suffix == ".jsonl":
        yield from _json_lines(text, path, name, repairs)
    else:
        yield name, text


def _decode(content: bytes, path: Path, repairs: Repairs) -> str:
    if b"\0" in content:
        raise _NotText(f"{path} is a binary file (byte {content.index(0):,} is zero): give a text file in UTF-8.")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        text = content.decode("utf-8-sig", errors="replace")
        n_replaced = text.count("\ufffd") - content.count("\ufffd".encode())
        if n_replaced > MAX_REPLACED_SHARE * len(text):
            raise _NotText(f"{path} is not UTF-8 text from byte {error.start:,} on: convert it to UTF-8.") from error
        repairs.n_replaced += n_replaced
        return text


def _json_lines(content: str, path: Path, name: str, repairs: Repairs) -> Iterator[tuple[str, str]]:
    # not splitlines: U+2028 and its like may stand unescaped inside a JSON string
    for number, line in enumerate(content.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:  # beside bad JSON: numbers of thousands of digits, deep nesting
            said = getattr(error, "msg", None) or "it cannot be read"
            raise BadInput(f"{path}, line {number:,}, is not JSON ({said}): mend or remove that line.") from error
        text = record.get("text") if isinstance(record, dict) else None
        if not isinstance(text, str):
            raise BadInput(f'{path}, line {number:,}, is no JSON object with a string "text": mend that line.')
        # JSON can spell half of a surrogate pair, which no encoding of text can hold
        whole, n_lone = _LONE_SURROGATE.subn("\ufffd", text)
        repairs.n_replaced += n_lone
        if whole.strip():
            yield f"{name}:{number}", whole
