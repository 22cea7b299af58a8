"""The one data file with all classes: how it is written and read.

A NumPy .npz of `words` (UTF-8, one a line, sorted), `classes` (JSON: what is said of each class, sorted by name),
`starts` (where each class's members begin), `members` (differences between word numbers, ascending within a class) and
`rare` (a bit for each member).
"""

from __future__ import annotations

import io
import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from tools.concepts.class_definitions import ClassDefinition
from tools.errors import StorageError

_SAID = ("name", "kind", "source", "about", "pattern", "over", "case", "context")


@dataclass(frozen=True)
class Packed:
    """All classes: `members[starts[i]:starts[i + 1]]` are the word numbers of class i; `rare` says so of each."""

    words: list[str]
    classes: list[dict[str, Any]]
    starts: NDArray[np.int64]
    members: NDArray[np.int64]
    rare: NDArray[np.bool_]


def pack(classes: Sequence[ClassDefinition]) -> bytes:
    """The bytes of the file; the same for the same classes in any order."""
    ordered = sorted(classes, key=lambda one: one.name)
    words = sorted({word for one in ordered for word in one.members})
    number = {word: n for n, word in enumerate(words)}
    starts, members, rare = [0], [], []
    for one in ordered:
        for word in sorted(one.members):
            members.append(number[word])
            rare.append(one.members[word])
        starts.append(len(members))
    said = [{key: getattr(one, key) for key in _SAID if getattr(one, key) not in (None, "", False)} for one in ordered]
    text = json.dumps(said, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    file = io.BytesIO()
    np.savez_compressed(
        file,
        words=np.frombuffer("\n".join(words).encode(), np.uint8),
        classes=np.frombuffer(text.encode(), np.uint8),
        starts=np.array(starts, np.int32),
        members=np.diff(np.array(members, np.int32), prepend=0).astype(np.int32),
        rare=np.packbits(np.array(rare, bool)),
    )
    return file.getvalue()


def unpack(path: Path) -> Packed:
    """Read the file.

    Raises:
        StorageError: it is missing or damaged.
    """
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as held:
            members = np.cumsum(held["members"], dtype=np.int64)
            rare = np.unpackbits(held["rare"], count=len(members)).astype(bool)
            words = held["words"].tobytes().decode().split("\n")
            classes = json.loads(held["classes"].tobytes())
            return Packed(words, classes, held["starts"].astype(np.int64), members, rare)
    except (OSError, ValueError, KeyError, EOFError, BadZipFile, zlib.error) as error:
        raise StorageError(f"the classes of words in {path} cannot be read: install the program anew.") from error
