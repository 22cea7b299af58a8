"""What the lexical reader says of texts that were just made. No tokenizer has cut them: words are taken as tokens."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from tools.concepts.concepts import Concepts
from tools.making.carriers import Draft, Piece
from tools.readable.knowledge import Knowledge
from tools.readable.rule import Item, Rule
from tools.readable.word_texts import WordTexts

Levels = NDArray[np.float32]

_TOKEN = re.compile(r" ?[^\W\d_]{8}(?=[^\W\d_]{4})| ?[^\W\d_]+|\d+|.", re.DOTALL)
"""Words of letters with the space before them, those of twelve and more in pieces; numbers; all else by character."""


class CutTexts:
    """Some texts cut into words, as most tokenizers cut common ones.

    Args:
        texts: at least one.
        concepts: tells which phrases there are.
    """

    def __init__(self, texts: Sequence[str], concepts: Concepts) -> None:
        self.tokens = [_TOKEN.findall(text) for text in texts]
        number: dict[str, int] = {}
        ids = np.full((len(texts), max(map(len, self.tokens))), -1, dtype=np.int32)
        for row, tokens in enumerate(self.tokens):
            ids[row, : len(tokens)] = [number.setdefault(token, len(number)) for token in tokens]
        self.words = WordTexts(ids, list(number), concepts)

    def held(self, item: Item, knowledge: Knowledge) -> Levels:
        """How far an item holds at each token, [n, pos] in 0..1."""
        return self.words.shown(knowledge.column(item, self.words))

    def highest(self, rule: Rule, knowledge: Knowledge) -> Levels:
        """The highest level of a rule in each text, [n] in 0..10."""
        levels = self.words.shown(knowledge.levels(rule, self.words))
        return np.asarray(levels.max(axis=1, initial=0), dtype=np.float32)

    def draft(self, row: int, meant: NDArray[np.bool_]) -> Draft:
        """A text in pieces, where some of its tokens are what is meant; the spaces before them are not."""
        pieces: list[Piece] = [
            part
            for token, is_meant in zip(self.tokens[row], meant.tolist(), strict=False)
            for part in ((Piece(" "), Piece(token[1:], True)) if is_meant and token[0] == " " and token != " "
                         else (Piece(token, is_meant),))
        ]  # fmt: skip
        return tuple(
            Piece("".join(one.text for one in run), key) for key, run in groupby(pieces, lambda one: one.meant)
        )


class Proofs:
    """Some drafts, read.

    Args:
        knowledge: what is known of the language.
        drafts: the texts.
    """

    def __init__(self, knowledge: Knowledge, drafts: Sequence[Draft]) -> None:
        self._knowledge = knowledge
        self._cut = CutTexts(["".join(piece.text for piece in draft) for draft in drafts], knowledge.concepts)
        self._meant = np.zeros(self._cut.words.shape, dtype=bool)
        for row, draft in enumerate(drafts):
            by_character = np.repeat([meant for _, meant in draft], [len(text) for text, _ in draft])
            at = 0
            for number, token in enumerate(self._cut.tokens[row]):
                self._meant[row, number] = by_character[at : at + len(token)].any()
                at += len(token)

    def on_meant(self, item: Item) -> Levels:
        """How far an item holds on what each text means, at most, [n] in 0..1."""
        held = self._cut.held(item, self._knowledge)
        return np.asarray(np.where(self._meant, held, 0).max(axis=1, initial=0), dtype=np.float32)

    def highest(self, rule: Rule) -> Levels:
        """The highest level of a rule in each text, [n] in 0..10."""
        return self._cut.highest(rule, self._knowledge)
