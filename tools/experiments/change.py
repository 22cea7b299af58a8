"""Where two texts differ, when one was made from the other by a single change."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


def changed(before: Sequence[T], after: Sequence[T]) -> tuple[int, Sequence[T], Sequence[T]]:
    """(where, what was removed, what was added): `before[:where] + added + rest` is `after`, the common end as long as
    it can be once the common beginning is."""
    shorter = min(len(before), len(after))
    at = next((i for i in range(shorter) if before[i] != after[i]), shorter)
    end = next((i for i in range(shorter - at) if before[-1 - i] != after[-1 - i]), shorter - at)
    return at, before[at : len(before) - end], after[at : len(after) - end]
