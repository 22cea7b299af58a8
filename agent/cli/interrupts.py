"""What Ctrl-C does: it ends a command with exit code 130 at any moment, and never with a traceback."""

from __future__ import annotations

import atexit
import os
import signal
from types import FrameType

EXIT_CODE = 130


class Interrupts:
    """Ctrl-C in one command.

    Args:
        is_own: the process is this command's own, and so are its signals. Where the process was started with Ctrl-C
            ignored, as in the background of a script, it stays ignored.

    Attributes:
        was_asked: Ctrl-C was pressed while the command ran. An error that follows was most likely caused by it: an
            interrupted import or library call often raises something else.
    """

    def __init__(self, *, is_own: bool) -> None:
        self.was_asked = False
        self._is_own = is_own and signal.getsignal(signal.SIGINT) is signal.default_int_handler
        if self._is_own:
            # At the very end the interpreter shuts down: everything is printed, and handlers no longer work.
            atexit.register(signal.signal, signal.SIGINT, signal.SIG_IGN)

    def end_at_once(self) -> None:
        """From here on there is nothing to save, and Ctrl-C ends the process without a word."""
        if self._is_own:
            signal.signal(signal.SIGINT, _end)

    def reach_the_command(self) -> None:
        """From here on Ctrl-C is a KeyboardInterrupt."""
        if self._is_own:
            signal.signal(signal.SIGINT, self._interrupt)

    def forget(self) -> None:
        """Make the process end with the exit code that it gives.

        Where a KeyboardInterrupt passed through `exec` of a text, as in the making of a dataclass, Python notes it as
        never handled, and ends by the signal in the end, unless another text was run since.
        """
        exec("")

    def _interrupt(self, _: int, __: FrameType | None) -> None:
        self.was_asked = True
        raise KeyboardInterrupt


def _end(_: int, __: FrameType | None) -> None:
    os._exit(EXIT_CODE)
