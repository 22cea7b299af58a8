"""What the lexical reader says of texts that were just made, which no tokenizer has cut."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tools.making.carriers import Draft
from tools.readable.knowledge import Knowledge
from tools.readable.rule import Item, Rule
from tools.readable.texts import WordTexts

Levels = list[NDArray[np.float32]]


class Proofs:
    """Some drafts, read character by character.

    Args:
        knowledge: what is known of the language.
        drafts: the texts.
    """

    def __init__(self, knowledge: Knowledge, drafts: Sequence[Draft]) -> None:
        self._knowledge = knowledge
        texts = ["".join(piece.text for piece in draft) for draft in drafts]
        characters = sorted(set("".join(texts)))
        number = {character: at for at, character in enumerate(characters)}
        tokens = np.full((len(texts), max(map(len, texts), default=1)), -1, dtype=np.int32)
        for row, text in enumerate(texts):
            tokens[row, : len(text)] = [number[character] for character in text]
        self._texts = WordTexts(tokens, characters, knowledge.concepts)
        self._meant = np.zeros(tokens.shape, dtype=bool)
        for row, draft in enumerate(drafts):
            at = 0
            for text, meant in draft:
                self._meant[row, at : at + len(text)] = meant
                at += len(text)

    def on_meant(self, item: Item) -> NDArray[np.float32]:
        """How far an item holds on what each text means, at most, [n] in 0..1."""
        held = self._texts.shown(self._knowledge.column(item, self._texts))
        return np.asarray(np.where(self._meant, held, 0).max(axis=1, initial=0), dtype=np.float32)

    def highest(self, rule: Rule) -> NDArray[np.float32]:
        """The highest level of a rule in each text, [n] in 0..10."""
        levels = self._texts.shown(self._knowledge.levels(rule, self._texts))
        return np.asarray(levels.max(axis=1, initial=0), dtype=np.float32)
