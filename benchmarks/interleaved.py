"""Ways of doing one thing, timed by turns in one process, so that a busy minute of the machine falls on all of them."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable
from typing import Any


def set_up(n_threads: int | None = 1) -> None:
    """Import torch as the agent does, and take so many threads; call it before anything else imports torch."""
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    import torch

    if n_threads:
        torch.set_num_threads(n_threads)


def timed(
    ways: dict[str, Callable[[], Any]], rounds: int, clock: Callable[[], float] = time.thread_time
) -> dict[str, float]:
    """Median seconds of each way over `rounds` rounds, after one that is not counted.

    The clock counts the CPU time of this thread unless told otherwise: other processes then disturb little.
    """
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds + 1):
        for name, way in ways.items():
            start = clock()
            way()
            if number:
                seconds[name].append(clock() - start)
    return {name: statistics.median(values) for name, values in seconds.items()}
