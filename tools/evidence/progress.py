"""How a long job tells how far it is; the screen belongs to whoever implements this."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """A bar, a log line, or nothing."""

    def start(self, total: int | None, what: str, *, in_bytes: bool = False) -> None:
        """A job begins; `what` says in a few words what it is.

        Args:
            total: how many steps it has; None where nobody knows.
            what: such as `reading layer 8`.
            in_bytes: a step is a byte.
        """

    def advance(self, n: int) -> None:
        """`n` more steps are done."""

    def finish(self) -> None:
        """The job is over, done or not."""


class NoProgress:
    """Shows nothing."""

    def start(self, total: int | None, what: str, *, in_bytes: bool = False) -> None:
        """Show nothing."""

    def advance(self, n: int) -> None:
        """Show nothing."""

    def finish(self) -> None:
        """Show nothing."""
