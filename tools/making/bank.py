"""Finds real English sentences in which an item of a rule holds, as the lexical reader reads them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache, cached_property, lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tools.concepts.sentences import Use, sentences_for
from tools.concepts.words import words_in
from tools.making.carriers import Draft, Piece
from tools.making.proofreading import CutTexts
from tools.readable.knowledge import Knowledge
from tools.readable.rule import AnyWord, Context, Everything, Item, Kind, Named, Quoted, Rule
from tools.readable.structural_classes import STRUCTURAL_CLASSES
from tools.readable.word_texts import Integers, Keys

HELD = 0.5
"""How far an item must hold on a word."""

_MOST_READ = 600
"""Sentences that are cut and read for an item."""

_FULLY, _ENOUGH = 0.8, 12
"""Where so many words are so much what is meant, those that are less so are left out."""


class Find(NamedTuple):
    """A sentence in which an item holds: the draft marks the places, and `word` is the one where it holds most
    strongly."""

    word: str
    draft: Draft


class _Index(NamedTuple):
    """The distinct words; of every word in the bank, which it is, and the sentence it stands in."""

    keys: Keys
    key: Integers
    where: Integers


@cache
def _index(use: Use) -> _Index:
    """Made once a process: it depends on the sentences alone."""
    words = words_in("\n".join(sentences_for(use)))
    number = {"": 0}
    key = np.array([number.setdefault(word.key, len(number)) for word in words], dtype=np.int64)
    where = np.searchsorted(_ends(use), [word.start for word in words], side="right")
    return _Index(Keys(list(number)), key, where)


@cache
def _ends(use: Use) -> Integers:
    """Where in all the text the next sentence begins, of each."""
    return np.cumsum([len(sentence) + 1 for sentence in sentences_for(use)])


class Bank:
    """The sentences, and where their words are.

    Args:
        knowledge: what is known of the language.
        use: which sentences it may show.
    """

    def __init__(self, knowledge: Knowledge, use: Use) -> None:
        self._knowledge = knowledge
        self._use: Use = use
        self.found = lru_cache(maxsize=256)(self._found)
        self.silent = lru_cache(maxsize=256)(self._silent)
        self.with_token = lru_cache(maxsize=1024)(self._with_token)

    @cached_property
    def sentences(self) -> tuple[str, ...]:
        """All that it may show."""
        return sentences_for(self._use)

    @property
    def _index(self) -> _Index:
        return _index(self._use)

    def some(self, n: int, rng: np.random.Generator) -> list[Draft]:
        """Any sentences, each once, of which nothing is meant."""
        return [(Piece(self.sentences[row]),) for row in rng.choice(len(self.sentences), n, replace=False)]

    def marked(self, texts: Sequence[str], item: Item) -> list[Find]:
        """Those of some texts in which an item holds."""
        return [find for _, find in self._read(texts, item)]

    def _found(self, item: Item) -> tuple[Find, ...]:
        """Sentences in which an item holds; those on whose words it holds best, where they are enough."""
        read = self._read([self.sentences[row] for row in self._candidates(item)], item)
        best = [one for one in read if one[0] >= _FULLY]
        is_enough = len({find.word for _, find in best}) >= _ENOUGH
        return tuple(find for _, find in (best if is_enough else read))

    def _silent(self, item: Item, rule: Rule, level: float) -> tuple[Find, ...]:
        """Sentences in which an item holds, and a rule says no more than a level throughout."""
        finds = self.found(item)
        if not finds:
            return ()
        texts = ["".join(piece.text for piece in find.draft) for find in finds]
        said = CutTexts(texts, self._knowledge.concepts).highest(rule, self._knowledge)
        return tuple(find for find, highest in zip(finds, said.tolist(), strict=True) if highest <= level)

    def with_word(self, word: str) -> list[Find]:
        """Sentences in which a word stands, however written; they do not mark where."""
        keys, _, _ = self._index
        return [Find(word, (Piece(self.sentences[row]),)) for row in self._rows(keys.written_as(word.lower()))]

    def _with_token(self, token: str, word: str) -> tuple[Find, ...]:
        """Sentences in which a word stands that is a token, or ends with it, written just so."""
        keys, _, _ = self._index
        space, bare = token[: len(token) - len(token.lstrip())], token.strip()
        before = f"(?<={space})" if space else ""
        pattern = re.compile(f"{before}(?<![^\\W_]){re.escape(word)}(?![^\\W_])" if word.isalnum() else re.escape(word))
        out = []
        for row in self._rows([at for at in keys.written_as(word) if keys.keys[at] == word]):
            text = self.sentences[row]
            if match := pattern.search(text):
                start = match.end() - len(bare)
                out.append(Find(word, (Piece(text[:start]), Piece(bare, meant=True), Piece(text[match.end() :]))))
        return tuple(out)

    def _rows(self, found: list[int]) -> list[int]:
        """The sentences that hold some of the distinct words."""
        _, key, where = self._index
        return np.unique(where[np.isin(key, found)]).tolist()  # type: ignore[no-any-return]

    def _read(self, texts: Sequence[str], item: Item) -> list[tuple[float, Find]]:
        """The texts in which an item holds, and how far it does."""
        if not texts:
            return []
        cut = CutTexts(texts, self._knowledge.concepts)
        held = cut.held(item, self._knowledge)
        best = held.argmax(axis=1)
        out = []
        for row in np.flatnonzero(held.max(axis=1, initial=0) >= HELD).tolist():
            word = cut.tokens[row][int(best[row])].strip().lower()
            out.append((float(held[row, best[row]]), Find(word, cut.draft(row, held[row] >= HELD))))
        return out

    def _candidates(self, item: Item) -> list[int]:
        """Sentences that hold a word of an item's kind, and of its context's; of many, some for each word."""
        _, key, where = self._index
        kinds = [item.kind]
        if isinstance(item.context, Context) and item.context.relation != "among":
            kinds.append(item.context.kind)
        allowed = np.ones(len(self.sentences), dtype=bool)
        wanted = np.ones(len(key), dtype=bool)
        for number, kind in enumerate(kinds):
            of_kind = self._keys(kind)
            holds = np.zeros(len(self.sentences), dtype=bool)
            if of_kind is not None:
                holds[where[of_kind[key]]] = True
                wanted = of_kind[key] if not number else wanted
            else:
                holds[self._with_pattern(kind)] = True
            allowed &= holds
        at = np.flatnonzero(wanted & allowed[where])
        at = np.random.default_rng(0).permutation(at)  # the same for whoever asks, whenever
        order = np.argsort(key[at], kind="stable")
        grouped = key[at][order]
        firsts = np.append(True, grouped[1:] != grouped[:-1])[: len(grouped)]
        turn = np.arange(len(grouped)) - np.maximum.accumulate(np.where(firsts, np.arange(len(grouped)), 0))
        rows = where[at[order][np.argsort(turn, kind="stable")]].tolist()
        return list(dict.fromkeys(rows))[:_MOST_READ]

    def _with_pattern(self, kind: Kind) -> Integers:
        """The sentences in which the pattern of a class is found; of what has none, all."""
        concepts = self._knowledge.concepts
        name = kind.name if isinstance(kind, Named) else ""
        if name not in self._knowledge.over_text or name in STRUCTURAL_CLASSES or concepts.get(name).pattern is None:
            return np.arange(len(self.sentences))
        spans = concepts.spans_of_pattern(concepts.get(name), "\n".join(self.sentences))
        return np.unique(np.searchsorted(_ends(self._use), [start for start, _ in spans], side="right"))

    def _keys(self, kind: Kind) -> NDArray[np.bool_] | None:
        """Which words of the bank are of a kind; None where no word alone tells."""
        keys, _, _ = self._index
        if isinstance(kind, AnyWord | Everything):
            return None
        if isinstance(kind, Named) and kind.name in self._knowledge.over_text:
            return None
        if isinstance(kind, Quoted):  # of a phrase all words, which the reader then finds in their order
            parts = tuple(word.key for phrase in kind.words for word in words_in(phrase))
            kind = Quoted(parts)
        return np.asarray(self._knowledge.by_key(kind, keys) >= HELD)
