"""Screening: what every kind of words in every context would explain of a residual, from sums over words."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Literal, TypeVar, get_args

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from tools.readable.features import MIN_MEMBERS, Features
from tools.readable.knowledge import LETTERS
from tools.readable.rule import (
    MAX_SEEDS,
    Again,
    AnyWord,
    Context,
    Everything,
    Item,
    Kind,
    Like,
    Named,
    Quoted,
    Relation,
    Repeat,
)
from tools.readable.sample import SHRINKAGE, Sample, Sums, Vector

Form = Literal["mixed", "classes", "words"]
"""mixed: anything. classes: named classes alone, in contexts of such. words: quoted words and what is like them."""

PRICE = 0.0015
"""Share of the variance that a word of the sentence has to explain, on documents that it was not fitted on."""

WHOLE_AT_ONCE, WHOLE_LATER = 8, 4
"""How many kinds of words, and contexts, are tried with each other: fewer once the first items stand."""

FAR = 4
"""Of so many of the best kinds far contexts are screened as well: all others wait for the end of the search."""

LIKE_SEEDS = 40
_STRETCHES = 3
_REPEATS: tuple[Repeat, ...] = get_args(Repeat)
_LIKE_STARTS = 8
_COHERENT = 0.35
"""How like the other seeds a seed must be: words that have nothing to do with each other are no meaning."""
_STEM = 4
"""Letters that forms of a word have in common."""
_WITHOUT_BEST = 0.15
"""Share of what a class explains that has to be left without its best word."""

_Named = TypeVar("_Named")


class Screen:
    """Gains of all items alone on a residual, from sums over words."""

    def __init__(
        self, sample: Sample, features: Features, residual: Vector, form: Form, n_whole: int = WHOLE_AT_ONCE
    ) -> None:
        self.sample, self.features, self._form = sample, features, form
        self._residual = residual
        self._keys = features.texts.keys
        self._whole_text = _Part(sample, residual, sample.counted, np.ones(sample.n))
        self._sums, self._weights = self._whole_text.by_key()
        self._n_whole = n_whole
        self.found: dict[Item, float] = {}

    def candidates(self) -> dict[Item, float]:
        """Items by the variance that each would explain, about."""
        whole = self._kinds_alone()
        if self._form != "words":
            for rows, names in (
                (self.features.stretches, self._over_text),
                (self.features.in_several, self.features.several),
            ):
                for name, gain in self._in_rows(rows, names, self._whole_text, 8):
                    self._note(Item(Named(name)), gain)
                    whole += [Named(name)] if len(whole) < self._n_whole + _STRETCHES else []
            contexts = self._contexts()
            knowledge, texts = self.features.knowledge, self.features.texts
            for at, kind in enumerate(whole):
                self.conditions(Item(kind), knowledge.tokens(kind, texts), far=at < FAR or at >= self._n_whole)
            for context in contexts:
                self._in_context(context)
        return self.found

    def alone(self) -> list[Item]:
        """Items of a kind of words without a condition, the best first."""
        kinds = self._kinds_alone()
        return [Item(kind) for kind in kinds]

    def best_words(self, n: int) -> list[str]:
        """The words that explain most."""
        return [kind.words[0] for kind, _ in self._quoted(self._sums, self._weights, n)]

    @property
    def _over_text(self) -> list[str]:
        return self.features.knowledge.over_text

    def _note(self, item: Item, gain: float) -> None:
        if gain > self.found.get(item, 0.0):
            self.found[item] = float(gain)

    def _part(self, held: NDArray[np.floating] | NDArray[np.bool_]) -> _Part:
        tokens = self.sample.holding(held)
        return _Part(self.sample, self._residual, tokens, held[tokens].astype(np.float64))

    def _classes(self, sums: Sums, weights: Sums, n: int) -> list[tuple[Kind, float]]:
        gains = self.sample.gains(self._of_classes(sums), self._of_classes(weights))
        if self._form == "classes":
            gains[self.features.n_named :] = 0
        best = largest(gains, n)
        return [(self.features.kinds[at], gain) for at, gain in best if self._is_earned(at, gain, sums, weights)]

    def _is_earned(self, row: int, gain: float, sums: Sums, weights: Sums) -> bool:
        """Whether a class by meaning explains more than its most telling word alone. Otherwise a reader would not think
        of that word, such as "strings" among "musical instruments"."""
        if not self.features.is_meaning[row]:
            return True
        members = self.features.members
        keys = members.indices[members.indptr[row] : members.indptr[row + 1]]
        pull, weight = sums[:, keys], weights[:, keys]
        best = int(np.argmax(np.maximum(pull.sum(0), 0) ** 2 / (weight.sum(0) + SHRINKAGE / self.sample.n)))
        stem = self._keys[keys[best]].lower()[:_STEM]
        others = [at for at, key in enumerate(keys) if self._keys[key].lower()[:_STEM] != stem]
        left = self.sample.gains(pull[:, others].sum(1, keepdims=True), weight[:, others].sum(1, keepdims=True))
        return float(left[0]) >= _WITHOUT_BEST * gain

    def _named(self, sums: Sums, weights: Sums, n: int) -> list[tuple[Kind, float]]:
        return [(kind, gain) for kind, gain in self._classes(sums, weights, n) if isinstance(kind, Named)]

    def _of_classes(self, sums: Sums) -> Sums:
        return np.asarray(self.features.members @ sums.T).T

    def _quoted(self, sums: Sums, weights: Sums, n: int) -> list[tuple[Quoted, float]]:
        if self._form == "classes":
            return []
        features = self.features
        joined = [
            np.stack(
                [
                    np.bincount(features.small, weights=row, minlength=len(features.small_names)).astype(np.float64)
                    for row in both
                ]
            )
            for both in (sums, weights)
        ]
        names = features.small_names
        return [
            (Quoted((names[at],)), gain)
            for at, gain in largest(self.sample.gains(joined[0], joined[1]), n + 1)
            if names[at]
        ][:n]

    def _kinds_alone(self) -> list[Kind]:
        """Notes kinds of words by themselves; the best of them."""
        found: list[tuple[Kind, float]] = []
        if self._form != "words":
            found += self._classes(self._sums, self._weights, 40)
        found += self._quoted(self._sums, self._weights, 25)
        if self._form != "classes":
            found += self._like()
        for kind, gain in found:
            self._note(Item(kind), gain)
        found.sort(key=lambda one: -one[1])
        return [kind for kind, _ in found[: self._n_whole]]

    def _like(self) -> list[tuple[Kind, float]]:
        """Words like some seeds: grown from the words that pull most, as long as they belong together."""
        vectors, knows, sample = self.features.vectors, self.features.knowledge.vectors, self.sample
        pull = np.maximum(self._sums.sum(0), 0) ** 2 / (self._weights.sum(0) + SHRINKAGE / sample.n)
        pull[~vectors.any(axis=1)] = 0
        one_form: dict[str, int] = {}
        for at, _ in largest(pull, LIKE_SEEDS):
            if self._keys[at].isalpha():
                one_form.setdefault(self._keys[at].lower(), at)
        seeds = list(one_form.values())

        products = dict(zip(seeds, vectors[seeds] @ vectors.T, strict=True))

        def gain(chosen: tuple[int, ...]) -> float:
            like = knows.graded(np.sum([products[at] for at in chosen], axis=0), vectors[list(chosen)].sum(0))
            like[list(chosen)] = 1
            where = np.flatnonzero(like)
            held = like[where].astype(np.float64)
            sums, squares = self._sums[:, where] @ held, self._weights[:, where] @ held**2
            return float(sample.gains_of_squares(sums[:, None], squares[:, None])[0])

        def together(chosen: tuple[int, ...]) -> bool:
            rows = vectors[list(chosen)]
            return all(knows.likeness_to(rows.sum(0) - row, row[None])[0] >= _COHERENT for row in rows)

        starts = sorted(((gain((at,)), (at,)) for at in seeds), reverse=True)[:_LIKE_STARTS]
        found: dict[Kind, float] = {}
        for best, start in starts:
            chosen: tuple[int, ...] = start
            while len(chosen) < MAX_SEEDS:
                options = [(gain(one), one) for at in seeds if at not in chosen and together(one := (*chosen, at))]
                if not options or max(options)[0] < best + PRICE:
                    break
                best, chosen = max(options)
            if best > 0:
                found[Like(tuple(sorted(self._keys[at].lower() for at in chosen)))] = best
        return list(found.items())

    def _in_rows(self, rows: sparse.csr_matrix, names: Sequence[str], part: _Part, n: int) -> list[tuple[str, float]]:
        gains = self.sample.gains(*part.by_row(rows))
        return [(names[at], gain) for at, gain in largest(gains, n)]

    def _contexts(self) -> list[Context | Again]:
        """Notes the best contexts for any word; the best of them."""
        part = self._whole_text
        found: list[tuple[Context | Again, float]] = []
        for context, inside, outside in self._places(part, 6):
            found.append((context, inside))
            if not (isinstance(context, Context) and context.relation == "in"):
                self._note(Item(AnyWord(), context=context), inside)
            self._note(Item(Everything(), unless=context), outside)
        texts = self.features.texts
        for kind in (AnyWord(), Named(LETTERS)) if self._form != "words" else ():
            held = self.features.knowledge.tokens(kind, texts) * texts.is_first
            for context, inside, _ in self._places(self._part(held), 4):
                self._note(Item(kind, context=context, start=True), inside)
        return [context for context, _ in sorted(found, key=lambda one: -one[1])[: self._n_whole]]

    def _places(self, part: _Part, n: int, far: bool = True) -> Iterator[tuple[Context | Again, float, float]]:
        """The best contexts for some tokens, with what they explain inside of them and outside."""
        features = self.features
        few = max(n // 2, 1)
        before, soon = part.by_key_before(features.befores[:1]), part.by_key_before(features.befores)
        for relation, sums, most in (("right after", before, n), ("within four words after", soon, few)):
            for kind, inside, outside in self._words_there(part, *sums, most, few, far):
                yield Context(relation, kind), inside, outside  # type: ignore[arg-type]
        for around in features.around if far else ():
            for kind, inside, outside in self._words_there(part, *part.by_row(around.keys), few, few):
                yield Context(around.relation, kind), inside, outside
        for phrase, inside, outside in self._rows_there(
            part, features.after_phrase, features.phrases, few if far else 0
        ):
            yield Context("right after", Quoted((phrase,))), inside, outside
        for name, inside, outside in self._rows_there(part, features.stretches, self._over_text, n):
            yield Context("in", Named(name)), inside, outside
        for name, inside, outside in self._rows_there(part, features.amid, features.topics, few):
            yield Context("in text about", Named(name)), inside, outside
        for how in _REPEATS:
            again = features.texts.again(how)[features.texts.word_of][part.tokens]
            yield Again(how), part.where(again).gain(), part.where(~again).gain()

    def _words_there(
        self, part: _Part, sums: Sums, weights: Sums, n: int, few: int, far: bool = True
    ) -> Iterator[tuple[Kind, float, float]]:
        """Kinds of words that stand around some tokens: what those explain that have them there, and those without."""
        gains = self.sample.gains
        total, weight = part.total()[:, None], part.weight()[:, None]
        of_classes = (
            self._of_classes(sums)[:, : self.features.n_named],
            self._of_classes(weights)[:, : self.features.n_named],
        )
        inside, outside = gains(*of_classes), gains(total - of_classes[0], np.maximum(weight - of_classes[1], 0))
        yield from self._both_ways(inside, outside, lambda at: self.features.kinds[at], n)
        if self._form != "classes":
            joined = self._by_small(sums), self._by_small(weights)
            inside = gains(*joined)
            outside = gains(total - joined[0], np.maximum(weight - joined[1], 0)) if far else np.zeros_like(inside)
            names = self.features.small_names
            inside[0] = outside[0] = 0
            yield from self._both_ways(inside, outside, lambda at: Quoted((names[at],)), few)

    def _rows_there(
        self, part: _Part, rows: sparse.csr_matrix, names: Sequence[str], n: int
    ) -> Iterator[tuple[str, float, float]]:
        if not n:
            return
        sums, weights = part.by_row(rows)
        inside = self.sample.gains(sums, weights)
        outside = self.sample.gains(part.total()[:, None] - sums, np.maximum(part.weight()[:, None] - weights, 0))
        yield from self._both_ways(inside, outside, lambda at: names[at], n)

    @staticmethod
    def _both_ways(
        inside: Vector, outside: Vector, named: Callable[[int], _Named], n: int
    ) -> Iterator[tuple[_Named, float, float]]:
        chosen = dict.fromkeys(
            [*(at for at, _ in largest(inside, n)), *(at for at, _ in largest(outside, max(n // 2, 1)))]
        )
        for at in chosen:
            yield named(at), float(inside[at]), float(outside[at])

    def conditions(self, item: Item, column: NDArray[np.float32], n: int = 3, far: bool = True) -> None:
        """Notes an item in contexts and outside of them, each where it has no such condition yet."""
        part = self._part(column)
        sums, weights = part.by_key()
        words = np.asarray(weights.sum(0) > 0)
        for context, inside, outside in self._places(part, n, far):
            if item.context is None and self._is_wide(item.kind, context, words):
                self._note(replace(item, context=context), inside)
            if item.unless is None and context != item.context:
                self._note(replace(item, unless=context), outside)
        if isinstance(item.kind, Named | Like):
            for other, inside, outside in self._words_there(part, sums, weights, n, 1):
                is_class = other != item.kind and item.context is None and isinstance(other, Named)
                # Where two classes have but a word or two in common, the words themselves say it better.
                if is_class and self.features.n_words(other, words) >= MIN_MEMBERS:
                    both = (other, item.kind) if self._is_stretch(item.kind) else (item.kind, other)
                    relation: Relation = "in" if self._is_stretch(both[1]) else "among"
                    self._note(replace(item, kind=both[0], context=Context(relation, both[1])), inside)
                if other != item.kind and item.unless is None:
                    self._note(replace(item, unless=Context("among", other)), outside)

    def _is_wide(self, kind: Kind, context: Context | Again, words: NDArray[np.bool_]) -> bool:
        """Whether a class has several of its words in a stretch of text, or most of those it has: "units in
        percentages" are but the percent sign."""
        is_in = isinstance(context, Context) and context.relation == "in"
        if not is_in or not isinstance(kind, Named) or self._is_stretch(kind) or kind not in self.features:
            return True
        there = self._part(self.features.knowledge.where(context, self.features.texts)).by_key()[1].sum(0) > 0
        n = self.features.n_words(kind, words & there)
        return n >= MIN_MEMBERS or 2 * n >= self.features.n_words(kind, words)

    def _is_stretch(self, kind: Kind) -> bool:
        """Whether a kind is a stretch of text: words stand in it, and are not what it is."""
        return isinstance(kind, Named) and kind.name in self._over_text

    def _by_small(self, sums: Sums) -> Sums:
        """Sums over keys, those of a word however written together."""
        small, n = self.features.small, len(self.features.small_names)
        return np.array([np.bincount(small, weights=row, minlength=n) for row in sums], dtype=np.float64)

    def _in_context(self, context: Context | Again) -> None:
        """Kinds of words in one context."""
        part = self._part(self.features.knowledge.where(context, self.features.texts))
        sums, weights = part.by_key()
        anywhere = np.asarray(self._weights.sum(0) > 0)
        for kind, gain in [*self._classes(sums, weights, 4), *self._quoted(sums, weights, 2)]:
            if self._is_wide(kind, context, anywhere):
                self._note(Item(kind, context=context), gain)


class _Part:
    """Some tokens, each held so far: sums of what is pulled there and of weight."""

    def __init__(self, sample: Sample, residual: Vector, tokens: NDArray[np.int64], held: Vector) -> None:
        self.sample, self._residual, self.tokens, self._held = sample, residual, tokens, held
        self._weight = sample.weight[tokens] * held
        self._pull = self._weight * residual[tokens]

    def gain(self) -> float:
        """What all its tokens explain together."""
        return float(self.sample.gains(self.total()[:, None], self.weight()[:, None])[0])

    def where(self, held: NDArray[np.bool_]) -> _Part:
        """Of its tokens some."""
        return _Part(self.sample, self._residual, self.tokens[held], self._held[held])

    def total(self) -> Vector:
        """The pull in each fold."""
        return self.sample.by_fold(self._pull, self.tokens)

    def weight(self) -> Vector:
        """The weight in each fold."""
        return self.sample.by_fold(self._weight, self.tokens)

    def by_key(self) -> tuple[Sums, Sums]:
        """Pull and weight by fold and key."""
        return self.sample.by_key(self._pull, self.tokens), self.sample.by_key(self._weight, self.tokens)

    def by_key_before(self, befores: Sequence[NDArray[np.int64]]) -> tuple[Sums, Sums]:
        """The same by the keys of words before; a token counts for each of them."""
        pull = [self.sample.by_key_before(self._pull, self.tokens, before) for before in befores]
        weight = [self.sample.by_key_before(self._weight, self.tokens, before) for before in befores]
        return np.sum(pull, axis=0), np.sum(weight, axis=0)

    def by_row(self, rows: sparse.csr_matrix) -> tuple[Sums, Sums]:
        """The same by the rows of a matrix of tokens and rows."""
        return self.sample.by_row(rows, (self._pull, self._weight), self.tokens)


def largest(gains: Vector, n: int) -> list[tuple[int, float]]:
    """Places of the `n` largest positive gains, the largest first."""
    order = np.argsort(-gains, kind="stable")[:n]
    return [(int(at), float(gains[at])) for at in order if gains[at] > 0]
