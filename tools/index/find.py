"""Where indexes are kept, and which of them fits a model and a corpus."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tools.errors import BadInput
from tools.index.files import MANIFEST
from tools.index.store import BUILDING, ActivationIndex, OtherVersion
from tools.subject.protocol import SubjectModel


def index_folder(cache_dir: Path, model: str, corpus: str, dtype: str) -> Path:
    """Where the index of a model and a split corpus, both given by fingerprint, is kept."""
    return cache_dir / "indexes" / f"{model[:16]}-{corpus[:16]}{'-bf16' if dtype == 'bfloat16' else ''}"


@dataclass(frozen=True)
class Source:
    """Where an index's texts are from. Of a dataset one reads as much as one wants, so it goes by its name.

    Attributes:
        texts: fingerprint of the texts before they were tokenised and split.
        dataset: the name of the dataset that they are the beginning of; None for any other corpus, which is read whole.
    """

    texts: str
    dataset: str | None = None


def find_index(cache_dir: Path, subject: SubjectModel, source: Source) -> ActivationIndex | None:
    """The index of this model over these texts that has read most of them; float32 before bfloat16.

    Raises:
        StorageError: an index of this model is damaged.
    """
    found = [
        index
        for path in sorted((cache_dir / "indexes").glob(f"{subject.fingerprint[:16]}-*/{MANIFEST}"))
        if not path.parent.name.endswith(BUILDING)
        and (index := _opened(path.parent)) is not None
        and _is_of(index, source)
        and index.manifest["model"]["tokenizer"] == subject.tokenizer.fingerprint
    ]
    return max(found, key=lambda i: (i.manifest["corpus"]["n_tokens"], i.dtype == "float32"), default=None)


def check_source(index: ActivationIndex, source: Source, corpus: str) -> None:
    """Refuse an index of other texts than those of `corpus`, as typed.

    Raises:
        BadInput: it is of others.
    """
    if not _is_of(index, source):
        raise BadInput(
            f"the index {index.folder} is of the corpus {index.manifest['corpus']['name']}, not of {corpus}: leave one "
            "of them out."
        )


def _is_of(index: ActivationIndex, source: Source) -> bool:
    about = index.manifest["corpus"]
    return bool(about["dataset"] == source.dataset if source.dataset else about["texts"] == source.texts)


def _opened(folder: Path) -> ActivationIndex | None:
    """None for an index of another version, which is not in the way of a new one."""
    try:
        return ActivationIndex(folder)
    except OtherVersion:
        return None
