"""What the lexical reader knows: classes of words, what is like what in meaning, and which words are rare.

It knows the language and the world but not the subject model: an explanation means the same for every neuron.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property, lru_cache
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from tools.concepts.concepts import Concept, Concepts
from tools.concepts.contexts import spans_of
from tools.concepts.vectors import Vectors
from tools.concepts.words import words_in
from tools.readable.rule import Again, AnyWord, Context, Everything, Item, Kind, Like, Named, Quoted, Rule, Spelt
from tools.readable.structural_classes import STRUCTURAL_CLASSES
from tools.readable.word_texts import Booleans, Keys, WordTexts

Column = NDArray[np.float32]

RARE = "rare words"
COMMON = "very common words"
FUNCTION = "function words"
LETTERS = "words of letters"
SPECIAL = {
    RARE: "words of letters that are not among the 10,000 most frequent of English",
    COMMON: "the 100 most frequent words of English",
    FUNCTION: "articles, prepositions, conjunctions, pronouns, auxiliary verbs and negations",
    LETTERS: "what is written in letters alone",
}
"""Classes over words that are no lists."""

_FUNCTION = frozenset(
    ("articles", "prepositions", "conjunctions", "pronouns", "determiners", "auxiliary verbs", "modals", "negations")
)
_RARE_FROM, _COMMON_TO = 10_000, 100
AMID_WINDOW, AMID_LEAST = 30, 2
WITHIN = 4
LONG = 4, 12
_OVER = {"five": 5, "six": 6, "seven": 7, "eight": 8}
LONGEST: dict[Kind, tuple[int, int]] = {
    Named("numbers"): (0, 5),
    Named("line indents"): (0, 20),
    **{Named(f"words over {name} letters"): (n, n + 6) for name, n in _OVER.items()},
}
"""Characters up to which a word, a number or a space does not count, and from which on it counts in full, where the
longer counts the more."""
_MEMBER = 0.5
"""How like the seeds a word must be in a context, where more or less will not do."""


def is_over_text(concept: Concept) -> bool:
    """Whether a class is found in the running text, not word by word."""
    return concept.context is not None or (concept.pattern is not None and concept.over == "text")


class Knowledge:
    """Looks kinds of words up in texts.

    Args:
        concepts: the classes.
        vectors: what is like what.
    """

    def __init__(self, concepts: Concepts, vectors: Vectors) -> None:
        self.concepts = concepts
        self.vectors = vectors
        everything = [concepts.get(name) for name in concepts.names()]
        self.over_text = [*STRUCTURAL_CLASSES, *(one.name for one in everything if is_over_text(one))]
        self.over_words = [*SPECIAL, *(one.name for one in everything if not is_over_text(one))]
        self._number = {name: n for n, name in enumerate(self.over_words)}
        self._matrices: WeakKeyDictionary[Keys, sparse.csr_matrix] = WeakKeyDictionary()
        self._by_key: WeakKeyDictionary[Keys, dict[Kind, Column]] = WeakKeyDictionary()
        self._vectors: WeakKeyDictionary[Keys, NDArray[np.float32]] = WeakKeyDictionary()
        self._in_phrases: WeakKeyDictionary[WordTexts, dict[str, list[tuple[int, int]]]] = WeakKeyDictionary()
        self._stretches: WeakKeyDictionary[WordTexts, dict[str, Booleans]] = WeakKeyDictionary()

    def matrix(self, texts: Keys) -> sparse.csr_matrix:
        """Which classes (`over_words`) hold which of the texts' keys, float32 [n_classes, n_keys]."""
        if texts not in self._matrices:
            rows, columns = [], []
            for at, key in enumerate(texts.keys):
                for name in self.classes_of(key):
                    rows.append(self._number[name])
                    columns.append(at)
            shape = len(self.over_words), len(texts.keys)
            ones = np.ones(len(rows), dtype=np.float32)
            self._matrices[texts] = sparse.csr_matrix((ones, (rows, columns)), shape=shape)
        return self._matrices[texts]

    def is_meaning(self, name: str) -> bool:
        """Whether a class holds words by what they mean, and not by grammar, spelling or what they are in code."""
        return name not in SPECIAL and name not in STRUCTURAL_CLASSES and self.concepts.get(name).kind == "meaning"

    def classes_of(self, key: str) -> list[str]:
        """The classes over words that a word belongs to."""
        if not key:
            return []
        found = list(self.concepts.classes_of_key(key, False))
        if not _FUNCTION.isdisjoint(found):
            found.append(FUNCTION)
        if key.replace("'", "").isalpha():
            found.append(LETTERS)
        if key.isalpha() and key.isascii():
            rank = self.vectors.rank(key)
            if rank is None or rank >= _RARE_FROM:
                found.append(RARE)
            elif rank < _COMMON_TO:
                found.append(COMMON)
        return found

    def by_key(self, kind: Kind, texts: Keys) -> Column:
        """How far each of the texts' keys is of a kind, [n_keys] in 0..1; of classes over text and phrases nothing."""
        kept = self._by_key.setdefault(texts, {})
        if kind not in kept:
            kept[kind] = self._looked_up(kind, texts)
        return kept[kind]

    def _looked_up(self, kind: Kind, texts: Keys) -> Column:
        out = np.zeros(len(texts.keys), dtype=np.float32)
        match kind:
            case AnyWord():
                out[1:] = 1
            case Everything():
                out[:] = 1
            case Named(name):
                if name in self._number:
                    row = self.matrix(texts)[self._number[name]]
                    out[row.indices] = 1
                elif name not in STRUCTURAL_CLASSES:
                    self.concepts.get(name)  # refuses what is no class at all
            case Quoted(words):
                out[[at for one in words for at in texts.written_as(one)]] = 1
            case Like(seeds):
                out = self._like(seeds, texts)
            case Spelt(at, letters):
                pattern = _spelt(at, letters)
                out[[n for n, key in enumerate(texts.keys) if pattern.fullmatch(key)]] = 1
        return out

    def vectors_of(self, texts: Keys) -> NDArray[np.float32]:
        """The vector of each of the texts' keys, [n_keys, n_dimensions]; zeros for what is not known or says little."""
        if texts not in self._vectors:
            ranks = [self.vectors.rank(key) for key in texts.keys]
            says_little = np.array([rank is None or rank < _COMMON_TO for rank in ranks])
            self._vectors[texts] = np.where(says_little[:, None], 0, self.vectors.of(texts.keys)).astype(np.float32)
        return self._vectors[texts]

    def _like(self, seeds: tuple[str, ...], texts: Keys) -> Column:
        out = self.vectors.likeness_to(self.vectors.of(seeds).sum(0), self.vectors_of(texts))
        out[[at for seed in seeds for at in texts.written_as(seed.lower())]] = 1
        return out

    def words(self, kind: Kind, texts: WordTexts) -> Column:
        """How far each word is of a kind, [n_words] in 0..1; a word of a phrase is of the phrase's kind."""
        if isinstance(kind, Named) and kind.name in self._over_text:
            return texts.words_at(self._stretch(kind.name, texts)).astype(np.float32)
        out = self.by_key(kind, texts)[texts.key]
        if isinstance(kind, Quoted):
            for phrase in kind.words:
                for first, last in self._found(phrase, texts):
                    out[first : last + 1] = 1
        elif isinstance(kind, Named) and texts.phrases and kind.name not in SPECIAL:
            for first, last in self._phrases(texts).get(kind.name, ()):
                out[first : last + 1] = 1
        return out

    def tokens(self, kind: Kind, texts: WordTexts) -> Column:
        """How far each token is of a kind, [n_tokens] in 0..1."""
        if isinstance(kind, Named) and kind.name in self._over_text:
            return self._stretch(kind.name, texts).astype(np.float32)
        return self.words(kind, texts)[texts.word_of]

    def where(self, context: Context | Again, texts: WordTexts) -> Booleans:
        """Where a context holds, by token."""
        if isinstance(context, Again):
            return texts.again(context.how)[texts.word_of]
        if context.relation == "in":
            return self.tokens(context.kind, texts) >= _MEMBER
        after = context.relation in ("right after", "within four words after")
        words = (self._last_words if after else self.words)(context.kind, texts) >= _MEMBER
        match context.relation:
            case "right after":
                found = texts.soon_after(words, 1)
            case "within four words after":
                found = texts.soon_after(words, WITHIN)
            case "in the same sentence after":
                found = texts.later_in(texts.sentence, words)
            case "on the same line after":
                found = texts.later_in(texts.line, words)
            case "in text about":
                found = texts.amid(words, AMID_WINDOW, AMID_LEAST)
            case "among":
                found = words
        return np.asarray(found[texts.word_of])

    def column(self, item: Item, texts: WordTexts) -> Column:
        """How far an item holds at each token, [n_tokens] in 0..1."""
        out = self._completed(item.kind, texts) if item.end else self.tokens(item.kind, texts)
        if item.start:
            out = out * texts.is_first
        if item.longer:
            short, long = LONGEST.get(item.kind, LONG)
            out = out * np.clip((texts.length - short) / (long - short), 0, 1).astype(np.float32)
        if item.context is not None:
            out = out * self._where(item, item.context, texts)
        if item.unless is not None:
            out = out * ~self._where(item, item.unless, texts)
        return out

    def _where(self, item: Item, context: Context | Again, texts: WordTexts) -> Booleans:
        """Where a condition of an item holds; a word that goes on is judged by what has come of it."""
        if item.end and isinstance(context, Context) and context.relation == "among":
            return self._completed(context.kind, texts) >= _MEMBER
        return self.where(context, texts)

    def _completed(self, kind: Kind, texts: WordTexts) -> Column:
        """How far a word of a kind is complete at each token, [n_tokens]; a longer word may go on from there."""
        if isinstance(kind, Named) and kind.name in self._over_text:
            return np.asarray(self._stretch(kind.name, texts) & texts.is_last, dtype=np.float32)
        out: Column = self._last_words(kind, texts)[texts.word_of] * texts.is_last.astype(np.float32)
        keys, key, tokens = texts.unfinished
        if len(tokens) and not isinstance(kind, AnyWord | Everything):
            out[tokens] = self.by_key(kind, keys)[key]
        return np.asarray(out)

    def _last_words(self, kind: Kind, texts: WordTexts) -> Column:
        """How far each word is of a kind, or the last of a phrase of that kind, [n_words] in 0..1."""
        if isinstance(kind, Named) and kind.name in self._over_text:
            return self.words(kind, texts)
        out = self.by_key(kind, texts)[texts.key]
        out[self._phrase_ends(kind, texts)] = 1
        return out

    def _phrase_ends(self, kind: Kind, texts: WordTexts) -> list[int]:
        """The last words of the phrases of a kind."""
        if isinstance(kind, Quoted):
            return [last for phrase in kind.words for _, last in self._found(phrase, texts)]
        if isinstance(kind, Named) and kind.name not in SPECIAL:
            return [last for _, last in self._phrases(texts).get(kind.name, ())]
        return []

    def levels(self, rule: Rule, texts: WordTexts) -> Column:
        """What a rule predicts at each token, [n_tokens] in 0..10."""
        out = np.zeros(texts.n_tokens, dtype=np.float32)
        for strength, item in rule.items:
            np.maximum(out, strength * self.column(item, texts), out=out)
        return out

    def stretches(self, texts: WordTexts) -> NDArray[np.float32]:
        """Where each class over text (`over_text`) holds, float32 [n_classes, n_tokens]."""
        found = [self._stretch(name, texts) for name in self.over_text]
        return np.array(found, dtype=np.float32)

    @cached_property
    def _over_text(self) -> frozenset[str]:
        return frozenset(self.over_text)

    def _stretch(self, name: str, texts: WordTexts) -> Booleans:
        held = self._stretches.setdefault(texts, {})
        if name not in held:
            if name in STRUCTURAL_CLASSES:
                held[name] = texts.tokens_in([STRUCTURAL_CLASSES[name](text) for text in texts.texts])
                return held[name]
            concept = self.concepts.get(name)
            if concept.context is not None:
                spans = [spans_of(concept.context, text.text) for text in texts.texts]
            else:
                spans = [self.concepts.spans_of_pattern(concept, text.text) for text in texts.texts]
            held[name] = texts.tokens_in(spans)
        return held[name]

    def _phrases(self, texts: WordTexts) -> dict[str, list[tuple[int, int]]]:
        """The first and the last word of each phrase of each class."""
        if texts not in self._in_phrases:
            found: dict[str, list[tuple[int, int]]] = {}
            for first, last, key in texts.phrases:
                for name in self.concepts.classes_of_key(key, False):
                    found.setdefault(name, []).append((first, last))
            self._in_phrases[texts] = found
        return self._in_phrases[texts]

    def _found(self, phrase: str, texts: WordTexts) -> list[tuple[int, int]]:
        """Where the words of a phrase follow each other, as numbers of the first and the last; of one word nowhere."""
        parts = _words_of(phrase)
        if len(parts) < 2:
            return []
        held = [self.by_key(Quoted((part,)), texts)[texts.key] > 0 for part in parts]
        last = np.flatnonzero(held[-1])
        first = last
        for part in reversed(held[:-1]):
            before = texts.previous[first]
            good = (before >= 0) & part[np.maximum(before, 0)]
            first, last = before[good], last[good]
        return list(zip(first.tolist(), last.tolist(), strict=True))


@lru_cache(maxsize=4096)
def _words_of(phrase: str) -> tuple[str, ...]:
    return tuple(word.key for word in words_in(phrase))


def _spelt(at: str, letters: str) -> re.Pattern[str]:
    escaped = re.escape(letters)
    return re.compile(rf"{escaped}\w+" if at == "beginning with" else rf"\w+{escaped}", re.IGNORECASE)


def share_known(concepts: Concepts, strings: Sequence[str], tokens: NDArray[np.int32]) -> float:
    """Which share of the words of some texts is English that the classes know; NaN where there is no word."""
    flat = [strings[i] for row in tokens for i in row[row >= 0]]
    return concepts.share_known(flat)
