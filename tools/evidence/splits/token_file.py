"""Token ids laid end to end in a file, and the spans of it that count as documents or excerpts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

SPAN_TOKENS = 2**18


class TokenFile:
    """A temporary file of int32 token ids that is appended to, then read span by span.

    Not a memory map, whose pages would stay in this process when they have been read.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("w+b")
        self._n = 0

    def __enter__(self) -> TokenFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def __len__(self) -> int:
        return self._n

    def append(self, tokens: NDArray[np.int32]) -> None:
        """Write at the end; not to be called after the first `read`."""
        self._file.write(tokens.astype("<i4", copy=False).tobytes())
        self._n += len(tokens)

    def read(self, start: int, stop: int) -> NDArray[np.int32]:
        """Tokens `start` to `stop`, int32 [stop - start]."""
        self._file.seek(4 * start)
        return np.frombuffer(self._file.read(4 * (stop - start)), dtype="<i4")


@dataclass(frozen=True)
class Spans:
    """Some consecutive spans of a token file, about a quarter of a million tokens of them.

    Attributes:
        first: the number of the first span; the others follow.
        starts: int64 [n], where each begins in the file, ascending.
        lengths: int64 [n], tokens of each.
    """

    first: int
    starts: NDArray[np.int64]
    lengths: NDArray[np.int64]


def ranges(starts: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Cut spans that lie end to end into ranges (first, last + 1) of about a quarter of a million tokens.

    Args:
        starts: int64 [n + 1], where each span begins; the end last.
    """
    first, n = 0, len(starts) - 1
    while first < n:
        stop = max(first + 1, int(np.searchsorted(starts, starts[first] + SPAN_TOKENS, side="right")) - 1)
        yield first, stop
        first = stop
