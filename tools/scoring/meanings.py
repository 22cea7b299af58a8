"""Is a sentence about one thing, or about several that have nothing to do with each other?

A sentence is taken apart into atoms: its items, and of an item that lists words each word. Atoms are related when they
hold at the same places, when the words of one are mostly of the other's kind, or when they are about words close in
meaning, spelt alike, or of one family of words, such as modals or months. What is related, directly or through others,
is one meaning; so a set of words stays whole as long as each has a neighbour in it. How the subject model sees words
plays no part.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tools.readable.knowledge import Knowledge
from tools.readable.reader import LexicalReader
from tools.readable.rule import Item, Quoted, Rule
from tools.readable.word_texts import WordTexts
from tools.records.excerpts import Activations
from tools.scoring.calibration import probabilities

TOGETHER = 0.5
"""Atoms that hold at this share of the firing places of the rarer one belong together."""

MOSTLY = 0.5
"""The words of an atom are mostly of another kind, or mostly spelt like others, when this share of them is."""

CLOSE = 0.35
"""How like each other (`Vectors.likeness`) what two atoms fire on must be to be close in meaning."""

SAME_FAMILY = 0.5
"""Share of the families of two atoms that they have in common where they are of one family."""

FAMILIES = frozenset({"closed", "calendar", "name", "punctuation", "format", "code"})
"""Kinds of classes whose members anybody takes for one family."""

MIN_SHARE = 0.2
"""A meaning is counted when it has this share of the firing."""

_SHOWN = 32
_LEAST_SHARE = 0.005
_SHORTEST_STEM = 3
_SURE_STEM = 4
_SAME_STEM = 0.6

Words = dict[int, float]
"""Shares by the number of a word in the texts' keys."""


@dataclass(frozen=True)
class Meaning:
    """One of the things that a sentence is about, as a rule of its own.

    Attributes:
        rule: its items.
        share: of all firing tokens, those that the whole sentence says fire and this meaning most of all says so.
        words: what it mostly fires on, in small letters, the most frequent first.
    """

    rule: Rule
    share: float
    words: tuple[str, ...]


@dataclass(frozen=True)
class _Atom:
    """A piece of a sentence.

    Attributes:
        parent: the number of its item.
        word: which of the words that the item lists it is; None where it is all of the item.
        item: the piece as an item.
        holds: where, of the firing tokens.
        share: of the firing tokens, those of which it says most of all that they fire.
        fires_on: the words that those stand in.
        about: tokens that show what it is about, by weight; none where any word will do.
    """

    parent: int
    word: str | None
    item: Item
    holds: NDArray[np.bool_]
    share: float
    fires_on: Words
    about: NDArray[np.float64]


def meanings(
    rule: Rule, table: list[float], activations: Activations, theta: float, reader: LexicalReader
) -> list[Meaning]:
    """The meanings of a rule, the one with the largest share of the firing first; a single one if it is about one
    thing, none if it predicts no firing anywhere.

    Args:
        rule: what the sentence means.
        table: its probability of firing at levels 0 to 10.
        activations: text on which shares are measured.
        theta: raw value above which the neuron fires.
        reader: looks words up.
    """
    fires = (activations.values > theta) & activations.excerpts.mask
    rows = np.flatnonzero(fires.any(axis=1))
    if not len(rows) or not rule.items:
        return []
    tokens = activations.excerpts.tokens[rows]
    texts = reader.text_cache.texts(tokens)
    fired = np.flatnonzero(fires[rows][tokens >= 0])
    said = probabilities(table, reader.knowledge.levels(rule, texts)[fired]) >= 0.5
    atoms = _atoms(rule, reader.knowledge, texts, fired, said)
    found = []
    for group in _groups(atoms, _Kinship(reader.knowledge, texts)):
        parts = [atoms[i] for i in group]
        fires_on: Words = {}
        for part in parts:
            for key, share in part.fires_on.items():
                fires_on[key] = fires_on.get(key, 0.0) + share * part.share
        by_word: dict[str, float] = {}
        for key, share in fires_on.items():
            by_word[texts.keys[key].lower()] = by_word.get(texts.keys[key].lower(), 0.0) + share
        shown = sorted(by_word, key=lambda word: -by_word[word])[:_SHOWN]
        share = round(sum(part.share for part in parts), 6)
        found.append(Meaning(_rule_of(rule, parts), share, tuple(shown)))
    return sorted(found, key=lambda meaning: -meaning.share)


def _atoms(
    rule: Rule, knowledge: Knowledge, texts: WordTexts, fired: NDArray[np.int64], said: NDArray[np.bool_]
) -> list[_Atom]:
    pieces: list[tuple[int, str | None, int, Item]] = []
    for at, (strength, item) in enumerate(rule.items):
        by_word = item.by_word()
        pieces += [(at, word, strength, part) for word, part in by_word.items()] or [(at, None, strength, item)]
    levels = np.stack([strength * knowledge.column(part, texts)[fired] for _, _, strength, part in pieces])
    most = np.where(said & (levels.max(axis=0) > 0), levels.argmax(axis=0), -1)
    out = []
    for n, (at, word, _, part) in enumerate(pieces):
        own = fired[most == n]
        about = np.zeros(texts.n_tokens)
        kind = part.about()
        if kind == part.kind:
            about[own] = 1
        elif kind is not None:  # about what comes before, or what surrounds it
            about += knowledge.tokens(kind, texts)
        fires_on = _words(texts, np.bincount(own, minlength=texts.n_tokens))
        out.append(_Atom(at, word, part, levels[n] > 0, len(own) / len(fired), fires_on, about))
    return out


def _words(texts: WordTexts, weights: NDArray[np.floating] | NDArray[np.int64]) -> Words:
    """The words in which most of the weight of tokens is, and their shares of it."""
    by_key = np.bincount(texts.key[texts.word_of], weights=weights, minlength=len(texts.keys))
    by_key[0] = 0
    order = np.argsort(-by_key, kind="stable")[:_SHOWN]
    order = order[by_key[order] > 0]
    total = float(by_key[order].sum())
    return {int(key): float(by_key[key]) / total for key in order}


def _groups(atoms: list[_Atom], kinship: _Kinship) -> list[list[int]]:
    """Atoms by number, those that are related to each other together; what hardly ever tells goes with the nearest."""
    telling = [i for i, atom in enumerate(atoms) if atom.share >= _LEAST_SHARE]
    group = {i: i for i in telling}
    for a in telling:
        for b in telling:
            if a < b and group[a] != group[b] and kinship.related(atoms[a], atoms[b]):
                merged, gone = group[a], group[b]
                group = {i: merged if g == gone else g for i, g in group.items()}
    if not group:
        return []
    for i, atom in enumerate(atoms):
        if i not in group:
            group[i] = group[max(telling, key=lambda j: (kinship.cosine(atom, atoms[j]), atoms[j].share))]
    return [sorted(i for i, g in group.items() if g == name) for name in dict.fromkeys(group.values())]


class _Kinship:
    """Says which atoms are related, from what anybody knows of words."""

    def __init__(self, knowledge: Knowledge, texts: WordTexts) -> None:
        self._knowledge = knowledge
        self._texts = texts

    @cached_property
    def _vectors(self) -> NDArray[np.float32]:
        return self._knowledge.vectors_of(self._texts)

    def related(self, one: _Atom, other: _Atom) -> bool:
        """Whether two atoms belong to one meaning."""
        both = (one.holds & other.holds).sum()
        if both >= TOGETHER * max(min(one.holds.sum(), other.holds.sum()), 1):
            return True
        if self._mostly_of(one, other) or self._mostly_of(other, one):
            return True
        words, others = _words(self._texts, one.about), _words(self._texts, other.about)
        return bool(words and others) and (
            self._likeness(words, others) >= CLOSE
            or self._is_mostly_spelt_like(words, others)
            or self._is_mostly_spelt_like(others, words)
            or self._common_families(words, others) >= SAME_FAMILY
        )

    def cosine(self, one: _Atom, other: _Atom) -> float:
        """How near to each other the words are that two atoms are about, -1 to 1."""
        return float(self._direction(one) @ self._direction(other))

    def _direction(self, atom: _Atom) -> NDArray[np.float32]:
        words, kind = _words(self._texts, atom.about), atom.item.about()
        if words:
            return self._mean(words)
        named = self._knowledge.vectors.of(kind.words if isinstance(kind, Quoted) else ()).sum(axis=0)
        return np.asarray(named / max(float(np.linalg.norm(named)), 1e-6), dtype=np.float32)

    def _mean(self, words: Words) -> NDArray[np.float32]:
        mean = np.array(list(words.values()), np.float32) @ self._vectors[list(words)]
        return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-6), dtype=np.float32)

    def _mostly_of(self, one: _Atom, other: _Atom) -> bool:
        """Whether what one is about is mostly of the kind that the other is about."""
        kind, weight = other.item.about(), float(one.about.sum())
        if kind is None or not weight:
            return False
        return float(one.about @ self._knowledge.tokens(kind, self._texts)) >= MOSTLY * weight

    def _likeness(self, words: Words, others: Words) -> float:
        one, other = self._mean(words), self._mean(others)
        if not one.any() or not other.any():
            return 0.0
        vectors = self._knowledge.vectors
        return float(vectors.likeness_to(one, other[None])[0] + vectors.likeness_to(other, one[None])[0]) / 2

    def _is_mostly_spelt_like(self, words: Words, others: Words) -> bool:
        keys = self._texts.keys
        alike = (share for key, share in words.items() if any(_spelt_alike(keys[key], keys[other]) for other in others))
        return sum(alike) >= MOSTLY

    def _common_families(self, words: Words, others: Words) -> float:
        """What two atoms have of families in common, as a share of what either has."""
        one, other = self._families(words), self._families(others)
        common = sum(min(share, other.get(name, 0.0)) for name, share in one.items())
        return common / max(sum(one.values()) + sum(other.values()) - common, 1e-9)

    def _families(self, words: Words) -> dict[str, float]:
        """How much of some words is of each family."""
        concepts = self._knowledge.concepts
        out: dict[str, float] = {}
        for key, share in words.items():
            for name in concepts.classes_of(self._texts.keys[key]):
                if concepts.get(name).kind in FAMILIES:
                    out[name] = out.get(name, 0.0) + share
        return out


def _spelt_alike(one: str, other: str) -> bool:
    """Whether two words are the same but for capitals or an ending, or two marks share a character."""
    short, long = sorted((one.lower(), other.lower()), key=len)
    if short == long:
        return True
    if not any(c.isalnum() for c in short + long):
        return bool(set(short) & set(long))
    if len(short) >= _SHORTEST_STEM and long.startswith(short):
        return True
    n_common = next((n for n, (a, b) in enumerate(zip(short, long, strict=False)) if a != b), len(short))
    return n_common >= max(_SURE_STEM, _SAME_STEM * len(short))


def _rule_of(rule: Rule, parts: list[_Atom]) -> Rule:
    """The parts as items again."""
    items: list[tuple[int, Item]] = []
    for at, (strength, item) in enumerate(rule.items):
        words = [part.word for part in parts if part.parent == at]
        if words:
            named = tuple(word for word in words if word is not None)
            items.append((strength, item.of(Quoted(named)) if named else item))
    return Rule.of(items)
