"""Where each token of a batch of texts stands: on its line, in brackets and strings, and what it repeats.

What was opened before the text begins is not known, so a closing bracket without an opening one counts for nothing, and
the first line has no place on it.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tools.rules.clauses import Enclosure, Measure, Repetition
from tools.rules.vocabulary import BRACKETS, Vocabulary

Flags = NDArray[np.bool_]
Counts = NDArray[np.int32]
_DEEPEST = 16


class Positions:
    """Positions of `tokens`, int [n, pos] with padding as token 0. Everything looks at the token and those before it.

    Args:
        tokens: ids.
        words: the word so far at each token, by number, 0 for none, [n, pos].
        lengths: letters of each word, by number.
        vocabulary: the subject model's.
    """

    def __init__(self, tokens: Counts, words: NDArray[np.int64], lengths: Counts, vocabulary: Vocabulary) -> None:
        self.tokens, self.words, self.lengths, self.vocabulary = tokens, words, lengths, vocabulary
        self.columns: Counts = np.broadcast_to(np.arange(tokens.shape[1], dtype=np.int32), tokens.shape)

    @cached_property
    def line_start(self) -> Counts:
        """The column after the last line break before each token; 0 on the first line."""
        broken = np.where(self.vocabulary.newline[self.tokens], self.columns + 1, 0)
        return _shifted(np.maximum.accumulate(broken, axis=1), 0).astype(np.int32)

    @cached_property
    def _break(self) -> Counts:
        """The column of the last line break up to each token, -1 where there is none."""
        broken = np.where(self.vocabulary.newline[self.tokens], self.columns, -1)
        return np.maximum.accumulate(broken, axis=1)

    @cached_property
    def first_on_line(self) -> Counts:
        """The column of the first visible token of each token's line when it stands earlier, else -1."""
        first = np.where(self.measure("line position") == 1, self.columns, -1)
        latest = _shifted(np.maximum.accumulate(first, axis=1), -1)
        return np.where(latest >= np.maximum(self._break, 0), latest, -1).astype(np.int32)

    def measure(self, measure: Measure) -> Counts:
        """A number for each token, int32 [n, pos]; -1 where it has none.

        *position*: 1 for the first token of the text. *line position*: the how manieth visible token of its line.
        *indent*: the spaces that the line began with. *word length*: letters of the word so far. *number length*:
        digits of the number so far. *occurrence*: how often the word (or a token that ends in no letter) stood in the
        text, this time included. *parenthesis depth*, *bracket depth*: pairs of round brackets, or of any, that the
        token stands in, its own left out. *bracket distance*: tokens since the bracket was opened in which it stands
        or which it closes.
        """
        if measure not in self._measures:
            self._measures[measure] = self._measure(measure)
        return self._measures[measure]

    @cached_property
    def _measures(self) -> dict[Measure, Counts]:
        return {}

    def _measure(self, measure: Measure) -> Counts:
        match measure:
            case "position":
                return self.columns + 1
            case "line position":
                visible = self.vocabulary.visible[self.tokens]
                return np.where(visible & (self._break >= 0), self._on_line(visible), -1).astype(np.int32)
            case "indent":
                visible = self.vocabulary.visible[self.tokens]
                leading = self._on_line(visible) <= visible  # up to the first visible token
                spaces = self._on_line(np.where(leading, self.vocabulary.leading_spaces[self.tokens], 0))
                return np.where(self._break >= 0, spaces, -1).astype(np.int32)
            case "word length":
                return np.where(self.words > 0, self.lengths[self.words], -1).astype(np.int32)
            case "number length":
                digits, begins = self.vocabulary.digits[self.tokens], self.vocabulary.begins_number[self.tokens]
                begins = begins | (_shifted(digits, 0) == 0)
                start = np.maximum.accumulate(np.where(begins, self.columns, 0), axis=1)
                return np.where(digits > 0, _since(digits, start), -1).astype(np.int32)
            case "occurrence":
                return self._occurrence
            case "parenthesis depth":
                return np.minimum(*self._depths("parentheses"))
            case "bracket depth":
                return np.minimum(*self._depths(*BRACKETS))
            case "bracket distance":
                return self._bracket_distance()

    def _on_line(self, counts: NDArray[np.generic]) -> Counts:
        """Sum of `counts` on the line so far, the token included."""
        return _since(counts.astype(np.int32), np.maximum(self._break, 0))

    def _depths(self, *kinds: str) -> tuple[Counts, Counts]:
        """Brackets open before each token, and after it."""
        change = sum(self.vocabulary.depth_change[kind][self.tokens] for kind in kinds)
        level = np.cumsum(change, axis=1, dtype=np.int32)
        # A bracket closed before any was opened in this text must not count against a later opening.
        after = level - np.minimum(np.minimum.accumulate(level, axis=1), 0)
        return _shifted(after, 0).astype(np.int32), after.astype(np.int32)

    def _bracket_distance(self) -> Counts:
        before, after = (np.minimum(depth, _DEEPEST) for depth in self._depths(*BRACKETS))
        out = np.full(before.shape, -1, dtype=np.int32)
        opened = np.zeros((len(before), _DEEPEST), dtype=np.int32)
        rows, levels = np.arange(len(before)), np.arange(_DEEPEST)
        for column in range(before.shape[1]):
            b, a = before[:, column], after[:, column]
            out[:, column] = np.where(b > 0, column - opened[rows, np.maximum(b, 1) - 1], -1)
            if (a > b).any():
                opened[(levels >= b[:, None]) & (levels < a[:, None])] = column
        return out

    @cached_property
    def _keys(self) -> Counts:
        """The same number for the same word, or for the same token where it ends in no letter."""
        return np.where(self.words > 0, self.words, -1 - self.tokens).astype(np.int32)

    @cached_property
    def _occurrence(self) -> Counts:
        count, keys = np.ones(self.tokens.shape, dtype=np.int32), self._keys
        for distance in range(1, keys.shape[1]):
            count[:, distance:] += keys[:, distance:] == keys[:, :-distance]
        return count

    def echo(self, what: Repetition) -> Flags:
        """Where the word stood before in the text or on the line, or the token followed the same two tokens."""
        if what == "word":
            return self._occurrence > 1
        out, keys, tokens = np.zeros(self.tokens.shape, dtype=bool), self._keys, self.tokens
        for distance in range(1, keys.shape[1]):
            here = np.s_[:, distance:]
            if what == "word on the line":
                same = keys[here] == keys[:, :-distance]
                out[here] |= same & (self.columns[:, :-distance] >= np.maximum(self._break, 0)[here])
            else:
                same = tokens[here] == tokens[:, :-distance]
                out[:, distance + 2 :] |= same[:, 2:] & same[:, 1:-1] & same[:, :-2]
        return out

    def repeated(self) -> tuple[Flags, Flags]:
        """Where a token stood earlier, and where it also followed the same token there."""
        again, induction = np.zeros(self.tokens.shape, dtype=bool), np.zeros(self.tokens.shape, dtype=bool)
        for distance in range(1, self.tokens.shape[1]):
            same = self.tokens[:, distance:] == self.tokens[:, :-distance]
            again[:, distance:] |= same
            induction[:, distance + 1 :] |= same[:, 1:] & same[:, :-1]
        return again, induction

    def inside(self, what: Enclosure) -> Flags:
        """Whether each token stands inside brackets, quotes, a string, a comment or a docstring."""
        vocabulary, tokens = self.vocabulary, self.tokens
        match what:
            case "quotes":
                marks = vocabulary.quote_marks[tokens]
                return np.asarray((np.cumsum(marks, axis=1) - marks) % 2 == 1)
            case "strings":
                return self._in_string()
            case "comments":
                hashes = np.where(vocabulary.hashes[tokens], self.columns, -1)
                latest = _shifted(np.maximum.accumulate(hashes, axis=1), -1)
                return (latest >= 0) & (latest >= self._break)
            case "docstrings":
                triple = vocabulary.triple_quotes[tokens]
                return np.asarray((np.cumsum(triple, axis=1) % 2 == 1) & ~triple)
            case _:
                return self._depths(what)[0] > 0

    def _in_string(self) -> Flags:
        moves, ends_in_letter = self.vocabulary.quote_moves, self.vocabulary.ends_alphanumeric[self.tokens]
        out, state = np.zeros(self.tokens.shape, dtype=bool), np.zeros(len(self.tokens), dtype=np.int8)
        for column in range(self.tokens.shape[1]):
            left = ends_in_letter[:, column - 1].astype(np.int8) if column else np.zeros_like(state)
            after = moves[state, left, self.tokens[:, column]]
            out[:, column] = (state > 0) & (after == state)
            state = after
        return out


def _shifted(values: NDArray[np.generic], fill: int) -> Counts:
    """One position to the right."""
    out = np.full(values.shape, fill, dtype=np.int32)
    out[:, 1:] = values[:, :-1]
    return out


def _since(counts: Counts, start: Counts) -> Counts:
    """Sum of `counts` from the column `start` to each token, both included."""
    total = np.cumsum(counts, axis=1, dtype=np.int32)
    return total - np.take_along_axis(total - counts, start.astype(np.int64), axis=1)
