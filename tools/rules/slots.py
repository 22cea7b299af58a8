"""Which token stands in which relation to which position of a sample, for sums over all of them at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from tools.rules.clauses import Relation, TokenClass
from tools.rules.simulate import AMID_WINDOW, Batch

RELATIONS: tuple[Relation, ...] = get_args(Relation)
Vector = NDArray[np.float32]
Sums = NDArray[np.float64]

_THINNED = 3


class Slot:
    """Pairs (position, token) such that a relation holds, for sums per token of anything given per position."""

    def __init__(
        self,
        relation: Relation | None,
        positions: NDArray[np.int32],
        tokens: NDArray[np.int32],
        scale: float,
        thin: int,
    ) -> None:
        self.relation, self.scale, self.thin = relation, scale, thin
        order = np.argsort(tokens, kind="stable")
        self._positions = positions[order]
        self._tokens, self._starts = np.unique(tokens[order], return_index=True)
        self._weights: dict[TokenClass | None, Sums] = {}

    def sums(self, values: Vector, n_tokens: int) -> Sums:
        """Per token, the sum of `values` over the positions where the relation holds to it."""
        found = np.zeros(n_tokens)
        if len(self._positions):
            summed = np.add.reduceat(values.astype(np.float64)[self._positions], self._starts)
            found[self._tokens] = summed * (self.scale * self.thin)
        return found

    def weights(self, gate: TokenClass | None, values: Vector, n_tokens: int) -> Sums:
        """The same for weights that depend on the gate alone, so that they are summed once."""
        if gate not in self._weights:
            self._weights[gate] = self.sums(values, n_tokens) * self.scale
        return self._weights[gate]


def make_slots(batch: Batch, local: NDArray[np.int32]) -> Iterator[tuple[Relation | None, Slot]]:
    """The slot of each relation, and of None: the token itself.

    Args:
        batch: the sample.
        local: the token at each position of the sample, renumbered over those that occur, flat.
    """
    n, width = batch.mask.shape
    position = np.full((n, width), -1, dtype=np.int32)
    position[batch.mask] = np.arange(int(batch.mask.sum()), dtype=np.int32)
    token = np.full((n, width), -1, dtype=np.int32)
    token[batch.mask] = local
    yield None, Slot(None, position[batch.mask], token[batch.mask], 1, 1)
    # `upcoming` is where the same token comes next: a window holds a token once, by its latest occurrence.
    upcoming = np.full((n, width), width, dtype=np.int32)
    first = np.ones((n, width), dtype=bool)
    for distance in range(width - 1, 0, -1):
        same = token[:, distance:] == token[:, :-distance]
        upcoming[:, :-distance][same] = (
            np.broadcast_to(np.arange(width - distance, dtype=np.int32), same.shape) + distance
        )[same]
        first[:, distance:] &= ~same
    newline = batch.vocabulary.newline[batch.tokens] & batch.mask
    column = np.broadcast_to(np.arange(width, dtype=np.int32), (n, width))
    line_start = np.maximum.accumulate(np.where(newline, column + 1, 0), 1)
    line_start = np.concatenate([np.zeros((n, 1), np.int32), line_start[:, :-1]], 1).astype(np.int32)

    def pairs(relation: Relation, reach: int, scale: float = 1) -> Slot:
        positions, tokens = [], []
        thin = _THINNED if reach > 4 else 1
        for distance in range(1, min(reach + 1, width)):
            # A long reach makes many pairs: every third position is enough to screen by.
            first_column = distance + (-distance) % thin
            here, there = np.s_[:, first_column::thin], np.s_[:, first_column - distance : width - distance : thin]
            holds = batch.mask[here].copy()
            if relation == "anywhere after":
                holds &= first[there]
            elif relation == "on lines with":
                holds &= (column[there] >= line_start[here]) & (upcoming[there] >= column[here])
            elif relation not in ("right after", "two after", "amid"):
                holds &= upcoming[there] >= column[here]
            if relation == "two after" and distance == 1:
                continue
            positions.append(position[here][holds])
            tokens.append(token[there][holds])
        return Slot(relation, np.concatenate(positions), np.concatenate(tokens), scale, thin)

    for relation in RELATIONS:
        match relation:
            case "right after":
                yield relation, pairs(relation, 1)
            case "two after":
                yield relation, pairs(relation, 2)
            case "within 4 after":
                yield relation, pairs(relation, 4)
            case "within 16 after":
                yield relation, pairs(relation, 16)
            case "on lines with":
                yield relation, pairs(relation, 40)
            case "anywhere after":
                yield relation, pairs(relation, width)
            case "amid":
                yield relation, pairs(relation, AMID_WINDOW, 4 / AMID_WINDOW)
