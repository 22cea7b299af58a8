"""Texts cut into words, in flat arrays, so that many kinds of words can be looked for at once."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tools.concepts.concepts import Concepts
from tools.concepts.words import TokenText, Word
from tools.readable.rule import Repeat

Booleans = NDArray[np.bool_]
Integers = NDArray[np.int64]

SENTENCE_ENDS = frozenset(".!?…。") | {"..", "..."}
_KEPT, _LARGE = 6, 10_000
"""Texts kept of each size, and the tokens from which they are large."""
_CUT = 10_000
"""Single texts kept: the texts of an experiment come back in every round."""


class Phrase(NamedTuple):
    """A phrase of a class: the first and last of its words, by their numbers, and what it says."""

    first: int
    last: int
    key: str


class Keys:
    """Distinct words, the first of which is the empty one.

    Args:
        keys: the words.
    """

    def __init__(self, keys: list[str]) -> None:
        self.keys = keys

    def written_as(self, word: str) -> list[int]:
        """The keys that a quoted word means: in small letters it holds however written, else so or all in capitals."""
        forms = self._by_lower.get(word.lower(), [])
        if word.islower():
            return forms
        return [at for at in forms if self.keys[at] in (word, word.upper())]

    @cached_property
    def _by_lower(self) -> dict[str, list[int]]:
        found: dict[str, list[int]] = {}
        for at, key in enumerate(self.keys):
            if key:
                found.setdefault(key.lower(), []).append(at)
        return found


@dataclass(frozen=True)
class CutText:
    """One text as words, numbered from 0.

    Attributes:
        text: its tokens and characters.
        keys: of its words.
        previous: the word before each; -1 for the first.
        word_of: the word of each token.
        unfinished: tokens after which their word goes on, and what has come of it.
        phrases: of several words that classes know.
    """

    text: TokenText
    keys: list[str]
    previous: Integers
    word_of: Integers
    unfinished: list[tuple[int, str]]
    phrases: list[Phrase]

    @classmethod
    def of(cls, tokens: Sequence[str], concepts: Concepts) -> CutText:
        """Cut a text that is given as the strings of its tokens."""
        text = TokenText(tokens)
        words = text.words()
        keys: list[str] = []
        previous: list[int] = []
        numbers: list[int] = []
        last, word_of = -1, [-1] * text.n_tokens
        spelt = {word.first: n for n, word in reversed(list(enumerate(words)))}
        begun = 0
        for token in range(text.n_tokens):
            n = spelt.get(token)
            if n is None and word_of[token] >= 0:
                continue
            if n is None:
                previous.append(last)
                keys.append("")
                word_of[token] = len(keys) - 1
                continue
            while begun <= n or (begun < len(words) and words[begun].first == token):
                word = words[begun]
                previous.append(last)
                keys.append(word.key)
                last = len(keys) - 1
                numbers.append(last)
                for inside in range(max(word.first, token), word.last + 1):
                    word_of[inside] = last
                begun += 1
        phrases = [
            Phrase(numbers[n], numbers[words.index(end, n)], phrase)
            for n in range(len(words))
            for phrase, end in concepts.phrase_at(words, n, text.text)
        ]
        found = np.array(previous, dtype=np.int64), np.array(word_of, dtype=np.int64)
        return cls(text, keys, *found, list(_unfinished(text, words)), phrases)


def _kept(kept: dict[bytes, CutText], row: NDArray[np.int32], strings: Sequence[str], concepts: Concepts) -> CutText:
    name = row.tobytes()
    if name not in kept:
        kept[name] = CutText.of([strings[token] for token in row], concepts)
    return kept[name]


def _joined(parts: Sequence[Integers]) -> Integers:
    return np.concatenate(parts) if parts else np.zeros(0, dtype=np.int64)


class WordTexts(Keys):
    """Some texts as words. A token that belongs to no word, such as a line end, stands for a word without letters.

    Words are numbered through all texts, `n_words` in all, and so are tokens, `n_tokens`, padding left out.

    Args:
        tokens: int32 [n, pos], -1 past the end.
        strings: of the model's tokens.
        concepts: tells which phrases there are.
        kept: texts that were cut before, by their tokens; those that are new are added.

    Attributes:
        keys: the distinct words; the first is the empty one.
        key: of each word, its place in `keys`.
        text_of: the text of each word.
        previous: the word before it in its text, left of line ends and the like; -1 for the first.
        word_of: the word of each token. Of a token that holds several words, the last one.
        is_last: whether a token is the last of its word.
        is_first: whether it is the first.
        phrases: of several words that classes know.
    """

    def __init__(
        self,
        tokens: NDArray[np.int32],
        strings: Sequence[str],
        concepts: Concepts,
        kept: dict[bytes, CutText] | None = None,
    ) -> None:
        self.mask = tokens >= 0
        self.shape = tokens.shape
        kept = {} if kept is None else kept
        cut = [_kept(kept, row[row >= 0], strings, concepts) for row in tokens]
        self.texts = [one.text for one in cut]
        number = {"": 0}
        self.key = np.array([number.setdefault(key, len(number)) for one in cut for key in one.keys], dtype=np.int64)
        super().__init__(list(number))
        n_words = np.array([len(one.keys) for one in cut], dtype=np.int64)
        n_tokens = np.array([len(one.word_of) for one in cut], dtype=np.int64)
        before, tokens_before = np.cumsum(n_words) - n_words, np.cumsum(n_tokens) - n_tokens
        self.text_of = np.repeat(np.arange(len(cut)), n_words)
        previous = _joined([one.previous for one in cut])
        self.previous = np.where(previous >= 0, previous + np.repeat(before, n_words), -1)
        self.word_of = _joined([one.word_of for one in cut]) + np.repeat(before, n_tokens)
        self._begun = [
            (at + first, begun)
            for one, first in zip(cut, tokens_before.tolist(), strict=True)
            for at, begun in one.unfinished
        ]
        self.phrases = [
            Phrase(one.first + first, one.last + first, one.key)
            for text, first in zip(cut, before.tolist(), strict=True)
            for one in text.phrases
        ]
        following = np.append(self.word_of[1:], -1)
        self.is_last = self.word_of != following
        self.is_first = np.append(True, self.is_last[:-1])

    @property
    def n_words(self) -> int:
        """Words of all texts."""
        return len(self.key)

    @property
    def n_tokens(self) -> int:
        """Tokens of all texts."""
        return len(self.word_of)

    @cached_property
    def unfinished(self) -> tuple[Keys, Integers, Integers]:
        """Words as far as they have come at tokens after which they go on: the words, which it is, and the tokens."""
        number = {"": 0}
        key = [number.setdefault(begun, len(number)) for _, begun in self._begun]
        return (
            Keys(list(number)),
            np.array(key, dtype=np.int64),
            np.array([at for at, _ in self._begun], dtype=np.int64),
        )

    @cached_property
    def length(self) -> Integers:
        """Characters of its word, or of the space that it stands in, up to each token's end, [n_tokens]."""
        lengths = np.array([len(key) for key in self.keys], dtype=np.int64)
        out: Integers = lengths[self.key[self.word_of]]
        for at, begun in self._begun:
            out[at] = len(begun)
        blank = np.concatenate([_blanks(text) for text in self.texts]) if self.texts else out
        return np.where(self.is_word, out, blank)

    def shown(self, by_token: NDArray[np.floating]) -> NDArray[np.float32]:
        """What holds for each token, as [n, pos] with 0 past the end."""
        out = np.zeros(self.shape, dtype=np.float32)
        out[self.mask] = by_token
        return out

    def tokens_in(self, spans: Sequence[Sequence[tuple[int, int]]]) -> Booleans:
        """The tokens that stretches of characters touch, given for each text."""
        marked = [text.on(held, only_last=False) for text, held in zip(self.texts, spans, strict=True)]
        return np.concatenate(marked) if marked else np.zeros(0, dtype=bool)

    def words_at(self, tokens: Booleans) -> Booleans:
        """The words of which some token is marked."""
        out = np.zeros(self.n_words, dtype=bool)
        out[self.word_of[tokens]] = True
        return out

    def soon_after(self, words: Booleans, within: int) -> Booleans:
        """The words that have one of `words` among the `within` before them."""
        out = np.zeros(self.n_words, dtype=bool)
        back = self.previous
        for _ in range(within):
            known = back >= 0
            out |= known & words[np.maximum(back, 0)]
            back = np.where(known, self.previous[np.maximum(back, 0)], -1)
        return out

    @cached_property
    def rank(self) -> Integers:
        """How many real words stand before each word in its text."""
        real = (self.key > 0).astype(np.int64)
        before: Integers = np.cumsum(real) - real
        firsts = np.append(True, self.text_of[1:] != self.text_of[:-1])
        starts = np.maximum.accumulate(np.where(firsts, np.arange(self.n_words), 0))
        return np.asarray(before - before[starts])

    @cached_property
    def sentence(self) -> Integers:
        """The number of the sentence that each word stands in."""
        return self._numbered(np.isin(self.key, [n for n, key in enumerate(self.keys) if key in SENTENCE_ENDS]))

    @cached_property
    def line(self) -> Integers:
        """The number of the line that each word stands in; a line's end belongs to the line."""
        ends = [text.on([(at, at + 1) for at, char in enumerate(text.text) if char == "\n"], only_last=False)
                for text in self.texts]  # fmt: skip
        marked = np.concatenate(ends) if ends else np.zeros(0, dtype=bool)
        out = np.zeros(self.n_words, dtype=bool)
        # A token that holds a line's end and a word after it begins the line; one without a word ends it.
        out[self.word_of[marked & ~self.is_word]] = True
        starts = np.zeros(self.n_words, dtype=bool)
        starts[self.word_of[marked & self.is_word]] = True
        return np.asarray(self._numbered(out) + np.cumsum(starts))

    def _numbered(self, ends: Booleans) -> Integers:
        firsts = np.append(True, self.text_of[1:] != self.text_of[:-1])
        return np.cumsum(firsts | np.append(False, ends[:-1]))

    def later_in(self, stretch: Integers, words: Booleans) -> Booleans:
        """The words that have one of `words` before them in their stretch, such as `sentence` or `line`."""
        met = np.cumsum(words)
        firsts = np.append(True, stretch[1:] != stretch[:-1])
        start = np.maximum.accumulate(np.where(firsts, np.arange(self.n_words), 0))
        before: Integers = met - words
        return np.asarray(before - before[start] > 0)

    def amid(self, words: Booleans, window: int, least: int) -> Booleans:
        """The words that have `least` of `words` among the `window` words before them in their text."""
        real = self.key > 0
        # Only real words count, in a line of their own; the others ask at the place where they stand.
        met = np.append(0, np.cumsum(words[real]))
        at: Integers = np.cumsum(real) - real
        begin = np.maximum(at - self.rank, at - window)
        return np.asarray(met[at] - met[begin] >= least)

    def again(self, how: Repeat = "") -> Booleans:
        """The words that stood in their text before, however written."""
        if how not in self._again:
            where = self.line if how == "on the same line" else self.text_of
            if how == "after the same two words":
                one = self.previous
                two = np.where(one >= 0, self.previous[np.maximum(one, 0)], -1)
                good, before = two >= 0, self._same + 1
                run = (before[np.maximum(two, 0)] * len(before) + before[np.maximum(one, 0)]) * len(before) + before
                met = _times_before(where, np.where(good, np.unique(run, return_inverse=True)[1], -1))
                met[~good] = 0
            else:
                met = _times_before(where, self._same)
            found = met == 2 if how == "for the second time" else met > 0
            self._again[how] = found & (self.key > 0)
        return self._again[how]

    @cached_property
    def _again(self) -> dict[Repeat, Booleans]:
        return {}

    @cached_property
    def _same(self) -> Integers:
        """A number for each word, the same where it is however written."""
        lower: dict[str, int] = {}
        return np.array([lower.setdefault(key.lower(), len(lower)) for key in self.keys], dtype=np.int64)[self.key]

    @property
    def is_word(self) -> Booleans:
        """Whether a token stands in a word, [n_tokens]."""
        return np.asarray(self.key[self.word_of] > 0)


def _unfinished(text: TokenText, words: Sequence[Word]) -> Iterator[tuple[int, str]]:
    """Tokens after which a word of letters or digits goes on, and what has come of it."""
    ends = text.ends()
    for word in words:
        for token in range(word.first, word.last):
            if begun := word.text[: ends[token] - word.start]:
                yield token, begun.replace("’", "'")


def _blanks(text: TokenText) -> Integers:
    """How much white space stands before the end of each token since the last visible character or line's end."""
    out = []
    for end in text.ends():
        before = text.text[:end]
        out.append(end - max(len(before.rstrip(" \t")), 0))
    return np.array(out, dtype=np.int64)


def _times_before(where: Integers, what: Integers) -> Integers:
    """How often each thing stood before in the same place, [n]."""
    pair = np.unique(where * (int(what.max(initial=0)) + 2) + what + 1, return_inverse=True)[1].reshape(-1)
    order = np.argsort(pair, kind="stable")
    ordered = pair[order]
    first = np.append(True, ordered[1:] != ordered[:-1])
    place = np.arange(len(pair))
    out = np.zeros(len(pair), dtype=np.int64)
    out[order] = place - np.maximum.accumulate(np.where(first, place, 0))
    return out


class WordTextCache:
    """Texts that were cut before: the same are asked about for many sentences.

    Large ones, such as a whole split, have places of their own: hundreds of small ones would push them out.
    """

    def __init__(self, strings: Sequence[str], concepts: Concepts) -> None:
        self._strings = strings
        self._concepts = concepts
        self._small: OrderedDict[bytes, WordTexts] = OrderedDict()
        self._large: OrderedDict[bytes, WordTexts] = OrderedDict()
        self._cut: dict[bytes, CutText] = {}

    def texts(self, tokens: NDArray[np.int32]) -> WordTexts:
        """The texts as words."""
        tokens = np.ascontiguousarray(tokens, dtype=np.int32)
        key = hashlib.blake2b(tokens.tobytes() + str(tokens.shape).encode(), digest_size=16).digest()
        kept = self._small if (tokens >= 0).sum() < _LARGE else self._large
        if key not in kept:
            if len(self._cut) > _CUT:
                self._cut.clear()
            kept[key] = WordTexts(tokens, self._strings, self._concepts, self._cut)
            while len(kept) > _KEPT:
                kept.popitem(last=False)
        kept.move_to_end(key)
        return kept[key]
