"""What an index is to be, byte for byte, and how much of it an earlier build has left."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tools.cache import remove
from tools.errors import BadInput, StorageError
from tools.evidence.splits.split_corpus import PARTS, SplitCorpus
from tools.evidence.texts.names import NAME_FILES
from tools.index.files import MANIFEST, block_sums, mapped, read_manifest, sha256_of, write_manifest
from tools.index.find import Source
from tools.index.layout import BLOCK_EXCERPTS, TOKENS, write_texts
from tools.index.shape import INDEX_VERSION, STATISTICS_EXCERPTS
from tools.index.shard import ShardWork
from tools.index.store import ActivationIndex
from tools.subject.lean import LeanModel

PLAN = "plan.json"
_TEXTS = ("lengths.npy", "documents.npy", "ids.npy", "texts.npy", *NAME_FILES)
_BATCH_BYTES = {"cpu": 1 << 27, "cuda": 1 << 32}
_MIN_BATCH, _MAX_BATCH = 4, 512
_SHARD_WEIGHTS = {"cpu": 512 * 100_000_000, "cuda": 16_384 * 100_000_000}  # excerpts of a shard times the model's
_MIN_SHARD, _MAX_SHARD = 128, 2048


@dataclass(frozen=True)
class BuildOptions:
    """How an index is computed.

    Attributes:
        device: cpu or cuda, on every worker.
        dtype: float32, or bfloat16 for screening: twice as many entries are kept, and values are read again in float32
            when they are shown or used.
        batch: excerpts at once; None for as many as take about 128 MB on a CPU and 4 GB on a GPU, beside the model.
            Values may differ in their last bits with it, so it does not depend on what memory is free.
        sample_tokens: size of the shared random sample, over all parts.
        is_whole: whether the corpus is all that there is of its texts, and not their beginning.
    """

    device: str = "cpu"
    dtype: str = "float32"
    batch: int | None = None
    sample_tokens: int = 150_000
    is_whole: bool = True


def finished(folder: Path, plan: dict[str, Any]) -> ActivationIndex | None:
    """The index that is asked for, checked; None where nothing is there yet.

    Raises:
        BadInput: something else is there.
        StorageError: it is damaged.
    """
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return None
    if not (folder / MANIFEST).is_file():
        raise BadInput(f"{folder} is there already and is no index: name another folder with `out`.", settings=("out",))
    index = ActivationIndex(folder)
    if not is_planned(index.manifest, plan):
        raise BadInput(
            f"{folder} holds another index: remove it, or name another folder with `out`.", settings=("out",)
        )
    index.check_all()
    return index


def batch_for(subject: LeanModel, device: str, width: int) -> int:
    """How many excerpts of `width` tokens at once, a power of two.

    A layer holds some four arrays of its neurons' size at the same time.
    """
    each = 4 * 4 * subject.d_mlp * (width + 1)
    fitting = max(1, _BATCH_BYTES[device] // each)
    return max(_MIN_BATCH, min(_MAX_BATCH, 1 << (fitting.bit_length() - 1)))


def plan_of(
    subject: LeanModel, corpus: SplitCorpus, source: Source, options: BuildOptions, work: ShardWork
) -> dict[str, Any]:
    """What decides every byte of an index."""
    weights = subject.n_layers * subject.d_model * (4 * subject.d_model + 2 * subject.d_mlp)
    size = _SHARD_WEIGHTS[options.device] // max(weights, 1)
    size = 1 << max(0, size.bit_length() - 1)
    return {
        "version": INDEX_VERSION,
        "model": {
            "name": subject.name,
            "fingerprint": subject.fingerprint,
            "tokenizer": subject.tokenizer.fingerprint,
        },
        "corpus": {
            "name": corpus.name,
            "fingerprint": corpus.fingerprint,
            "texts": source.texts,
            "dataset": source.dataset,
            "n_tokens": corpus.n_tokens,
            "is_whole": options.is_whole,
        },
        "counts": {name: value for name, value in vars(corpus.counts).items() if name != "n_tokens"},
        "values": {
            "dtype": options.dtype,
            "device": options.device,
            "batch_excerpts": work.batch,
            "shard_excerpts": max(_MIN_SHARD, min(_MAX_SHARD, size)),
        },
        "shape": {"n_layers": subject.n_layers, "d_mlp": subject.d_mlp, "top": work.top},
        "sample_tokens": options.sample_tokens,
    }


def is_whole(building: Path, plan: dict[str, Any]) -> bool:
    """Whether an earlier build was ended between its last file and its new name."""
    try:
        index = ActivationIndex(building)
        index.check_all()
    except (BadInput, StorageError):
        return False
    is_checked = plan["values"]["dtype"] == "float32" or "against_float32" in index.manifest
    return is_checked and is_planned(index.manifest, plan)


def is_planned(found: dict[str, Any], plan: dict[str, Any]) -> bool:
    """Whether a plan leads to an index. Names say nothing: a model or a corpus may have been moved."""

    def nameless(key: str) -> Any:
        value = found.get(key)
        return {**value, "name": plan[key].get("name")} if isinstance(value, dict) and "name" in value else value

    return all(nameless(key) == value for key, value in plan.items())


def begun_texts(building: Path, plan: dict[str, Any], corpus: SplitCorpus, d_vocab: int) -> dict[str, Any]:
    """Write the texts where an earlier build has not, or where they were damaged since; what the manifest says of them.

    Raises:
        BadInput: another index was begun here.
    """
    try:
        found = read_manifest(building / PLAN)
    except StorageError:
        found = {}
    if found and not is_planned(found["plan"], plan):
        raise BadInput(
            f"{building} holds what was computed of another index, or with other options: finish that one with the "
            "command that began it, remove the folder, or name another one with `out`.",
            settings=("out",),
        )
    texts: dict[str, Any] = found.get("texts", {})
    if texts and _are_whole(building, texts, corpus.width):
        return texts
    for old in building.iterdir():
        remove(old)
    texts = _described(building, plan, write_texts(corpus, d_vocab, building))
    (building / "shards").mkdir()
    (building / PLAN).mkdir()
    write_manifest(building / PLAN, {"plan": plan, "texts": texts})
    return texts


def _described(building: Path, plan: dict[str, Any], n_excerpts: list[int]) -> dict[str, Any]:
    """What the manifest says of texts that have just been written."""
    lengths = np.load(building / "lengths.npy", mmap_mode="r")
    tokens = np.load(building / TOKENS, mmap_mode="r")
    share = min(1.0, plan["sample_tokens"] / max(int(lengths.sum(dtype=np.int64)), 1))
    n_statistics = min(STATISTICS_EXCERPTS, n_excerpts[0])
    return {
        "excerpts": dict(zip(PARTS, n_excerpts, strict=True)),
        "sample": {part: int(np.ceil(share * count)) for part, count in zip(PARTS, n_excerpts, strict=True)},
        "statistics": {"excerpts": n_statistics, "tokens": int(lengths[:n_statistics].sum(dtype=np.int64))},
        "token_type": tokens.dtype.str,
        "token_blocks": block_sums(tokens, BLOCK_EXCERPTS),
        "files": {name: sha256_of(building / name) for name in _TEXTS},
    }


def _are_whole(building: Path, texts: dict[str, Any], width: int) -> bool:
    """Whether texts are still as they were written."""
    shape = (sum(texts["excerpts"].values()), width)
    try:
        tokens = mapped(building / TOKENS, np.dtype(texts["token_type"]), shape)
        return block_sums(tokens, BLOCK_EXCERPTS) == texts["token_blocks"] and all(
            sha256_of(building / name) == expected for name, expected in texts["files"].items()
        )
    except (OSError, StorageError):
        return False
