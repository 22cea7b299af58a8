"""Building an index: shards out to workers, their findings back, and what is best of all of them on disk.

What a shard found is kept as it comes, so a build that was ended by anything goes on from there. The result is the same
whatever the number of workers and the order in which they end.
"""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any, overload

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from tools.cache import remove
from tools.engine.protocol import Engine
from tools.errors import AgentError, BadInput, StorageError
from tools.evidence.progress import Progress
from tools.evidence.splits.split_corpus import PARTS, SplitCorpus
from tools.index.files import read_arrays, sha256_of, write_arrays, write_manifest
from tools.index.find import Source
from tools.index.keys import EMPTY, keep_lowest
from tools.index.layout import TOKENS, Shard, shards_of
from tools.index.neuron import top_entries
from tools.index.neuron_report import bfloat16_error
from tools.index.plan import PLAN, BuildOptions, batch_for, begun_texts, finished, is_whole, plan_of
from tools.index.shape import PER_BIN, TOP, TOP_BFLOAT16, VALUE_BINS, IndexShape
from tools.index.shard import ShardWork, index_shard
from tools.index.store import BUILDING, ActivationIndex, layer_file
from tools.records.neuron import NeuronId
from tools.subject.lean import LeanModel

_CHECKED_NEURONS, _CHECKED_EXCERPTS = 8, 5  # a layer, and of each neuron


def build_index(
    subject: LeanModel,
    model: str,
    corpus: SplitCorpus,
    source: Source,
    folder: Path,
    options: BuildOptions,
    engine: Engine,
    progress: Progress,
) -> ActivationIndex:
    """Read every neuron of a model over a corpus, or go on where an earlier build was ended.

    Args:
        subject: the model, on this machine and in float32.
        model: where a worker finds it: a name or a folder.
        corpus: the texts, all parts of them.
        source: where the texts are from.
        folder: where the index goes; beside it stands `<folder>.building` until it is whole.
        options: how to compute.
        engine: who computes.
        progress: counts excerpts.

    Raises:
        BadInput: the folder holds something else, or a worker has another model.
        StorageError: the disk is full or damaged, or another process builds this index.
    """
    work = ShardWork(
        model=model,
        fingerprint=subject.fingerprint,
        device=options.device,
        dtype=options.dtype,
        top=TOP_BFLOAT16 if options.dtype == "bfloat16" else TOP,
        batch=options.batch or batch_for(subject, options.device, corpus.width),
        run=uuid.uuid4().hex,
        trust_remote_code=subject.folder.trust_remote_code,
    )
    shape = IndexShape(subject.n_layers, subject.d_mlp, work.top)
    plan = plan_of(subject, corpus, source, options, work)
    building = folder.with_name(folder.name + BUILDING)
    lock = building.with_name(f"{building.name}.lock")
    try:
        if (index := finished(folder, plan)) is not None:
            return index
        building.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(lock, timeout=0):
            if finished(folder, plan) is None:  # it may have been built since
                _finish(building, plan, work, subject, corpus, shape, engine, progress)
                building.replace(folder)
            with contextlib.suppress(OSError):  # where open files cannot be removed
                lock.unlink()
    except Timeout as error:
        raise StorageError(
            f"another process is building {folder}: wait for it, or name another folder with `out`.",
            settings=("out",),
        ) from error
    except OSError as error:
        raise StorageError(
            f"cannot write to {building} ({error.strerror or error}): free some space there, or name another folder "
            "with `out` or NEURON_AGENT_CACHE. What was computed is kept, and the same command goes on from there.",
            settings=("out",),
        ) from error
    return ActivationIndex(folder)


def _finish(
    building: Path,
    plan: dict[str, Any],
    work: ShardWork,
    subject: LeanModel,
    corpus: SplitCorpus,
    shape: IndexShape,
    engine: Engine,
    progress: Progress,
) -> None:
    """Bring a folder from wherever it is to a whole index."""
    building.mkdir(exist_ok=True)
    if not is_whole(building, plan):
        texts = begun_texts(building, plan, corpus, subject.tokenizer.d_vocab)
        shards = shards_of([texts["excerpts"][part] for part in PARTS], plan["values"]["shard_excerpts"])
        _compute(building, work, shards, engine, progress)
        _assemble(building, plan, texts, shards, shape)
        if work.dtype == "bfloat16":
            _check_rounding(building, subject)
    remove(building / "shards")
    remove(building / PLAN)


class _Jobs(Sequence[tuple[Any, ...]]):
    """The arguments of each shard's job, read from disk when they are asked for."""

    def __init__(self, building: Path, work: ShardWork, shards: list[Shard]) -> None:
        self._work, self._shards = work, shards
        self._tokens = np.load(building / TOKENS, mmap_mode="r")
        self._lengths = np.load(building / "lengths.npy", mmap_mode="r")

    def __len__(self) -> int:
        return len(self._shards)

    @overload
    def __getitem__(self, number: int) -> tuple[Any, ...]: ...
    @overload
    def __getitem__(self, number: slice) -> list[tuple[Any, ...]]: ...
    def __getitem__(self, number: int | slice) -> tuple[Any, ...] | list[tuple[Any, ...]]:
        if isinstance(number, slice):
            return [self[i] for i in range(*number.indices(len(self)))]
        shard = self._shards[number]
        rows = slice(shard.first, shard.end)
        return self._work, shard, np.array(self._tokens[rows]), np.array(self._lengths[rows])


def _compute(building: Path, work: ShardWork, shards: list[Shard], engine: Engine, progress: Progress) -> None:
    """Have every shard computed that is not there yet."""
    missing = [shard for shard in shards if read_arrays(_shard_file(building, shard)) is None]
    n_missing = sum(shard.end - shard.first for shard in missing)
    n_there = shards[-1].end - n_missing
    kept = f" ({n_there:,} excerpts were read earlier)" if n_there else ""
    progress.start(n_missing, f"reading every neuron of {Path(work.model).name}{kept}")
    try:
        outcomes = engine.run(index_shard, _Jobs(building, work, missing))
        try:
            for number, outcome in outcomes:
                shard = missing[number]
                if isinstance(outcome, AgentError):
                    raise outcome
                if isinstance(outcome, Exception):
                    raise BadInput(
                        f"excerpts {shard.first}-{shard.end - 1} could not be read ({type(outcome).__name__}: "
                        f"{outcome}); what was computed is kept, and the same command goes on from there."
                    ) from outcome
                write_arrays(_shard_file(building, shard), outcome)
                progress.advance(shard.end - shard.first)
        finally:
            outcomes.close()
    finally:
        progress.finish()


def _shard_file(building: Path, shard: Shard) -> Path:
    return building / "shards" / f"{shard.number:06}.shard"


def _assemble(
    building: Path, plan: dict[str, Any], texts: dict[str, Any], shards: list[Shard], shape: IndexShape
) -> None:
    """Merge what all shards found, write the layers, and last the manifest."""
    n = shape.n_layers * shape.d_mlp
    top = np.full((len(PARTS), n, shape.top), EMPTY)
    sample = np.full((n * VALUE_BINS, PER_BIN), EMPTY)
    sums = np.zeros((shape.n_layers, shape.d_mlp, 4))
    counts: dict[str, NDArray[np.int64]] = {}
    for shard in shards:  # in their order: sums of floats depend on it
        found = read_arrays(_shard_file(building, shard))
        if found is None:
            _shard_file(building, shard).unlink(missing_ok=True)
            raise StorageError(
                f"{_shard_file(building, shard)} was damaged after it was written, and has been removed: "
                "run the same command again, which computes it anew."
            )
        keep_lowest(top[shard.part], found["top_slots"].astype(np.int64), found["top_keys"])
        if "sample_slots" in found:
            keep_lowest(sample, found["sample_slots"].astype(np.int64), found["sample_keys"])
        if "sums" in found:
            sums += found["sums"]
            for name in ("excerpts", "tokens"):
                counts[name] = counts.get(name, 0) + found[name]
    for layer in range(shape.n_layers):
        own = slice(layer * shape.d_mlp, (layer + 1) * shape.d_mlp)
        records = np.zeros(shape.d_mlp, dtype=shape.record)
        records["top"] = top[:, own].transpose(1, 0, 2)
        records["sample"] = sample.reshape(n, VALUE_BINS, PER_BIN)[own]
        records["sums"] = sums[layer]
        records["excerpts"], records["tokens"] = counts["excerpts"][layer], counts["tokens"][layer]
        with (building / layer_file(layer)).open("wb") as file:
            np.save(file, records)
    layers = {name: sha256_of(building / name) for name in map(layer_file, range(shape.n_layers))}
    write_manifest(building, plan | texts | {"files": texts["files"] | layers})


def _check_rounding(building: Path, subject: LeanModel) -> None:
    """Put into the manifest how far bfloat16 is from float32, on the largest values of some neurons of each layer."""
    index = ActivationIndex(building)
    neurons, found = [], []
    for layer in range(subject.n_layers):
        for index_in_layer in range(0, subject.d_mlp, max(1, subject.d_mlp // _CHECKED_NEURONS)):
            neuron = NeuronId(layer, index_in_layer)
            entries = top_entries(index, neuron, "explore")
            neurons.append(neuron)
            found.append((index.excerpts(entries.rows[:_CHECKED_EXCERPTS]), entries.values[:_CHECKED_EXCERPTS]))
    write_manifest(building, index.manifest | {"against_float32": bfloat16_error(subject, neurons, found)})
