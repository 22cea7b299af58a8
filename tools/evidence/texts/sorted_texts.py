"""Distinct texts in the order of their SHA-256, read where they lie when they are asked for."""

from __future__ import annotations

import hashlib
import tempfile
import weakref
from array import array
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol, overload

import numpy as np
from numpy.typing import NDArray

from tools.errors import StorageError
from tools.evidence.texts.names import NAME_ENCODING

SPOOL_IN_MEMORY = 16 * 2**20

_NAME_HASH = 8


class TextStore(Protocol):
    """Where texts lie, numbered from 0 in the order in which they came."""

    def name(self, number: int) -> str:
        """The name of a text."""

    def text(self, number: int) -> str:
        """The text itself."""


class Texts(Sequence[tuple[str, str]]):
    """(name, text) of each distinct text, sorted by the SHA-256 of the text; of equal texts the first name is kept.

    The texts stay where they lie: 48 bytes of hashes and order are kept of each, and about 30 more by the store.
    Reading one is a seek in a file, so going through all of them is quick while the files fit the system's cache.
    """

    def __init__(self, store: TextStore, texts: Iterable[tuple[str, str]]) -> None:
        """Hash `texts`, which are gone through once, in the order of their numbers in `store`."""
        digests, names = bytearray(), bytearray()
        for name, text in texts:
            digests += hashlib.sha256(text.encode()).digest()
            names += hashlib.blake2b(name.encode(*NAME_ENCODING), digest_size=_NAME_HASH).digest()
        self._store = store
        self._order, self._digests = _in_order(store, np.frombuffer(digests, dtype=">u8").reshape(-1, 4))
        self._names = np.frombuffer(names, dtype=np.uint64)[self._order]
        self.n_repeated = len(digests) // 32 - len(self._order)

    def __len__(self) -> int:
        return len(self._order)

    @overload
    def __getitem__(self, at: int) -> tuple[str, str]: ...

    @overload
    def __getitem__(self, at: slice) -> list[tuple[str, str]]: ...

    def __getitem__(self, at: int | slice) -> tuple[str, str] | list[tuple[str, str]]:
        """Read one text, or several.

        Raises:
            StorageError: a text cannot be read any more, or is not what it was.
        """
        if isinstance(at, slice):
            return [self[i] for i in range(*at.indices(len(self)))]
        number = int(self._order[at])
        name, text = self._store.name(number), self._store.text(number)
        if hashlib.sha256(text.encode()).digest() != self._digests[at].tobytes():
            raise StorageError(f"{name} changed while the corpus was read: run this again when nobody writes to it.")
        return name, text

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return (self[at] for at in range(len(self)))

    @property
    def digests(self) -> bytes:
        """The SHA-256 of every text, sorted, 32 bytes each."""
        return self._digests.tobytes()

    @property
    def names_digest(self) -> str:
        """A hash (hex) of all names in the texts' order."""
        return hashlib.sha256(self._names.tobytes()).hexdigest()


def _in_order(store: TextStore, digests: NDArray[np.uint64]) -> tuple[NDArray[np.int64], NDArray[np.uint64]]:
    """Numbers of the distinct texts by digest, and their digests, big-endian uint64 [n, 4]."""
    order = np.lexsort(digests.astype(np.uint64).T[::-1])
    ordered = digests[order]
    new = np.ones(len(order), dtype=bool)
    new[1:] = (ordered[1:] != ordered[:-1]).any(axis=1)
    first = np.flatnonzero(new)
    ends = np.append(first[1:], len(order))
    distinct = order[first]
    for at in np.flatnonzero(ends - first > 1):
        distinct[at] = min(order[first[at] : ends[at]].tolist(), key=store.name)
    return distinct, ordered[first]


class Spool:
    """Texts of a stream, kept to be read again: in memory up to 16 MiB, beyond that in a temporary file.

    The file has no name and is gone with the process, also after a crash.
    """

    def __init__(self, folder: Path) -> None:
        """Nothing is written to `folder` before it is needed."""
        self._folder = folder
        self._file: tempfile.SpooledTemporaryFile[bytes] = tempfile.SpooledTemporaryFile(  # noqa: SIM115 closed below
            SPOOL_IN_MEMORY, dir=str(folder)
        )
        self._starts = array("q", [0])
        self._name_sizes = array("i")
        weakref.finalize(self, self._file.close)

    def keep(self, texts: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
        """Pass (name, text) on, keeping each.

        Raises:
            StorageError: the disk is full or cannot be written.
        """
        for name, text in texts:
            self.add(name, text)
            yield name, text

    def add(self, name: str, text: str) -> int:
        """Keep one more text; returns its number.

        Raises:
            StorageError: the disk is full or cannot be written.
        """
        head, body = name.encode(*NAME_ENCODING), text.encode()
        with kept_in(self._folder):
            if self._starts[-1] + len(head) + len(body) > SPOOL_IN_MEMORY:
                self._folder.mkdir(parents=True, exist_ok=True)
            self._file.write(head + body)
        self._starts.append(self._starts[-1] + len(head) + len(body))
        self._name_sizes.append(len(head))
        return len(self._name_sizes) - 1

    def name(self, number: int) -> str:
        """The name of a text."""
        return self._read(self._starts[number], self._name_sizes[number]).decode(*NAME_ENCODING)

    def text(self, number: int) -> str:
        """The text itself."""
        start = self._starts[number] + self._name_sizes[number]
        return self._read(start, self._starts[number + 1] - start).decode()

    def _read(self, start: int, size: int) -> bytes:
        self._file.seek(start)
        return bytes(self._file.read(size))


@contextmanager
def kept_in(folder: Path) -> Iterator[None]:
    """Turn what goes wrong while a corpus is kept in `folder` into a StorageError."""
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"cannot keep the corpus in {folder} while it is read ({error.strerror or error}): "
            "free some space there or name another folder with NEURON_AGENT_CACHE."
        ) from error
