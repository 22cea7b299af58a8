"""What a rule predicts, token by token, for whole batches of excerpts at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tools.rules.clauses import After, Clause, Context, Early, Inside, Relation, Repeated, Rule
from tools.rules.vocabulary import Vocabulary

AMID_WINDOW = 16
_WITHIN = {"within 4 after": 4, "within 16 after": 16}


class Batch:
    """Excerpts prepared for evaluating many conditions. `tokens` is int [n, pos], -1 past the end."""

    def __init__(self, tokens: NDArray[np.int32], vocabulary: Vocabulary) -> None:
        self.tokens = np.maximum(tokens, 0)
        self.mask = tokens >= 0
        self.vocabulary = vocabulary
        self._repeats: tuple[NDArray[np.float32], NDArray[np.float32]] | None = None

    @property
    def repeats(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Where a token stood earlier, and where it also followed the same token there; both [n, pos]."""
        if self._repeats is None:
            n, width = self.tokens.shape
            again, induction = np.zeros((n, width), np.float32), np.zeros((n, width), np.float32)
            for distance in range(1, width):
                same = self.tokens[:, distance:] == self.tokens[:, :-distance]
                again[:, distance:] = np.maximum(again[:, distance:], same)
                both = same[:, 1:] & same[:, :-1]
                induction[:, distance + 1 :] = np.maximum(induction[:, distance + 1 :], both)
            self._repeats = again, induction
        return self._repeats

    def clause(self, clause: Clause) -> NDArray[np.float32]:
        """How far the clause's condition holds, float32 [n, pos] in 0..1, strength left out; 0 past the end."""
        value = self.mask.astype(np.float32)
        if clause.token is not None:
            value = value * self.vocabulary.vector(clause.token)[self.tokens]
        if clause.context is not None:
            context = self.context(clause.context)
            value = value * (1 - context if clause.unless else context)
        return value

    def context(self, context: Context) -> NDArray[np.float32]:
        """How far a context holds at each token, [n, pos] in 0..1."""
        match context:
            case After(relation, tokens):
                return self._after(relation, self.vocabulary.vector(tokens)[self.tokens])
            case Early(n):
                return np.broadcast_to(np.arange(self.tokens.shape[1]) < n, self.tokens.shape).astype(np.float32)
            case Inside("quotes"):
                marks = self.vocabulary.quote_marks[self.tokens]
                before: NDArray[np.int64] = np.cumsum(marks, 1) - marks
                return (before % 2).astype(np.float32)
            case Inside(what):
                change = self.vocabulary.depth_change[what][self.tokens]
                # A bracket closed before any was opened in this text must not count against a later opening.
                depth = np.cumsum(change, 1) - change
                lowest = np.minimum(np.minimum.accumulate(depth, 1), 0)
                return (depth - lowest > 0).astype(np.float32)
            case Repeated(continuing):
                return self.repeats[1 if continuing else 0]

    def _after(self, relation: Relation, member: NDArray[np.float32]) -> NDArray[np.float32]:
        match relation:
            case "right after":
                return _shift(member, 1)
            case "two after":
                return _shift(member, 2)
            case "anywhere after":
                return _shift(np.maximum.accumulate(member, 1), 1)
            case "amid":
                total = np.cumsum(member, 1)
                recent = total - _shift(total, AMID_WINDOW)
                return (_shift(recent, 1) * (4 / AMID_WINDOW)).clip(max=1)
            case "on lines with":
                out = np.zeros_like(member)
                newline = self.vocabulary.newline[self.tokens]
                for position in range(1, member.shape[1]):
                    before = np.maximum(out[:, position - 1], member[:, position - 1])
                    out[:, position] = np.where(newline[:, position - 1], 0, before)
                return out
            case _:
                reach = member
                for power in range(int(np.log2(_WITHIN[relation]))):  # the running maximum over 2, 4, 8, ... tokens
                    reach = np.maximum(reach, _shift(reach, 2**power))
                return _shift(reach, 1)

    def levels(self, rule: Rule) -> NDArray[np.float32]:
        """Predicted levels, float32 [n, pos] in 0..10; 0 past the end."""
        total = np.zeros(self.tokens.shape, dtype=np.float32)
        for clause in rule.clauses:
            total += clause.strength * self.clause(clause)
        return total.clip(0, 10)


def _shift(values: NDArray[np.float32], by: int) -> NDArray[np.float32]:
    """`values` moved `by` positions to the right, zeros coming in."""
    out = np.zeros_like(values)
    if by < values.shape[1]:
        out[:, by:] = values[:, :-by]
    return out
