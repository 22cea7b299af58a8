"""Readable rules: what a sentence such as "Fires strongly on modals, weakly on verbs right after modals." means.

A rule is a few items, each a kind of words in a context, with a strength. At a token it predicts the largest strength
of the items that hold there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

Strength = Literal[10, 6, 3, 1]
"""Levels from 0 to 10 that the words strongly, moderately, weakly and faintly stand for.

Moderately is left unsaid where it holds for all.
"""

STRENGTHS: tuple[Strength, ...] = (10, 6, 3, 1)
PLAIN: Strength = 6

Relation = Literal[
    "right after", "within four words after", "in the same sentence after", "on the same line after", "in text about",
    "in", "among"
]  # fmt: skip
"""How a context is found.

right after: in the word before. within four words after: in one of the four words before. in the same sentence after:
in a word before, with no end of a sentence between. on the same line after: in a word before, with no end of a line
between. in text about: at least twice in the 30 words before. in: the token
stands inside it. among: the word itself is of that kind too.
"""

MAX_ITEMS = 6
MAX_SEEDS = 3


@dataclass(frozen=True)
class AnyWord:
    """Every word, where only the context matters."""


@dataclass(frozen=True)
class Everything:
    """Every token, spaces and line ends too."""


@dataclass(frozen=True)
class Named:
    """A class of words that has a name (`tools.concepts`)."""

    name: str


@dataclass(frozen=True)
class Quoted:
    """Words or phrases themselves. In small letters they hold however written, with a capital only so."""

    words: tuple[str, ...]


@dataclass(frozen=True)
class Like:
    """Words close in meaning to some words, which hold themselves."""

    seeds: tuple[str, ...]


@dataclass(frozen=True)
class Spelt:
    """Words that begin or end with some letters."""

    at: Literal["beginning with", "ending in"]
    letters: str


Kind = AnyWord | Everything | Named | Quoted | Like | Spelt


_LAST: dict[type, int] = {Quoted: 1, Spelt: 2, Like: 3}
"""In a list what ends in a quoted word stands behind quoted words, which else would seem to belong to it."""


@dataclass(frozen=True)
class Context:
    """Where an item must stand."""

    relation: Relation
    kind: Kind


Repeat = Literal["", "on the same line", "for the second time", "after the same two words"]
"""Which words that stood before are meant: all; those on this line; those that stand for the third time in all; those
that come after the same two words as before."""


@dataclass(frozen=True)
class Again:
    """The word stood in the text before."""

    how: Repeat = ""


@dataclass(frozen=True)
class Item:
    """A kind of words where it must and where it must not stand.

    Attributes:
        kind: of words.
        end: whether only the token is meant with which such a word is complete, even if a longer word then goes on.
        context: where it must stand.
        unless: where it must not stand.
        longer: whether it holds the more the longer the word, number or space has become.
        start: whether only the first token of a word is meant.
    """

    kind: Kind
    end: bool = False
    context: Context | Again | None = None
    unless: Context | Again | None = None
    longer: bool = False
    start: bool = False

    @property
    def is_bare(self) -> bool:
        """Whether it is a kind of words and nothing else, so that others can stand beside it in one list."""
        return not self.end and self.context is None and self.unless is None

    def kinds(self) -> list[Kind]:
        """All kinds of words that it speaks of."""
        contexts = (one for one in (self.context, self.unless) if isinstance(one, Context))
        return [self.kind, *(one.kind for one in contexts)]

    def about(self) -> Kind | None:
        """The kind of words that it is about: its own, or that of its context where any word will do."""
        if not isinstance(self.kind, AnyWord):
            return self.kind
        return self.context.kind if isinstance(self.context, Context) else None

    def of(self, kind: Kind) -> Item:
        """The same item about another kind of words."""
        if isinstance(self.kind, AnyWord) and isinstance(self.context, Context):
            return replace(self, context=replace(self.context, kind=kind))
        return replace(self, kind=kind)

    def by_word(self) -> dict[str, Item]:
        """An item for each word that it lists; none where it is about one word or about a kind of another sort."""
        about = self.about()
        words = about.words if isinstance(about, Quoted) and len(about.words) > 1 else ()
        return {word: self.of(Quoted((word,))) for word in words}


@dataclass(frozen=True)
class Rule:
    """Items with their strengths, the strongest first. Without an item the rule never fires."""

    items: tuple[tuple[Strength, Item], ...] = ()

    @classmethod
    def of(cls, items: Sequence[tuple[int, Item]]) -> Rule:
        """In the order of a sentence, quoted words together; where all strengths are the same they are plain."""
        only = PLAIN if len({strength for strength, _ in items}) == 1 else None
        words: dict[int, tuple[str, ...]] = {}
        ordered: list[tuple[int, Item]] = []
        for strength, item in items:
            strength = only or strength
            if isinstance(item.kind, Quoted) and item.is_bare:
                words[strength] = tuple(dict.fromkeys((*words.get(strength, ()), *item.kind.words)))
            else:
                ordered.append((strength, item))
        ordered = [*((strength, Item(Quoted(some))) for strength, some in words.items()), *ordered]
        ordered.sort(key=lambda one: (-one[0], not one[1].is_bare, _LAST.get(type(one[1].kind), 0)))
        return cls(tuple(ordered))  # type: ignore[arg-type]

    def quoted(self) -> list[str]:
        """The words and pieces that its sentence quotes."""
        out: list[str] = []
        for _, item in self.items:
            for kind in item.kinds():
                match kind:
                    case Quoted(words):
                        out += words
                    case Like(seeds):
                        out += seeds
                    case Spelt(_, letters):
                        out.append(letters)
        return out
