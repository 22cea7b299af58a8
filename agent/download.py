"""A download's bytes on the display."""

from __future__ import annotations

from traces.text.console import Display


class DownloadBar:
    """What `tools.subject.fetch.fetch_model` reports its progress on `model` to; use it as a context manager."""

    def __init__(self, display: Display, model: str) -> None:
        self._display = display
        self._model = model
        self._what: str | None = None
        self._done = 0

    def __call__(self, done: int, total: int, what: str = "fetching") -> None:
        """`done` bytes of `total` are ready; another `what` than before ends one bar and begins the next."""
        if what != self._what:
            self._finish()
            self._display.start(total, f"{what} {self._model}", in_bytes=True)
            self._what, self._done = what, 0
        self._display.advance(done - self._done)
        self._done = done

    def _finish(self) -> None:
        if self._what is not None:
            self._display.finish()

    def __enter__(self) -> DownloadBar:
        return self

    def __exit__(self, *_: object) -> None:
        self._finish()
