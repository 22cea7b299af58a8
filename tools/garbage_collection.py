"""When Python's garbage collector is held back."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without_collection() -> Iterator[None]:
    """No garbage collection meanwhile.

    For what makes many small objects that stay: they set off many collections, each through all that the process
    holds, and those take longer than the work itself. It holds for all threads.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
