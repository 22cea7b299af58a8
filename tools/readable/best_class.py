"""The best single class of words as an explainer: what an explanation must beat that says more than one name."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tools.concepts import vectors
from tools.readable.knowledge import Knowledge
from tools.readable.reader import LexicalReader
from tools.readable.rule import PLAIN, Item, Named, Rule
from tools.readable.word_texts import WordTexts
from tools.records.excerpts import ExploreActivations
from tools.records.hypothesis import Hypothesis
from tools.roles import Revealed
from tools.scoring.sampling import explore_weights

MIN_WORDS = 3
"""Distinct words that a class over words must have in the text: with fewer it says no more than they do."""

_EXACT = 12
"""Classes that are read exactly, phrases included, of those that correlate best word by word."""


class BestClass:
    """Implements `tools.roles.Explainer`: the one class that correlates best with the neuron on explore text.

    Args:
        reader: who will read the sentence.
    """

    name = "best-class"
    has_null = False
    """A reference is no explanation, so there is nothing that another neuron's class could be compared with."""

    def __init__(self, reader: LexicalReader) -> None:
        self._reader = reader
        sources = b"".join(path.read_bytes() for path in sorted(Path(__file__).parent.glob("*.py")))
        classes = reader.knowledge.concepts.fingerprint.encode()
        self.fingerprint = hashlib.sha256(sources + classes + vectors.DATA.read_bytes()).hexdigest()

    def propose(self, explore: ExploreActivations, size: int, rng: np.random.Generator, n: int) -> list[Hypothesis]:
        """The class; nothing where none goes with the neuron."""
        found = self.propose_one(explore, size, rng)
        return [] if found is None else [found]

    def propose_one(self, explore: ExploreActivations, size: int, rng: np.random.Generator) -> Hypothesis | None:
        """The class; None where none goes with the neuron."""
        excerpts = explore.excerpts
        texts = self._reader.text_cache.texts(excerpts.tokens)
        weight = np.repeat(explore_weights(explore, size), excerpts.lengths).astype(np.float64)
        weight /= weight.sum()
        values = explore.values[excerpts.mask].astype(np.float64)
        pull = weight * (values - float(weight @ values))
        knowledge = self._reader.knowledge

        def exact(name: str) -> float:
            column = knowledge.tokens(Named(name), texts).astype(np.float64)
            return float(_correlations(pull @ column[:, None], weight @ column[:, None])[0])

        best = max(_best_by_word(knowledge, texts, pull, weight), key=exact, default=None)
        if best is None or exact(best) <= 0:
            return None
        return Hypothesis(self.name, self._reader.language.render(Rule(((PLAIN, Item(Named(best))),))))

    def revise(
        self,
        explore: ExploreActivations,
        size: int,
        rng: np.random.Generator,
        revealed: list[Revealed],
        best: list[str],
    ) -> list[Hypothesis]:
        """Nothing: a reference has no second thoughts."""
        return []


def _best_by_word(
    knowledge: Knowledge, texts: WordTexts, pull: NDArray[np.float64], weight: NDArray[np.float64]
) -> list[str]:
    """The names of the classes that correlate best, phrases left out."""
    matrix = knowledge.matrix(texts)
    key = texts.key[texts.word_of]
    by_key = [np.bincount(key, weights=one, minlength=len(texts.keys)) for one in (pull, weight)]
    words = _correlations(*(np.asarray(matrix @ one) for one in by_key))
    words[np.diff(matrix.indptr) < MIN_WORDS] = 0
    stretches = knowledge.stretches(texts)
    found = np.append(words, _correlations(stretches @ pull, stretches @ weight))
    names = [*knowledge.over_words, *knowledge.over_text]
    order = np.argsort(-found, kind="stable")[:_EXACT]
    return [names[at] for at in order if found[at] > 0]


def _correlations(pulls: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of columns of 0 and 1 with what pulls, up to a factor that is common to all."""
    spread = weights * (1 - weights)
    return np.where(spread > 1e-12, pulls / np.sqrt(np.maximum(spread, 1e-12)), 0.0)
