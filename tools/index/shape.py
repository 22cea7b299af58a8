"""What an activation index keeps of each neuron, as one record of fixed size."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tools.evidence.splits.split_corpus import PARTS

INDEX_VERSION = 1
TOP = 20
TOP_BFLOAT16 = 40
"""Kept where values are rounded to bfloat16: enough for the 20 that are largest in float32."""

VALUE_BINS = 16
"""Bins of an excerpt's largest value, one an octave: below 2^-8, then up to 2^6 and above."""

PER_BIN = 3
TOKEN_BINS = 40
"""Bins of a token's value, four an octave, from 2^-4 to 2^6 and above; what is smaller never counts as firing."""

FIRST_TOKEN_OCTAVE = -4
FIRST_VALUE_OCTAVE = -9

STATISTICS_EXCERPTS = 16_384
"""Explore excerpts over which moments and firing are taken; all of them where there are fewer."""


@dataclass(frozen=True)
class IndexShape:
    """The sizes of an index.

    Attributes:
        n_layers: of the model.
        d_mlp: neurons a layer.
        top: entries kept of each part.
    """

    n_layers: int
    d_mlp: int
    top: int

    @property
    def record(self) -> np.dtype[np.void]:
        """One neuron. Keys are those of `tools.index.keys`, sums and counts are over the statistics sample.

        top: by part, its largest excerpts. sample: by value bin, explore excerpts drawn at random. sums: of the first
        four powers of a token's value. excerpts: excerpts by value bin. tokens: tokens by token bin.
        """
        return np.dtype(
            [
                ("top", "<u8", (len(PARTS), self.top)),
                ("sample", "<u8", (VALUE_BINS, PER_BIN)),
                ("sums", "<f8", (4,)),
                ("excerpts", "<u4", (VALUE_BINS,)),
                ("tokens", "<u4", (TOKEN_BINS,)),
            ]
        )
