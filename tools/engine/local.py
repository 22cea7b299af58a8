"""Jobs over processes of this machine: one that the system kills costs its own job, and Ctrl-C ends them all at once.

Imports nothing heavy: what a new process does first is here, and settings for numpy's and torch's threads only count
before those are imported.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Any

from tools.engine.protocol import EngineName, T
from tools.engine.schedule import Lost, attempt, run_on


class LocalEngine:
    """Processes on this machine; implements `tools.engine.protocol.Engine`.

    They ignore Ctrl-C, are terminated when the generator is closed, and end when this process does.
    """

    name: EngineName = "local"

    def __init__(self, n_workers: int, threads: int | None = None) -> None:
        """With threads for torch in each process; None for OMP_NUM_THREADS, or an equal share of the processors."""
        self.n_workers = n_workers
        self._threads = threads

    def run(
        self, function: Callable[..., T], jobs: Sequence[tuple[Any, ...]]
    ) -> Generator[tuple[int, T | Exception], None, None]:
        """See `tools.engine.protocol.Engine.run`."""
        size = max(1, min(self.n_workers, len(jobs)))
        environment = thread_settings(self._threads, (os.cpu_count() or 1) // size)
        return run_on(lambda: _Process(environment), size, function, jobs, last_try_alone=True)


def thread_settings(threads: int | None, share: int) -> dict[str, str]:
    """What torch and numpy are to find in the environment of a worker when they are imported there."""
    omp = str(threads) if threads else os.environ.get("OMP_NUM_THREADS", str(max(1, share)))
    return {"OMP_NUM_THREADS": omp} | {
        name: os.environ.get(name, default)
        for name, default in (("OPENBLAS_NUM_THREADS", omp), ("OMP_WAIT_POLICY", "passive"))
    }


class _Process:
    """A spawned process, started with its first job; a `tools.engine.schedule.Worker`."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.started: Future[Any] = Future()
        self.started.set_result(None)
        self._processes: set[multiprocessing.process.BaseProcess] = set()
        self._executor = ProcessPoolExecutor(
            1, multiprocessing.get_context("spawn"), initializer=_begin, initargs=(environment,)
        )

    def submit(self, function: Callable[..., T], arguments: tuple[Any, ...]) -> Future[T | Exception]:
        before = set(multiprocessing.active_children())
        try:
            with _no_interrupts():
                return self._executor.submit(attempt, function, arguments)
        except BrokenProcessPool as error:
            raise Lost(str(error)) from error
        finally:
            self._processes |= set(multiprocessing.active_children()) - before

    def take(self, future: Future[Any]) -> Any:
        error = future.exception()
        if isinstance(error, BrokenProcessPool):
            raise Lost(str(error)) from error
        if error is not None and not isinstance(error, Exception):
            raise error
        return future.result() if error is None else error

    def end(self) -> None:
        # Whoever has something to do is not to finish it, and whoever has not takes seconds to tidy up for nothing.
        for process in self._processes:
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


def _begin(environment: dict[str, str]) -> None:
    """The first thing that a process does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ |= environment
    sys.stdout = sys.stderr  # stdout is for the result
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """Or processes outlive a parent that was killed, waiting for work for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
