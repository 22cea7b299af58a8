"""What a rule predicts, token by token, for whole batches of excerpts at once."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tools.rules.clauses import (
    After,
    Between,
    Clause,
    Context,
    Early,
    Echo,
    Growing,
    Inside,
    Nearer,
    Range,
    Relation,
    Repeated,
    Rule,
    Spelled,
    TokenClass,
    WordAffix,
    Words,
)
from tools.rules.positions import Positions
from tools.rules.spelling import WORD_SPELLING
from tools.rules.vocabulary import Vocabulary
from tools.rules.words import belongs

AMID_WINDOW = 16
FAR = 8
"""How far back "at least 8 after" begins."""

_WITHIN = {"within 4 after": 4, "within 8 after": 8, "within 16 after": 16}
_MEMBER = 0.5
"""How far a token must belong to a class to begin or end a `between`."""

Values = NDArray[np.float32]


class Batch:
    """Excerpts prepared for evaluating many conditions. `tokens` is int [n, pos], -1 past the end."""

    def __init__(self, tokens: NDArray[np.int32], vocabulary: Vocabulary) -> None:
        self.tokens = np.maximum(tokens, 0)
        self.mask = tokens >= 0
        self.vocabulary = vocabulary

    @cached_property
    def _words(self) -> tuple[list[str], NDArray[np.int64], NDArray[np.int64]]:
        lexicon = self.vocabulary.lexicon
        met, where = np.unique(lexicon.read(self.tokens), return_inverse=True)
        found = [lexicon.words[word] for word in met]
        # In the order of spelling, so that nothing depends on what was read before.
        order = np.array(sorted(range(len(found)), key=found.__getitem__), dtype=np.int64)
        rank = np.empty(len(found), dtype=np.int64)
        rank[order] = np.arange(len(found))
        ranked = rank[where.reshape(self.tokens.shape)]
        if not found or found[order[0]]:
            return ["", *(found[i] for i in order)], ranked + 1, np.append(0, met[order])
        return [found[i] for i in order], ranked, met[order]

    @property
    def words(self) -> list[str]:
        """The words of the batch in the order of spelling, no word first."""
        return self._words[0]

    @property
    def word_ids(self) -> NDArray[np.int64]:
        """The word as far as it has come at each token, a place in `words`, [n, pos]."""
        return self._words[1]

    @property
    def lexicon_ids(self) -> NDArray[np.int64]:
        """The number of each of `words` in the vocabulary's lexicon."""
        return self._words[2]

    @cached_property
    def positions(self) -> Positions:
        """Where the tokens stand."""
        lengths = np.array([len(word) for word in self.words], dtype=np.int32)
        return Positions(self.tokens, self.word_ids, lengths, self.vocabulary)

    @cached_property
    def _repeats(self) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        return self.positions.repeated()

    def member(self, tokens: TokenClass) -> Values:
        """How far each token belongs to a class, float32 [n, pos] in 0..1; for `Nearer` beyond on both sides."""
        if isinstance(tokens, Words | WordAffix) or (isinstance(tokens, Spelled) and tokens.name in WORD_SPELLING):
            return belongs(self.words, tokens)[self.word_ids]
        return self.vocabulary.vector(tokens)[self.tokens]

    def clause(self, clause: Clause) -> Values:
        """How far the clause's condition holds, float32 [n, pos] in 0..1, strength left out; 0 past the end.

        Only a clause whose one condition names tokens `Nearer` some may leave 0..1: beside another condition that is
        cut, or two that both speak against firing would multiply to one that speaks for it.
        """
        held = [] if clause.token is None else [self.member(clause.token)]
        alone = not clause.unless and clause.also is None and (clause.token is None or clause.context is None)
        cut = not alone and any(isinstance(tokens, Nearer) for tokens in clause.classes())
        for context, unless in ((clause.context, clause.unless), (clause.also, clause.also_unless)):
            if context is not None:
                found = self.context(context)
                held.append(1 - (found.clip(0, 1) if cut else found) if unless else found)
        value = self.mask.astype(np.float32)
        for condition in held:
            value = value * (condition.clip(0, 1) if cut else condition)
        return value

    def context(self, context: Context) -> Values:
        """How far a context holds at each token, [n, pos] in 0..1; `After` tokens `Nearer` some may leave that."""
        positions = self.positions
        match context:
            case After("amid", Nearer() as tokens):
                return _amid(self.member(tokens))
            case After(relation, Nearer() as tokens) if relation not in ("right after", "two after"):
                # Whether such a token was met: no running maximum may rest on what speaks against it.
                return self._after(relation, self.member(tokens).clip(0, 1))
            case After(relation, tokens):
                return self._after(relation, self.member(tokens))
            case Between(first, last):
                return self._between(self.member(first) >= _MEMBER, self.member(last) >= _MEMBER)
            case Early(n):
                return (positions.columns < n).astype(np.float32)
            case Inside(what):
                return positions.inside(what).astype(np.float32)
            case Repeated(continuing):
                return self._repeats[1 if continuing else 0].astype(np.float32)
            case Echo(what):
                return positions.echo(what).astype(np.float32)
            case Range(measure, low, high):
                number = positions.measure(measure)
                return ((number >= low) & (number <= (np.inf if high is None else high)) & (number >= 0)).astype(
                    np.float32
                )
            case Growing(measure, low, high):
                return grown(positions.measure(measure), low, high)

    def _after(self, relation: Relation, member: Values) -> Values:
        match relation:
            case "right after":
                return _shift(member, 1)
            case "two after":
                return _shift(member, 2)
            case "anywhere after":
                return _shift(np.maximum.accumulate(member, 1), 1)
            case "at least 8 after":
                return _shift(np.maximum.accumulate(member, 1), FAR)
            case "amid":
                return _amid(member).clip(max=1)
            case "on lines with":
                # Memberships are at most 1: with twice the number of the line added, each line begins anew.
                line = np.cumsum(self.vocabulary.newline[self.tokens], axis=1, dtype=np.int32)
                own = _shift(line.astype(np.float32), 1)
                met = np.maximum.accumulate(np.where(self.vocabulary.newline[self.tokens], 0, member) + 2 * own, 1)
                return np.asarray(np.maximum(_shift(met, 1) - 2 * own, 0))
            case "on lines starting with":
                first = self.positions.first_on_line
                begins = np.take_along_axis(member, np.maximum(first, 0), 1)
                return np.where(first >= 0, begins, 0).astype(np.float32)
            case _:
                reach = member
                for power in range(int(np.log2(_WITHIN[relation]))):  # the running maximum over 2, 4, 8, ... tokens
                    reach = np.maximum(reach, _shift(reach, 2**power))
                return _shift(reach, 1)

    def _between(self, first: NDArray[np.bool_], last: NDArray[np.bool_]) -> Values:
        columns = self.positions.columns
        opened = np.maximum.accumulate(np.where(first, columns, -1), 1)
        before = np.full_like(opened, -1)
        before[:, 1:] = opened[:, :-1]
        closed = np.maximum.accumulate(np.where(last, columns, -1), 1)
        # A token that is of both ends what was before and begins anew.
        closed = np.where(closed == before, -1, closed)
        return ((before >= 0) & (closed < before)).astype(np.float32)

    def levels(self, rule: Rule) -> NDArray[np.float32]:
        """Predicted levels, float32 [n, pos] in 0..10; 0 past the end."""
        total = np.zeros(self.tokens.shape, dtype=np.float32)
        for clause in rule.clauses:
            total += clause.strength * self.clause(clause)
        return total.clip(0, 10)


def grown(number: NDArray[np.int32], low: int, high: int) -> Values:
    """0 up to `low`, 1 from `high` on, in proportion between; float32."""
    return np.asarray(((number - low) / np.float32(max(high - low, 1))).clip(0, 1), dtype=np.float32)


def _amid(member: Values) -> Values:
    """Four times the mean over the last tokens before each."""
    total = np.cumsum(member, 1)
    recent = total - _shift(total, AMID_WINDOW)
    return np.asarray(_shift(recent, 1) * (4 / AMID_WINDOW))


def _shift(values: NDArray[np.float32], by: int) -> NDArray[np.float32]:
    """`values` moved `by` positions to the right, zeros coming in."""
    out = np.zeros_like(values)
    if by < values.shape[1]:
        out[:, by:] = values[:, :-by]
    return out
