"""Which texts a neuron is asked about: a file, a folder, a dataset, or the subject model's default."""

from __future__ import annotations

import hashlib
import os
import platform
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tools.cache import default_cache_dir
from tools.errors import BadInput
from tools.evidence.texts.hub import dataset_texts, looks_like_dataset, sample_texts
from tools.evidence.texts.repairs import Repairs
from tools.evidence.texts.sorted_texts import Spool, Texts
from tools.evidence.texts.sources import FileTexts, piped_texts
from tools.mini.text import texts_of
from tools.mini.training_hashes import load_training_hashes


@dataclass(frozen=True)
class Corpus:
    """Texts before they are tokenised.

    Attributes:
        name: what a result calls this corpus.
        texts: (name, text) of each; no two texts are equal; sorted by the SHA-256 of the text. They are read when asked
            for: in memory are about 90 bytes a text, however long it is.
        seen: hashed runs of what the subject model trained on, uint32, sorted (see `tools.mini.training_hashes`); texts
            that share too much with it are left out when the corpus is split. None when that is not known.
        notes: what was read, passed over and repaired, in one line; none where there is nothing to tell.
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


def check_rereadable(spec: str | None) -> None:
    """Refuse text that comes once and is gone, where it would be wanted by other processes or at another time.

    Raises:
        BadInput: `spec` means standard input, or another pipe that this process was given.
    """
    if spec is not None and _descriptor(spec) is not None:
        raise BadInput(f"the corpus {spec} is a pipe, which can be read only once: save it in a file and name that.")


def _descriptor(spec: str) -> int | None:
    if spec in ("-", "/dev/stdin"):
        return 0
    found = re.fullmatch(r"/(?:dev|proc/self)/fd/(\d+)", spec)
    return int(found[1]) if found else None


def load_texts(spec: str | None, model_name: str, max_tokens: int = 0) -> Corpus:
    """Go through a corpus of any length once, to know its texts and their order; they are read again when split.

    Formats, told by the end of a name, in capitals or not: `.jsonl` and `.ndjson` (a JSON object with a string "text" a
    line), `.json` (an array of such objects or of strings, one such object, or one a line), `.parquet` (a column
    "text"), `.csv` and `.tsv` (a column "text" in the header; plain text where there is none); all else is one plain
    text in UTF-8. `.gz` and `.zst` after any of them but `.parquet` mean that it is compressed. Standard input is JSON
    lines or JSON where it begins like that, and one plain text otherwise.

    Plain text and JSON lines in files and folders are read in place. What comes as a stream (other formats, compressed
    files, pipes, a dataset, a default corpus) is kept meanwhile, from 16 MiB on in a file without a name in the cache
    folder. A `.jsonl` or `.parquet` file or a folder may be as long as the disk allows; a single text, and a `.json`
    file that is an array, is held whole, in about five times its size: some hundred MB are fine, and several GB are
    better given as `.jsonl`.

    Args:
        spec: a file, a folder (with all folders below it, linked ones too), `-` for standard input, or
            `hf:owner/name[:split]` or `owner/name`; None for the model's default: the standard library's corpus part
            for `mini`, a sample of OpenWebText for every other model.
        model_name: the subject model's name.
        max_tokens: how many tokens will be wanted; of a dataset as much is read as that may need, and always at least
            its first 40 million characters.

    Raises:
        BadInput: no such file, not text, a damaged file, a bad line, no text at all; standard input is a terminal.
        NotAvailable: a dataset that is not here and cannot be fetched.
        StorageError: a file that cannot be read, or no space to keep a stream.
    """
    if spec is None:
        if model_name == "mini":
            name = f"standard library of Python {platform.python_version()}"
            return _corpus(name, texts_of("corpus"), seen=load_training_hashes())
        return _corpus("openwebtext-10k", sample_texts())
    if not spec:
        raise BadInput("`corpus` is empty: give a file, a folder, or a dataset as hf:owner/name.", settings=("corpus",))
    repairs = Repairs()
    if (descriptor := _descriptor(spec)) is not None:
        name = "standard input" if descriptor == 0 else spec
        return _corpus(name, piped_texts(descriptor, name, default_cache_dir(), repairs), repairs=repairs)
    path = Path(os.path.expanduser(spec))
    if path.is_file() or path.is_dir():
        files = FileTexts(path, repairs, default_cache_dir())
        return _checked(path.name or str(path.resolve()), Texts(files, files.read()), repairs)
    if path.exists():
        raise BadInput(
            f"{spec} is neither a file nor a folder: send it to standard input and give `corpus=-`.",
            settings=("corpus",),
        )
    if looks_like_dataset(spec):
        return _corpus(spec.removeprefix("hf:"), dataset_texts(spec, max_tokens))
    raise BadInput(f"there is no corpus {spec}: give a file, a folder, or a dataset as hf:owner/name.")


def _corpus(
    name: str,
    texts: Iterable[tuple[str, str]],
    seen: NDArray[np.uint32] | None = None,
    repairs: Repairs | None = None,
) -> Corpus:
    """A corpus of (name, text) that come as a stream."""
    spool = Spool(default_cache_dir())
    return _checked(name, Texts(spool, spool.keep(texts)), repairs or Repairs(), seen)


def _checked(name: str, texts: Texts, repairs: Repairs, seen: NDArray[np.uint32] | None = None) -> Corpus:
    line = repairs.line(len(texts), texts.n_repeated)
    if not texts:
        why = f"; {line[0].lower()}{line[1:]}" if line else ": there is no text in it."
        raise BadInput(f"the corpus {name} is empty{why}")
    return Corpus(name, texts, seen, (line,) if line else ())
