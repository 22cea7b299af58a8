"""An index's entries as single integers: the order of the integers is the order of the entries.

An entry says in which excerpt (`row` of the index) and at which position a neuron had its largest value, and which.
Ascending, *top* keys go from the largest value down and, among equal values, from the first row on; *sample* keys go by
row alone. Nothing is rounded, so the k smallest of any two sets of entries are the k smallest of their union, in
whatever order they came.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

ROW_BITS, POSITION_BITS, VALUE_BITS = 26, 6, 32
MAX_ROWS = 1 << ROW_BITS
EMPTY = np.uint64(0xFFFF_FFFF_FFFF_FFFF)
"""No entry; larger than every key."""

Keys = NDArray[np.uint64]
_HALF = np.int64(1) << 31
_ALL = np.uint64(0xFFFF_FFFF)


@dataclass(frozen=True)
class Entries:
    """Entries of one neuron.

    Attributes:
        rows: int64 [n], excerpts by their row in the index.
        positions: int64 [n], token positions, 0-63.
        values: float32 [n], raw.
    """

    rows: NDArray[np.int64]
    positions: NDArray[np.int64]
    values: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.rows)


def ordered(values: NDArray[np.float32]) -> NDArray[np.int32]:
    """Integers in the order of finite float32 `values`, equal where they are equal (both zeros are)."""
    bits = (values + np.float32(0)).view(np.int32)
    out: NDArray[np.int32] = bits ^ ((bits >> 31) & np.int32(0x7FFF_FFFF))
    return out


def _from_ordered(integers: NDArray[np.int32]) -> NDArray[np.float32]:
    out: NDArray[np.float32] = (integers ^ ((integers >> 31) & np.int32(0x7FFF_FFFF))).view(np.float32)
    return out


def top_keys(integers: NDArray[np.int32], rows: NDArray[np.int64], positions: NDArray[np.int64]) -> Keys:
    """Keys by value descending, then row ascending; values as `ordered` gives them."""
    falling = (_HALF - 1 - integers.astype(np.int64)).astype(np.uint64)
    where = ((rows << POSITION_BITS) | positions).astype(np.uint64)
    return (falling << np.uint64(VALUE_BITS)) | where


def worst_value(keys: Keys) -> NDArray[np.int32]:
    """The values, as `ordered` gives them, of top keys; the least there is where a key is empty."""
    return (_HALF - 1 - (keys >> np.uint64(VALUE_BITS)).astype(np.int64)).astype(np.int32)


def sample_keys(integers: NDArray[np.int32], rows: NDArray[np.int64], positions: NDArray[np.int64]) -> Keys:
    """Keys by row ascending; values as `ordered` gives them."""
    where = ((rows << POSITION_BITS) | positions).astype(np.uint64)
    return (where << np.uint64(VALUE_BITS)) | (integers.astype(np.int64) + _HALF).astype(np.uint64)


def parse_top_keys(keys: Keys) -> Entries:
    """What `top_keys` was made of; empty keys are left out."""
    keys = keys[keys != EMPTY]
    return _entries(keys & _ALL, worst_value(keys))


def parse_sample_keys(keys: Keys) -> Entries:
    """What `sample_keys` was made of; empty keys are left out."""
    keys = keys[keys != EMPTY]
    return _entries(keys >> np.uint64(VALUE_BITS), ((keys & _ALL).astype(np.int64) - _HALF).astype(np.int32))


def _entries(where: Keys, integers: NDArray[np.int32]) -> Entries:
    place = where.astype(np.int64)
    return Entries(place >> POSITION_BITS, place & ((1 << POSITION_BITS) - 1), _from_ordered(integers))


def top_rows(keys: Keys) -> NDArray[np.int64]:
    """Rows of top keys; at least `MAX_ROWS` - 1 where empty."""
    return ((keys & _ALL) >> np.uint64(POSITION_BITS)).astype(np.int64)


def sample_rows(keys: Keys) -> NDArray[np.int64]:
    """Rows of sample keys; `MAX_ROWS` - 1 where empty."""
    return (keys >> np.uint64(VALUE_BITS + POSITION_BITS)).astype(np.int64)


def keep_lowest(state: Keys, slots: NDArray[np.int64], keys: Keys) -> None:
    """Let keys compete for the places of their slots, in place.

    Args:
        state: [n_slots, k], each row sorted; the k lowest keys that a slot has met.
        slots: int64 [n], ascending; the slot of each new key.
        keys: [n].
    """
    if not len(slots):
        return
    k = state.shape[1]
    starts = np.flatnonzero(np.concatenate([[True], slots[1:] != slots[:-1]]))
    counts = np.diff(np.append(starts, len(slots)))
    held = slots[starts]
    block = np.full((len(held), k + int(counts.max())), EMPTY)
    block[:, :k] = state[held]
    group = np.repeat(np.arange(len(held)), counts)
    block[group, k + np.arange(len(slots)) - starts[group]] = keys
    block.sort(axis=1)
    state[held] = block[:, :k]
