"""Neighbourhoods in the embedding that may be worth naming: one anchor each, and more of them where that pays."""

from __future__ import annotations

from collections.abc import Iterator
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from tools.rules.candidates import Candidate, Wanted, largest, narrow, narrow_token
from tools.rules.clauses import After, Clause, Like, Relation, TokenClass, Width
from tools.rules.pairs import Sums, Vector
from tools.rules.vocabulary import ramp

RELATION_WORDS = 2
"""Words that say where a token stands."""

_ANCHORS, _ANCHORS_BEFORE = 96, 48
_MOST_ANCHORS = 8


class Neighbourhoods:
    """Neighbourhoods of the tokens present in one sample.

    Args:
        strings: of these tokens.
        directions: their embeddings, centred, of length 1, [n_tokens, d_model].
    """

    def __init__(self, strings: list[str], directions: Vector) -> None:
        self.strings, self.directions = strings, directions
        self._cosines: dict[int, Vector] = {}

    def candidates(
        self, top: Sums, bottom: Sums, gate: Clause | None, relation: Relation | None, wanted: Wanted
    ) -> Iterator[Candidate]:
        """The best neighbourhood of each width, for sums of the residual and of the weight per token present."""
        both = np.stack([top, bottom], axis=1).astype(np.float32)
        anchors = largest(top**2 / (bottom + 1e-4), _ANCHORS if relation is None else _ANCHORS_BEFORE)
        cosines = self._cosine(anchors)
        # What several anchors together could reach: the direction in which the residual pulls the embedding.
        direction = both[:, 0] @ self.directions
        along = self.directions @ (direction / max(float(np.linalg.norm(direction)), 1e-9))

        def clause_of(tokens: TokenClass) -> Clause | None:
            return narrow_token(gate, tokens) if relation is None else narrow(gate, After(relation, tokens))

        for width in get_args(Width):
            reach = np.stack([ramp(along, width), ramp(-along, width)])
            potential = float(_gains(reach, both).max())
            near = _gains(ramp(cosines, width), both)
            best = int(np.argmax(near))

            def grow(first: int = best, width: Width = width) -> Clause:
                found = self._grow(anchors, cosines, first, width, both, min(wanted.room, _MOST_ANCHORS), wanted.price)
                clause = clause_of(Like(tuple(self.strings[a] for a in found), width))
                assert clause
                return clause

            clause = clause_of(Like((self.strings[anchors[best]],), width))
            if clause:
                words = 4 + (0 if relation is None else RELATION_WORDS)
                yield Candidate(clause, max(potential, float(near[best])), words, grow)

    def _cosine(self, anchors: NDArray[np.int64]) -> Vector:
        missing = [int(a) for a in anchors if int(a) not in self._cosines]
        if missing:
            for anchor, row in zip(missing, self.directions[missing] @ self.directions.T, strict=True):
                self._cosines[anchor] = row
        return np.stack([self._cosines[int(a)] for a in anchors])

    def _grow(
        self,
        anchors: NDArray[np.int64],
        cosines: Vector,
        first: int,
        width: Width,
        both: Vector,
        room: int,
        price: float,
    ) -> list[int]:
        """Add anchors to a neighbourhood while the mean of them explains more than the word costs."""
        chosen, total = [first], cosines[first].copy()
        gain = float(_gains(ramp(cosines[first], width)[None], both)[0])
        while len(chosen) < room:
            # |a + b + c| from the pairwise cosines, so that candidates need no new product with the vocabulary.
            inner = cosines[chosen][:, anchors[chosen]].sum()
            norms = np.sqrt(np.maximum(inner + 1 + 2 * cosines[:, anchors[chosen]].sum(1), 1e-6))
            gains = _gains(ramp((total[None] + cosines) / norms[:, None], width), both)
            gains[chosen] = 0
            best = int(np.argmax(gains))
            if gains[best] - gain <= price:
                break
            chosen.append(best)
            total, gain = total + cosines[best], float(gains[best])
        return [int(anchors[c]) for c in chosen]


def _gains(members: Vector, both: Vector) -> Vector:
    """Explained variance per class, from memberships [n, tokens] and per token (pull, weight) [tokens, 2]."""
    return np.asarray((members @ both[:, 0]) ** 2 / np.maximum(members**2 @ both[:, 1], 1e-6))
