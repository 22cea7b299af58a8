"""Whole words of real text, to be put in the place of others: where the neuron fired, where it was silent, and any."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tools.concepts.words import Word, words_of
from tools.experiments.text_edits import is_spelled, is_word
from tools.records.excerpts import ExploreActivations
from tools.rules.vocabulary import Vocabulary

MOST_EXCERPTS = 400
"""Explore excerpts whose words are known: half of them such that the neuron fires there."""


class SeenWords:
    """Words of explore text; of an excerpt its first and last are left out, which may be cut.

    Which excerpts is no matter of chance: they are spread evenly over explore.

    Args:
        explore: what the neuron does there.
        theta: the raw value above which it fires.
        vocabulary: the subject model's tokens.
    """

    def __init__(self, explore: ExploreActivations, theta: float, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary
        fires = (explore.values > theta) & explore.excerpts.mask
        some = np.concatenate([_spread(np.flatnonzero(fires.any(1))), _spread(np.arange(len(explore)))])
        fired: Counter[str] = Counter()
        silent: Counter[str] = Counter()
        self._token: dict[str, int] = {}
        for row in np.unique(some).tolist():
            tokens = explore.excerpts.tokens[row, : explore.excerpts.lengths[row]].tolist()
            for word in words_of([vocabulary.strings[token] for token in tokens])[1:-1]:
                (fired if fires[row, word.last] else silent)[word.text] += 1
                if word.first == word.last and self._is_token_of(tokens[word.first], word):
                    self._token.setdefault(word.text, tokens[word.first])
        self._silent = silent or fired
        self.fired = list(fired)
        self.all = list(dict.fromkeys([*fired, *silent]))
        self._counts = fired + silent

    def _is_token_of(self, token: int, word: Word) -> bool:
        return self._vocabulary.strings[token].strip() == word.text

    def commonest(self, like: str) -> str | None:
        """The commonest word; of marks of punctuation, where `like` is one. Another one than `like` itself."""
        return next((word for word in self._commonest[is_spelled(like)] if word != like), None)

    @cached_property
    def _commonest(self) -> dict[bool, list[str]]:
        """The two commonest of each kind."""
        order = [word for word, _ in self._counts.most_common()]
        return {kind: [word for word in order if is_spelled(word) == kind][:2] for kind in (False, True)}

    def silent(self, like: str, n: int, rng: np.random.Generator) -> list[str]:
        """Some words, as often as they stand where the neuron is silent; marks of punctuation where `like` is one.

        Where the neuron fires nearly everywhere this finds what silences it; else it is any word of ordinary text.
        """
        words, chances = self._silent_by_kind[is_spelled(like)]
        return [words[i] for i in rng.choice(len(words), size=n, p=chances)] if words else []

    @cached_property
    def _silent_by_kind(self) -> dict[bool, tuple[list[str], NDArray[np.float64]]]:
        out = {}
        for kind in (False, True):
            words = [word for word in self._silent if is_spelled(word) == kind]
            counts = np.array([self._silent[word] for word in words], dtype=np.float64)
            out[kind] = words, counts / max(counts.sum(), 1)
        return out

    def near(self, tokens: Sequence[int], but: str, n: int) -> list[str]:
        """The `n` words that are nearest in the subject's embedding to a word that is cut into `tokens`, nearest first.

        Only words that are one token have a place there. `but` is no neighbour of itself.
        """
        words, directions = self._placed
        if not words or not tokens:
            return []
        towards = self._vocabulary.directions[list(tokens)].mean(0)
        order = np.argsort(-(directions @ towards), kind="stable")[: n + 1]
        return [words[i] for i in order if words[i] != but][:n]

    @cached_property
    def _placed(self) -> tuple[list[str], NDArray[np.float32]]:
        words = list(self._token)
        return words, self._vocabulary.directions[[self._token[word] for word in words]]


def _spread(rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """At most half of the excerpts that may be looked at, evenly over `rows`."""
    most = MOST_EXCERPTS // 2
    return rows if len(rows) <= most else rows[np.linspace(0, len(rows) - 1, most).astype(np.int64)]


def word_like(text: str) -> str | None:
    """The word that a named token or a quoted text is, without the space around it; None where it is no one word."""
    bare = text.strip()
    return bare if is_word(bare) else None
