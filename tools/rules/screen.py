"""Which clauses may be worth saying: gains of all conditions of every kind at once, from sums of the residual."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property, partial
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from tools.rules.candidates import Candidate, Wanted, largest, largest_of_rows, narrow, narrow_token
from tools.rules.clauses import (
    After,
    Between,
    Clause,
    Context,
    Early,
    Echo,
    Enclosure,
    Growing,
    Inside,
    Listed,
    Measure,
    Range,
    Relation,
    Repeated,
    Repetition,
    Spelled,
    TokenClass,
    Words,
)
from tools.rules.neighbourhoods import RELATION_WORDS, Neighbourhoods
from tools.rules.pairs import RELATIONS, Sums, Text, Vector
from tools.rules.simulate import Batch, grown
from tools.rules.spelling import WORD_SPELLING
from tools.rules.words import belongs

_MOST_IN_SET, _MOST_IN_FAR_SET = 12, 3
"""At one position sums over a set of tokens are exact; over a distance several members may count, so it is small."""
_LARGEST_NUMBER = 65
_LEAST_BY_POSITION = 0.25
"""Share of the variance from which a stretch of positions may be an answer: where a text was cut says little."""
_LEAST_AT_START = 0.03
"""The same for the beginning of a text, which a model does treat in a way of its own."""
_LEAST_STRETCH = 4
_WITH_NEIGHBOURS: tuple[Relation | None, ...] = (None, "right after", "two after", "within 4 after", "amid")
_ONE_PLACE: tuple[Relation | None, ...] = (None, "right after", "two after", "on lines starting with")
_GROWING = [
    (low, high)
    for low in (0, 1, 2, 3, 4, 5, 6, 8, 10, 12, 16)
    for high in (2, 3, 4, 5, 6, 8, 10, 11, 12, 14, 16, 20, 24, 32)
    if high > low + 1
]
_CLOSERS: tuple[TokenClass, ...] = (
    Spelled("newlines"),
    Spelled("punctuation"),
    Spelled("opening brackets"),
    Spelled("closing brackets"),
)


class Gated:
    """The positions where a gate holds, with what of it does not change from step to step."""

    def __init__(self, screen: Screen, gate: Clause | None, held: Vector | None) -> None:
        self.gate, self.held = gate, held
        if held is None:
            self.pairs, self.weight = screen.text.pairs(), screen.weight
        else:
            self.pairs = screen.text.pairs(np.flatnonzero(held > 0))
            self.weight = screen.weight * held**2
        self.below = screen.alphabets(self.pairs.sums(self.weight, squared=True))
        self.plain_below = screen.plain**2 @ self.weight
        self.total_below = float(self.weight.sum())
        self.counts_below = screen.counted(self.weight)


class Screen:
    """Screens the conditions of one sample.

    Args:
        batch: the sample.
        weight: of each position, flat, adding up to 1.
    """

    def __init__(self, batch: Batch, weight: Vector) -> None:
        self.batch, self.weight, self.vocabulary = batch, weight, batch.vocabulary
        self.text = Text(batch)
        self.strings = [self.vocabulary.strings[token] for token in self.text.present]
        self.neighbourhoods = Neighbourhoods(self.strings, self.vocabulary.directions[self.text.present])
        self._token_starts = np.flatnonzero(np.diff(self.text.tokens, prepend=-1))

    @cached_property
    def class_matrix(self) -> Vector:
        """Membership of the tokens present in the vocabulary's classes, [n_classes, n_tokens]."""
        return np.ascontiguousarray(self.vocabulary.class_matrix[:, self.text.present])

    @cached_property
    def folded(self) -> tuple[list[str], NDArray[np.int64]]:
        """Words by the name that lists them, capital first letters set aside; and the place of each unit's word."""
        words = self.batch.words
        known = set(words)
        names = []
        for word in words:
            lower = word[:1].lower() + word[1:]
            names.append(lower if lower.islower() and lower in known else word)
        listed = sorted(set(names))
        place = {name: i for i, name in enumerate(listed)}
        return listed, np.array([place[name] for name in names])[self.text.words]

    @cached_property
    def _affixes(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Numbers of the parts that several words share, and pairs (place of the part, word)."""
        parts_of = self.vocabulary.lexicon.parts_of(self.batch.lexicon_ids)
        every = np.concatenate(parts_of)
        word = np.repeat(np.arange(len(parts_of)), [len(parts) for parts in parts_of])
        counts = np.bincount(every)
        shared = np.flatnonzero(counts > 2)
        place = np.full(len(counts), -1)
        place[shared] = np.arange(len(shared))
        kept = place[every] >= 0
        return shared, place[every[kept]], word[kept]

    @cached_property
    def _word_classes(self) -> Vector:
        return np.stack([belongs(self.batch.words, Spelled(name)) for name in WORD_SPELLING])

    @cached_property
    def plain_contexts(self) -> list[Context]:
        """Contexts that name no token."""
        return [
            *(Inside(what) for what in get_args(Enclosure)),
            *(Echo(what) for what in get_args(Repetition)),
            Repeated(False),
            Repeated(True),
        ]

    @cached_property
    def plain(self) -> Vector:
        """Where each of them holds, [n_contexts, n]."""
        return np.stack([self.batch.context(context)[self.batch.mask] for context in self.plain_contexts])

    @cached_property
    def _numbers(self) -> list[tuple[Measure, NDArray[np.int64]]]:
        """Every measure, one more than its number, 0 where there is none, flat."""
        return [
            (m, np.clip(self.batch.positions.measure(m)[self.batch.mask] + 1, 0, _LARGEST_NUMBER).astype(np.int64))
            for m in get_args(Measure)
        ]

    @cached_property
    def _ramps(self) -> Vector:
        numbers = np.arange(-1, _LARGEST_NUMBER, dtype=np.int32)
        return np.stack([grown(numbers, low, high) for low, high in _GROWING])

    def counted(self, values: Vector) -> Sums:
        """Sums by the number of each measure, [n_measures, 66]."""
        some = np.flatnonzero(values)
        taken = values[some]
        return np.stack([np.bincount(n[some], weights=taken, minlength=_LARGEST_NUMBER + 1) for _, n in self._numbers])

    def alphabets(self, sums: Sums) -> tuple[Sums, Sums, Sums]:
        """Sums per unit as sums per token present, per word as listed, and per word as it stands."""
        listed, place = self.folded
        tokens: Sums = np.add.reduceat(sums, self._token_starts, axis=1)
        words: Sums = np.stack([np.bincount(place, weights=row, minlength=len(listed)) for row in sums]).astype(
            np.float64
        )
        n = len(self.batch.words)
        as_it_stands: Sums = np.stack(
            [np.bincount(self.text.words, weights=row, minlength=n) for row in sums[:2]]
        ).astype(np.float64)
        words[:, 0] = as_it_stands[:, 0] = 0  # no word
        return tokens, words, as_it_stands

    def candidates(self, pull: Vector, gated: Gated, wanted: Wanted) -> Iterator[Candidate]:
        """Clauses with their approximate gains, in no order.

        Args:
            pull: weight times residual at each position.
            gated: where to look.
            wanted: what for.
        """
        gate = gated.gate
        own = wanted.tokens and (gate is None or gate.token is None)
        further = wanted.contexts and (gate is None or gate.also is None)
        rows = [r for r, relation in enumerate(RELATIONS) if (own if relation is None else further)]
        held = pull if gated.held is None else pull * gated.held
        total, total_below = float(held.sum()), gated.total_below
        # No condition inside the gate explains more than the variance there; higher estimates count twice.
        most = float((held**2 / np.maximum(self.weight, 1e-12)).sum())
        if rows and wanted.room > 0:
            above = self.alphabets(gated.pairs.sums(held))
            for found in self._classes(above, gated, wanted, rows, (total, total_below)):
                if found.gain <= most:
                    yield found
        if not further:
            return

        def both(context: Context, top: float, bottom: float, words: int) -> Iterator[Candidate]:
            gain = top**2 / max(bottom, 1e-9)
            if gain > wanted.price * words and (narrowed := narrow(gate, context)):
                yield Candidate(narrowed, gain, words)
            gain = (total - top) ** 2 / max(total_below - bottom, 1e-9)
            if gate and gain > wanted.price * words and (narrowed := narrow(gate, context, unless=True)):
                yield Candidate(narrowed, gain, words + 1)

        for context, top, bottom in zip(self.plain_contexts, self.plain @ held, gated.plain_below, strict=True):
            yield from both(context, float(top), float(bottom), 3)
        for (measure, _), tops, bottoms in zip(self._numbers, self.counted(held), gated.counts_below, strict=True):
            if wanted.positions or measure != "position":
                yield from self._by_number(measure, tops, bottoms, gate, both)

    def _by_number(
        self,
        measure: Measure,
        tops: Sums,
        bottoms: Sums,
        gate: Clause | None,
        both: Callable[[Context, float, float, int], Iterator[Candidate]],
    ) -> Iterator[Candidate]:
        top, bottom = tops[1:], bottoms[1:]  # without those that have no number
        if bottom.sum() <= 0:
            return
        to, to_below = np.concatenate([[0], np.cumsum(top)]), np.concatenate([[0], np.cumsum(bottom)])
        gains = (to[None, :] - to[:, None]) ** 2 / np.maximum(to_below[None, :] - to_below[:, None], 1e-6)
        gains[np.tril_indices(len(to))] = 0  # [low, high + 1]
        n = len(top)
        if measure == "position":
            upper = int(np.argmax(gains[1])) - 1  # positions count from 1
            if gate or gains[1, upper + 1] >= _LEAST_AT_START:
                yield from both(Early(upper), to[upper + 1], to_below[upper + 1], 3)
            stretch = np.arange(n + 1)
            gains[(stretch[None, :] - stretch[:, None] < _LEAST_STRETCH) | (gains < _LEAST_BY_POSITION)] = 0
            gains[:2] = 0
        ends: list[tuple[int, int]] = [divmod(int(np.argmax(gains)), n + 1)]
        low = int(np.argmax(gains[:, n]))
        ends.append((low, n))
        if measure != "position":
            single = int(np.argmax(np.diagonal(gains, 1)))
            ends.append((single, single + 1))
        for low, high in dict.fromkeys(ends):
            if gains[low, high] > 0:
                last = None if to_below[n] - to_below[high] <= 0 else high - 1
                words = 3 if last == low else 5
                t, b = to[high] - to[low], to_below[high] - to_below[low]
                yield from both(Range(measure, low, last), float(t), float(b), words)
        if measure == "position":
            return
        ramps = self._ramps[:, 1:]
        tops_, bottoms_ = ramps @ top, ramps**2 @ bottom
        best = int(np.argmax(tops_**2 / np.maximum(bottoms_, 1e-6)))
        if narrowed := narrow(gate, Growing(measure, *_GROWING[best])):
            yield Candidate(narrowed, float(tops_[best] ** 2 / max(bottoms_[best], 1e-6)), 6)

    def _classes(
        self,
        above: tuple[Sums, Sums, Sums],
        gated: Gated,
        wanted: Wanted,
        rows: list[int],
        totals: tuple[float, float],
    ) -> Iterator[Candidate]:
        """Candidates that name tokens or words."""
        gate, room, price = gated.gate, wanted.room, wanted.price
        total, total_below = totals

        def made(row: int, tokens: TokenClass, top: float, bottom: float, words: int) -> Iterator[Candidate]:
            relation = RELATIONS[row]
            if relation is None:
                if clause := narrow_token(gate, tokens):
                    yield Candidate(clause, top**2 / max(bottom, 1e-9), words + 1)
                return
            words += RELATION_WORDS
            if relation not in _ONE_PLACE and bottom > total_below:
                top, bottom = top * total_below / bottom, total_below
            gain = top**2 / max(bottom, 1e-9)
            if gain > price * words and (clause := narrow(gate, After(relation, tokens))):
                yield Candidate(clause, gain, words)
            if gate and bottom < 0.99 * total_below:
                gain = (total - top) ** 2 / max(total_below - bottom, 1e-6)
                if gain > price * words and (clause := narrow(gate, After(relation, tokens), unless=True)):
                    yield Candidate(clause, gain, words + 1)

        names = (self.strings, self.folded[0])
        far = np.array([RELATIONS[row] not in _ONE_PLACE for row in rows])
        for kind in (0, 1):
            top, bottom = above[kind][rows], gated.below[kind][rows]
            mean = top / (bottom + 2e-5)
            alone = top * np.abs(top) / np.maximum(bottom, 1e-9)
            for sign in (1, -1):
                for by in (mean, alone):
                    order = largest_of_rows(sign * by, min(room, _MOST_IN_SET))
                    # Large sets of rare tokens and small ones of frequent tokens: the surest of either first.
                    ranked = np.argsort(-np.take_along_axis(sign * mean, order, 1), axis=1, kind="stable")
                    order = np.take_along_axis(order, ranked, 1)
                    right = np.take_along_axis(sign * top, order, 1) > 0
                    t = np.cumsum(np.where(right, np.take_along_axis(top, order, 1), 0), axis=1)
                    b = np.cumsum(np.where(right, np.take_along_axis(bottom, order, 1), 0), axis=1)
                    gains = t**2 / np.maximum(b, 1e-9) - price * np.arange(1, order.shape[1] + 1)
                    if gate and sign * total < 0:
                        rest = (total - t) ** 2 / np.maximum(total_below - b, 1e-6)
                        gains = np.maximum(gains, rest - price * np.arange(1, order.shape[1] + 1))
                    right[far, _MOST_IN_FAR_SET:] = False
                    size = np.argmax(np.where(right, gains, -1), axis=1)
                    for i, row in enumerate(rows):
                        if not right[i, 0]:
                            continue
                        # Alone a token's sum is right over a distance, too.
                        for k in dict.fromkeys((int(size[i]), 0) if far[i] else (int(size[i]),)):
                            if gains[i, k] > 0:
                                listed = tuple(names[kind][j] for j in order[i, : k + 1])
                                tokens: TokenClass = Words(listed) if kind else Listed(listed)
                                yield from made(row, tokens, t[i, k], b[i, k], k + 1 + 2 * kind)
        sums = np.concatenate([above[0][rows], gated.below[0][rows]]).astype(np.float32) @ self.class_matrix.T
        tops, bottoms = sums[: len(rows)], np.maximum(sums[len(rows) :], 1e-6)
        gains = tops**2 / bottoms
        gains[far] *= np.minimum(1, total_below / bottoms[far])
        if gate:
            rest = total_below - bottoms
            within = rest > 0.01 * total_below
            unless = (total - tops) ** 2 / np.where(within, rest, 1)
            gains = np.maximum(gains, np.where(within & (tops * total < 0), unless, 0))
        for i, row in enumerate(rows):
            for j in largest(gains[i], 2):
                yield from made(row, self.vocabulary.classes[j], float(tops[i, j]), float(bottoms[i, j]), 3)
        for row in (0, 1):
            if row in rows:
                yield from self._of_words(above[2][row], gated.below[2][row], price, partial(made, row))
        if wanted.neighbourhoods:
            for row in rows:
                if RELATIONS[row] in (_WITH_NEIGHBOURS if gate is None else (None, "right after")):
                    yield from self.neighbourhoods.candidates(
                        above[0][row], gated.below[0][row], gate, RELATIONS[row], wanted
                    )

    def _of_words(
        self,
        top: Sums,
        bottom: Sums,
        price: float,
        made: Callable[[TokenClass, float, float, int], Iterator[Candidate]],
    ) -> Iterator[Candidate]:
        tops, bottoms = self._word_classes @ top, np.maximum(self._word_classes @ bottom, 1e-6)
        for j in largest(tops**2 / bottoms, 2):
            yield from made(Spelled(list(WORD_SPELLING)[j]), float(tops[j]), float(bottoms[j]), 2)
        parts, part, word = self._affixes
        if not len(parts):
            return
        tops = np.bincount(part, top[word], len(parts)).astype(np.float64)
        bottoms = np.maximum(np.bincount(part, bottom[word], len(parts)), 1e-6).astype(np.float64)
        gains = tops**2 / bottoms
        # Parts are numbered as they were met: equal gains are told apart by what is said.
        known = self.vocabulary.lexicon.parts
        least = max(np.partition(gains, -min(3, len(gains)))[-min(3, len(gains))] * (1 - 1e-9), 4 * price)
        best = np.flatnonzero(gains >= least)

        def order(j: np.int64) -> tuple[float, int, str]:
            return -round(float(gains[j]), 9), len(known[parts[j]].text), str(known[parts[j]])

        ranked = sorted(best, key=order)
        for j in ranked[:3]:
            yield from made(known[parts[j]], float(tops[j]), float(bottoms[j]), 4)

    def between(self, pull: Vector, openers: list[TokenClass], wanted: Wanted) -> Iterator[Candidate]:
        """Stretches that begin after one of `openers` and end before whatever ends them best."""
        mask = self.batch.mask
        for opener in openers:
            member = self.batch.member(opener) >= 0.5
            opened = np.maximum.accumulate(np.where(member, self.batch.positions.columns, -1), axis=1)
            since = np.full_like(opened, -1)
            since[:, 1:] = opened[:, :-1]
            flat = since[mask]
            rows = np.flatnonzero(flat >= 0)
            step = -(-len(rows) // 3000)
            rows = rows[::step] if step > 1 else rows
            if not len(rows):
                continue
            # All units from the opener up to the token itself, each once.
            most = int((self.text.column[rows] - flat[rows]).max())
            back = np.arange(most)
            at, which = np.nonzero(back < (self.text.column[rows] - flat[rows])[:, None])
            before = rows[at] - back[which]
            latest = self.text.next_same[before] > self.text.column[rows][at]
            here, unit = rows[at][latest], self.text.unit[before][latest]
            top = self.alphabets(self._by_unit(unit, pull[here]))[0][0]
            bottom = self.alphabets(self._by_unit(unit, self.weight[here]))[0][0]
            total, below = float(pull[rows].sum()), float(self.weight[rows].sum())
            for listed in self._best_ends(top, bottom, total, below, wanted.room):
                yield Candidate(Clause(1, None, Between(opener, listed)), np.inf, 4)
            for last in _CLOSERS:
                yield Candidate(Clause(1, None, Between(opener, last)), np.inf, 4)

    def _by_unit(self, unit: NDArray[np.int32], values: Vector) -> Sums:
        return np.bincount(unit, values, self.text.n_units).astype(np.float64)[None]

    def _best_ends(self, top: Sums, bottom: Sums, total: float, below: float, room: int) -> Iterator[TokenClass]:
        rest = (total - top) ** 2 / np.maximum(below - bottom, 1e-6)
        rest[(total - top) * total <= 0] = 0
        order = largest(rest, min(3, room))
        for n in range(1, len(order) + 1):
            yield Listed(tuple(self.strings[j] for j in order[:n]))
