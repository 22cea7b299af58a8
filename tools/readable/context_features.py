"""What stands around each token of some texts, for screening: words earlier on its line or in its sentence, phrases."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from tools.concepts.words import words_in
from tools.readable.knowledge import SPECIAL, Knowledge
from tools.readable.rule import Named, Relation
from tools.readable.word_texts import Integers, WordTexts

_BACK = 24
_LEAST_PHRASES = 8
_MOST_PHRASES = 3000
_OPENS = frozenset("([{.#@_\"'")
_SHARE = 0.2


@dataclass(frozen=True)
class ContextFeatures:
    """A relation, and the keys that stand in it to each token, float32 [n_tokens, n_keys]."""

    relation: Relation
    keys: sparse.csr_matrix


def earlier_in(texts: WordTexts, stretch: Integers) -> sparse.csr_matrix:
    """Which keys stand before each token in its stretch, such as a line, float32 [n_tokens, n_keys] of 0 and 1."""
    rows, columns = [], []
    back = texts.previous
    for _ in range(_BACK):
        at = np.flatnonzero(back >= 0)
        at = at[stretch[back[at]] == stretch[at]]
        rows.append(at)
        columns.append(texts.key[back[at]])
        following = np.full(texts.n_words, -1, dtype=np.int64)
        following[at] = texts.previous[back[at]]
        back = following
    shape = texts.n_words, len(texts.keys)
    pairs = np.unique(np.concatenate(rows) * shape[1] + np.concatenate(columns))
    ones = np.ones(len(pairs), dtype=np.float32)
    by_word = sparse.csr_matrix((ones, (pairs // shape[1], pairs % shape[1])), shape=shape)
    return by_word[texts.word_of]


def phrases_before(texts: WordTexts) -> tuple[list[str], sparse.csr_matrix]:
    """Phrases of two words that stand often, and which tokens come right after each, float32 [n_tokens, n_phrases]."""
    lower: dict[str, int] = {}
    small = np.array([lower.setdefault(key.lower(), len(lower)) for key in texts.keys], dtype=np.int64)
    names = list(lower)
    one = texts.previous[texts.word_of]
    two = np.where(one >= 0, texts.previous[np.maximum(one, 0)], -1)
    tokens = np.flatnonzero(two >= 0)
    pair = small[texts.key[two[tokens]]] * len(names) + small[texts.key[one[tokens]]]
    kept: dict[int, str] = {}
    for number, n in Counter(pair.tolist()).most_common(_MOST_PHRASES):
        phrase = _written(names[number // len(names)], names[number % len(names)])
        if n >= _LEAST_PHRASES and phrase is not None:
            kept[number] = phrase
    place = {number: at for at, number in enumerate(kept)}
    held = [
        (token, place[number]) for token, number in zip(tokens.tolist(), pair.tolist(), strict=True) if number in place
    ]
    rows, columns = np.array(held, dtype=np.int64).reshape(-1, 2).T
    ones = np.ones(len(rows), dtype=np.float32)
    return list(kept.values()), sparse.csr_matrix((ones, (rows, columns)), shape=(texts.n_tokens, len(kept)))


def _written(one: str, other: str) -> str | None:
    """Two words as one writes them, so that they are read back as the same two; None where that cannot be."""
    if not one or not other or "\n" in one + other:
        return None
    is_tight = not other[0].isalnum() or one in _OPENS
    for joint in ("", " ") if is_tight else (" ",):
        phrase = one + joint + other
        if [word.key for word in words_in(phrase)] == [one, other]:
            return phrase
    return None


def classes_of_phrases(texts: WordTexts, knowledge: Knowledge) -> tuple[list[str], sparse.csr_matrix]:
    """Classes a good part of which are phrases, and where they hold, float32 [n_tokens, n_classes]."""
    met = Counter(name for _, _, key in texts.phrases for name in knowledge.classes_of(key) if name not in SPECIAL)
    by_key = knowledge.matrix(texts) @ np.bincount(texts.key, minlength=len(texts.keys))
    number = {name: at for at, name in enumerate(knowledge.over_words)}
    names = [name for name, n in sorted(met.items()) if n >= _LEAST_PHRASES and name in number
             and n >= _SHARE * (n + by_key[number[name]])]  # fmt: skip
    columns: list[NDArray[np.float32]] = [knowledge.tokens(Named(name), texts) for name in names]
    return names, sparse.csr_matrix(np.array(columns, dtype=np.float32).reshape(len(names), texts.n_tokens).T)
