"""Which units of text stand before which positions: sums over pairs (position, unit), for every relation at once.

A *unit* is a token together with the word that it brings to. A relation holds between a position and a unit at most
once: of several occurrences the latest counts, or the first where the distance is a least one.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tools.rules.clauses import Relation
from tools.rules.simulate import AMID_WINDOW, FAR, Batch

Vector = NDArray[np.float32]
Sums = NDArray[np.float64]
Ints = NDArray[np.int32]

RELATIONS: tuple[Relation | None, ...] = (
    None,
    "right after",
    "two after",
    "within 4 after",
    "within 8 after",
    "within 16 after",
    "anywhere after",
    "at least 8 after",
    "on lines with",
    "on lines starting with",
    "amid",
)
"""The relations in the order of the rows of every sum; None is the token itself."""

_RINGS = ((1, 1), (2, 4), (5, 8), (9, 16), (17, 10**9))
"""Distances that belong together: a relation that reaches far is the sum of the rings within its reach."""

_THINNED = (1, 1, 2, 2, 4)
_FEW = 4000


class Pairs:
    """Pairs of some positions of a sample with the units before them.

    Args:
        text: the sample.
        rows: of the positions, a place in the flat sample.
        scale: how many positions each of them stands for.
        thin: whether more distant rings may look at fewer of the positions.
    """

    def __init__(self, text: Text, rows: NDArray[np.int64], scale: float = 1, thin: bool = True) -> None:
        self.n_units = text.n_units
        self._channels: dict[str, list[tuple[Ints, Ints, float]]] = {}
        self._add("own", rows, text.unit[rows], scale)
        first = text.first_on_line[rows]
        starts = first >= 0
        self._add("on lines starting with", rows[starts], text.unit[first[starts]], scale)
        for ring, (low, high) in enumerate(_RINGS):
            step = _THINNED[ring] if thin else 1
            some = rows[::step]
            far = np.arange(low, min(high, text.width - 1) + 1)
            if not len(far) or not len(some):
                continue
            column, start = text.column[some], text.line_start[some]
            there = some[:, None] - far
            # The flat sample leaves out padding, and a text has none before its end: a row's tokens stand in a run.
            holds = far <= column[:, None]
            at, which = np.nonzero(holds)
            before = there[at, which]
            unit = text.unit[before]
            here = some[at].astype(np.int32)
            distance = far[which]
            latest = text.next_same[before] >= column[at]
            on_line = latest & (column[at] - distance >= start[at])
            weight = scale * step
            self._add(f"ring {ring}", here[latest], unit[latest], weight)
            self._add("on lines with", here[on_line], unit[on_line], weight)
            if ring == 1:
                two = distance == 2
                self._add("two after", here[two], unit[two], weight)
            if high >= FAR:
                long_ago = text.is_first[before] & (distance >= FAR)
                self._add("at least 8 after", here[long_ago], unit[long_ago], weight)
            if high <= AMID_WINDOW:
                self._add("amid", here[:: 4 // step], unit[:: 4 // step], weight * 4 // step)

    def _add(self, channel: str, rows: NDArray[np.generic], unit: Ints, scale: float) -> None:
        self._channels.setdefault(channel, []).append((rows.astype(np.int32), unit, scale))

    def sums(self, values: Vector, squared: bool = False) -> Sums:
        """Per relation and unit, the sum of `values` over the positions where it holds, [n_relations, n_units].

        `squared`: the values are weights, of which a graded relation takes the square of its grade.
        """
        found = {name: self._sum(name, values) for name in self._channels}
        nothing = np.zeros(self.n_units)
        rings = np.cumsum([found.get(f"ring {ring}", nothing) for ring in range(len(_RINGS))], axis=0)
        grade = 4 / AMID_WINDOW
        out = np.empty((len(RELATIONS), self.n_units))
        for row, relation in enumerate(RELATIONS):
            match relation:
                case None:
                    out[row] = found["own"]
                case "right after":
                    out[row] = rings[0]
                case "within 4 after":
                    out[row] = rings[1]
                case "within 8 after":
                    out[row] = rings[2]
                case "within 16 after":
                    out[row] = rings[3]
                case "anywhere after":
                    out[row] = rings[4]
                case "amid":
                    out[row] = found.get("amid", nothing) * (grade**2 if squared else grade)
                case _:
                    out[row] = found.get(relation, nothing)
        return out

    def of(self, relation: Relation | None, values: Vector) -> Sums:
        """The row of `sums` for the token itself, `right after` or `two after`, [n_units]."""
        return self._sum({None: "own", "right after": "ring 0"}.get(relation, str(relation)), values)

    def _sum(self, channel: str, values: Vector) -> Sums:
        out = np.zeros(self.n_units)
        for rows, unit, scale in self._channels.get(channel, []):
            out += scale * np.bincount(unit, weights=values[rows], minlength=self.n_units)
        return out


class Text:
    """A sample of texts, flat: arrays over its positions, padding left out, and the alphabets of its units.

    Attributes:
        unit: the unit at each position.
        column: its column.
        line_start, first_on_line: where its line begins (a column), and the line's first visible token (a position).
        next_same, is_first: the column where the unit comes next, and whether it is its first.
        tokens, words: per unit, the place of its token in `present`, and of its word in the batch's words.
        present: the token ids that occur.
    """

    def __init__(self, batch: Batch) -> None:
        mask = batch.mask
        n, self.width = mask.shape
        n_words = len(batch.words)
        self.present, local = np.unique(batch.tokens[mask], return_inverse=True)
        keys, unit = np.unique(local * n_words + batch.word_ids[mask], return_inverse=True)
        self.tokens, self.words = keys // n_words, keys % n_words
        self.unit: Ints = unit.astype(np.int32)
        self.n_units = len(keys)
        self.column: Ints = batch.positions.columns[mask]
        self.line_start: Ints = batch.positions.line_start[mask]
        first = batch.positions.first_on_line[mask]
        self.first_on_line = np.where(first >= 0, np.arange(len(unit)) - self.column + first, -1)
        padded = np.full((n, self.width), -1, dtype=np.int32)
        padded[mask] = self.unit
        following = np.full((n, self.width), self.width, dtype=np.int32)
        begins = np.ones((n, self.width), dtype=bool)
        columns = np.arange(self.width, dtype=np.int32)
        for distance in range(self.width - 1, 0, -1):
            same = padded[:, distance:] == padded[:, :-distance]
            np.copyto(following[:, :-distance], columns[distance:], where=same)
            begins[:, distance:] &= ~same
        self.next_same, self.is_first = following[mask], begins[mask]

    def pairs(self, rows: NDArray[np.int64] | None = None) -> Pairs:
        """The pairs of all positions, or of some; evenly spread ones stand for more than 4,000."""
        if rows is None:
            return Pairs(self, np.arange(len(self.unit)))
        step = -(-len(rows) // _FEW)
        return Pairs(self, rows[::step], max(step, 1), thin=False)
