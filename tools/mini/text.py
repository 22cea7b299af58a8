"""The text that `mini` learnt from and the text it is asked about: Python's own standard library.

Nothing but weights is shipped, because every machine that runs the project has the text already: the source of the
non-test modules and the interpreter's help topics. A text belongs to the *training* part when the first byte of the
SHA-256 of its content is even, and to the *corpus* part otherwise, so the assignment needs no list and no seed.
"""

from __future__ import annotations

import hashlib
import sysconfig
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Literal

Part = Literal["training", "corpus"]

_NOT_LIBRARY = {"site-packages", "dist-packages", "__pycache__", "lib-dynload"}
_TEST_FOLDERS = {"test", "tests", "idle_test"}


def part_of(text: str) -> Part:
    """The part that `text` belongs to, by the hash of its content alone."""
    return "training" if hashlib.sha256(text.encode()).digest()[0] % 2 == 0 else "corpus"


def standard_library_texts() -> Iterator[tuple[str, str]]:
    """Yield (name, text) for every non-test module and every help topic, in a fixed order."""
    root = Path(sysconfig.get_paths()["stdlib"])
    for path in sorted(root.rglob("*.py")):
        parts = path.relative_to(root).parts
        is_test = any(part in _TEST_FOLDERS or part.startswith("test_") for part in parts)
        if is_test or _NOT_LIBRARY & set(parts) or parts[0] == "pydoc_data":
            continue
        try:
            text = path.read_text(encoding="utf-8")
        except (UnicodeDecodeError, OSError):
            continue  # a handful of modules are deliberately not UTF-8
        if text.strip():
            yield "/".join(parts), text
    topics: dict[str, str] = import_module("pydoc_data.topics").topics
    for name in sorted(topics):
        yield f"help/{name}", topics[name]


def texts_of(part: Part) -> Iterator[tuple[str, str]]:
    """Yield (name, text) of one part of the standard library."""
    return ((name, text) for name, text in standard_library_texts() if part_of(text) == part)
