"""Which texts a neuron is asked about: a file, a folder, a dataset, or the subject model's default."""

from __future__ import annotations

import hashlib
import platform
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tools.errors import BadInput
from tools.evidence.hub import dataset_texts, looks_like_dataset, sample_texts
from tools.evidence.sources import Repairs, read_path
from tools.mini.seen import load_seen
from tools.mini.text import texts_of


@dataclass(frozen=True)
class Corpus:
    """Texts before they are tokenised.

    Attributes:
        name: what a result calls this corpus.
        texts: (name, text) of each; no two texts are equal; sorted by the SHA-256 of the text.
        seen: hashed runs of what the subject model trained on, uint32, sorted (see `tools.mini.seen`); texts that
            share too much with it are left out when the corpus is split. None when that is not known.
        notes: what was skipped or repaired while reading, one sentence each.
    """

    name: str
    texts: list[tuple[str, str]]
    seen: NDArray[np.uint32] | None = None
    notes: tuple[str, ...] = ()

    @property
    def fingerprint(self) -> str:
        """SHA-256 (hex) over the texts and what was seen; names do not count."""
        digest = hashlib.sha256()
        for _, text in self.texts:
            digest.update(_digest(text))
        if self.seen is not None:
            digest.update(b"seen" + self.seen.tobytes())
        return digest.hexdigest()


def load_texts(spec: str | None, model_name: str) -> Corpus:
    """Read a corpus.

    Args:
        spec: a file (`.txt`: one text; `.jsonl`: one JSON object with "text" a line), a folder, `hf:owner/name[:split]`
            or `owner/name`; None for the model's default: the standard library's corpus part for `mini`, a sample of
            OpenWebText for every other model.
        model_name: the subject model's name.

    Raises:
        BadInput: no such file, not text, a bad line, no text at all.
        NotAvailable: a dataset that is not here and cannot be fetched.
        StorageError: a file that cannot be read.
    """
    if spec is None:
        if model_name == "mini":
            name = f"standard library of Python {platform.python_version()}"
            return _corpus(name, list(texts_of("corpus")), seen=load_seen())
        return _corpus("openwebtext-10k", sample_texts())
    if not spec:
        raise BadInput("--corpus is empty: give a file, a folder, or a dataset as hf:owner/name.")
    path = Path(spec).expanduser()
    if path.exists():
        repairs = Repairs()
        return _corpus(path.name or str(path.resolve()), read_path(path, repairs), notes=repairs.notes())
    if looks_like_dataset(spec):
        return _corpus(spec.removeprefix("hf:"), dataset_texts(spec))
    raise BadInput(f"there is no corpus {spec}: give a file, a folder, or a dataset as hf:owner/name.")


def _corpus(
    name: str,
    texts: list[tuple[str, str]],
    seen: NDArray[np.uint32] | None = None,
    notes: tuple[str, ...] = (),
) -> Corpus:
    distinct: dict[bytes, tuple[str, str]] = {}
    for title, text in sorted(texts):
        distinct.setdefault(_digest(text), (title, text))
    if not distinct:
        raise BadInput(f"the corpus {name} is empty: {' '.join(notes) or 'there is no text in it.'}")
    if len(distinct) < len(texts):
        notes = (*notes, f"left out because they repeat another word for word: {len(texts) - len(distinct):,} texts.")
    return Corpus(name, [distinct[key] for key in sorted(distinct)], seen, notes)


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
