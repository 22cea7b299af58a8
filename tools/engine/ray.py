"""Workers of a Ray cluster: one actor each, which keeps its subject model, and a GPU of its own where one is needed.

Nothing is read from a disk that machines share: an actor gets its jobs and gives back what they return as pickled
bytes, so that what arrives is the same as from a process on this machine.
"""

from __future__ import annotations

import os
import pickle
import socket
import sys
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

# Before Ray is imported, which reads them then: nothing is reported to its makers, and no warning is shown.
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")

import ray
import ray._private.worker
from ray.exceptions import RayError, RayTaskError

from tools.engine.local import thread_settings
from tools.engine.placement import placed
from tools.engine.program import program
from tools.engine.protocol import EngineName, T
from tools.engine.schedule import Lost, attempt, run_on
from tools.errors import BadInput

_ANSWER_S = 5.0
_STORE_BYTES = 500_000_000  # for what is under way; Ray writes more than that to disk


class RayEngine:
    """Actors of a cluster; implements `tools.engine.protocol.Engine`."""

    name: EngineName = "ray"

    def __init__(self, n_workers: int, cpus: int, gpus: int, is_checked: bool) -> None:
        """With the processors and GPUs of each worker, and whether each must show that it runs the same program."""
        self.n_workers = n_workers
        self._is_checked = is_checked
        self._needs = {"num_cpus": cpus, "num_gpus": gpus}
        self._environment = thread_settings(cpus, 1)

    def run(
        self, function: Callable[..., T], jobs: Sequence[tuple[Any, ...]]
    ) -> Generator[tuple[int, T | Exception], None, None]:
        """See `tools.engine.protocol.Engine.run`.

        Raises:
            BadInput: a worker has another version of this program, or none, or what it needs is not free.
        """
        return run_on(self._hire, self.n_workers, function, jobs, last_try_alone=False)

    def _hire(self) -> _Handle:
        return _Handle(self._needs, self._environment, program() if self._is_checked else None)


class _Actor:
    """What runs in a worker's process."""

    def __init__(self, paths: list[str]) -> None:
        # On the machine that asks, what can be imported there can be imported here.
        sys.path += [path for path in paths if path not in sys.path and Path(path).exists()]

    def begin(self, expected: str | None) -> bytes:
        """Pickled None, or what is wrong here."""
        if expected is None:
            return pickle.dumps(None)
        own = program()
        different = BadInput(
            f"a Ray worker runs {own}, and here is {expected}: install the same on every machine of the cluster."
        )
        return pickle.dumps(None if own == expected else different)

    def call(self, job: bytes) -> bytes:
        """The pickled outcome of a pickled (function, arguments)."""
        outcome = attempt(_call_pickled, (job,))
        return pickle.dumps(outcome) if isinstance(outcome, Exception) else outcome


def _call_pickled(job: bytes) -> bytes:
    function, arguments = pickle.loads(job)
    return pickle.dumps(function(*arguments))


class _Handle:
    """An actor seen from here; a `tools.engine.schedule.Worker`."""

    def __init__(self, needs: Mapping[str, int], environment: dict[str, str], expected: str | None) -> None:
        # Set before the process starts: Ray imports numpy there, which reads them then.
        remote: Any = ray.remote(_Actor).options(max_restarts=0, runtime_env={"env_vars": environment}, **needs)
        self._actor = remote.remote([path for path in sys.path if path])
        self.started: Future[Any] = self._actor.begin.remote(expected).future()

    def submit(self, function: Callable[..., T], arguments: tuple[Any, ...]) -> Future[Any]:
        try:
            job = pickle.dumps((function, arguments))
        except Exception as error:  # whatever pickling them raises is what becomes of the job
            refused: Future[Any] = Future()
            refused.set_exception(error)
            return refused
        sent: Future[Any] = self._actor.call.remote(job).future()
        return sent

    def take(self, future: Future[Any]) -> Any:
        error = future.exception()
        if isinstance(error, RayTaskError):  # in what is around the call
            return RuntimeError(_last_line(error))
        if isinstance(error, RayError):
            raise Lost(_last_line(error)) from error
        if error is not None and not isinstance(error, Exception):
            raise error
        return pickle.loads(future.result()) if error is None else error

    def end(self) -> None:
        with suppress(RayError, ValueError):
            ray.kill(self._actor)


@contextmanager
def open_ray(n_workers: int | None, address: str | None, gpus: bool, threads: int | None) -> Iterator[RayEngine]:
    """Join the cluster at `address`, or start one on this machine that ends with the block.

    A Ray that this process has started or joined before is used and left as it is.

    Raises:
        BadInput: there is no such cluster, or it has too few processors or GPUs.
    """
    is_ours = not ray.is_initialized()
    if is_ours:
        _join(n_workers, address)
    elif address not in (None, "auto", ray.get_runtime_context().gcs_address):
        raise BadInput(f"this process has joined another Ray than {address}: end that with ray.shutdown() first.")
    try:
        nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        n, cpus = placed(nodes, n_workers, threads, gpus)
        yield RayEngine(n, cpus, int(gpus), is_checked=not is_ours or address is not None)
    finally:
        if is_ours:
            ray.shutdown()
            _show_lost_workers(True)


def _join(n_workers: int | None, address: str | None) -> None:
    own: dict[str, Any] = {
        "num_cpus": max(n_workers or 1, os.cpu_count() or 1),
        "include_dashboard": False,
        "object_store_memory": _STORE_BYTES,
    }
    try:
        if address not in (None, "auto"):
            _knock(address)
        _show_lost_workers(False)
        ray.init(address=address or "local", logging_level="ERROR", log_to_driver=False, **({} if address else own))
    except (ConnectionError, RuntimeError, ValueError, OSError) as error:
        where = f"the Ray cluster at {address} cannot be joined" if address else "Ray cannot be started here"
        raise BadInput(
            f"{where} ({' '.join(str(error).split())}): start one with `ray start --head`, and on every other machine "
            "that is to work, this one included, `ray start --address=HOST:PORT`."
        ) from error


def _knock(address: str) -> None:
    """Ray itself tries for many minutes to reach what does not answer."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal():
        raise ValueError("an address is `auto` or HOST:PORT")
    socket.create_connection((host, int(port)), timeout=_ANSWER_S).close()


def _show_lost_workers(shown: bool) -> None:
    """Whether Ray says on stdout, which is for the result, that a worker was lost: it cannot be told so otherwise."""
    if hasattr(ray._private.worker, "_worker_logs_enabled"):
        ray._private.worker._worker_logs_enabled = shown


def _last_line(error: Exception) -> str:
    return str(error).strip().splitlines()[-1]
