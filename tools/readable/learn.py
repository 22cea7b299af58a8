"""Learn a readable rule: items are added one by one while they explain more than their words cost.

At each step every kind of words in every context is screened at once by sums over words; the best are then fitted
together with the items that are there. What counts is what an item explains on documents that it was not fitted on
(`Sample`), less some doubt and a price for each word of its part of the sentence. At the end strengths become words.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice, product
from typing import Literal, TypeVar, get_args

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from tools.readable.contract import MAX_QUOTED, MAX_WORDS, n_words
from tools.readable.knowledge import LETTERS, SPECIAL, Knowledge
from tools.readable.language import Language
from tools.readable.nearby import Around, classes_of_phrases, earlier_in, phrases_before
from tools.readable.rule import (
    MAX_ITEMS,
    MAX_SEEDS,
    STRENGTHS,
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
    Rule,
    Spelt,
)
from tools.readable.sample import SHRINKAGE, Gram, Sample, Sums, Vector, doubted
from tools.readable.texts import WordTexts

Form = Literal["mixed", "classes", "words"]
"""mixed: anything. classes: named classes alone, in contexts of such. words: quoted words and what is like them."""

PRICE = 0.0015
"""Share of the variance that a word of the sentence has to explain, on documents that it was not fitted on."""

ODD = 5
"""Words that an exception and a growing strength cost beside their own: few neurons need them."""

MIN_MEMBERS = 3
"""Distinct words that a class must have in the text; with fewer it says no more than they do."""

_EXACT = 40
_WHOLE_AT_ONCE, _WHOLE_LATER = 8, 4
"""How many kinds of words, and contexts, are tried with each other: fewer once the first items stand."""

_STRETCHES = 3
_FAR = 4
"""Of so many of the best kinds far contexts are screened as well: all others wait for the end of the search."""
_REPEATS: tuple[Repeat, ...] = get_args(Repeat)
_LIKE_SEEDS = 40
_LIKE_STARTS = 8
_COHERENT = 0.35
"""How like the other seeds a seed must be: words that have nothing to do with each other are no meaning."""
_MOST_STEPS = 16
_CONDITIONS = 16
_MORE = 6
_OTHERS = 6
_PARTS = (False, False), (True, False), (False, True)
_GROWING = Item(Named(LETTERS), longer=True), Item(Named("numbers"), longer=True)
_TRIFLE = 0.005
"""Share of what a rule explains that a word of it may at least be asked for."""
_STEM = 4
"""Letters that forms of a word have in common."""
_WITHOUT_BEST = 0.15
"""Share of what a class explains that has to be left without its best word."""
_SAME = 0.97
"""Two columns that are alike by this much (cosine) say the same: no sentence needs both."""
_BEFORE = 4
_NEAR: tuple[Relation, ...] = ("right after", "within four words after", "in text about")
"""Contexts that are tried with kinds of words that somebody named."""


Named_ = TypeVar("Named_")


@dataclass(frozen=True)
class Learnt:
    """A rule and what it explains of the variance on documents that it was not fitted on, less doubt and price."""

    rule: Rule
    worth: float


class Features:
    """What is the same for all neurons on some texts: which classes and beginnings hold where."""

    def __init__(self, texts: WordTexts, knowledge: Knowledge) -> None:
        self.texts = texts
        self.knowledge = knowledge
        matrix = knowledge.matrix(texts)
        many = np.flatnonzero(np.diff(matrix.indptr) >= MIN_MEMBERS)
        spelt, letters = _affixes(texts.keys)
        self.kinds: list[Kind] = [*(Named(knowledge.over_words[n]) for n in many), *spelt]
        self.members = sparse.vstack([matrix[many], letters]).tocsr()
        self.n_named = len(many)
        self.is_meaning = [isinstance(kind, Named) and knowledge.is_meaning(kind.name) for kind in self.kinds]
        self._rows: dict[Kind, int] = {kind: row for row, kind in enumerate(self.kinds)}
        self.stretches = sparse.csr_matrix(knowledge.stretches(texts).T)
        self.befores = self._befores()
        self.topics, self.amid = self._amid(matrix)
        self.around = [
            Around("on the same line after", earlier_in(texts, texts.line)),
            Around("in the same sentence after", earlier_in(texts, texts.sentence)),
        ]
        self.phrases, self.after_phrase = phrases_before(texts)
        self.several, self.in_several = classes_of_phrases(texts, knowledge)
        self.vectors = knowledge.vectors_of(texts)
        number: dict[str, int] = {}
        self.small = np.array([number.setdefault(key.lower(), len(number)) for key in texts.keys], dtype=np.int64)
        self.small_names = list(number)

    def n_words(self, kind: Kind, some: NDArray[np.bool_]) -> int:
        """How many of some words, [n_keys], belong to a class; those that differ in capitals alone count once."""
        row = self._rows[kind]
        keys = self.members.indices[self.members.indptr[row] : self.members.indptr[row + 1]]
        return len(set(self.small[keys[some[keys]]].tolist()))

    def _befores(self) -> list[NDArray[np.int64]]:
        """For each token the word one before, two before and so on, -1 for none."""
        previous = self.texts.previous
        out, back = [], previous[self.texts.word_of]
        for _ in range(_BEFORE):
            out.append(back)
            back = np.where(back >= 0, previous[np.maximum(back, 0)], -1)
        return out

    def _amid(self, matrix: sparse.csr_matrix) -> tuple[list[str], sparse.csr_matrix]:
        """Topics, and where the text before is about each, float32 [n_tokens, n_topics]."""
        texts, concepts = self.texts, self.knowledge.concepts
        counts = matrix @ np.bincount(texts.key, minlength=len(texts.keys))
        names = [
            name for name, n in zip(self.knowledge.over_words, counts, strict=True)
            if n >= 30 and name not in SPECIAL and concepts.get(name).kind == "meaning" and n < 0.1 * texts.n_words
        ]  # fmt: skip
        rows = [self.knowledge.where(Context("in text about", Named(name)), texts) for name in names]
        return names, sparse.csr_matrix(np.array(rows, dtype=np.float32).reshape(len(names), texts.n_tokens).T)


def _affixes(keys: Sequence[str]) -> tuple[list[Spelt], sparse.csr_matrix]:
    """Beginnings of 3 to 5 letters and endings of 2 to 4 that enough words have, and which words."""
    found: dict[Spelt, list[int]] = {}
    for at, key in enumerate(keys):
        word = key.lower()
        if not word.isalpha():
            continue
        for n in (3, 4, 5):
            if len(word) > n:
                found.setdefault(Spelt("beginning with", word[:n]), []).append(at)
        for n in (2, 3, 4):
            if len(word) > n:
                found.setdefault(Spelt("ending in", word[-n:]), []).append(at)
    kept = {one: members for one, members in found.items() if len(members) >= 2 * MIN_MEMBERS}
    indices = [at for members in kept.values() for at in members]
    starts = np.append(0, np.cumsum([len(members) for members in kept.values()]))
    ones = np.ones(len(indices), dtype=np.float32)
    return list(kept), sparse.csr_matrix((ones, indices, starts), shape=(len(kept), len(keys)))


class Learner:
    """Learns rules of several forms for one neuron.

    Args:
        sample: the neuron on text.
        features: of those texts.
        language: measures sentences.
        price: of a word.
    """

    def __init__(self, sample: Sample, features: Features, language: Language, price: float = PRICE) -> None:
        self.sample = sample
        self.features = features
        self._texts = features.texts
        self._knowledge = features.knowledge
        self._language = language
        self._price = price
        self._gram = Gram(sample)
        self._numbers: dict[Item, int] = {}
        self._columns: dict[Item, NDArray[np.float32]] = {}
        self._known: dict[tuple[int, ...], Vector] = {}

    def path(self, form: Form = "mixed", start: Sequence[Item] = ()) -> list[Learnt]:
        """The best rule of one item, of more, and so on, as the search found them; the last is worth most."""
        items = list(start)
        worth = self._better(items, []) if items else 0.0
        out: list[Learnt] = [Learnt(self.with_strengths(items), worth)] if items else []
        is_last = False
        for _ in range(_MOST_STEPS):
            trials = self._conditioned(items, form) if is_last else self._trials(items, form)
            best, chosen = max(((self._better(trial, items), n) for n, trial in enumerate(trials)), default=(0.0, 0))
            if best > 1e-4:
                worth, items, is_last = worth + best, trials[chosen], False
                out.append(Learnt(self.with_strengths(items), worth))
            elif is_last or not items:
                break
            else:
                is_last = True
        if out and (shorter := self._simplified(items)) != items:
            out.append(Learnt(self.with_strengths(shorter), worth + self._better(shorter, items)))
        return out

    def _simplified(self, items: list[Item]) -> list[Item]:
        """The rule without what adds a trifle: a sentence that explains nearly everything has no need of exceptions."""
        while True:
            whole = float(self._explained(self._numbered(items)).sum())
            best, chosen = 1.0, items
            for simpler in filter(None, _simpler(items)):
                lost = whole - float(self._explained(self._numbered(simpler)).sum())
                bound = _TRIFLE * whole * (self._n_words(items) - self._n_words(simpler))
                if bound > 0 and lost < best * bound:
                    best, chosen = max(lost, 0.0) / bound, simpler
            if chosen is items:
                return items
            items = chosen

    def path_among(self, bag: Sequence[Kind]) -> list[Learnt]:
        """The same path where an item may speak of these kinds of words alone, and of any word in a context of them."""
        items: list[Item] = []
        out: list[Learnt] = []
        bare = [Item(kind) for kind in bag]
        contexts = [Context(relation, kind) for kind in bag for relation in _NEAR]
        while len(out) < _MOST_STEPS:
            options = [*bare, *(Item(AnyWord(), context=context) for context in contexts)]
            if not items:
                best_bare = sorted(bare, key=lambda item: -self.alone(item))[:_FAR]
                options += [one for item in best_bare for one in self._varied(item, contexts)]
            trials = [[*items, one] for one in self._pulling(options, items)] if len(items) < MAX_ITEMS else []
            for at, item in enumerate(items):
                others = [*items[:at], *items[at + 1 :]]
                trials += [others] if others else []
                varied = self._pulling(list(self._varied(item, contexts)), others)
                trials += [[*items[:at], other, *items[at + 1 :]] for other in varied]
            kept = [trial for trial in trials if self._keeps_contract(trial)]
            best, chosen = max(((self._better(trial, items), n) for n, trial in enumerate(kept)), default=(0.0, 0))
            if best <= 1e-4:
                break
            items = kept[chosen]
            out.append(Learnt(self.with_strengths(items), best + (out[-1].worth if out else 0.0)))
        return out

    def _pulling(self, options: Sequence[Item], items: Sequence[Item]) -> Iterator[Item]:
        """Of some items those where the neuron fires more than other items say: a rule says nothing of where it fires
        less."""
        residual = self._gram.residual(self._numbered(items)) * self.sample.weight
        for item in options:
            if item not in items:
                column = self.column(item)
                where = self.sample.holding(column)
                if residual[where] @ column[where] > 0:
                    yield item

    @staticmethod
    def _varied(item: Item, contexts: Sequence[Context]) -> Iterator[Item]:
        """The item in other contexts and outside of them, or without its condition."""
        bare = replace(item, context=None, unless=None)
        if item.context is not None or item.unless is not None:
            yield bare
        if isinstance(item.kind, AnyWord):
            return
        for context in contexts:
            if context.kind != item.kind:
                yield replace(bare, context=context)
                yield replace(bare, unless=context)

    def _conditioned(self, items: list[Item], form: Form) -> list[list[Item]]:
        """Rules in which an item has another condition, found on what the other items leave of the neuron."""
        out = []
        for at, item in enumerate(items):
            others = [*items[:at], *items[at + 1 :]]
            residual = self._gram.residual(self._numbered(others))
            screen = _Screen(self.sample, self.features, residual, form)
            bare = [replace(item, context=None), replace(item, unless=None), item]
            for one in dict.fromkeys(bare):
                screen.conditions(one, self.column(one), 4)
            found = screen.found
            best = sorted(found, key=lambda one: self._price_of(one) - found[one])[:_CONDITIONS]
            best += _with_more_words(item, found)
            others_alone = screen.alone()[:_OTHERS]
            best += [replace(one, start=s, end=e) for one in others_alone for s, e in _PARTS]
            out += [[*items[:at], other, *items[at + 1 :]] for other in best if other not in items]
        return [trial for trial in out if self._keeps_contract(trial)]

    def levels(self, rule: Rule) -> NDArray[np.float64]:
        """What a rule predicts on the text, [n_tokens] in 0..10."""
        out = np.zeros(len(self.sample.weight))
        for strength, item in rule.items:
            np.maximum(out, strength * self.column(item), out=out)
        return out

    def alone(self, item: Item) -> float:
        """Share of the variance that an item alone explains, out of fold."""
        return float(self._gram.explained((self._number(item),)).sum())

    def words_that_fire(self, item: Item) -> list[str]:
        """Words on which the item holds, those that say most of the neuron first, in small letters."""
        held = self.column(item)
        where = self.sample.holding(held)
        small = self.features.small[self.sample.key[where]]
        pull = np.bincount(small, self.sample.weight[where] * self.sample.target[where])
        weight = np.bincount(small, self.sample.weight[where])
        gain = np.maximum(pull, 0) ** 2 / (weight + SHRINKAGE / self.sample.n)
        return [self.features.small_names[at] for at, _ in _best(gain, _LIKE_SEEDS)]

    def _n_words(self, items: Sequence[Item]) -> int:
        return sum(n_words(self._language.item(item)) for item in items)

    def _price_of(self, item: Item) -> float:
        odd = (item.unless is not None) + item.longer
        return self._price * (1 + n_words(self._language.item(item)) + odd * ODD)

    def column(self, item: Item) -> NDArray[np.float32]:
        """Where an item holds, float32 [n_tokens]."""
        if item not in self._columns:
            self._columns[item] = self._knowledge.column(item, self._texts)
        return self._columns[item]

    def _number(self, item: Item) -> int:
        if item not in self._numbers:
            self._numbers[item] = len(self._numbers)
            self._gram.add(self._numbers[item], self.column(item))
        return self._numbers[item]

    def _numbered(self, items: Sequence[Item]) -> tuple[int, ...]:
        return tuple(self._number(item) for item in items)

    def _better(self, items: Sequence[Item], than: Sequence[Item]) -> float:
        """What items explain more than others do, as far as the folds agree on it, less what they cost more."""
        names = self._numbered(items)
        if self._gram.are_alike(names, _SAME):
            return -np.inf
        more = self._explained(names) - self._explained(self._numbered(than))
        return float(doubted(more[:, None])[0]) - sum(map(self._price_of, items)) + sum(map(self._price_of, than))

    def _explained(self, names: tuple[int, ...]) -> Vector:
        if names not in self._known:
            self._known[names] = self._gram.explained(names)
        return self._known[names]

    def _trials(self, items: list[Item], form: Form) -> list[list[Item]]:
        """Rules that differ from this one by an item, a word or a condition, those that keep the contract."""
        residual = self._gram.residual(self._numbered(items))
        found = _Screen(self.sample, self.features, residual, form, _WHOLE_AT_ONCE if len(items) < 2 else _WHOLE_LATER)
        candidates = {
            item: gain - self._price_of(item) for item, gain in found.candidates().items() if item not in items
        }
        best = sorted(candidates, key=lambda item: -candidates[item])[:_EXACT]
        best += [item for item in _GROWING if form != "words" and item not in items]
        out = [[*items, item] for item in best] if len(items) < MAX_ITEMS else []
        for at, item in enumerate(items):
            if len(items) > 1:
                out.append([*items[:at], *items[at + 1 :]])
            out += [[*items[:at], other, *items[at + 1 :]] for other in self._near(item, found, form)]
        return [trial for trial in out if self._keeps_contract(trial)]

    def _near(self, item: Item, found: _Screen, form: Form) -> Iterable[Item]:
        if isinstance(item.kind, Quoted) and form != "classes":
            for word in found.best_words(12):
                if word not in item.kind.words:
                    yield replace(item, kind=Quoted(tuple(sorted((*item.kind.words, word)))))
        if isinstance(item.kind, Quoted) and len(item.kind.words) > 1:
            for word in item.kind.words:
                yield replace(item, kind=Quoted(tuple(one for one in item.kind.words if one != word)))
        if not item.end:
            yield replace(item, end=True, start=False)
        if not item.start:
            yield replace(item, start=True, end=False)
        if not item.longer and not isinstance(item.kind, Quoted):
            yield replace(item, longer=True)
        if item.context is not None:
            yield replace(item, context=None)
        if item.unless is not None:
            yield replace(item, unless=None)
        elif item.context != Again():
            yield replace(item, unless=Again())

    def _keeps_contract(self, items: Sequence[Item]) -> bool:
        rule = Rule.of([(STRENGTHS[min(n, 3)], item) for n, item in enumerate(items)])
        return len(rule.quoted()) <= MAX_QUOTED and n_words(self._language.render(rule)) <= MAX_WORDS

    def with_strengths(self, items: Sequence[Item]) -> Rule:
        """The rule with the strengths that correlate best, found one after the other."""
        whole = np.array([self.column(item) for item in items])
        somewhere = self.sample.holding(np.asarray(whole.any(axis=0)))
        columns, weight = whole[:, somewhere].astype(np.float64), self.sample.weight[somewhere]
        pull = weight * self.sample.target[somewhere]
        strengths: list[int] = [10] * len(items)

        def correlation(tried: Iterable[int]) -> float:
            levels = (np.array(list(tried), dtype=np.float64)[:, None] * columns).max(axis=0)
            mean = float(weight @ levels)
            spread = float(weight @ levels**2) - mean**2
            return float(pull @ levels) / np.sqrt(spread) if spread > 1e-12 else 0.0

        if len(items) <= 3:
            tried = [one for one in product(STRENGTHS, repeat=len(items)) if max(one) == STRENGTHS[0]]
            strengths = list(max(tried, key=correlation))
        else:
            for _ in range(3):
                before = list(strengths)
                for at in range(len(items)):
                    options = [[*strengths[:at], one, *strengths[at + 1 :]] for one in STRENGTHS]
                    strengths = max(options, key=correlation)
                if strengths == before:
                    break
        return Rule.of(list(zip(strengths, items, strict=True)))


class _Screen:
    """Gains of all items alone on a residual, from sums over words."""

    def __init__(
        self, sample: Sample, features: Features, residual: Vector, form: Form, n_whole: int = _WHOLE_AT_ONCE
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
                self.conditions(Item(kind), knowledge.tokens(kind, texts), far=at < _FAR or at >= self._n_whole)
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
        best = _best(gains, n)
        return [(self.features.kinds[at], gain) for at, gain in best if self._is_earned(at, gain, sums, weights)]

    def _is_earned(self, row: int, gain: float, sums: Sums, weights: Sums) -> bool:
        """Whether a class by meaning says more than the one word of it that says most: else nobody would think of that
        word, as of strings at "musical instruments"."""
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
            for at, gain in _best(self.sample.gains(joined[0], joined[1]), n + 1)
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
        for at, _ in _best(pull, _LIKE_SEEDS):
            if self._keys[at].isalpha():
                one_form.setdefault(self._keys[at].lower(), at)
        seeds = list(one_form.values())

        products = {at: vectors @ vectors[at] for at in seeds}

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
        return [(names[at], gain) for at, gain in _best(gains, n)]

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
        inside: Vector, outside: Vector, named: Callable[[int], Named_], n: int
    ) -> Iterator[tuple[Named_, float, float]]:
        chosen = dict.fromkeys([*(at for at, _ in _best(inside, n)), *(at for at, _ in _best(outside, max(n // 2, 1)))])
        for at in chosen:
            yield named(at), float(inside[at]), float(outside[at])

    def conditions(self, item: Item, column: NDArray[np.float32], n: int = 3, far: bool = True) -> None:
        """Notes an item in contexts and outside of them, each where it has no such condition yet."""
        part = self._part(column)
        for context, inside, outside in self._places(part, n, far):
            if item.context is None:
                self._note(replace(item, context=context), inside)
            if item.unless is None and context != item.context:
                self._note(replace(item, unless=context), outside)
        if isinstance(item.kind, Named | Like):
            sums, weights = part.by_key()
            words = np.asarray(weights.sum(0) > 0)
            for other, inside, outside in self._words_there(part, sums, weights, n, 1):
                is_class = other != item.kind and item.context is None and isinstance(other, Named)
                # Where two classes have but a word or two in common, the words themselves say it better.
                if is_class and self.features.n_words(other, words) >= MIN_MEMBERS:
                    both = (other, item.kind) if self._is_stretch(item.kind) else (item.kind, other)
                    relation: Relation = "in" if self._is_stretch(both[1]) else "among"
                    self._note(replace(item, kind=both[0], context=Context(relation, both[1])), inside)
                if other != item.kind and item.unless is None:
                    self._note(replace(item, unless=Context("among", other)), outside)

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
        for kind, gain in [*self._classes(sums, weights, 4), *self._quoted(sums, weights, 2)]:
            self._note(Item(kind, context=context), gain)


def _simpler(items: Sequence[Item]) -> Iterator[list[Item]]:
    """The rules that lack one thing that this one has."""
    for at, item in enumerate(items):
        others = list(items[:at]), list(items[at + 1 :])
        yield [*others[0], *others[1]]
        for one in (
            replace(item, context=None), replace(item, unless=None), replace(item, end=False, start=False),
            replace(item, longer=False),
        ):  # fmt: skip
            if one != item and one not in items:
                yield [*others[0], one, *others[1]]
        if isinstance(item.kind, Quoted) and len(item.kind.words) > 1:
            for word in item.kind.words:
                kept = Quoted(tuple(other for other in item.kind.words if other != word))
                yield [*others[0], replace(item, kind=kept), *others[1]]


def _with_more_words(item: Item, found: dict[Item, float]) -> Iterator[Item]:
    """The item with another word among those that its condition quotes, the best ones alone."""
    context, unless = item.context, item.unless
    options = sorted((one for one in found if one.kind == item.kind), key=lambda one: -found[one])
    if isinstance(context, Context) and isinstance(context.kind, Quoted):
        others = (one.context for one in options if one.unless == unless)
        yield from (replace(item, context=both) for both in _joined(context, others))
    if isinstance(unless, Context) and isinstance(unless.kind, Quoted):
        others = (one.unless for one in options if one.context == context)
        yield from (replace(item, unless=both) for both in _joined(unless, others))


def _joined(context: Context, others: Iterable[Context | Again | None]) -> Iterator[Context]:
    alike = (one for one in others if isinstance(one, Context) and one.relation == context.relation)
    kinds = (one.kind for one in alike if isinstance(one.kind, Quoted) and one.kind != context.kind)
    for kind in islice(kinds, _MORE):
        if isinstance(context.kind, Quoted):
            yield replace(context, kind=Quoted(tuple(sorted({*context.kind.words, *kind.words}))))


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


def _best(gains: Vector, n: int) -> list[tuple[int, float]]:
    """Places of the `n` largest positive gains, the largest first."""
    order = np.argsort(-gains, kind="stable")[:n]
    return [(int(at), float(gains[at])) for at in order if gains[at] > 0]
