"""Where evidence is kept between runs, and how a file or folder appears there whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tools.errors import StorageError


def default_cache_dir() -> Path:
    """`$NEURON_AGENT_CACHE`, or `~/.cache/neuron-agent`.

    Raises:
        StorageError: neither is known.
    """
    if given := os.environ.get("NEURON_AGENT_CACHE"):
        return Path(given)
    try:
        return Path.home() / ".cache" / "neuron-agent"
    except RuntimeError as error:
        raise StorageError(
            "the cache would be in the home folder, and this user has none (HOME is not set): name a folder with "
            "NEURON_AGENT_CACHE."
        ) from error


def _partial(target: Path, pid: int | str) -> Path:
    return target.with_name(f"{target.name}.partial-{platform.node()}-{pid}")


def _remove_abandoned(target: Path) -> None:
    """Remove what processes of this machine that are gone left half-written for `target`."""
    for path in target.parent.glob(_partial(target, "*").name):
        pid = path.name.rpartition("-")[2]
        try:
            os.kill(int(pid), 0)
        except ProcessLookupError:
            remove(path)
        except (PermissionError, ValueError):
            continue


def remove(path: Path) -> None:
    """Remove a file or a folder with all that is in it; nothing happens when it is not there."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    elif path.exists():
        path.unlink()


@contextmanager
def written_whole(target: Path) -> Iterator[Path]:
    """Give a path beside `target` to write a file or a folder at; it becomes `target` when the block ends well.

    Otherwise, Ctrl-C included, it is removed. When another process was faster, its result stays.

    Raises:
        StorageError: the disk is full, read-only, or not ours to write on.
    """
    partial = _partial(target, os.getpid())
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(target)
        remove(partial)
        yield partial
        try:
            partial.replace(target)
        except OSError:
            if not (partial.is_dir() and target.is_dir()):
                raise
    except OSError as error:
        raise StorageError(
            f"cannot write to {target.parent} ({error.strerror or error}): "
            "free some space there or name another folder with NEURON_AGENT_CACHE."
        ) from error
    finally:
        remove(partial)


def sum_of(content: dict[str, Any]) -> str:
    """SHA-256 (hex) of what JSON can hold, whatever the order of its keys."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
