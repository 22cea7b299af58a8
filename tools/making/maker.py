"""The lexical maker: texts made from a sentence alone, without an LLM and without the model."""

from __future__ import annotations

import numpy as np

from tools.concepts.concepts import Concepts
from tools.concepts.vectors import Vectors
from tools.errors import BadInput
from tools.making.bank import Bank
from tools.making.rule_passages import RulePassages
from tools.making.token_list_passages import TokenListPassages
from tools.readable.knowledge import SPECIAL, Knowledge
from tools.readable.language import Language
from tools.readable.reader import NAME
from tools.readable.structural_classes import STRUCTURAL_CLASSES
from tools.records.result import Unscored
from tools.roles import MadeText
from tools.rules import language as machine

_NOTHING = "no text could be made from it"


class LexicalMaker:
    """Implements `tools.roles.TextMaker` for readable sentences, and for lists of tokens.

    Args:
        concepts: the classes that sentences may name.
    """

    name = NAME

    def __init__(self, concepts: Concepts) -> None:
        knowledge = Knowledge(concepts, Vectors.load())
        self._language = Language(concepts, (*SPECIAL, *STRUCTURAL_CLASSES))
        bank = Bank(knowledge, "judging")
        self._readable = RulePassages(knowledge, bank)
        self._listed = TokenListPassages(knowledge, bank)

    def positives(self, sentence: str, n: int, rng: np.random.Generator) -> list[MadeText] | Unscored:
        """At most `n` texts in which the neuron must fire somewhere, if the sentence is right."""
        return self._made(sentence, n, rng, near_misses=False)

    def near_misses(self, sentence: str, n: int, rng: np.random.Generator) -> list[MadeText] | Unscored:
        """At most `n` texts that look like those, and in which it must stay silent, if the sentence is right."""
        return self._made(sentence, n, rng, near_misses=True)

    def _made(self, sentence: str, n: int, rng: np.random.Generator, *, near_misses: bool) -> list[MadeText] | Unscored:
        try:
            rule = self._language.parse(sentence)
        except BadInput as error:
            return self._from_list(sentence, n, rng, str(error), near_misses)
        if not rule.items:
            return Unscored(reason="it says that the neuron never fires")
        make = self._readable.near_misses if near_misses else self._readable.positives
        return make(rule, n, rng) or Unscored(reason=_NOTHING)

    def _from_list(
        self, sentence: str, n: int, rng: np.random.Generator, why_not: str, near_misses: bool
    ) -> list[MadeText] | Unscored:
        try:
            rule = machine.parse(sentence)
        except BadInput:
            return Unscored(reason=why_not)
        levels = self._listed.levels(rule)
        if isinstance(levels, Unscored):
            return levels
        make = self._listed.near_misses if near_misses else self._listed.positives
        return make(levels, n, rng) or Unscored(reason=_NOTHING)
