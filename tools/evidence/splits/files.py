"""A split on disk: one array for each column of each part, to be memory-mapped, and a manifest that tells damage."""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tools.cache import sum_of
from tools.evidence.texts.names import NAME_FILES, Names
from tools.records.excerpts import Excerpts

_COLUMNS = {"tokens": "<i4", "lengths": "<i8", "documents": "<i4", "ids": "<i4", "texts": "<i4"}
_MANIFEST = "split.json"
_BLOCK = 2**20


@dataclass(frozen=True)
class SavedSplit:
    """What a folder holds.

    Attributes:
        about: what was given to `seal`.
        parts: the excerpts of each part; their arrays are memory-mapped copy-on-write, so that a page is read when it
            is used and nothing that is written to them reaches the disk.
        names: of the documents.
    """

    about: dict[str, Any]
    parts: list[Excerpts]
    names: Names


class PartWriter:
    """Writes the excerpts of one part into a folder, some at a time.

    Plain writes in order, since on a full disk a memory map would end the process by a signal.
    """

    def __init__(self, folder: Path, part: str, n: int, width: int) -> None:
        """For `n` excerpts of `width` tokens."""
        self._files = ExitStack()
        self._columns = {}
        for column, kind in _COLUMNS.items():
            file = self._files.enter_context(_path(folder, part, column).open("wb"))
            shape = (n, width) if column == "tokens" else (n,)
            np.lib.format.write_array_header_1_0(file, {"descr": kind, "fortran_order": False, "shape": shape})
            self._columns[column] = file

    def __enter__(self) -> PartWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._files.close()

    def append(self, excerpts: Excerpts) -> None:
        """Write some more."""
        for column, file in self._columns.items():
            file.write(getattr(excerpts, column).astype(_COLUMNS[column], copy=False).tobytes())


def seal(folder: Path, parts: Sequence[str], about: dict[str, Any]) -> None:
    """Write the manifest, when all parts and names have been written."""
    content = {"about": about, "sums": {name: _sum(folder / name) for name in _files(parts)}}
    (folder / _MANIFEST).write_text(json.dumps(content | {"sha256": sum_of(content)}, indent=1) + "\n")


def load(folder: Path, parts: Sequence[str]) -> SavedSplit | None:
    """Open what is in a folder; None when it is not there, or not as it was written.

    Every byte is read once to see that, some 4 ms for a million tokens, and none is kept in memory.
    """
    try:
        content = json.loads((folder / _MANIFEST).read_text())
        digest = content.pop("sha256")
        if digest != sum_of(content) or content["sums"] != {name: _sum(folder / name) for name in _files(parts)}:
            return None
        loaded = [Excerpts(**{column: _mapped(_path(folder, part, column)) for column in _COLUMNS}) for part in parts]
        return SavedSplit(content["about"], loaded, Names(folder))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _path(folder: Path, part: str, column: str) -> Path:
    return folder / f"{part}.{column}.npy"


def _files(parts: Sequence[str]) -> list[str]:
    return [*(_path(Path(), part, column).name for part in parts for column in _COLUMNS), *NAME_FILES]


def _mapped(path: Path) -> NDArray[Any]:
    # copy-on-write, since torch warns of arrays that it could not write to
    return np.asarray(np.load(path, mmap_mode="c"))


def _sum(path: Path) -> int:
    total = 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            total = zlib.crc32(block, total)
    return total
