"""Passages: a few sentences one after the other, as people write them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from tools.making.bank import Find
from tools.making.carriers import Draft, Piece
from tools.roles import MadeText

LENGTH = 3
"""Sentences of a passage."""


class Supply:
    """Gives sentences with different words in turn, those that many sentences hold more often."""

    def __init__(self) -> None:
        self._words: Counter[str] = Counter()
        self._drafts: Counter[Draft] = Counter()

    def draw(self, finds: Sequence[Find], but: Sequence[Draft], rng: np.random.Generator) -> Draft | None:
        """One of some sentences that is none of others, and of the words that were given least often; None: no more."""
        others = set(map(text_of, but))
        left = [find for find in finds if text_of(find.draft) not in others]
        if not left:
            return None
        least = min(self._words[find.word] for find in left)
        left = [find for find in left if self._words[find.word] == least]
        least = min(self._drafts[find.draft] for find in left)
        left = [find for find in left if self._drafts[find.draft] == least]
        find = left[int(rng.integers(len(left)))]
        self._words[find.word] += 1
        self._drafts[find.draft] += 1
        return find.draft


def joined(drafts: Sequence[Draft]) -> Draft:
    """Texts one after the other: sentences with a space between, lines of code on lines of their own."""
    out: list[Piece] = []
    for draft in drafts:
        if out and not out[-1].text.endswith("\n"):
            out.append(Piece("\n" if is_code(draft) else " "))
        out += draft
    return tuple(out)


def is_code(draft: Draft) -> bool:
    """Whether a text is one of lines, each with its end."""
    return draft[-1].text.endswith("\n")


def text_of(draft: Draft) -> str:
    """A draft as it is read."""
    return "".join(piece.text for piece in draft)


def made(draft: Draft) -> MadeText:
    """A draft as a text, with the words that it means."""
    words = (piece.text.strip() or piece.text for piece in draft if piece.meant)
    return MadeText(text_of(draft), tuple(dict.fromkeys(word for word in words if word)))


def random_passages(sentences: Sequence[str], n: int, rng: np.random.Generator) -> list[MadeText]:
    """Passages of any sentences, with which those that were made from an explanation are compared."""
    return [MadeText(" ".join(sentences[at] for at in rng.choice(len(sentences), LENGTH, replace=False)))
            for _ in range(n)]  # fmt: skip
