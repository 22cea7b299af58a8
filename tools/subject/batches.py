"""From right-padded token batches to bounded, validated chunks with BOS in front; shared by every subject model."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from tools.errors import BadInput
from tools.subject.protocol import FloatArray, TokenArray

CHUNK_TOKENS = 2048


def chunks(
    tokens: TokenArray, lengths: NDArray[np.int64], *, bos: int, d_vocab: int, n_ctx: int, most: int | None = None
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Yield (rows, ids): row numbers [rows] and int64 token ids [rows, 1 + width] with BOS first and 0 as padding.

    Rows of similar length go together, at most `most` (else `CHUNK_TOKENS`) ids at a time, so that memory stays bounded
    and short texts are not padded to the longest.

    Raises:
        BadInput: a text is longer than `n_ctx`, or a token id lies outside the vocabulary.
    """
    check(tokens, lengths, d_vocab=d_vocab, n_ctx=n_ctx)
    order = np.argsort(-lengths, kind="stable")
    start = 0
    while start < len(order) and lengths[order[start]] > 0:
        width = int(lengths[order[start]])
        rows = order[start : start + max(1, (most or CHUNK_TOKENS) // (width + 1))]
        start += len(rows)
        ids = np.where(np.arange(width) < lengths[rows, None], tokens[rows, :width], 0)
        yield rows, np.concatenate([np.full((len(rows), 1), bos), ids], axis=1).astype(np.int64)


def map_chunks(
    compute: Callable[[NDArray[np.int64]], FloatArray],
    tokens: TokenArray,
    lengths: NDArray[np.int64],
    shape: tuple[int, ...] = (),
    *,
    bos: int,
    d_vocab: int,
    n_ctx: int,
    most: int | None = None,
) -> FloatArray:
    """Apply `compute` (ids [rows, 1 + width] -> [rows, 1 + width, *shape]) chunk by chunk.

    Returns float32 [batch, pos, *shape], BOS left out, 0 at padded positions.
    """
    out = np.zeros((*tokens.shape, *shape), dtype=np.float32)
    for rows, ids in chunks(tokens, lengths, bos=bos, d_vocab=d_vocab, n_ctx=n_ctx, most=most):
        width = ids.shape[1] - 1
        values = compute(ids)[:, 1:]
        values[np.arange(width) >= lengths[rows, None]] = 0
        out[rows, :width] = values
    check_finite(out, "the model")
    return out


def check_finite(values: FloatArray, model: str) -> None:
    """Refuse readings that are NaN or infinite: they are a failure of the model, not a value.

    Raises:
        BadInput: there is one.
    """
    if not np.isfinite(values).all():
        raise BadInput(f"{model} computes values that are not finite: its weights are damaged, fetch or save it again.")


def check(tokens: TokenArray, lengths: NDArray[np.int64], *, d_vocab: int, n_ctx: int) -> None:
    """Refuse a batch that cannot be read.

    Raises:
        BadInput: shapes that do not fit, a text longer than `n_ctx`, or a token id outside the vocabulary.
    """
    if tokens.ndim != 2 or lengths.shape != tokens.shape[:1]:
        raise BadInput(f"tokens must be [batch, pos] and lengths [batch], not {tokens.shape} and {lengths.shape}.")
    if not len(lengths):
        return
    if lengths.min() < 0 or lengths.max() > tokens.shape[1]:
        raise BadInput(f"lengths must lie between 0 and the {tokens.shape[1]} positions of the batch.")
    if lengths.max() > n_ctx:
        raise BadInput(f"a text of {lengths.max()} tokens is too long: the model reads at most {n_ctx} tokens.")
    used = tokens[np.arange(tokens.shape[1]) < lengths[:, None]]
    if used.size and (used.min() < 0 or used.max() >= d_vocab):
        bad = int(used.min()) if used.min() < 0 else int(used.max())
        raise BadInput(f"token id {bad} is not in the vocabulary: ids go from 0 to {d_vocab - 1}.")
