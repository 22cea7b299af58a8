"""Estimates the remaining time of divided work from the tasks that are done."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence


class RemainingTime:
    """The remaining time, from the durations of finished tasks of each kind."""

    def __init__(self, kinds: Sequence[str], jobs: int) -> None:
        self._left = Counter(kinds)
        self._spent: dict[str, list[float]] = defaultdict(list)
        self._jobs = jobs

    def done(self, kind: str, seconds: float) -> None:
        """Record the duration of a task of that kind."""
        self._left[kind] -= 1
        self._spent[kind].append(seconds)

    def left(self) -> float | None:
        """Seconds until all are done; None while no task of some remaining kind is done."""
        left = {kind: n for kind, n in self._left.items() if n}
        if not left.keys() <= self._spent.keys():
            return None
        total = sum(n * sum(self._spent[kind]) / len(self._spent[kind]) for kind, n in left.items())
        return total / max(1, min(self._jobs, sum(left.values())))


def duration(seconds: float) -> str:
    """In words, with the precision of an estimate."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
