"""What is the same for all neurons on some texts: which kinds of words hold where, and what stands around them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from tools.readable.context_features import ContextFeatures, classes_of_phrases, earlier_in, phrases_before
from tools.readable.knowledge import SPECIAL, Knowledge
from tools.readable.rule import Context, Kind, Named, Spelt
from tools.readable.word_texts import WordTexts

MIN_MEMBERS = 3
"""Distinct words that a class must have in the text; with fewer it says no more than they do."""

_BEFORE = 4


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
            ContextFeatures("on the same line after", earlier_in(texts, texts.line)),
            ContextFeatures("in the same sentence after", earlier_in(texts, texts.sentence)),
        ]
        self.phrases, self.after_phrase = phrases_before(texts)
        self.several, self.in_several = classes_of_phrases(texts, knowledge)
        self.vectors = knowledge.vectors_of(texts)
        number: dict[str, int] = {}
        self.small = np.array([number.setdefault(key.lower(), len(number)) for key in texts.keys], dtype=np.int64)
        self.small_names = list(number)

    def __contains__(self, kind: Kind) -> bool:
        """Whether it is a class or a beginning that enough words of the texts have."""
        return kind in self._rows

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
