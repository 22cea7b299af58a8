"""A bank of real English sentences, compiled from WordNet's examples (`tools.concepts.glosses`)."""

from __future__ import annotations

import io
import zlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from tools.errors import StorageError

DATA = Path(__file__).parent / "sentences.npz"


@cache
def english_sentences(path: Path = DATA) -> tuple[str, ...]:
    """All of them, sorted; each begins with a capital or a figure and ends with a mark.

    Raises:
        StorageError: their file is missing or damaged.
    """
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as held:
            return tuple(held["sentences"].tobytes().decode().split("\n"))
    except (OSError, ValueError, KeyError, EOFError, BadZipFile, zlib.error) as error:
        raise StorageError(f"the sentences in {path} cannot be read: install the program anew.") from error


def pack(sentences: Sequence[str]) -> bytes:
    """The bytes of the file."""
    file = io.BytesIO()
    np.savez_compressed(file, sentences=np.frombuffer("\n".join(sentences).encode(), np.uint8))
    return file.getvalue()
