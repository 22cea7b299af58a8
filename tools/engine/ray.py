"""Workers of a Ray cluster: one actor each, which keeps its subject model, and a GPU of its own where one is needed."""

from __future__ import annotations

import hashlib
import os
import pickle
import platform
import sys
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

# Before Ray is imported: it reads these then. Nothing is reported to its makers.
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")

import ray
from ray.exceptions import RayActorError, RayError, RayTaskError

from tools.engine.protocol import Died, EngineName, T
from tools.errors import BadInput

_MAX_TRIES = 3
_STORE_BYTES = 500_000_000


class _OtherProgram(Exception):
    """The worker does not run what runs here."""


class _Worker:
    """What an actor runs."""

    def __init__(self, program: dict[str, str]) -> None:
        # before torch is imported, which reads it then
        os.environ.setdefault("OMP_WAIT_POLICY", "passive")
        own = _program()
        self._differing = [
            f"{what} {own[what]} there, {here} here" for what, here in program.items() if own[what] != here
        ]

    def call(self, function: Callable[..., T], arguments: tuple[Any, ...]) -> tuple[bool, T | Exception]:
        """(whether it returned, what it returned or raised)."""
        if self._differing:
            return False, _OtherProgram("; ".join(self._differing))
        try:
            return True, function(*arguments)
        except SystemExit as stop:
            return False, RuntimeError(f"it called sys.exit({stop.code!r})")
        except Exception as error:
            try:
                pickle.loads(pickle.dumps(error))
            except Exception:  # whatever goes wrong in pickling it, its words can be sent
                return False, RuntimeError(f"{type(error).__name__}: {error}")
            return False, error


class RayEngine:
    """Actors of a cluster; implements `tools.engine.protocol.Engine`."""

    name: EngineName = "ray"

    def __init__(self, n_workers: int, gpus: bool) -> None:
        self.n_workers = n_workers
        self._gpus = gpus
        self._program = _program()

    def run(
        self, function: Callable[..., T], jobs: Sequence[tuple[Any, ...]]
    ) -> Generator[tuple[int, T | Exception], None, None]:
        """See `tools.engine.protocol.Engine.run`. A job whose actor is lost is tried three times.

        Raises:
            BadInput: a worker runs another version of this program, or there is no worker left.
        """
        waiting, tries = deque(range(len(jobs))), Counter[int]()
        idle: list[Any] = []
        busy: dict[Any, tuple[Any, int]] = {}
        try:
            while waiting or busy:
                while waiting and len(busy) < self.n_workers:
                    actor = idle.pop() if idle else self._started(len(busy))
                    if actor is None:
                        break
                    job = waiting.popleft()
                    busy[actor.call.remote(function, jobs[job])] = actor, job
                done, _ = ray.wait(list(busy), num_returns=1)
                actor, job = busy.pop(done[0])
                try:
                    _, outcome = ray.get(done[0])
                except RayActorError as error:
                    _end(actor)
                    tries[job] += 1
                    if tries[job] < _MAX_TRIES:
                        waiting.appendleft(job)
                        continue
                    outcome = Died(f"its worker was lost {_MAX_TRIES} times: {_first_line(error)}")
                except RayTaskError as error:  # what it found could not be sent
                    outcome = RuntimeError(_first_line(error))
                    idle.append(actor)
                else:
                    idle.append(actor)
                if isinstance(outcome, _OtherProgram):
                    raise BadInput(f"a Ray worker runs another program ({outcome}): install the same on all machines.")
                yield job, outcome
        finally:
            for actor in [*idle, *(actor for actor, _ in busy.values())]:
                _end(actor)

    def _started(self, n_running: int) -> Any:
        """A new actor; None where the cluster has shrunk and others are still at work."""
        # asking for what is not there would wait for ever
        if _room(self._gpus) <= n_running:
            if n_running:
                return None
            raise BadInput("the Ray cluster has no worker left: start one with `ray start`, and run this again.")
        options = {"num_cpus": 1, "num_gpus": 1 if self._gpus else 0, "max_restarts": 0}
        return ray.remote(_Worker).options(**options).remote(self._program)


@contextmanager
def open_ray(n_workers: int | None, address: str | None, gpus: bool) -> Iterator[RayEngine]:
    """Join the cluster at `address`, or start one on this machine that ends with the block.

    Raises:
        BadInput: there is no such cluster, or it has too few processors or GPUs.
    """
    if address is None:
        # workers inherit this: what can be imported here can be imported there
        os.environ["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    quiet: dict[str, Any] = {"logging_level": "ERROR", "log_to_driver": False}
    local: dict[str, Any] = {
        "num_cpus": max(n_workers or 1, os.cpu_count() or 1),
        "include_dashboard": False,
        "object_store_memory": _STORE_BYTES,
    }
    try:
        ray.init(address=address or "local", **quiet, **(local if address is None else {}))
    except (ConnectionError, RuntimeError, ValueError, OSError) as error:
        where = f"the Ray cluster at {address} cannot be reached" if address else "Ray cannot start here"
        raise BadInput(f"{where}: {_first_line(error)}") from error
    try:
        room = _room(gpus)
        kind = "GPUs" if gpus else "processors"
        if room < (n_workers or 1):
            raise BadInput(f"the Ray cluster has {room} {kind} and {n_workers or 1} are asked for: lower --workers.")
        yield RayEngine(n_workers or room, gpus)
    finally:
        ray.shutdown()


def _room(gpus: bool) -> int:
    resources: dict[str, float] = ray.cluster_resources()
    processors = int(resources.get("CPU", 0))
    return min(processors, int(resources.get("GPU", 0))) if gpus else processors


def _first_line(error: Exception) -> str:
    return next((line for line in str(error).splitlines() if line.strip()), type(error).__name__).strip()


def _end(actor: Any) -> None:
    with suppress(RayError, ValueError):
        ray.kill(actor)


def _program() -> dict[str, str]:
    """What must be the same on every machine, or the same job may come out differently."""
    digest = hashlib.sha256()
    root = Path(__file__).parent.parent
    for path in sorted(root.rglob("*.py")):
        digest.update(path.relative_to(root).as_posix().encode() + path.read_bytes())
    out = {"Python": platform.python_version(), "source": digest.hexdigest()[:12]}
    for package in ("torch", "numpy"):
        try:
            out[package] = version(package)
        except PackageNotFoundError:
            out[package] = "missing"
    return out
