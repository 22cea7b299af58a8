"""A bank of real English sentences, compiled from WordNet's examples (`tools.concepts.glosses`)."""

from __future__ import annotations

import hashlib
import io
import zlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Literal
from zipfile import BadZipFile

import numpy as np

from tools.errors import StorageError

Use = Literal["experiments", "judging"]

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


@cache
def sentences_for(use: Use) -> tuple[str, ...]:
    """Those that experiments may read, a third by hash, or those from which texts are made to judge what was found.

    No sentence is both: what a search has been tried on says nothing of how well it found.
    """
    return tuple(one for one in english_sentences() if (_lot(one) % 3 == 0) == (use == "experiments"))


def _lot(sentence: str) -> int:
    return int(hashlib.sha256(sentence.encode()).hexdigest()[:8], 16)


def pack(sentences: Sequence[str]) -> bytes:
    """The bytes of the file."""
    file = io.BytesIO()
    np.savez_compressed(file, sentences=np.frombuffer("\n".join(sentences).encode(), np.uint8))
    return file.getvalue()
