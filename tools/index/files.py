"""Files of an index, checked: what was written is what is read, or an error says which file is not."""

from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path
from tokenize import TokenError
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tools.cache import sum_of
from tools.errors import StorageError

MANIFEST = "manifest.json"
_SUM_BYTES = hashlib.sha256().digest_size


def sha256_of(path: Path) -> str:
    """SHA-256 (hex) of a file.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def block_sums(array: NDArray[Any], n_rows: int) -> list[str]:
    """SHA-256 (hex) of every `n_rows` rows of an array."""
    return [
        hashlib.sha256(np.ascontiguousarray(array[first : first + n_rows]).data).hexdigest()
        for first in range(0, len(array), n_rows)
    ]


def damaged(path: Path, what: str) -> StorageError:
    """The error for a file that is not what was written."""
    return StorageError(
        f"{path} is damaged ({what}): remove the folder {path.parent} and build the index again with "
        "`agent index build`, or copy it anew from where it came."
    )


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of an index.

    Raises:
        StorageError: it is not there or damaged.
    """
    path = folder / MANIFEST
    try:
        found: dict[str, Any] = json.loads(path.read_text())
        own = found.pop("sha256")
    except (OSError, ValueError, AttributeError, KeyError, TypeError) as error:
        raise damaged(path, str(error) or type(error).__name__) from error
    if own != sum_of(found):
        raise damaged(path, "its checksum does not fit")
    return found


def write_manifest(folder: Path, content: dict[str, Any]) -> None:
    """Write the manifest of an index, with its own checksum."""
    whole = content | {"sha256": sum_of(content)}
    (folder / MANIFEST).write_text(json.dumps(whole, indent=1, sort_keys=True) + "\n")


def write_arrays(path: Path, arrays: dict[str, NDArray[Any]]) -> None:
    """Write arrays as one file that is there whole or not at all, with a checksum of all of it at its end.

    Raises:
        OSError: the disk is full.
    """
    content = io.BytesIO()
    np.savez(content, **arrays)  # type: ignore[arg-type]
    partial = path.with_suffix(".partial")
    with partial.open("wb") as file:
        file.write(content.getbuffer())
        file.write(hashlib.sha256(content.getbuffer()).digest())
    partial.replace(path)


def read_arrays(path: Path) -> dict[str, NDArray[Any]] | None:
    """What `write_arrays` wrote; None when it is not there, or no longer what was written."""
    try:
        content = path.read_bytes()
    except OSError:
        return None
    whole = memoryview(content)[:-_SUM_BYTES]
    if hashlib.sha256(whole).digest() != content[-_SUM_BYTES:]:
        return None
    with np.load(io.BytesIO(whole)) as saved:
        return {name: saved[name] for name in saved.files}


def mapped(path: Path, dtype: np.dtype[Any], shape: tuple[int | None, ...]) -> NDArray[Any]:
    """An array memory-mapped from a `.npy` file, read-only. None in `shape` stands for any size.

    Raises:
        StorageError: the file is not there, or holds something else.
    """
    try:
        found: NDArray[Any] = np.load(path, mmap_mode="r")
    except (OSError, ValueError, EOFError, SyntaxError, TokenError) as error:  # all that a bad header can lead to
        raise damaged(path, str(error)) from error
    any_size = tuple(size if wanted is None else wanted for size, wanted in zip(found.shape, shape, strict=False))
    if found.dtype != dtype or found.ndim != len(shape) or found.shape != any_size:
        raise damaged(path, f"it holds {found.dtype} {found.shape} and not {dtype} {shape}")
    return found
