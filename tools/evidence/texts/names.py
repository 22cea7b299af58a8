"""Names of documents on disk, so that millions of them cost nothing until one is asked for."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import overload

import numpy as np

NAME_FILES = ("names.bin", "name_ends.npy")

NAME_ENCODING = "utf-8", "surrogatepass"  # a file's name may hold bytes that are not UTF-8


class NameWriter:
    """Writes names into a folder, to be read by `Names`. 8 bytes a name stay in memory until the block ends."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = (folder / NAME_FILES[0]).open("wb")
        self._ends = array("q", [0])

    def __enter__(self) -> NameWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._file:
            np.save(self._folder / NAME_FILES[1], np.array(self._ends, dtype=np.int64))

    def append(self, name: str) -> None:
        """Write one more name."""
        self._ends.append(self._ends[-1] + self._file.write(name.encode(*NAME_ENCODING)))


class Names(Sequence[str]):
    """The names in a folder, memory-mapped. Equal to any sequence of the same names."""

    def __init__(self, folder: Path) -> None:
        self._text = np.memmap(folder / NAME_FILES[0], mode="r") if (folder / NAME_FILES[0]).stat().st_size else b""
        self._ends = np.load(folder / NAME_FILES[1], mmap_mode="r")

    def __len__(self) -> int:
        return len(self._ends) - 1

    @overload
    def __getitem__(self, at: int) -> str: ...

    @overload
    def __getitem__(self, at: slice) -> list[str]: ...

    def __getitem__(self, at: int | slice) -> str | list[str]:
        if isinstance(at, slice):
            return [self[i] for i in range(*at.indices(len(self)))]
        if not -len(self) <= at < len(self):
            raise IndexError(f"there is no document {at}: there are {len(self)}.")
        at %= len(self)
        return bytes(self._text[self._ends[at] : self._ends[at + 1]]).decode(*NAME_ENCODING)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and len(self) == len(other) and all(map(str.__eq__, self, other))

    __hash__ = None  # type: ignore[assignment]
