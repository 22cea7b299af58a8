"""Which engine serves which name."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from tools.engine.local import LocalEngine
from tools.engine.protocol import Engine, EngineName
from tools.errors import BadInput


@contextmanager
def open_engine(
    name: EngineName,
    n_workers: int | None = None,
    address: str | None = None,
    gpus: bool = False,
    threads: int | None = None,
) -> Iterator[Engine]:
    """An engine; what it started is ended with the block.

    Args:
        name: `local` or `ray`.
        n_workers: jobs at the same time; None for one per processor, or for what the cluster has.
        address: of a Ray cluster that runs already, or `auto`; None starts one on this machine.
        gpus: whether each worker needs a GPU of its own.
        threads: of torch in each worker; None for an equal share of the processors.

    Raises:
        BadInput: Ray is not installed, cannot be reached, or has fewer resources than are asked for.
    """
    if name == "local":
        if address:
            raise BadInput(
                "`ray_address` is for `engine=ray`: give both or neither.", settings=("ray_address", "engine")
            )
        yield LocalEngine(n_workers or (1 if gpus else os.cpu_count() or 1), threads)
        return
    try:
        from tools.engine.ray import open_ray
    except ImportError as error:
        raise BadInput(f"`engine=ray` needs Ray ({error}): pip install -e '.[ray]'.", settings=("engine",)) from error
    with open_ray(n_workers, address, gpus, threads) as engine:
        yield engine
