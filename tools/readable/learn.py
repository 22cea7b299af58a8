"""Learn a readable rule: items are added one by one while they explain more than their words cost.

At each step every kind of words in every context is screened at once by sums over words; the best are then fitted
together with the items that are there. What counts is what an item explains on documents that it was not fitted on
(`Sample`), less some doubt and a price for each word of its part of the sentence. At the end strengths become words.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice, product

import numpy as np
from numpy.typing import NDArray

from tools.readable.contract import MAX_QUOTED, MAX_WORDS, n_words
from tools.readable.features import Features
from tools.readable.knowledge import LETTERS
from tools.readable.language import Language
from tools.readable.rule import (
    MAX_ITEMS,
    STRENGTHS,
    Again,
    AnyWord,
    Context,
    Item,
    Kind,
    Named,
    Quoted,
    Relation,
    Rule,
)
from tools.readable.sample import SHRINKAGE, Gram, Sample, Vector, doubted
from tools.readable.screen import FAR, LIKE_SEEDS, PRICE, WHOLE_AT_ONCE, WHOLE_LATER, Form, Screen, largest

ODD = 5
"""Words that an exception and a growing strength cost beside their own: few neurons need them."""

_EXACT = 40
_MOST_STEPS = 16
_CONDITIONS = 16
_MORE = 6
_OTHERS = 6
_PARTS = (False, False), (True, False), (False, True)
_PIECEWISE = 12
_GROWING = Item(Named(LETTERS), longer=True), Item(Named("numbers"), longer=True)
_TRIFLE = 0.005
"""Share of what a rule explains that a word of it may at least be asked for."""
_SAME = 0.97
"""Two columns that are alike by this much (cosine) say the same: no sentence needs both."""
_NEAR: tuple[Relation, ...] = ("right after", "within four words after", "in text about")
"""Contexts that are tried with kinds of words that somebody named."""


@dataclass(frozen=True)
class Learnt:
    """A rule with its held-out explained variance, less the penalties for uncertainty and length."""

    rule: Rule
    worth: float


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
                best_bare = sorted(bare, key=lambda item: -self.alone(item))[:FAR]
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
            screen = Screen(self.sample, self.features, residual, form)
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
        return [self.features.small_names[at] for at, _ in largest(gain, LIKE_SEEDS)]

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
        found = Screen(self.sample, self.features, residual, form, WHOLE_AT_ONCE if len(items) < 2 else WHOLE_LATER)
        candidates = {
            item: gain - self._price_of(item) for item, gain in found.candidates().items() if item not in items
        }
        best = sorted(candidates, key=lambda item: -candidates[item])[:_EXACT]
        best += [item for item in _GROWING if form != "words" and item not in items]
        if len(items) < 2:  # try pieces of words early, or a similar class may be chosen
            best += [replace(item, start=start, end=end) for item in best[:_PIECEWISE] for start, end in _PARTS[1:]]
        out = [[*items, item] for item in best] if len(items) < MAX_ITEMS else []
        for at, item in enumerate(items):
            if len(items) > 1:
                out.append([*items[:at], *items[at + 1 :]])
            out += [[*items[:at], other, *items[at + 1 :]] for other in self._near(item, found, form)]
        return [trial for trial in out if self._keeps_contract(trial)]

    def _near(self, item: Item, found: Screen, form: Form) -> Iterable[Item]:
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
        columns, place = _places(whole[:, somewhere].astype(np.float64))
        weight = np.bincount(place, self.sample.weight[somewhere], columns.shape[1])
        pull = np.bincount(place, self.sample.weight[somewhere] * self.sample.target[somewhere], columns.shape[1])
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


def _places(columns: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """The distinct rows of some columns, [n_columns, n_places], and which of them each token has, [n_tokens].

    Where every column is of zeros and ones these are all that there can be; else every token is a place of its own.
    """
    n = len(columns)
    if not np.isin(columns, (0, 1)).all():
        return columns, np.arange(columns.shape[1])
    every = np.arange(2**n)
    return (every >> np.arange(n)[:, None] & 1).astype(np.float64), (2 ** np.arange(n) @ columns).astype(np.int64)


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
