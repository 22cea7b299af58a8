"""Texts as people read them: whole words are put in, taken out and cut off, and what comes of it is tokenised anew.

A text that an experiment reads must be one: what its tokens decode to encodes to the same tokens again. Where a piece
is cut out of a word, what is left is no word, and a rule that is learnt from it is about nothing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tools.concepts.words import TokenText, Word, words_in, words_of
from tools.errors import BadInput
from tools.subject.protocol import Tokenizer

Tokens = tuple[int, ...]

CONTEXT = 4
"""Words before a word that make it another experiment: the same word after the same four words is the same one."""

_AROUND = 4
"""Words on each side of a change that are looked at again."""

_STRAY = "\ufffd"
"""Stands for a part of a character."""

_CLITIC = re.compile(r"['’](?:s|re|ve|ll|d|m)(?![^\W_])", re.IGNORECASE)


@dataclass(frozen=True)
class Text:
    """A text that is told by its tokens and by its characters.

    Attributes:
        tokens: their ids; what `text` encodes to.
        text: what they decode to.
        words: with their places in `text`; which tokens they are, `Texts.tokens_of` tells.
    """

    tokens: Tokens
    text: str
    words: tuple[Word, ...]

    @property
    def ends_with_word(self) -> bool:
        """Whether the last word is the end of the text."""
        return bool(self.words) and self.words[-1].end == len(self.text)

    def around(self, at: int) -> tuple[str, ...]:
        """A word and the four before it."""
        return tuple(word.text for word in self.words[max(0, at - CONTEXT) : at + 1])

    @property
    def ending(self) -> tuple[str, ...]:
        """The last word and the four before it, which tell what is asked; of a text that ends otherwise, also its
        end."""
        last = self.words[-1].end if self.words else 0
        return (*self.around(len(self.words) - 1), *([self.text[last:]] if last < len(self.text) else []))

    def starts_sentence(self, at: int) -> bool:
        """Whether a word is the first of a sentence or of a line."""
        if at == 0:
            return True
        before = self.words[at - 1]
        between = self.text[before.end : self.words[at].start]
        return "\n" in between or (before.text in (".", "!", "?") and bool(between))


class Texts:
    """A model's texts.

    Args:
        strings: of its tokens.
        tokenizer: the model's.
        width: the most tokens that a text may have.
    """

    def __init__(self, strings: Sequence[str], tokenizer: Tokenizer, width: int) -> None:
        self._strings = strings
        self._tokenizer = tokenizer
        self.width = width

    def read(self, texts: Sequence[Tokens]) -> list[Text | None]:
        """Each as a text; None where it is none: it holds a part of a character, or encodes to other tokens."""
        said = [self._tokenizer.decode(list(tokens)) for tokens in texts]
        return [
            None if again != tokens or not text or _STRAY in text else Text(tokens, text, tuple(words_in(text)))
            for tokens, text, again in zip(texts, said, self._encoded(said), strict=True)
        ]

    def encode(self, texts: Sequence[str]) -> list[Text | None]:
        """Texts of characters; None where one is empty, too long, or is read back as another."""
        return self._spelled([(text, words_in(text)) for text in texts])

    def _spelled(self, texts: Sequence[tuple[str, list[Word]]]) -> list[Text | None]:
        found = self._encoded([text for text, _ in texts])
        return [
            self._read_back(tokens, text, words) if tokens and len(tokens) <= self.width else None
            for tokens, (text, words) in zip(found, texts, strict=True)
        ]

    def _read_back(self, tokens: Tokens, text: str, words: list[Word]) -> Text | None:
        again = self._tokenizer.decode(list(tokens))
        if again == text:
            return None if _STRAY in text else Text(tokens, text, tuple(words))
        # Some decoders leave out the space before the first word.
        return self.read([tokens])[0] if again.lstrip(" ") == text.lstrip(" ") else None

    def with_word(self, edits: Sequence[tuple[Text, int, str | None]]) -> list[Text | None]:
        """Texts with one word put in the place of another, or, for None, left out with the space before it.

        None where the change would touch other words, as where two words become one.
        """
        changed = [_changed(*edit) for edit in edits]
        good = [(i, one) for i, one in enumerate(changed) if one is not None]
        out: list[Text | None] = [None] * len(edits)
        for (i, _), text in zip(good, self._spelled([one for _, one in good]), strict=True):
            out[i] = text
        return out

    def from_word(self, text: Text, at: int) -> Text | None:
        """A text from one of its words on, with the space before it; None where that is no text."""
        start = text.words[at].start
        rest = text.text[start - 1 if start and text.text[start - 1] == " " else start :]
        [found] = self.encode([rest])
        same = found is not None and [w.text for w in found.words] == [w.text for w in text.words[at:]]
        return found if same else None

    def cut(self, cuts: Sequence[tuple[NDArray[np.int32], int]], whole: bool) -> list[Text | None]:
        """The beginnings of excerpts, as (the excerpt's tokens, how many are kept); None where that is no text, or,
        when only `whole` words will do, where it ends in the middle of one.

        What stands before the first word that is surely whole is left out where the text is none with it.
        """
        kept = [tuple(tokens[:n].tolist()) for tokens, n in cuts]
        out = self.read(kept)
        missing = [i for i, text in enumerate(out) if text is None]
        shorter = [kept[i][self._whole_from(kept[i]) :] for i in missing]
        for i, tokens, text in zip(missing, shorter, self.read(shorter), strict=True):
            out[i] = text if tokens else None
        return [
            None if whole and self._is_inside_a_word(tokens, n) else text
            for (tokens, n), text in zip(cuts, out, strict=True)
        ]

    def _is_inside_a_word(self, tokens: NDArray[np.int32], n: int) -> bool:
        """Whether the excerpt goes on with the word in which its first `n` tokens end."""
        return any(word.first < n <= word.last for word in words_of([self._strings[t] for t in tokens.tolist()]))

    def _whole_from(self, tokens: Tokens) -> int:
        """The first token that begins a word after a space, or all of them."""
        return next((i for i, token in enumerate(tokens) if i and self._strings[token][:1] == " "), len(tokens))

    def ends_of(self, texts: Sequence[str]) -> list[Text | None]:
        """Texts of characters, the ends of those that are too long; None as in `encode`."""
        tokens = [ids if ids is None or len(ids) <= self.width else self._end_of(ids) for ids in self._encoded(texts)]
        known = [i for i, ids in enumerate(tokens) if ids]
        out: list[Text | None] = [None] * len(texts)
        for i, found in zip(known, self.read([tokens[i] or () for i in known]), strict=True):
            out[i] = found
        return out

    def _end_of(self, tokens: Tokens) -> Tokens:
        end = tokens[-self.width :]
        return end[self._whole_from(end) :]

    def _encoded(self, texts: Sequence[str]) -> list[Tokens | None]:
        try:
            return [tuple(ids) for ids in self._tokenizer.encode(list(texts))] if texts else []
        except BadInput:
            out: list[Tokens | None] = []
            for text in texts:
                try:
                    out.append(tuple(self._tokenizer.encode([text])[0]))
                except BadInput:  # characters that this model has no token for
                    out.append(None)
            return out

    def tokens_of(self, text: Text, at: int) -> Tokens:
        """The tokens of one word of a text; those that it shares with a neighbour too."""
        words = TokenText([self._strings[token] for token in text.tokens]).words()
        if len(words) != len(text.words):  # the strings of its tokens are not the text, as where a decoder changes it
            return text.tokens[-1:] if at == len(text.words) - 1 else ()
        return text.tokens[words[at].first : words[at].last + 1]

    def ends_words(self, tokens: NDArray[np.int32]) -> NDArray[np.bool_]:
        """Whether a text that is cut after each token ends with a whole word, as far as the next token tells,
        [n, pos]; the end of a text that was cut there may be the middle of a word."""
        shown = np.maximum(tokens, 0)
        goes_on, is_open = self._goes_on[shown], self._is_open[shown]
        inside = np.zeros(tokens.shape, dtype=bool)
        same = goes_on[:, 1:] & is_open[:, :-1]
        humps = self._starts_hump[shown][:, 1:] & self._ends_lower[shown][:, :-1]
        inside[:, :-1] = same & ~humps & (tokens[:, 1:] >= 0)
        lengths = (tokens >= 0).sum(1)
        rows = np.flatnonzero(lengths)
        inside[rows, lengths[rows] - 1] = is_open[rows, lengths[rows] - 1]
        return ~inside & (tokens >= 0)

    @cached_property
    def _goes_on(self) -> NDArray[np.bool_]:
        """Tokens that go on with a word that has begun."""
        return np.array([_goes_on(string) for string in self._strings])

    @cached_property
    def _is_open(self) -> NDArray[np.bool_]:
        """Tokens after which a word may go on."""
        return np.array([string[-1:].isalnum() or string.startswith("\\x") for string in self._strings])

    @cached_property
    def _starts_hump(self) -> NDArray[np.bool_]:
        return np.array([string[:1].isupper() for string in self._strings])

    @cached_property
    def _ends_lower(self) -> NDArray[np.bool_]:
        return np.array([string[-1:].islower() for string in self._strings])


def _goes_on(string: str) -> bool:
    if string[:1] in ("'", "’"):
        return string[1:2].isalpha() and not _CLITIC.match(string)
    return string[:1].isalnum() or string.startswith("\\x")


def _changed(text: Text, at: int, word: str | None) -> tuple[str, list[Word]] | None:
    """What a text becomes, with its words; None where other words than the one are changed by it."""
    place, words = text.words[at], text.words
    start, end = place.start, place.end
    if word is None and start and text.text[start - 1] == " ":
        start -= 1
    elif word is None and not start and text.text[end : end + 1] == " ":
        end += 1
    said = text.text[:start] + (word or "") + text.text[end:]
    moved = len(said) - len(text.text)
    own = [] if word is None else [Word(word, 0, 0, start, start + len(word))]
    after = [Word(w.text, w.first, w.last, w.start + moved, w.end + moved) for w in words[at + 1 :]]
    found = [*words[:at], *own, *after]
    # What words a text has is a matter of what stands side by side: a few words around the change tell.
    near = found[max(0, at - _AROUND) : at + len(own) + _AROUND]
    if near:
        begin = near[0].start
        here = words_in(said[begin : near[-1].end])
        if [(w.text, w.start + begin) for w in here] != [(w.text, w.start) for w in near]:
            return None
    return said, found


def is_word(text: str) -> bool:
    """Whether a text is exactly one word."""
    found = words_in(text)
    return len(found) == 1 and found[0].text == text


def is_spelled(word: str) -> bool:
    """Whether a word has letters or digits, and is no mark of punctuation."""
    return any(character.isalnum() for character in word)
