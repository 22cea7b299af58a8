"""One pass over the corpus for a layer: the inputs of its MLP, from which every neuron of the layer is read."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from copy import copy
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tools.cache import remove, written_whole
from tools.errors import StorageError
from tools.evidence.progress import Progress
from tools.evidence.splits.split_corpus import PARTS, SplitCorpus
from tools.records.excerpts import Excerpts
from tools.sizes import size_text
from tools.subject.protocol import FloatArray, SubjectModel

_VERSION = 1
_BATCH = 64
_BLOCK = 16 * _BATCH  # excerpts held in memory and written at once
_READ_TOKENS = 16_384  # tokens of one dot product, small enough to stay in a core's cache
_MANIFEST = "manifest.json"


class LayerScan:
    """What a layer's neurons are computed from. It hands out no values: `neuron_evidence` does, split by split.

    Attributes:
        subject: the model that was read, or the view of it through which neurons are read.
        corpus: what it was read on.
        layer: zero-based.
        folder: where the scan is cached.
        notes: what the user should know, such as a damaged cache that was written anew.
    """

    def __init__(
        self, subject: SubjectModel, corpus: SplitCorpus, layer: int, folder: Path, notes: tuple[str, ...]
    ) -> None:
        self.subject = subject
        self.corpus = corpus
        self.layer = layer
        self.folder = folder
        self.notes = notes
        # copy-on-write, since torch warns of arrays that it could not write to
        self._inputs: dict[str, FloatArray] = {part: np.load(_file(folder, part), mmap_mode="c") for part in PARTS}

    def viewed_as(self, subject: SubjectModel) -> LayerScan:
        """The same scan, its neurons read through another view of the model."""
        other = copy(self)
        other.subject = subject
        return other


def scan_layer(
    subject: SubjectModel, corpus: SplitCorpus, layer: int, cache_dir: Path, progress: Progress
) -> LayerScan:
    """Read the MLP inputs of `layer` over the whole corpus, or find them in the cache.

    The cache takes 4 * d_model bytes a token. `progress` counts excerpts, and is not started when the cache serves.

    Raises:
        StorageError: the cache folder is full or cannot be written.
    """
    folder = cache_dir / "scans" / f"{subject.fingerprint[:16]}-{corpus.fingerprint[:16]}-L{layer}"
    manifest = _manifest(subject, corpus, layer)
    notes: tuple[str, ...] = ()
    if folder.exists():
        if _is_whole(folder, manifest):
            return LayerScan(subject, corpus, layer, folder, notes)
        notes = (f"the cached scan in {folder} was damaged and has been written anew.",)
    progress.start(sum(len(excerpts_of(corpus, part)) for part in PARTS), f"reading layer {layer}")
    try:
        with written_whole(folder) as partial:
            remove(folder)
            partial.mkdir()
            _check_space(partial, sum(manifest["bytes"].values()))
            for part in PARTS:
                _write(_file(partial, part), subject, excerpts_of(corpus, part), layer, progress)
            (partial / _MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n")
    finally:
        progress.finish()
    return LayerScan(subject, corpus, layer, folder, notes)


def _part_values(scan: LayerScan, part: str, index: int) -> FloatArray:
    """Raw values of one neuron on one split or fold, float32 [n, width], 0 past the end. For this package alone."""
    inputs, mask = scan._inputs[part], excerpts_of(scan.corpus, part).mask
    values = np.zeros(mask.shape, dtype=np.float32)
    chunks = (inputs[first : first + _READ_TOKENS] for first in range(0, len(inputs), _READ_TOKENS))
    values[mask] = np.concatenate([scan.subject.neuron_values(np.asarray(c), scan.layer, index) for c in chunks])
    return values


def excerpts_of(corpus: SplitCorpus, part: str) -> Excerpts:
    """The texts of a split, or of a fold of the sealed split. For evidence and indexes, which read all parts alike."""
    if part.startswith("sealed-"):
        return corpus.sealed.open(int(part.removeprefix("sealed-")))
    return {"explore": corpus.explore, "probe": corpus.probe, "development": corpus.development}[part]


def _file(folder: Path, part: str) -> Path:
    return folder / f"{part}.npy"


def _header(excerpts: Excerpts, d_model: int) -> dict[str, Any]:
    return {"descr": "<f4", "fortran_order": False, "shape": (int(excerpts.lengths.sum()), d_model)}


def _manifest(subject: SubjectModel, corpus: SplitCorpus, layer: int) -> dict[str, Any]:
    sizes = {part: 4 * subject.d_model * int(excerpts_of(corpus, part).lengths.sum()) for part in PARTS}
    return {
        "version": _VERSION,
        "model": subject.fingerprint,
        "corpus": corpus.fingerprint,
        "layer": layer,
        "bytes": sizes,
    }


def _is_whole(folder: Path, manifest: dict[str, Any]) -> bool:
    try:
        if json.loads((folder / _MANIFEST).read_text()) != manifest:
            return False
        for part, n_bytes in manifest["bytes"].items():
            found = np.load(_file(folder, part), mmap_mode="r")
            if found.dtype != np.float32 or found.ndim != 2 or found.nbytes != n_bytes:
                return False
    except (OSError, ValueError):
        return False
    return True


def _check_space(folder: Path, n_bytes: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < n_bytes:
        raise StorageError(
            f"the scan of this layer needs {size_text(n_bytes)} in {folder.parent} and {size_text(free)} are free: "
            "free some space there, lower `corpus_tokens`, or name another folder with NEURON_AGENT_CACHE.",
            settings=("corpus_tokens",),
        )


def _write(path: Path, subject: SubjectModel, excerpts: Excerpts, layer: int, progress: Progress) -> None:
    # written in order with plain writes: on a full disk a memory map would end the process by a signal
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, _header(excerpts, subject.d_model))
        for first in range(0, len(excerpts), _BLOCK):
            rows = np.arange(first, min(first + _BLOCK, len(excerpts)))
            block = excerpts.take(rows)
            inputs = np.zeros((*block.tokens.shape, subject.d_model), dtype=np.float32)
            for batch in _batches(block):
                width = int(block.lengths[batch].max())
                tokens = np.maximum(block.tokens[batch, :width], 0)
                inputs[batch, :width] = subject.mlp_input(tokens, block.lengths[batch], layer)
                progress.advance(len(batch))
            file.write(inputs[block.mask].data)


def _batches(excerpts: Excerpts) -> Iterator[NDArray[np.int64]]:
    """Rows in batches of 64 or fewer: the full excerpts as they come, the short ones by length, to pad little."""
    order = np.argsort(-excerpts.lengths, kind="stable")
    n_full = int((excerpts.lengths == excerpts.width).sum())
    for rows in (order[:n_full], order[n_full:]):
        for first in range(0, len(rows), _BATCH):
            yield rows[first : first + _BATCH]
