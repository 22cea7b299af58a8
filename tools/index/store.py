"""An activation index on disk, memory-mapped: a neuron is a record, and every file is checked before it is believed.

A folder with `manifest.json`, a file of records for each layer, and the texts: whole in itself, so that it can be
copied to another machine.
"""

from __future__ import annotations

import hashlib
import json
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tools.cache import sum_of
from tools.errors import BadInput, StorageError
from tools.evidence.splits.split_corpus import PARTS, SealedTexts, SplitCorpus, SplitCounts
from tools.evidence.texts.names import NAME_FILES, Names
from tools.index.files import MANIFEST, damaged, mapped, read_manifest, sha256_of
from tools.index.layout import BLOCK_EXCERPTS, TOKENS, starts_of
from tools.index.shape import INDEX_VERSION, IndexShape
from tools.records.excerpts import Excerpts
from tools.records.neuron import NeuronId
from tools.subject.protocol import SubjectModel


class OtherVersion(StorageError):
    """An index of a format that this program does not read."""


BUILDING = ".building"
"""Ends the name of the folder beside an index's own in which it is kept until it is whole."""


def layer_file(layer: int) -> str:
    """The file of a layer's records."""
    return f"layer-{layer:03}.npy"


class ActivationIndex:
    """An index, opened. Sealed entries are for `tools.evidence` alone; whoever shows something shows explore.

    Raises:
        BadInput: on construction, where the folder is no index, or not yet.
        StorageError: the manifest is damaged or (`OtherVersion`) of another version.
    """

    def __init__(self, folder: Path) -> None:
        if not (folder / MANIFEST).is_file():
            is_begun = folder.name.endswith(BUILDING) or folder.with_name(folder.name + BUILDING).is_dir()
            what_to_do = "goes on with the one that was begun" if is_begun else "makes one"
            raise BadInput(f"there is no activation index in {folder}: `agent index build` {what_to_do}.")
        self.folder = folder
        self.manifest = read_manifest(folder)
        version = self.manifest.get("version")
        if version != INDEX_VERSION:
            raise OtherVersion(
                f"the index {folder} has format {version} and this program reads {INDEX_VERSION}: "
                "use the program that built it, or build it again with `agent index build`."
            )
        sizes = self.manifest["shape"]
        self.shape = IndexShape(sizes["n_layers"], sizes["d_mlp"], sizes["top"])
        self.n_excerpts: list[int] = [self.manifest["excerpts"][part] for part in PARTS]
        self._starts = starts_of(self.n_excerpts)
        self._layers: dict[int, NDArray[Any]] = {}
        self._good_blocks: set[int] = set()

    @property
    def dtype(self) -> str:
        """In which the values were computed: float32, or bfloat16 for screening."""
        dtype: str = self.manifest["values"]["dtype"]
        return dtype

    @property
    def fingerprint(self) -> str:
        """SHA-256 (hex) of what the index says, texts and values and all."""
        return sum_of(self.manifest)

    @property
    def n_bytes(self) -> int:
        """Its size on disk.

        Raises:
            StorageError: a file is not there.
        """
        total = 0
        for name in (*self.manifest["files"], TOKENS, MANIFEST):
            try:
                total += (self.folder / name).stat().st_size
            except OSError as error:
                raise damaged(self.folder / name, error.strerror or str(error)) from error
        return total

    def check_subject(self, subject: SubjectModel) -> None:
        """Refuse a model that is not the index's.

        Raises:
            BadInput: it has other weights or another tokenizer.
        """
        own = self.manifest["model"]
        for what, found, expected in (
            ("tokenizer", subject.tokenizer.fingerprint, own["tokenizer"]),
            ("weights", subject.fingerprint, own["fingerprint"]),
        ):
            if found != expected:
                raise BadInput(
                    f"the index {self.folder} is of {own['name']} with another {what} than {subject.name} "
                    f"(SHA-256 {expected[:12]}..., not {found[:12]}...): build one of this model with "
                    "`agent index build`, or leave the index out with `index=none`.",
                    settings=("index",),
                )

    def record(self, neuron: NeuronId) -> np.void:
        """What is kept of one neuron; see `tools.index.shape.IndexShape.record`.

        Raises:
            BadInput: there is no such neuron.
            StorageError: the layer's file is damaged.
        """
        if not (0 <= neuron.layer < self.shape.n_layers and 0 <= neuron.index < self.shape.d_mlp):
            raise BadInput(
                f"there is no neuron {neuron} in the index {self.folder}: it has layers 0-{self.shape.n_layers - 1} "
                f"and neurons 0-{self.shape.d_mlp - 1} a layer."
            )
        found: np.void = self.layer(neuron.layer)[neuron.index]
        return found

    def layer(self, layer: int) -> NDArray[Any]:
        """The records of a layer's neurons.

        Raises:
            StorageError: the file is damaged.
        """
        if layer not in self._layers:
            self._check(layer_file(layer))
            path = self.folder / layer_file(layer)
            self._layers[layer] = mapped(path, self.shape.record, (self.shape.d_mlp,))
        return self._layers[layer]

    def check_all(self) -> None:
        """Read every file and compare its checksum.

        Raises:
            StorageError: a file is damaged.
        """
        for name in self.manifest["files"]:
            self._check(name)
        for block in range(len(self.manifest["token_blocks"])):
            self._check_block(block)

    def _check(self, name: str) -> None:
        path = self.folder / name
        try:
            found = sha256_of(path)
        except OSError as error:
            raise damaged(path, error.strerror or str(error)) from error
        if found != self.manifest["files"][name]:
            raise damaged(path, "its checksum does not fit")

    @cached_property
    def _tokens(self) -> NDArray[Any]:
        dtype = np.dtype(self.manifest["token_type"])
        return mapped(self.folder / TOKENS, dtype, (int(self._starts[-1]), None))

    def _check_block(self, block: int) -> None:
        if block not in self._good_blocks:
            rows = np.ascontiguousarray(self._tokens[block * BLOCK_EXCERPTS : (block + 1) * BLOCK_EXCERPTS])
            if hashlib.sha256(rows.data).hexdigest() != self.manifest["token_blocks"][block]:
                raise damaged(self.folder / TOKENS, f"block {block} has another checksum")
            self._good_blocks.add(block)

    @cached_property
    def _columns(self) -> dict[str, NDArray[Any]]:
        kinds = {"lengths": "|u1", "documents": "<i4", "ids": "<i4", "texts": "<i4"}
        for name in kinds:
            self._check(f"{name}.npy")
        n = (int(self._starts[-1]),)
        return {name: mapped(self.folder / f"{name}.npy", np.dtype(kind), n) for name, kind in kinds.items()}

    def part_of(self, part: str) -> range:
        """The rows of a split or of a fold of the sealed split."""
        number = PARTS.index(part)
        return range(int(self._starts[number]), int(self._starts[number + 1]))

    def sample_of(self, part: str) -> range:
        """The rows of the shared random sample of a part."""
        rows = self.part_of(part)
        return range(rows.start, rows.start + self.manifest["sample"][part])

    def excerpts(self, rows: NDArray[np.int64]) -> Excerpts:
        """The texts of rows.

        Raises:
            StorageError: a file is damaged.
        """
        for block in np.unique(rows // BLOCK_EXCERPTS):
            self._check_block(int(block))
        columns = {name: np.asarray(column[rows]) for name, column in self._columns.items()}
        lengths = columns.pop("lengths").astype(np.int64)
        inside = np.arange(self._tokens.shape[1]) < lengths[:, None]
        tokens = np.where(inside, self._tokens[rows].astype(np.int32), np.int32(-1))
        return Excerpts(tokens, lengths, **columns)

    @cached_property
    def document_names(self) -> Names:
        """The name of every document of the corpus, by its number.

        Raises:
            StorageError: a file is damaged.
        """
        for name in NAME_FILES:
            self._check(name)
        return Names(self.folder)

    def sampled_corpus(self, notes: tuple[str, ...] = ()) -> SplitCorpus:
        """The shared random sample of every part, as a corpus of its own.

        Raises:
            StorageError: a file is damaged.
        """
        explore, probe, development, *folds = (
            self.excerpts(np.arange(self.sample_of(part).start, self.sample_of(part).stop)) for part in PARTS
        )
        about = self.manifest["corpus"]
        content = json.dumps([about["fingerprint"], "sample", self.manifest["sample"]])
        counts = self.manifest["counts"] | {"n_tokens": self.manifest["corpus"]["n_tokens"]}
        return SplitCorpus(
            about["name"],
            hashlib.sha256(content.encode()).hexdigest(),
            explore,
            probe,
            development,
            SealedTexts(folds),
            self.document_names,
            SplitCounts(**counts),
            notes,
        )
