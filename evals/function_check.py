"""Tests that a user's function depends only on the text, and does not look ahead."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tools.errors import BadInput
from tools.records.excerpts import Activations
from tools.subject.planted import PlantedFunction

_N_CHECKED = 8
_SHOWN = 60


def check_scanned(function: PlantedFunction, activations: Activations, strings: Sequence[str]) -> None:
    """Compare a function's earlier values on a few corpus texts with new ones, also for prefixes of the texts.

    Raises:
        BadInput: the values differ, so it looks ahead or depends on more than the text.
    """
    excerpts, n = activations.excerpts, len(activations)
    for row in sorted({n * i // _N_CHECKED for i in range(_N_CHECKED)} if n else ()):
        tokens = [strings[token] for token in excerpts.tokens[row, : excerpts.lengths[row]]]
        check_same(function, tokens, activations.values[row, : len(tokens)])


def check_same(function: PlantedFunction, tokens: list[str], before: NDArray[np.float32]) -> None:
    """Call a function again for a text and for each of its prefixes.

    Raises:
        BadInput: it does not reproduce `before`, float32 [n].
    """
    text = "".join(tokens)[:_SHOWN]
    if not _alike(function.values(tokens), before):
        raise BadInput(
            f"the planted neuron {function.entry} does not give the same values twice on the text {text!r}: "
            "derive what is random in it from the text."
        )
    for i in range(len(tokens)):
        if not _alike(function.values(tokens[: i + 1])[i], before[i]):
            raise BadInput(
                f"the planted neuron {function.entry} gives another value at token {i} of the text {text!r} when the "
                "text ends there: let it look only at a token and at what is before it."
            )


def _alike(one: NDArray[np.float32] | np.float32, other: NDArray[np.float32] | np.float32) -> bool:
    return bool(np.allclose(one, other, rtol=1e-4, atol=1e-6))  # sums over texts of other lengths may round differently
