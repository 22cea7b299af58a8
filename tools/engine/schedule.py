"""Who does which job next, and what becomes of a job that lost its worker: the same for processes and for clusters."""

from __future__ import annotations

import pickle
import traceback
from collections import Counter, deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from typing import Any, Generic, Protocol

from tools.engine.protocol import Died, T
from tools.errors import AgentError, BadInput

MAX_TRIES = 3
START_S = 120
"""A worker that has not started by then never will: whatever it needs is taken."""


class Lost(Exception):
    """A worker has ended."""


class Worker(Protocol):
    """One process somewhere."""

    @property
    def started(self) -> Future[Any]:
        """Done when jobs can be given to it; `take` says then what is wrong with it, or None."""

    def submit(self, function: Callable[..., Any], arguments: tuple[Any, ...]) -> Future[Any]:
        """Have `attempt` done there; raises `Lost`."""

    def take(self, future: Future[Any]) -> Any:
        """What a future of this worker that is done has brought; raises `Lost`."""

    def end(self) -> None:
        """Kill it, if it is there still."""


def attempt(function: Callable[..., T], arguments: tuple[Any, ...]) -> T | Exception:
    """What a worker does with a job: an exception is an outcome, and one that can be sent."""
    try:
        return function(*arguments)
    except SystemExit as stop:
        return RuntimeError(f"it called sys.exit({stop.code!r})")
    except Exception as error:
        if not isinstance(error, AgentError):
            error.add_note(f"raised in a worker:\n{traceback.format_exc()}")
        try:
            pickle.loads(pickle.dumps(error))
        except Exception:  # whatever goes wrong with it, its words can be sent
            return RuntimeError(f"{type(error).__name__}: {error}")
        return error


def run_on(
    hire: Callable[[], Worker],
    n_workers: int,
    function: Callable[..., T],
    jobs: Sequence[tuple[Any, ...]],
    *,
    last_try_alone: bool,
) -> Generator[tuple[int, T | Exception], None, None]:
    """Do all jobs, as `tools.engine.protocol.Engine.run` has it.

    Args:
        hire: starts a worker.
        n_workers: at most so many at once.
        function: what is called.
        jobs: its arguments.
        last_try_alone: a job that lost its worker twice is tried once more with nothing beside it: where workers share
            a memory, it may have been too small for all of them.

    Raises:
        BadInput: no worker can be had.
    """
    crew = _Crew(hire, n_workers, function, jobs, last_try_alone)
    try:
        while crew.has_work:
            crew.hand_out()
            ended = crew.wait()
            crew.hand_out()  # first: whoever takes an outcome may be long about it
            yield from ended
    finally:
        crew.end()


class _Crew(Generic[T]):
    def __init__(
        self,
        hire: Callable[[], Worker],
        n_workers: int,
        function: Callable[..., T],
        jobs: Sequence[tuple[Any, ...]],
        last_try_alone: bool,
    ) -> None:
        self._hire, self._n_workers, self._last_try_alone = hire, n_workers, last_try_alone
        self._function, self._jobs = function, jobs
        self._waiting, self._losses = deque(range(len(jobs))), Counter[int]()
        self._starting: dict[Future[Any], Worker] = {}
        self._idle: list[Worker] = []
        self._running: dict[Future[Any], tuple[Worker, int]] = {}
        self._failed_starts = 0

    @property
    def has_work(self) -> bool:
        return bool(self._waiting or self._running)

    def hand_out(self) -> None:
        """Give a job to whoever has none, and start workers for the rest."""
        while self._idle and self._waiting and not self._is_kept_back(self._waiting[0]):
            job = self._waiting[0]
            arguments = self._jobs[job]  # may raise, so while every worker is in its place
            worker = self._idle.pop()
            if self._is_last_try(job):
                self._end_idle()
            try:
                future = worker.submit(self._function, arguments)
            except Lost:  # it ended while it had nothing to do
                worker.end()
                continue
            self._running[future] = worker, self._waiting.popleft()
        wanted = min(self._n_workers, len(self._waiting) + len(self._running))
        while len(self._running) + len(self._idle) + len(self._starting) < wanted:
            worker = self._hire()
            self._starting[worker.started] = worker

    def _is_kept_back(self, job: int) -> bool:
        running = [other for _, other in self._running.values()]
        return bool(running) and any(map(self._is_last_try, [job, *running]))

    def _is_last_try(self, job: int) -> bool:
        return self._last_try_alone and self._losses[job] == MAX_TRIES - 1

    def _end_idle(self) -> None:
        while self._idle:
            self._idle.pop().end()

    def wait(self) -> list[tuple[int, T | Exception]]:
        """What has ended, once something has."""
        futures = [*self._starting, *self._running]
        done = wait(futures, None if self._running else START_S, FIRST_COMPLETED).done
        if not done:
            raise BadInput(
                f"no worker has started in {START_S} s: others use what they need; ask for fewer with `workers`, or "
                "run this again later.",
                settings=("workers",),
            )
        ended: list[tuple[int, T | Exception]] = []
        for future in done:
            if future in self._starting:
                self._begin(future)
            else:
                worker, job = self._running.pop(future)
                try:
                    ended.append((job, worker.take(future)))
                    self._idle.append(worker)
                except Lost:
                    worker.end()
                    ended += self._again(job)
        return ended

    def _begin(self, future: Future[Any]) -> None:
        worker = self._starting.pop(future)
        try:
            wrong = worker.take(future)
        except Lost as error:
            worker.end()
            self._failed_starts += 1
            if self._failed_starts < MAX_TRIES:
                return
            raise BadInput(
                f"workers end before they can begin ({error}); in a cluster every machine must have this program."
            ) from error
        if wrong is not None:
            worker.end()
            raise wrong
        self._failed_starts = 0
        self._idle.append(worker)

    def _again(self, job: int) -> list[tuple[int, T | Exception]]:
        self._losses[job] += 1
        if self._losses[job] < MAX_TRIES:
            self._waiting.appendleft(job)
            return []
        del self._losses[job]
        return [(job, Died(f"its process ended {MAX_TRIES} times, as one does that the system kills for its memory"))]

    def end(self) -> None:
        for worker in [*self._starting.values(), *self._idle, *(worker for worker, _ in self._running.values())]:
            worker.end()
