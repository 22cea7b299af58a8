"""One limit for everything in flight, which gives way to an endpoint that says it is too much."""

from __future__ import annotations

import asyncio
from collections import deque
from types import TracebackType

_CUT_AT_MOST_EVERY_S = 1.0


class AdaptiveLimit:
    """At most `most` at once; fewer after a 429 or a time-out, and slowly more again with every success.

    Halved when the endpoint says or shows that it is too much (once a second at most, since all that were in flight
    then do so), and widened by one for every round of as many successes, as TCP does. Belongs to one event loop.

    Attributes:
        in_flight: now.
        highest: the most that ever were.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.in_flight = 0
        self.highest = 0
        self._now = float(most)
        self._cut_at = float("-inf")
        self._paused_until = float("-inf")
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def allowed(self) -> int:
        """How many may be in flight now."""
        return max(1, min(self.most, int(self._now)))

    async def __aenter__(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            pause = self._paused_until - loop.time()
            if pause > 0:
                await asyncio.sleep(pause)
            elif self.in_flight < self.allowed:
                break
            else:
                turn = loop.create_future()
                self._waiting.append(turn)
                try:
                    await turn
                except asyncio.CancelledError:
                    self._wake()  # the turn may have been given to one that no longer wants it
                    raise
        self.in_flight += 1
        self.highest = max(self.highest, self.in_flight)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.in_flight -= 1
        self._wake()

    def _wake(self) -> None:
        free = self.allowed - self.in_flight
        while free > 0 and self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                free -= 1

    def allow(self, most: int) -> None:
        """Another limit; one that was not narrowed before is not narrow now."""
        self._now = float(most) if self._now >= self.most else min(self._now, most)
        self.most = most
        self._wake()

    def went_well(self) -> None:
        """A request was answered."""
        if self._now < self.most:
            self._now = min(self.most, self._now + 1 / self._now)
            self._wake()

    def too_much(self, wait_s: float) -> None:
        """The endpoint refused a request as one too many, or is late with it; nothing is sent for `wait_s` seconds."""
        now = asyncio.get_running_loop().time()
        self._paused_until = max(self._paused_until, now + wait_s)
        if now - self._cut_at >= _CUT_AT_MOST_EVERY_S:
            self._cut_at = now
            self._now = max(1.0, self._now / 2)
