"""How many threads a reading takes, and that OpenMP is told to wait without spinning before torch comes in."""

from __future__ import annotations

import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

THREADS = """
import os, sys
import numpy as np
from tools.subject.load import open_subject
from tools.subject.resolve import resolve
from tools.subject import threads
subject = open_subject(resolve({folder!r}))
import torch
torch.set_num_threads(2)
seen = []
forward = subject._forward
subject._forward = lambda ids, layer: seen.append(torch.get_num_threads()) or forward(ids, layer)
for small in (10**9, 1):
    threads._SMALL = small
    subject._read(np.array([[1, 2, 3]], dtype=np.int32), np.array([3]), 1)
print(os.environ.get("OMP_WAIT_POLICY"), seen, torch.get_num_threads())
"""


def run(folder: Path, **environment: str) -> str:
    code = THREADS.format(folder=str(folder))
    environment = {"PATH": "/usr/bin:/bin", **environment}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.mark.slow
def test_small_readings_take_one_thread_and_waiting_is_passive(save_gpt2: Any, tmp_path: Path) -> None:
    save_gpt2(tmp_path)
    assert run(tmp_path) == "passive [1, 2] 2"
    assert run(tmp_path, OMP_WAIT_POLICY="active") == "active [1, 2] 2", "what somebody set stays"


def test_the_threads_come_back_after_a_failure() -> None:
    import torch

    from tools.subject.threads import threads_for

    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with suppress(ValueError), threads_for(1):
            assert torch.get_num_threads() == 1
            raise ValueError
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
