"""Bookkeeping beside the forward pass: what each batch of excerpts changes in what is kept of every neuron.

The forward pass is the bound, so this looks at each value once, for the largest of an excerpt, and from then on only at
excerpts that beat what is kept already.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray

from tools.errors import BadInput
from tools.index.keys import EMPTY, MAX_ROWS, Keys, keep_lowest, sample_keys, sample_rows, top_keys, worst_value
from tools.index.shape import (
    FIRST_TOKEN_OCTAVE,
    FIRST_VALUE_OCTAVE,
    PER_BIN,
    TOKEN_BINS,
    VALUE_BINS,
    IndexShape,
)
from tools.subject.lean import LeanModel

_MANY = 16  # where one pair of excerpt and neuron in so many is kept, positions are sought for all pairs at once
_EXPONENT_BIAS = 127


@dataclass
class Statistics:
    """Sums over tokens and excerpts, of every neuron of every layer.

    Attributes:
        sums: float64 [n_layers, d_mlp, 4], of the first four powers of a token's value.
        excerpts: int64 [n_layers, d_mlp, VALUE_BINS], excerpts by the bin of their largest value.
        tokens: int64 [n_layers, d_mlp, TOKEN_BINS], tokens by the bin of their value.
    """

    sums: NDArray[np.float64]
    excerpts: NDArray[np.int64]
    tokens: NDArray[np.int64]

    @classmethod
    def empty(cls, shape: IndexShape) -> Statistics:
        """All zero."""
        n = (shape.n_layers, shape.d_mlp)
        return cls(
            np.zeros((*n, 4)), np.zeros((*n, VALUE_BINS), dtype=np.int64), np.zeros((*n, TOKEN_BINS), dtype=np.int64)
        )

    def add(self, layer: int, neurons: torch.Tensor, bins: torch.Tensor) -> None:
        """Count excerpts: `neurons` [batch, pos, d_mlp] float32, and the bin of each one's largest value."""
        d_mlp = neurons.shape[2]
        powers = neurons
        for i in range(4):
            if i:
                powers = powers * neurons
            self.sums[layer, :, i] += powers.sum(1).double().sum(0).cpu().numpy()
        slots = torch.arange(d_mlp, device=neurons.device)
        self.excerpts[layer] += _counted(slots * VALUE_BINS + bins, d_mlp, VALUE_BINS)
        least = 2.0**FIRST_TOKEN_OCTAVE
        _, _, neuron = torch.nonzero(neurons >= least, as_tuple=True)
        quarters = _bits(neurons[neurons >= least]) >> 21  # of an octave: its first two bits of mantissa
        bins = (quarters - 4 * (_EXPONENT_BIAS + FIRST_TOKEN_OCTAVE)).clamp(max=TOKEN_BINS - 1)
        self.tokens[layer] += _counted(neuron * TOKEN_BINS + bins, d_mlp, TOKEN_BINS)


def _counted(slots: torch.Tensor, d_mlp: int, n_bins: int) -> NDArray[np.int64]:
    counts: NDArray[np.int64] = torch.bincount(slots.ravel(), minlength=d_mlp * n_bins).cpu().numpy()
    return counts.reshape(d_mlp, n_bins)


@dataclass
class Kept:
    """What is kept of one part, of every neuron of every layer, and what an excerpt must beat to be kept.

    Attributes:
        shape: sizes.
        has_sample: whether excerpts are also drawn at random by the bin of their largest value.
        top: keys [n_layers * d_mlp, top].
        sample: keys [n_layers * d_mlp * VALUE_BINS, PER_BIN].
    """

    shape: IndexShape
    has_sample: bool
    device: torch.device
    top: Keys = field(init=False)
    sample: Keys = field(init=False)

    def __post_init__(self) -> None:
        n = self.shape.n_layers * self.shape.d_mlp
        self.top = np.full((n, self.shape.top), EMPTY)
        self.sample = np.full((n * VALUE_BINS if self.has_sample else 0, PER_BIN), EMPTY)
        per_layer = (self.shape.n_layers, self.shape.d_mlp)
        least = torch.iinfo(torch.int32).min
        self._floor = torch.full(per_layer, least, dtype=torch.int32, device=self.device)
        self._last_row = torch.full((*per_layer, VALUE_BINS), MAX_ROWS, dtype=torch.int32, device=self.device)

    def add(self, layer: int, neurons: torch.Tensor, rows: NDArray[np.int64], statistics: Statistics | None) -> None:
        """Look at excerpts.

        Args:
            layer: whose.
            neurons: values [batch, pos, d_mlp]; every position holds a token.
            rows: int64 [batch], the excerpts' rows in the index.
            statistics: counts these excerpts too, where given.

        Raises:
            BadInput: a value is not finite.
        """
        largest = neurons.amax(1).float() + 0.0
        if not math.isfinite(float(largest.sum())) and not bool(torch.isfinite(largest).all()):
            raise BadInput("the model computes values that are not finite: its weights are damaged, fetch it again.")
        integers = _ordered(largest)
        d_mlp = self.shape.d_mlp
        excerpt, neuron = _where(integers >= self._floor[layer])
        if len(neuron):
            order = torch.argsort(neuron, stable=True)
            excerpt, neuron = excerpt[order], neuron[order]
            slots = layer * d_mlp + neuron.cpu().numpy()
            keys = top_keys(*self._found(neurons, integers, rows, neuron, excerpt))
            keep_lowest(self.top, slots, keys)
            worst = worst_value(self.top[layer * d_mlp : (layer + 1) * d_mlp, -1])
            self._floor[layer] = torch.from_numpy(worst).to(self.device)
        if not self.has_sample:
            return
        bins = _value_bins(largest)
        if statistics is not None:
            statistics.add(layer, neurons.float(), bins)
        last = self._last_row[layer].view(-1)
        slot = torch.arange(d_mlp, device=self.device) * VALUE_BINS + bins
        row = torch.from_numpy(rows.astype(np.int32)).to(self.device)
        excerpt, neuron = _where(row[:, None] < torch.take(last, slot))
        if len(neuron):
            own = slot[excerpt, neuron]
            order = torch.argsort(own, stable=True)
            own, excerpt, neuron = own[order], excerpt[order], neuron[order]
            slots = layer * d_mlp * VALUE_BINS + own.cpu().numpy()
            keep_lowest(self.sample, slots, sample_keys(*self._found(neurons, integers, rows, neuron, excerpt)))
            changed = np.unique(slots)
            worst_row = torch.from_numpy(sample_rows(self.sample[changed, -1]).astype(np.int32))
            last[torch.from_numpy(changed - layer * d_mlp * VALUE_BINS).to(self.device)] = worst_row.to(self.device)

    def _found(
        self,
        neurons: torch.Tensor,
        integers: torch.Tensor,
        rows: NDArray[np.int64],
        neuron: torch.Tensor,
        excerpt: torch.Tensor,
    ) -> tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.int64]]:
        """Value, row and first position of the largest value of pairs of neuron and excerpt."""
        if len(neuron) * _MANY > integers.numel():
            positions = neurons.argmax(1)[excerpt, neuron]
        else:
            positions = neurons[excerpt, :, neuron].argmax(1)
        return integers[excerpt, neuron].cpu().numpy(), rows[excerpt.cpu().numpy()], positions.cpu().numpy()


def _where(mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Where a matrix is True, few times as a rule: rows and columns."""
    if mask.is_cuda:
        rows, columns = torch.nonzero(mask, as_tuple=True)
        return rows, columns
    found = torch.from_numpy(np.flatnonzero(mask.numpy()))  # passes over what is False eight at a time
    return found // mask.shape[1], found % mask.shape[1]


def _bits(values: torch.Tensor) -> torch.Tensor:
    return values.view(torch.int32)


def _ordered(values: torch.Tensor) -> torch.Tensor:
    """The same integers as `tools.index.keys.ordered`, for values that hold no negative zero."""
    bits = _bits(values)
    return bits ^ ((bits >> 31) & 0x7FFF_FFFF)


def _value_bins(largest: torch.Tensor) -> torch.Tensor:
    exponent = (_bits(largest) >> 23) - _EXPONENT_BIAS  # of a negative value it is below that of every positive one
    return (exponent - FIRST_VALUE_OCTAVE).clamp(0, VALUE_BINS - 1)


@torch.inference_mode()
def sweep(
    subject: LeanModel, ids: NDArray[np.int64], rows: NDArray[np.int64], kept: Kept, statistics: Statistics | None
) -> None:
    """Read all neurons on a batch of texts of one length, and keep what is worth it.

    Args:
        subject: the model.
        ids: int64 [batch, 1 + pos], token ids with BOS in front.
        rows: int64 [batch], their rows in the index.
        kept: what was kept so far.
        statistics: counts these excerpts too, where given.

    Raises:
        BadInput: the model computes values that are not finite.
    """
    x = subject.embed(torch.from_numpy(ids).to(kept.device))
    for layer in range(subject.n_layers):
        subject.attend(x, layer)
        neurons = subject.feed_forward(x, layer)
        kept.add(layer, neurons[:, 1:], rows, statistics)
