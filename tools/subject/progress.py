"""How the fetching of a model reports its progress."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Called with (bytes done, bytes in all) as a download goes on, and then as what came is converted."""

    def __call__(self, done: int, total: int, what: str = "fetching") -> None:
        """`done` bytes of `total` are ready; `what` is being done."""
