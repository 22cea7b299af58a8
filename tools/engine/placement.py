"""How many workers the machines of a cluster have room for, and how many processors each can have."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from tools.errors import BadInput


def placed(
    machines: Sequence[Mapping[str, float]], n_workers: int | None, threads: int | None, gpus: bool
) -> tuple[int, int]:
    """(workers, processors of each), as many of both as there is room for. A worker is on one machine.

    Args:
        machines: "CPU" and "GPU" of each, where it has them.
        n_workers: None for as many as can be.
        threads: processors of a worker; None for an equal share.
        gpus: whether each worker needs a GPU of its own.

    Raises:
        BadInput: there are too few. Asked for what is not there, Ray would wait for ever.
    """

    def room(cpus: int) -> int:
        return sum(
            min(int(machine.get("CPU", 0)) // cpus, int(machine.get("GPU", 0)) if gpus else _NO_LIMIT)
            for machine in machines
        )

    n = n_workers or max(1, room(threads or 1))
    if room(threads or 1) < n:
        n_cpus, n_gpus = (sum(int(machine.get(name, 0)) for machine in machines) for name in ("CPU", "GPU"))
        raise BadInput(
            f"the Ray cluster (machines: {len(machines)}, processors: {n_cpus}, GPUs: {n_gpus}) has room for "
            f"{room(threads or 1)} of {n} workers, as each needs {'a GPU and ' if gpus else ''}processors: "
            f"{threads or 1}. Lower `workers`, or join another machine with `ray start --address=HOST:PORT`.",
            settings=("workers",),
        )
    largest = math.floor(max(machine.get("CPU", 0) for machine in machines))
    return n, threads or max(cpus for cpus in range(1, largest + 1) if room(cpus) >= n)


_NO_LIMIT = 1 << 30
