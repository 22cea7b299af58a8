"""Which texts a neuron is asked about: a file, a folder, a dataset, or the subject model's default."""

from __future__ import annotations

import hashlib
import os
import platform
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tools.errors import BadInput
from tools.evidence.cache import default_cache_dir
from tools.evidence.hub import dataset_texts, looks_like_dataset, sample_texts
from tools.evidence.sources import FileTexts, Repairs
from tools.evidence.texts import Spool, Texts
from tools.mini.seen import load_seen
from tools.mini.text import texts_of


@dataclass(frozen=True)
class Corpus:
    """Texts before they are tokenised.

    Attributes:
        name: what a result calls this corpus.
        texts: (name, text) of each; no two texts are equal; sorted by the SHA-256 of the text. They are read when asked
            for: in memory are about 90 bytes a text, however long it is.
        seen: hashed runs of what the subject model trained on, uint32, sorted (see `tools.mini.seen`); texts that
            share too much with it are left out when the corpus is split. None when that is not known.
        notes: what was skipped or repaired while reading, one sentence each.
    """

    name: str
    texts: Texts
    seen: NDArray[np.uint32] | None = None
    notes: tuple[str, ...] = ()

    @property
    def fingerprint(self) -> str:
        """SHA-256 (hex) over the texts and what was seen; names do not count."""
        digest = hashlib.sha256(self.texts.digests)
        if self.seen is not None:
            digest.update(b"seen" + self.seen.tobytes())
        return digest.hexdigest()


def dataset_of(spec: str | None) -> str | None:
    """The name of the dataset that a spec means, of which as much is read as is wanted; None for what is read whole."""
    if not spec or Path(os.path.expanduser(spec)).exists() or not looks_like_dataset(spec):
        return None
    return spec.removeprefix("hf:")


def load_texts(spec: str | None, model_name: str, max_tokens: int = 0) -> Corpus:
    """Go through a corpus of any length once, to know its texts and their order; they are read again when split.

    Files and folders are read in place. What comes as a stream (a dataset, a default corpus) is kept meanwhile, from
    16 MiB on in a file without a name in the cache folder. A `.jsonl` file or a folder may be as long as the disk
    allows; a single text is held whole, in about five times its size: a `.txt` file of some hundred MB is fine, and one
    of several GB is better given as `.jsonl`.

    Args:
        spec: a file (`.txt`: one text; `.jsonl`: one JSON object with "text" a line), a folder, `hf:owner/name[:split]`
            or `owner/name`; None for the model's default: the standard library's corpus part for `mini`, a sample of
            OpenWebText for every other model.
        model_name: the subject model's name.
        max_tokens: how many tokens will be wanted; of a dataset as much is read as that may need, and always at least
            its first 40 million characters.

    Raises:
        BadInput: no such file, not text, a bad line, no text at all.
        NotAvailable: a dataset that is not here and cannot be fetched.
        StorageError: a file that cannot be read, or no space to keep a stream.
    """
    if spec is None:
        if model_name == "mini":
            name = f"standard library of Python {platform.python_version()}"
            return _corpus(name, texts_of("corpus"), seen=load_seen())
        return _corpus("openwebtext-10k", sample_texts())
    if not spec:
        raise BadInput("--corpus is empty: give a file, a folder, or a dataset as hf:owner/name.")
    path = Path(os.path.expanduser(spec))
    if path.exists():
        repairs = Repairs()
        files = FileTexts(path, repairs)
        texts = Texts(files, files.read())
        return _checked(path.name or str(path.resolve()), texts, notes=repairs.notes())
    if looks_like_dataset(spec):
        return _corpus(spec.removeprefix("hf:"), dataset_texts(spec, max_tokens))
    raise BadInput(f"there is no corpus {spec}: give a file, a folder, or a dataset as hf:owner/name.")


def _corpus(name: str, texts: Iterable[tuple[str, str]], seen: NDArray[np.uint32] | None = None) -> Corpus:
    """A corpus of (name, text) that come as a stream."""
    spool = Spool(default_cache_dir())
    return _checked(name, Texts(spool, spool.keep(texts)), seen)


def _checked(name: str, texts: Texts, seen: NDArray[np.uint32] | None = None, notes: tuple[str, ...] = ()) -> Corpus:
    if not texts:
        raise BadInput(f"the corpus {name} is empty: {' '.join(notes) or 'there is no text in it.'}")
    if texts.n_repeated:
        notes = (*notes, f"left out because they repeat another word for word: {texts.n_repeated:,} texts.")
    return Corpus(name, texts, seen, notes)
