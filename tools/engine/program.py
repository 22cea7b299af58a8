"""Which program this is: on a cluster every machine must have the same, or the same job may come out differently."""

from __future__ import annotations

import hashlib
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_LAYERS = ("tools", "traces", "agent")


def program() -> str:
    """Version, a hash of the source, and the versions of what computes."""
    root = Path(__file__).resolve().parents[2]
    digest = hashlib.sha256()
    for path in sorted(path for layer in _LAYERS for path in (root / layer).rglob("*.py")):
        digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    computing = ", ".join(f"{package} {_version(package)}" for package in ("torch", "numpy"))
    source = digest.hexdigest()[:12]
    return f"neuron-agent {_version('neuron-agent')} (source {source}, Python {platform.python_version()}, {computing})"


def _version(package: str) -> str:
    try:
        return version(package).partition("+")[0]  # what follows says for which device it was built
    except PackageNotFoundError:
        return "missing"
