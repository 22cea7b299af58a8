"""Kinds of words that believed rules name: members that no explore text showed, words of the border, rarer senses."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Sequence, Set
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tools.concepts.concepts import Concept
from tools.errors import BadInput
from tools.experiments.carriers import Carrier, lot
from tools.experiments.text_edits import Texts, is_word
from tools.making.bank import Bank, Find
from tools.readable.knowledge import RARE, is_over_text
from tools.readable.reader import LexicalReader
from tools.readable.rule import AnyWord, Everything, Item, Kind, Like, Named, Quoted, Spelt
from tools.readable.word_texts import WordTexts
from tools.records.excerpts import Excerpts, ExploreActivations

Booleans = NDArray[np.bool_]

MOST_ITEMS = 6
"""Items of believed rules that a round asks about."""

N_CARRIERS = 8
_HOLDS = 0.5
_MOST_WORDS = 120
_NEAREST = 400
_BARELY_LIKE = 0.25
_WIDER = 0.8
"""Share of a class's known words that must be in another for that to be a wider one."""

_OVERLAP = 0.1
_SISTERS = 8
_ASKED = 40
_OTHER_FORM = 0.6
_MOST_OFTEN = 2
"""Carriers of an item that a word is put into."""

_RARE_FROM = 10_000
_SAME_VALUE = 2e-5
"""Values nearer than that are one where they are recorded with five digits."""


@dataclass(frozen=True)
class Bordering:
    """A word that is nearly of a kind, and what it is instead."""

    word: str
    of: str


class Kinds:
    """What a lexical reader knows of kinds of words, beside the text that a neuron was learnt from.

    Args:
        reader: reads the rules.
        explore: what the neuron does on the text from which rules are learnt.
        theta: the raw value above which it fires.
        probe: texts to retrieve from.
        texts: makes texts of the model.
    """

    def __init__(
        self, reader: LexicalReader, explore: ExploreActivations, theta: float, probe: Excerpts, texts: Texts
    ) -> None:
        self._reader = reader
        self._explore = explore
        self._theta = theta
        self._texts = texts
        # Both are kept here: the reader's cache forgets.
        self._on_explore = reader.text_cache.texts(explore.excerpts.tokens)
        self._on_probe = reader.text_cache.texts(probe.tokens)
        self._found: dict[tuple[Item, bool], Booleans] = {}
        self._borders: dict[Kind, list[Bordering]] = {}
        self._ends = texts.ends_words(explore.excerpts.tokens)
        self._bank = Bank(reader.knowledge, "experiments")

    @cached_property
    def seen(self) -> frozenset[str]:
        """All words of explore text, in small letters."""
        return frozenset(key.lower() for key in self._on_explore.keys)

    def items(self, sentences: Sequence[str]) -> list[Item]:
        """Those of `all_items` that a whole word is enough for."""
        return [item for item in self.all_items(sentences) if not isinstance(item.kind, AnyWord | Everything)
                and not self._is_a_stretch(item.kind)]  # fmt: skip

    def all_items(self, sentences: Sequence[str]) -> list[Item]:
        """The items of readable sentences, in their order; what is of another language says nothing here."""
        out: dict[Item, None] = {}
        for sentence in sentences:
            try:
                rule = self._reader.language.parse(sentence)
            except BadInput:
                continue
            # Texts end with whole words, where the end of a word and the word are the same.
            out.update((replace(item, end=False), None) for _, item in rule.items)
        return list(out)

    def in_sentences(self, item: Item) -> tuple[Find, ...]:
        """Real English sentences in which an item holds."""
        return () if isinstance(item.kind, Everything) else self._bank.found(item)

    def said(self, item: Item) -> str:
        """An item as it stands in a sentence."""
        return self._reader.language.item(item)

    def _is_a_stretch(self, kind: Kind) -> bool:
        return isinstance(kind, Named) and kind.name in self._reader.knowledge.over_text

    def _listed(self, kind: Kind) -> Concept | None:
        """The class, where it is one of listed words."""
        if not isinstance(kind, Named) or kind.name in self._reader.language.special:
            return None
        concept = self._reader.knowledge.concepts.get(kind.name)
        return concept if concept.is_listed and not is_over_text(concept) else None

    def unseen(self, kind: Kind) -> list[str]:
        """Members that no explore text showed: the most frequent of a class first, or the most like the seeds."""
        knowledge = self._reader.knowledge
        words: Sequence[str] = []
        match kind:
            case Named(name) if name == RARE:
                words = [word for word in knowledge.vectors.words[_RARE_FROM:] if word.isalpha() and word.isascii()]
            case Named(name) if self._listed(kind):
                words = self._by_frequency(knowledge.concepts.members(name))
            case Spelt(at, letters):
                words = [word for word in knowledge.vectors.words if _is_spelt(word, at, letters)]
            case Like(seeds):
                near = knowledge.vectors.nearest(seeds, _NEAREST)
                likeness = knowledge.vectors.likeness(seeds, near)
                words = [word for word, how in zip(near, likeness, strict=True) if how >= _HOLDS]
        new = (word for word in words if word.lower() not in self.seen and is_word(word))
        return list(itertools.islice(new, _MOST_WORDS))

    def border(self, kind: Kind) -> list[Bordering]:
        """Words just outside: of a class, those of its sister classes, which share a wider class or some words with it;
        words that are somewhat like the seeds; words that have the letters elsewhere."""
        if kind not in self._borders:
            self._borders[kind] = self._border(kind)
        return self._borders[kind]

    def _border(self, kind: Kind) -> list[Bordering]:
        knowledge = self._reader.knowledge
        match kind:
            case Named() if self._listed(kind):
                return self._of_sisters(kind.name)
            case Like(seeds):
                near = knowledge.vectors.nearest(seeds, _NEAREST)
                likeness = knowledge.vectors.likeness(seeds, near)
                far = [word for word, how in zip(near, likeness, strict=True) if how < _BARELY_LIKE and is_word(word)]
                return [Bordering(word, "words that are hardly like these") for word in far[:_MOST_WORDS]]
            case Spelt(at, letters):
                has = (w for w in knowledge.vectors.words if letters in w and not _is_spelt(w, at, letters))
                other = [word for word in has if is_word(word) and word != letters]
                return [Bordering(word, f'words with "{letters}" elsewhere') for word in other[:_MOST_WORDS]]
        return []

    def rarer(self, kind: Kind) -> list[str]:
        """Words that belong to a class by a rarer sense, the most frequent first."""
        if not isinstance(kind, Named) or self._listed(kind) is None:
            return []
        concepts = self._reader.knowledge.concepts
        plain = set(concepts.members(kind.name))
        words = self._by_frequency([word for word in concepts.members(kind.name, rare=True) if word not in plain])
        return list(itertools.islice(filter(is_word, words), _MOST_WORDS))

    def _of_sisters(self, name: str) -> list[Bordering]:
        concepts = self._reader.knowledge.concepts
        members = set(concepts.members(name, rare=True))
        asked = self._by_frequency(concepts.members(name))[:_ASKED]
        shared = Counter(other for word in asked for other in concepts.classes_of(word) if other != name)
        found = [
            (other, n) for other, n in shared.items()
            if concepts.get(other).is_listed and _OVERLAP * len(asked) <= n
        ]  # fmt: skip
        # A wider class holds the sisters; of both the smallest are the closest.
        found.sort(key=lambda one: (concepts.get(one[0]).n_members or 0, one[0]))
        wider = [other for other, n in found if n >= _WIDER * len(asked)]
        overlapping = [other for other, n in found if n < _WIDER * len(asked)]
        turns = [one for pair in itertools.zip_longest(wider, overlapping) for one in pair if one is not None]
        each: list[list[Bordering]] = []
        for other in turns[:_SISTERS]:
            words = self._by_frequency([word for word in concepts.members(other) if word not in members])
            some = itertools.islice(filter(is_word, words), _MOST_WORDS // 4)
            each.append([Bordering(word, other) for word in some])
        mixed = [one for some in itertools.zip_longest(*each) for one in some if one is not None]
        return list({one.word: one for one in reversed(mixed)}.values())[::-1][:_MOST_WORDS]

    def _by_frequency(self, words: Sequence[str]) -> list[str]:
        """Those that are known at all, the most frequent first."""
        ranked = [(rank, word) for word in words if (rank := self._reader.knowledge.vectors.rank(word)) is not None]
        return [word for _, word in sorted(ranked)]

    def carriers(self, item: Item, used: Set[str]) -> list[Carrier]:
        """Explore text that ends with a word on which an item holds: where the neuron fires, if there is any such.

        By the hash of its number, as everywhere; none that was a carrier before.
        """
        excerpts, values = self._explore.excerpts, self._explore.values
        held = self._holds(item, self._on_explore) & self._ends
        at = np.where(held, values, -np.inf).argmax(1) if held.shape[1] else np.zeros(len(excerpts), np.int64)
        names = [f"explore-{i}" for i in excerpts.ids.tolist()]
        rows = [row for row in np.flatnonzero(held.any(1)).tolist() if names[row] not in used]
        rows.sort(key=lambda row: (values[row, at[row]] <= self._theta, lot(names[row])))
        out: list[Carrier] = []
        rows = rows[: 3 * N_CARRIERS]
        cut = [tuple(excerpts.tokens[row, : at[row] + 1].tolist()) for row in rows]
        for row, text in zip(rows, self._texts.read(cut), strict=True):
            if text is not None and text.ends_with_word and len(text.words) > 1 and len(out) < N_CARRIERS:
                value = float(values[row, at[row]])
                is_new = not (np.abs(values[row, : at[row]] - value) < _SAME_VALUE).any()
                out.append(Carrier(text, value, names[row], is_found_by_value=is_new))
        return out

    def fitting(self, words: Sequence[str], carrier: Carrier, often: Counter[str]) -> list[str]:
        """Words for the end of a carrier, the best first: inflected as its word is, and taken for no other carrier."""
        wanted = self._grammar(carrier.word)
        before = carrier.text.words[-2].text.lower()

        def misfit(word: str) -> tuple[bool, bool, float]:
            own = self._grammar(word)
            union = len(own | wanted)
            wrong_article = before in ("a", "an") and (before == "an") != (word[:1].lower() in "aeiou")
            unlike = 1 - len(own & wanted) / union if union else 0.0
            return wrong_article, unlike > _OTHER_FORM, often[word] + unlike

        left = [word for word in words if word != carrier.word and often[word] < _MOST_OFTEN]
        return sorted(left, key=misfit)

    def _grammar(self, word: str) -> frozenset[str]:
        concepts = self._reader.knowledge.concepts
        found = concepts.classes_of_key(word, False)
        return frozenset(name for name in found if concepts.get(name).kind == "grammar")

    def holds_at_ends(self, item: Item, texts: Sequence[Sequence[int]]) -> Booleans:
        """Whether an item holds at the last token of each text, [n]."""
        if not texts:
            return np.zeros(0, dtype=bool)
        tokens = np.full((len(texts), max(map(len, texts))), -1, dtype=np.int32)
        for row, text in enumerate(texts):
            tokens[row, : len(text)] = text
        cut = self._reader.text_cache.texts(tokens)
        found = cut.shown(self._reader.knowledge.column(item, cut)) >= _HOLDS
        return np.asarray(found[np.arange(len(texts)), (tokens >= 0).sum(1) - 1])

    def unseen_on_probe(self, item: Item) -> Booleans:
        """Where a word that no explore text showed ends and the item holds, [n, width]."""
        found: Booleans = self._holds(item, self._on_probe) & self._on_probe.shown(self._new_on_probe).astype(bool)
        return found

    def elsewhere_on_probe(self, item: Item) -> Booleans:
        """Where a word of the item's kind ends and the item does not hold, as where it stands matters, [n, width]."""
        found: Booleans = self._holds(Item(item.kind), self._on_probe) & ~self._holds(item, self._on_probe)
        return found

    @cached_property
    def _new_on_probe(self) -> NDArray[np.float32]:
        texts = self._on_probe
        new = np.array([bool(key) and key.lower() not in self.seen for key in texts.keys])
        return new[texts.key[texts.word_of]].astype(np.float32)

    def _holds(self, item: Item, texts: WordTexts) -> Booleans:
        """Where an item holds, at the last tokens of words that are of its kind by themselves, [n, pos]."""
        key = (item, texts is self._on_probe)
        if key not in self._found:
            knowledge = self._reader.knowledge
            alone = knowledge.by_key(item.kind, texts)[texts.key[texts.word_of]] >= _HOLDS
            held = (knowledge.column(item, texts) >= _HOLDS) & texts.is_last & alone
            self._found[key] = texts.shown(held.astype(np.float32)) > 0
        return self._found[key]


@dataclass(frozen=True)
class Claimed:
    """What the believed rules of a round say about kinds of words.

    Attributes:
        kinds: what is known of them.
        items: of the rules, the most believed rule's first; those that a whole word is enough for.
        all_items: the others as well.
        probe_rows: which of all probe texts those of the round are.
        used: names of excerpts that were carriers before.
        tried: words at the ends of texts that were read before, in small letters.
    """

    kinds: Kinds
    items: list[Item]
    all_items: list[Item]
    probe_rows: NDArray[np.int64]
    used: Set[str]
    tried: Set[str]

    def of_classes(self) -> list[Item]:
        """Items about more words than they quote, as many as a round asks about."""
        return [item for item in self.items if not isinstance(item.kind, Quoted)][:MOST_ITEMS]

    def in_contexts(self) -> list[Item]:
        """Items for which it matters where a word stands, as many as a round asks about."""
        return [item for item in self.items if item.context is not None or item.unless is not None][:MOST_ITEMS]

    def carriers(self, item: Item) -> list[Carrier]:
        """Explore text that ends where an item says that the neuron fires, which it may not; none used before."""
        return self.kinds.carriers(item, self.used)

    def untried(self, words: Sequence[str]) -> list[str]:
        """Words that no text before ended with, where there are any."""
        return [word for word in words if word.lower() not in self.tried] or list(words)


def written_like(word: str, other: str) -> str:
    """A word with a capital, or in capitals, where another one is."""
    if not word.islower():
        return word
    if len(other) > 1 and other.isupper():
        return word.upper()
    return word[:1].upper() + word[1:] if other[:1].isupper() else word


def _is_spelt(word: str, at: str, letters: str) -> bool:
    escaped = re.escape(letters.lower())
    return bool(re.fullmatch(rf"{escaped}\w+" if at == "beginning with" else rf"\w+{escaped}", word))
