"""The embedded reader: reads explanations as anybody does who knows English, and rules of the machine language."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tools.concepts.concepts import Concepts
from tools.errors import BadInput
from tools.readable.reader import NAME, LexicalReader
from tools.records.result import Unscored
from tools.rules.explainer import RulesSimulator
from tools.rules.language import parse, render
from tools.rules.vocabulary import Vocabulary


class EmbeddedReader:
    """Implements `tools.roles.Simulator`: certain, and at no cost.

    Explanations are readable sentences. Baselines, the predictor and explanations of earlier versions are rules of the
    machine language, which it reads too.

    Args:
        vocabulary: the subject model's.
        concepts: the classes of words that sentences may name.
    """

    name = NAME

    def __init__(self, vocabulary: Vocabulary, concepts: Concepts) -> None:
        self._vocabulary = vocabulary
        self._concepts = concepts

    @cached_property
    def lexical(self) -> LexicalReader:
        """Who reads readable sentences."""
        return LexicalReader(self._vocabulary.strings, self._concepts)

    @cached_property
    def _machine(self) -> RulesSimulator:
        return RulesSimulator(self._vocabulary)

    def simulate(self, sentence: str, tokens: NDArray[np.int32]) -> NDArray[np.float32] | Unscored:
        """Levels, float32 [n, pos] in 0..10; `Unscored` says where reading a sentence of neither language stopped."""
        found = self.lexical.simulate(sentence, tokens)
        if not isinstance(found, Unscored):
            return found
        other = self._machine.simulate(sentence, tokens)
        return found if isinstance(other, Unscored) and "`" not in sentence else other

    def normal(self, sentence: str) -> str:
        """A sentence as the reader would write it.

        Raises:
            BadInput: it is of neither language.
        """
        try:
            return self.lexical.language.render(self.lexical.language.parse(sentence))
        except BadInput:
            if "`" not in sentence and "(" not in sentence:
                raise
            return render(parse(sentence))
