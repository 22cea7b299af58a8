"""Texts for tests of readable rules: a tokenizer of whole words and marks, and neurons that fire where a word says."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cache

import numpy as np

from tools.concepts.concepts import Concepts
from tools.readable.reader import LexicalReader
from tools.readable.word_texts import WordTexts
from tools.records.excerpts import DevelopmentActivations, Excerpts, ExploreActivations

_FILL = (
    "lamp river table window stone garden paper bridge valley island engine market village corner button basket "
    "mirror ladder bottle carpet pillow curtain hammer needle ribbon wagon harbor meadow tunnel chimney"
)
FILL = _FILL.split()


@cache
def concepts() -> Concepts:
    """The classes that come with the program."""
    return Concepts.load()


class World:
    """Token strings, met one by one; a text is given as such strings, or as words with spaces between."""

    def __init__(self) -> None:
        self.strings: list[str] = []
        self._ids: dict[str, int] = {}
        self.reader = LexicalReader(self.strings, concepts())

    def tokens(self, texts: Sequence[str | Sequence[str]]) -> np.ndarray:
        """Token ids, int32 [n, pos] with -1 past the end."""
        cut = [re.findall(r"\s?(?:\w+|[^\w\s])|\s", one) if isinstance(one, str) else list(one) for one in texts]
        out = np.full((len(cut), max(map(len, cut), default=1)), -1, dtype=np.int32)
        for row, pieces in enumerate(cut):
            for at, piece in enumerate(pieces):
                if piece not in self._ids:
                    self._ids[piece] = len(self.strings)
                    self.strings.append(piece)
                out[row, at] = self._ids[piece]
        return out

    def texts(self, *texts: str | Sequence[str]) -> WordTexts:
        """Texts cut into words."""
        return WordTexts(self.tokens(texts), self.strings, concepts())

    def fires(self, sentence: str, *texts: str | Sequence[str]) -> list[list[str]]:
        """The tokens of each text at which a sentence predicts anything."""
        tokens = self.tokens(texts)
        levels = self.reader.levels(self.reader.language.parse(sentence), tokens)
        return [
            [self.strings[token].strip() for token, level in zip(row, said, strict=True) if level > 0]
            for row, said in zip(tokens, levels, strict=True)
        ]

    def activations(
        self, texts: Sequence[str], value: Callable[[list[str], int], float], kind: type = DevelopmentActivations
    ) -> DevelopmentActivations | ExploreActivations:
        """Texts, each a document, with what `value` says of each word (the words of its text, and its place)."""
        tokens = self.tokens(texts)
        values = np.zeros(tokens.shape, dtype=np.float32)
        for row, ids in enumerate(tokens):
            words = [self.strings[token].strip() for token in ids[ids >= 0]]
            values[row, : len(words)] = [value(words, at) for at in range(len(words))]
        numbers = np.arange(len(tokens), dtype=np.int32)
        lengths = (tokens >= 0).sum(axis=1).astype(np.int64)
        return kind(Excerpts(tokens, lengths, numbers, numbers, numbers), values)


def filler(n: int, length: int, rng: np.random.Generator) -> list[list[str]]:
    """Texts of words that nothing is about."""
    return [[str(word) for word in rng.choice(FILL, size=length)] for _ in range(n)]


def strewn(counts: dict[str, int], n: int, length: int = 12, seed: int = 0) -> list[str]:
    """Filler in which some words or phrases stand so often, each in a text of its own as far as they go."""
    rng = np.random.default_rng(seed)
    texts = filler(n, length, rng)
    rows = [int(row) for _ in range(1 + sum(counts.values()) // n) for row in rng.permutation(n)]
    for word, count in counts.items():
        for _ in range(count):
            row = texts[rows.pop()]
            row[int(rng.integers(2, len(row) - 2))] = word
    return [" ".join(row) for row in texts]
