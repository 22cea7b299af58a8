"""A download's bytes on the display."""

from __future__ import annotations

from traces.console import Display


class DownloadBar:
    """What `tools.subject.fetch.fetch_model` reports its progress to; use it as a context manager."""

    def __init__(self, display: Display, what: str) -> None:
        self._display = display
        self._what = what
        self._done: int | None = None

    def __call__(self, done: int, total: int) -> None:
        """`done` bytes of `total` are here."""
        if self._done is None:
            self._display.start(total, self._what, in_bytes=True)
            self._done = 0
        self._display.advance(done - self._done)
        self._done = done

    def __enter__(self) -> DownloadBar:
        return self

    def __exit__(self, *_: object) -> None:
        if self._done is not None:
            self._display.finish()
