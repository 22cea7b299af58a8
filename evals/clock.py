"""How long an evaluation will still take, told from what is done."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence


class Clock:
    """How long is left, from how long jobs took that are done: by kind where one of the kind is done, else by all."""

    def __init__(self, kinds: Sequence[str], jobs: int) -> None:
        self._left = Counter(kinds)
        self._spent: dict[str, list[float]] = defaultdict(list)
        self._jobs = jobs

    def done(self, kind: str, seconds: float) -> None:
        """A job of that kind took so long."""
        self._left[kind] -= 1
        self._spent[kind].append(seconds)

    def left(self) -> float:
        """Seconds until all are done; at least one must be."""
        everything = [seconds for spent in self._spent.values() for seconds in spent]
        overall = sum(everything) / len(everything)
        means = {kind: sum(spent) / len(spent) for kind, spent in self._spent.items()}
        total = sum(n * means.get(kind, overall) for kind, n in self._left.items())
        return total / max(1, min(self._jobs, sum(self._left.values())))


def duration(seconds: float) -> str:
    """In words, as exact as an estimate can be."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
