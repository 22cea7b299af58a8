"""How many threads a reading may use.

OpenMP's threads spin while they wait for each other: where another process has one of two cores, a small read on two
threads takes 40 times as long. Told to be passive, which only helps before torch is imported, they sleep; and a small
read is done by one thread sooner than two have woken up.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_SMALL = 2_000_000_000
"""Multiplications that one core does in a few hundredths of a second."""


def make_waiting_passive() -> None:
    """Set OpenMP's waiting policy to passive unless something is set or torch is already there."""
    if "torch" not in sys.modules:
        os.environ.setdefault("OMP_WAIT_POLICY", "passive")


@contextmanager
def threads_for(n_multiplications: int) -> Iterator[None]:
    """Use one thread inside where there is little to do. How many depends on the work alone."""
    import torch

    before = torch.get_num_threads()
    if before == 1 or n_multiplications > _SMALL:
        yield
        return
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
