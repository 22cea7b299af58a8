"""The lexical reader: it has a sentence and a text, and says at which tokens the neuron should fire.

It parses the sentence and looks its classes and words up in the text. What it knows is English and `tools.concepts`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tools.concepts.concepts import Concepts
from tools.concepts.vectors import Vectors
from tools.errors import BadInput
from tools.readable.knowledge import SPECIAL, Knowledge
from tools.readable.language import Language
from tools.readable.rule import Rule
from tools.readable.structural_classes import STRUCTURAL_CLASSES
from tools.readable.word_texts import WordTextCache
from tools.records.result import Unscored

NAME = "lexical"


class LexicalReader:
    """Implements `tools.roles.Simulator` for readable sentences.

    Args:
        strings: of the subject model's tokens, to know where the words of a text are; it knows nothing else of it.
        concepts: the classes.
        vectors: which words are like which in meaning.
    """

    name = NAME

    def __init__(self, strings: Sequence[str], concepts: Concepts, vectors: Vectors | None = None) -> None:
        self.knowledge = Knowledge(concepts, vectors or Vectors.load())
        self.language = Language(concepts, (*SPECIAL, *STRUCTURAL_CLASSES))
        self.text_cache = WordTextCache(strings, concepts)

    def understands(self, sentence: str) -> bool:
        """Whether the sentence is one that it can parse."""
        try:
            self.language.parse(sentence)
        except BadInput:
            return False
        return True

    def simulate(self, sentence: str, tokens: NDArray[np.int32]) -> NDArray[np.float32] | Unscored:
        """Levels 0 to 10, float32 [n, pos], for tokens int32 [n, pos] with -1 past the end; why not, else."""
        try:
            rule = self.language.parse(sentence)
        except BadInput as error:
            return Unscored(reason=str(error))
        return self.levels(rule, tokens)

    def levels(self, rule: Rule, tokens: NDArray[np.int32]) -> NDArray[np.float32]:
        """Levels 0 to 10 of a rule, float32 [n, pos]; 0 past the end."""
        texts = self.text_cache.texts(tokens)
        return texts.shown(self.knowledge.levels(rule, texts))
