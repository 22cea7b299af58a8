"""Clauses that may be worth saying, what is looked for, and how a gate is narrowed down to one of them.

A *gate* is a clause that a candidate narrows down: the candidate holds where the gate does and one more condition, or
where the gate does unless the condition holds. Without a gate a candidate is a condition alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tools.rules.clauses import Clause, Context, TokenClass


@dataclass(frozen=True)
class Candidate:
    """A clause that may be worth saying. One with anchors may `grow` more of them, which is done for the best only."""

    clause: Clause
    gain: float
    words: int
    grow: Callable[[], Clause] | None = None

    def worth(self, price: float) -> float:
        """Explained variance less the price of the words."""
        return self.gain - price * self.words


@dataclass(frozen=True)
class Wanted:
    """What candidates are looked for.

    Attributes:
        tokens: about the token itself.
        contexts: about what stands before it.
        positions: where in the text; a rule says that once, or it could draw any curve of positions in steps.
        neighbourhoods: by closeness in the embedding.
        room: how many tokens may still be listed.
        price: of a word.
    """

    tokens: bool
    contexts: bool
    positions: bool
    neighbourhoods: bool
    room: int
    price: float


def narrow(gate: Clause | None, context: Context, unless: bool = False) -> Clause | None:
    """The gate with one more context; None where no sentence says that."""
    if gate is None:
        return Clause(1, None, context, unless)
    if gate.context is None:
        return replace(gate, strength=1, context=context, unless=unless)
    if gate.also is not None or gate.context == context or (gate.unless and not unless):
        return None
    return replace(gate, strength=1, also=context, also_unless=unless)


def narrow_token(gate: Clause | None, tokens: TokenClass) -> Clause | None:
    """The gate about some tokens alone; None where it is about some already."""
    if gate is None:
        return Clause(1, tokens)
    return replace(gate, strength=1, token=tokens) if gate.token is None else None


def largest(values: NDArray[np.floating], n: int) -> NDArray[np.int64]:
    """Where the `n` largest values are, the largest first."""
    return np.asarray(largest_of_rows(values[None], n)[0], dtype=np.int64)


def largest_of_rows(values: NDArray[np.floating], n: int) -> NDArray[np.int64]:
    """The same of each row."""
    if n < values.shape[1]:
        some = np.argpartition(-values, n, axis=1)[:, :n]
        some.sort(axis=1)
        order = np.argsort(-np.take_along_axis(values, some, 1), axis=1, kind="stable")
        return np.take_along_axis(some, order, 1)
    return np.argsort(-values, axis=1, kind="stable")
