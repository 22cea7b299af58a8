"""Jobs over processes: one that the system kills costs its own job and no other, and Ctrl-C ends them all at once.

Imports nothing heavy: what a new process does first is here, and settings for numpy's and torch's threads only count
before those are imported.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Any

from tools.engine.protocol import Died, EngineName, T


class LocalEngine:
    """Processes on this machine; implements `tools.engine.protocol.Engine`."""

    name: EngineName = "local"

    def __init__(self, n_workers: int) -> None:
        self.n_workers = n_workers

    def run(
        self, function: Callable[..., T], jobs: Sequence[tuple[Any, ...]]
    ) -> Generator[tuple[int, T | Exception], None, None]:
        """See `run_jobs`."""
        return run_jobs(function, jobs, self.n_workers)


def run_jobs(
    function: Callable[..., T], jobs: Sequence[tuple[Any, ...]], n_processes: int
) -> Generator[tuple[int, T | Exception], None, None]:
    """Call `function` with the arguments of each job, as `tools.engine.protocol.Engine.run` has it.

    When a process is killed, the jobs that were running are done again one at a time, so that it shows which of them it
    was. Processes ignore Ctrl-C, are terminated when the generator is closed, and end when this process does.

    Args:
        function: importable by name.
        jobs: arguments that can be pickled.
        n_processes: at most so many at once.
    """
    waiting, suspects = deque(range(len(jobs))), deque[int]()
    pool = _Pool(min(n_processes, max(len(jobs), 1)))
    running: dict[Future[T], int] = {}
    try:
        while waiting or suspects or running:
            alone = bool(suspects)
            queue = suspects if alone else waiting
            broken = False
            while queue and len(running) < (1 if alone else pool.size) and not broken:
                try:
                    running[pool.submit(function, jobs[queue[0]])] = queue[0]
                    queue.popleft()
                except BrokenProcessPool:  # a process died while it had nothing to do
                    broken = True
            lost: list[int] = []
            for future in wait(running, return_when=FIRST_COMPLETED).done if running else ():
                job = running.pop(future)
                error = future.exception()
                if isinstance(error, BrokenProcessPool):
                    lost.append(job)
                elif isinstance(error, Exception):
                    yield job, error
                elif isinstance(error, SystemExit):
                    yield job, RuntimeError(f"it called sys.exit({error.code!r})")
                elif error is not None:
                    raise error
                else:
                    yield job, future.result()
            if lost or broken:
                lost += [running.pop(future) for future in list(running)]
                if alone and lost:
                    yield lost.pop(), Died("its process ended twice, as one does that the system kills for its memory")
                suspects.extend(sorted(lost))
                pool.end()
                pool = _Pool(pool.size)
    finally:
        pool.end()


class _Pool:
    """A pool of spawned processes, started as they are needed."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._others = {process.pid for process in multiprocessing.active_children()}
        threads = max(1, (os.cpu_count() or 1) // size)
        self._executor = ProcessPoolExecutor(
            size, multiprocessing.get_context("spawn"), initializer=_begin, initargs=(threads,)
        )

    def submit(self, function: Callable[..., T], arguments: tuple[Any, ...]) -> Future[T]:
        with _no_interrupts():
            return self._executor.submit(function, *arguments)

    def end(self) -> None:
        # Whoever has something to do is not to finish it, and whoever has not takes seconds to tidy up for nothing.
        for process in multiprocessing.active_children():
            if process.pid not in self._others:
                process.terminate()
        self._executor.shutdown(wait=True, cancel_futures=True)


@contextmanager
def _no_interrupts() -> Iterator[None]:
    """A process started inside has SIGINT blocked from its first instruction; here it is only put off."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin(threads: int) -> None:
    """The first thing that a process does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(name, str(threads))
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    sys.stdout = sys.stderr  # stdout is for the result
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """Or processes outlive a parent that was killed, waiting for work for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
