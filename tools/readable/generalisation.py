"""Whether a rule's class held for unseen words, and how a revision changed it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tools.readable.reader import LexicalReader
from tools.readable.rule import Item, Quoted, Rule
from tools.roles import Revealed

UNSEEN_MEMBER = "unseen_member"
SISTER_CLASS = "sister_class"
MIN_TRIED = 3
"""Unseen members that must have been tried before a class may be called too wide."""


@dataclass(frozen=True)
class Tried:
    """Of `n` words that were tried on the neuron, `fired` made it fire."""

    fired: int
    n: int

    @property
    def failed(self) -> bool:
        """Whether most of enough words were silent."""
        return self.n >= MIN_TRIED and 2 * self.fired < self.n

    def __str__(self) -> str:
        return f"{self.fired} of {self.n} fired"


@dataclass(frozen=True)
class Change:
    """What became of a part of a rule, as an action and a sentence."""

    action: Literal["narrow", "widen"]
    reason: str


class Generalisation:
    """What experiments on classes said.

    Args:
        reader: reads the rules.
        revealed: the experiments.
        tokens: int32 [n, pos], texts on which the width of kinds of words is compared.
    """

    def __init__(self, reader: LexicalReader, revealed: Sequence[Revealed], tokens: NDArray[np.int32]) -> None:
        self._reader = reader
        self._revealed = [one for one in revealed if one.about]
        self._tokens = tokens

    def tried(self, item: Item, generator: str) -> Tried:
        """The experiments of a generator on an item."""
        told = self._reader.language.item(replace(item, end=False))
        fired = [one.fired for one in self._revealed if one.generator == generator and one.about == told]
        return Tried(sum(fired), len(fired))

    def is_too_wide(self, sentence: str) -> bool:
        """Whether a class that it names did not hold for unseen members."""
        if not self._reader.understands(sentence):
            return False
        items = [item for _, item in self._reader.language.parse(sentence).items]
        return any(self.tried(item, UNSEEN_MEMBER).failed for item in items)

    def changes(self, name: str, parent: Rule, child: Rule) -> list[Change]:
        """What became of the classes of a rule, called `name`, in another that was made from it."""
        before, after = [item for _, item in parent.items], [item for _, item in child.items]
        lost = [item for item in before if item not in after]
        gained = [item for item in after if item not in before]
        out = []
        for item in lost:
            new = next((one for one in gained if _is_like(one, item)), next(iter(gained), None))
            if new is not None:
                gained.remove(new)
            if not isinstance(item.kind, Quoted):
                out.append(self._told(name, item, new))
        return out

    def _told(self, name: str, item: Item, new: Item | None) -> Change:
        language = self._reader.language
        unseen, beside = self.tried(item, UNSEEN_MEMBER), self.tried(item, SISTER_CLASS)
        is_wider = new is not None and self._width(new) > self._width(item)
        became = "left out" if new is None else f"{'widened' if is_wider else 'narrowed'} to {language.item(new)}"
        whose = f'{name}\'s "{language.item(item)}"' if '"' not in language.item(item) else (
            f"{name}'s {language.item(item)}"
        )  # fmt: skip
        if unseen.n and 2 * unseen.fired < unseen.n:
            found = f"did not hold for unseen members ({unseen})"
        elif unseen.n:
            found = f"held for unseen members ({unseen})"
        else:
            found = "was tried on no unseen member"
        if beside.n and (is_wider or not unseen.n):
            found += f", and of words of sister classes {beside}"
        return Change("widen" if is_wider else "narrow", f"{whose} {found}: {became}")

    def _width(self, item: Item) -> float:
        texts = self._reader.text_cache.texts(self._tokens)
        return float(self._reader.knowledge.column(item, texts).sum())


def _is_like(one: Item, other: Item) -> bool:
    """Whether an item may have been made from another by one change."""
    same = [
        one.kind == other.kind, (one.context, one.unless, one.end) == (other.context, other.unless, other.end)
    ]  # fmt: skip
    return any(same)
