"""Checks an evaluation against the manifest of a folder that was begun: may it continue there?"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import agent
from evals.records import Manifest
from tools.errors import BadInput

_COMPUTING = ("numpy", "scikit-learn")
_DECIDING = (
    "tools/**/*.py", "traces/**/*.py", "agent/**/*.py", "evals/planted/*.py",
    *(f"evals/{name}.py"
      for name in ("ceiling", "ground_truth", "puzzle_readers", "puzzles", "stability", "suite", "trigger_and_lineup",
                   "worker")),
    *(f"evals/readers/{name}.py" for name in ("correlations", "lineup", "trigger")),
)  # fmt: skip
_SAME = {
    "suite": "its suite is {old}, not {new}",
    "suite_sha256": "its suite file or a puzzle file has changed",
    "model": "its model is {old}, not {new}",
    "corpus": "its text is {old}, not {new}",
    "code": "the program, numpy or scikit-learn has changed since",
    "model_fingerprint": "the weights of its model, or the source of its planted functions, have changed",
    "corpus_fingerprint": "its text has changed",
}


def code_sha256() -> str:
    """SHA-256 (hex) over all that decides stored numbers: names and content of modules, versions."""
    root = Path(agent.__file__).resolve().parents[1]
    digest = hashlib.sha256(" ".join(f"{package} {version(package)}" for package in _COMPUTING).encode())
    for path in sorted(path for pattern in _DECIDING for path in root.glob(pattern)):
        digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def refuse_another(folder: Path, old: Manifest, asked: Mapping[str, Any]) -> None:
    """Refuse to add results to a folder that are not comparable with its own.

    Args:
        folder: where the evaluation was begun.
        old: the original request.
        asked: fields of a manifest; some may not be known yet.

    Raises:
        BadInput: says what differs.
    """
    for field, what in _SAME.items():
        if field in asked and asked[field] != getattr(old, field):
            raise _another(folder, what.format(old=getattr(old, field), new=asked[field]))
    if asked["seeds"] < old.seeds:
        raise _another(folder, f"it has {old.seeds} seeds, and this command asks for fewer ({asked['seeds']})")
    for name, settings in asked["variants"].items():
        before = old.variants.get(name, settings)
        for key in sorted({*before, *settings}):
            if before.get(key) != settings.get(key):
                raise _another(folder, f"its variant {name} has {key} = {before.get(key)!r}, not {settings.get(key)!r}")


def _another(folder: Path, what: str) -> BadInput:
    return BadInput(f"{folder} holds another evaluation: {what}. Give another folder with --out.")
