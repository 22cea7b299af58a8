"""One shard of an index: the job of a worker, which needs nothing but the job's arguments and the model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tools.errors import BadInput
from tools.evidence.splits.split_corpus import PARTS
from tools.index.keys import sample_rows, top_rows
from tools.index.layout import Shard, rows_by_length
from tools.index.shape import STATISTICS_EXCERPTS, IndexShape

if TYPE_CHECKING:
    from tools.index.sweep import Kept, Statistics
    from tools.subject.lean import LeanModel

ShardArrays = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class ShardWork:
    """What all shards of an index have in common.

    Attributes:
        model: a name or a folder, looked up where the worker runs.
        fingerprint: what the model found there must have.
        device: cpu or cuda.
        dtype: float32 or bfloat16.
        top: entries kept of each part.
        batch: excerpts of a batch, at most.
        run: names this build, so that a worker begins afresh with the next one.
        trust_remote_code: whether Python code that the model's folder brings may run.
    """

    model: str
    fingerprint: str
    device: str
    dtype: str
    top: int
    batch: int
    run: str
    trust_remote_code: bool = False


@dataclass
class _Worker:
    """What a worker keeps between shards: the model, and by part what it has met so far.

    That only spares it from reporting what cannot be among the best: what is beaten by fewer than `top` others in all
    the text is beaten by fewer in any part of it, so which shards a worker has met changes nothing in the end.
    """

    subject: LeanModel
    kept: dict[int, Kept]


_WORKERS: dict[ShardWork, _Worker] = {}


def index_shard(work: ShardWork, shard: Shard, tokens: NDArray[Any], lengths: NDArray[np.uint8]) -> ShardArrays:
    """Read every neuron on the texts of a shard.

    Args:
        work: what all shards have in common.
        shard: which rows these are.
        tokens: [n, width] token ids.
        lengths: [n].

    Returns:
        `top_slots`, `top_keys`: what may be among the largest, by neuron (layer * d_mlp + index). For explore text
        also `sample_slots` (neuron * VALUE_BINS + bin) and `sample_keys`, and for rows of the statistics sample
        `sums`, `excerpts` and `tokens`, as in `tools.index.sweep.Statistics` but for the counts, which are uint32.

    Raises:
        BadInput: the model is another one here, or damaged, or does not fit into memory.
        NotAvailable: the model is not here.
    """
    import torch

    from tools.index.sweep import Kept, Statistics, sweep

    # values may differ in their last bits with the number of threads, and an index must not
    torch.set_num_threads(1)
    worker = _worker(work)
    subject = worker.subject
    shape = IndexShape(subject.n_layers, subject.d_mlp, work.top)
    is_explore = PARTS[shard.part] == "explore"
    if shard.part not in worker.kept:
        worker.kept[shard.part] = Kept(shape, is_explore, torch.device(work.device))
    kept = worker.kept[shard.part]
    has_statistics = is_explore and shard.first < STATISTICS_EXCERPTS
    statistics: Statistics | None = Statistics.empty(shape) if has_statistics else None
    try:
        for batch in rows_by_length(lengths, work.batch):
            width = int(lengths[batch[0]])
            ids = np.full((len(batch), 1 + width), subject.bos, dtype=np.int64)
            ids[:, 1:] = tokens[batch, :width]
            sweep(subject, ids, shard.first + batch, kept, statistics)
    except torch.cuda.OutOfMemoryError as error:
        raise BadInput(
            f"{work.batch} excerpts at once do not fit into the memory of this GPU: lower `batch_excerpts`.",
            settings=("batch_excerpts",),
        ) from error
    return _reported(kept, shard, statistics)


def _worker(work: ShardWork) -> _Worker:
    if work not in _WORKERS:
        from tools.subject.load import lean_reader
        from tools.subject.resolve import resolve

        folder = resolve(work.model, lambda: True, trust_remote_code=work.trust_remote_code)
        subject = lean_reader(folder, work.device, work.dtype)
        if subject is None or subject.fingerprint != work.fingerprint:
            raise BadInput(
                f"{work.model} on this worker ({Path(folder.path)}) has other weights than where the index is built: "
                "fetch the same model on every machine."
            )
        _WORKERS.clear()  # one model at a time
        _WORKERS[work] = _Worker(subject, {})
    return _WORKERS[work]


def _reported(kept: Kept, shard: Shard, statistics: Statistics | None) -> ShardArrays:
    """What the rows of this shard have added."""

    def own(keys: NDArray[np.uint64], rows: NDArray[np.int64]) -> tuple[NDArray[np.uint32], NDArray[np.uint64]]:
        slot, place = np.nonzero((rows >= shard.first) & (rows < shard.end))
        return slot.astype(np.uint32), keys[slot, place]

    out: ShardArrays = {}
    out["top_slots"], out["top_keys"] = own(kept.top, top_rows(kept.top))
    if kept.has_sample:
        out["sample_slots"], out["sample_keys"] = own(kept.sample, sample_rows(kept.sample))
    if statistics is not None:
        counts = {"excerpts": statistics.excerpts, "tokens": statistics.tokens}
        out |= {"sums": statistics.sums} | {name: count.astype(np.uint32) for name, count in counts.items()}
    return out
