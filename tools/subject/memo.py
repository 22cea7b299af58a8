"""A memo of the latest readings, so that the same texts are not read again, also for another neuron of the layer.

A batch is remembered as a whole, never text by text: the last bits of a reading depend on the batch it was part of, and
a reading must not depend on what was read before.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from tools.subject.protocol import FloatArray, TokenArray

_MOST_BYTES = 64_000_000


@dataclass
class _Entry:
    layer: int
    inputs: FloatArray
    values: dict[int, FloatArray] = field(default_factory=dict)


class Memo:
    """Readings of the batches read last, at most `most_bytes` of them. What it returns cannot be written to."""

    def __init__(self, most_bytes: int = _MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._n_bytes = 0
        self._entries: OrderedDict[Hashable, _Entry] = OrderedDict()
        self._keys: dict[int, Hashable] = {}  # by the id of an entry's inputs, which live as long as the entry
        self._lock = Lock()

    def inputs(
        self,
        tokens: TokenArray,
        lengths: NDArray[np.int64],
        layer: int,
        read: Callable[[TokenArray, NDArray[np.int64], int], FloatArray],
    ) -> FloatArray:
        """`read(tokens, lengths, layer)`, unless it is remembered."""
        key = layer, tokens.shape, tokens.dtype.str, tokens.tobytes(), lengths.shape, np.asarray(lengths).tobytes()
        with self._lock:
            if key in self._entries:
                self._entries.move_to_end(key)
                return self._entries[key].inputs
        found = _read_only(read(tokens, lengths, layer))
        with self._lock:
            if key not in self._entries and found.nbytes <= self._most_bytes:
                self._entries[key] = _Entry(layer, found)
                self._keys[id(found)] = key
                self._grow(found.nbytes)
        return found

    def values(
        self, inputs: FloatArray, layer: int, index: int, compute: Callable[[FloatArray, int, int], FloatArray]
    ) -> FloatArray:
        """`compute(inputs, layer, index)`, unless it is remembered of inputs that this memo gave."""
        with self._lock:
            entry = self._entry_of(inputs, layer)
            if entry is not None and index in entry.values:
                return entry.values[index]
        found = _read_only(compute(inputs, layer, index))
        with self._lock:
            entry = self._entry_of(inputs, layer)
            if entry is not None and index not in entry.values:
                entry.values[index] = found
                self._grow(found.nbytes)
        return found

    def _entry_of(self, inputs: FloatArray, layer: int) -> _Entry | None:
        key = self._keys.get(id(inputs))
        if key is None:
            return None
        entry = self._entries[key]
        return entry if entry.inputs is inputs and entry.layer == layer else None

    def _grow(self, n_bytes: int) -> None:
        self._n_bytes += n_bytes
        while self._n_bytes > self._most_bytes:
            _, gone = self._entries.popitem(last=False)
            del self._keys[id(gone.inputs)]
            self._n_bytes -= gone.inputs.nbytes + sum(values.nbytes for values in gone.values.values())


def _read_only(array: FloatArray) -> FloatArray:
    array.setflags(write=False)
    return array
