"""Jobs for engines under test, importable by name in their workers."""

from __future__ import annotations

import os
import time
from pathlib import Path

from tools.errors import BadInput

_N_CALLS = 0


def double(n: int) -> int:
    if n < 0:
        raise BadInput("no")
    return 2 * n


def count_calls() -> tuple[int, int]:
    """(process, calls in it so far)."""
    global _N_CALLS
    _N_CALLS += 1
    time.sleep(0.2)
    return os.getpid(), _N_CALLS


def slow_the_first_time(folder: str, n: int) -> int:
    """Job 1 says in which process it is, and waits to be killed."""
    said = Path(folder) / str(n)
    if n == 1 and not said.exists():
        said.write_text(str(os.getpid()))
        time.sleep(60)
    return n * n


def leave_if_three(n: int) -> int:
    if n == 3:
        os._exit(1)
    return n


def say_and_sleep(folder: str, n: int, seconds: float) -> None:
    partial = Path(folder) / f".{n}"
    partial.write_text(str(os.getpid()))
    partial.rename(Path(folder) / str(n))
    time.sleep(seconds)
