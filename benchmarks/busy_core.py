"""What a reading costs where another process keeps one core busy, against one thread with the machine to itself.

python benchmarks/busy_core.py
python benchmarks/busy_core.py --spin            # how it would be with OpenMP's threads spinning while they wait
python benchmarks/busy_core.py --pin             # the busy process stays on core 0

GPT-2 small's shape with random weights, layer 5, as many threads as torch takes by default. A process that computes
without end is stopped and continued by turns with the readings; wall-clock seconds.
"""

from __future__ import annotations

import argparse
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

from benchmarks.gpt2_shape import LAYER, N_TOKENS, save_gpt2_shape
from benchmarks.interleaved import set_up

BUSY = "while True: pass"
_SETTLE_S = 0.1  # until the scheduler has given it a core
SHAPES = {"1 text of 5 tokens": (1, 5), "16 of 12": (16, 12), "32 of 64": (32, 64)}


@contextmanager
def busy_process(pinned: bool) -> Iterator[int]:
    """A process that computes without end, stopped at first; gives its id."""
    with subprocess.Popen([sys.executable, "-c", BUSY]) as process:
        try:
            if pinned:
                os.sched_setaffinity(process.pid, {0})
            os.kill(process.pid, signal.SIGSTOP)
            yield process.pid
        finally:
            process.kill()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--spin", action="store_true", help="neither passive waiting nor one thread for small reads")
    parser.add_argument("--pin", action="store_true", help="keep the busy process on core 0")
    given = parser.parse_args()
    if given.spin:
        os.environ["OMP_WAIT_POLICY"] = "active"
    set_up(n_threads=None)
    import torch

    from tools.subject import threads
    from tools.subject.folder import ModelFolder
    from tools.subject.gpt2 import LeanGPT2

    if given.spin:
        threads._SMALL = 0
    n_threads, rng = torch.get_num_threads(), np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder, busy_process(given.pin) as busy:
        save_gpt2_shape(Path(folder))
        reader = LeanGPT2(ModelFolder(Path(folder), "gpt2's shape"))
        print(f"{os.cpu_count()} cores, {n_threads} threads, OMP_WAIT_POLICY={os.environ['OMP_WAIT_POLICY']}")
        for name, (n, pos) in SHAPES.items():
            tokens, lengths = rng.integers(0, N_TOKENS, (n, pos)).astype(np.int32), np.full(n, pos)

            def seconds(n_threads: int) -> float:
                torch.set_num_threads(n_threads)
                start = time.perf_counter()
                reader._read(tokens, lengths, LAYER)  # noqa: B023 (called before the loop goes on)
                return time.perf_counter() - start

            seconds(n_threads)
            alone, together, both = [], [], []
            for _ in range(given.rounds):
                alone.append(seconds(1))
                both.append(seconds(n_threads))
                os.kill(busy, signal.SIGCONT)
                time.sleep(_SETTLE_S)
                together.append(seconds(n_threads))
                os.kill(busy, signal.SIGSTOP)
            one, free, beside = (1000 * statistics.median(times) for times in (alone, both, together))
            print(f"{name:<18} one thread alone {one:7.1f} ms, {n_threads} threads alone {free:7.1f}, "
                  f"one core busy {beside:7.1f}: {beside / one:.2f} of one thread alone")  # fmt: skip
    print("to reach: 1.3")


if __name__ == "__main__":
    main()
