"""The rule language as data: weighted clauses over a token and its left context.

A rule predicts a level from 0 to 10 for every token of a text: the strengths of all clauses that hold are added up and
the sum is cut to 0-10. A clause may name the token itself, something about its left context, or both; with `unless` it
holds where the context does not. Conditions are graded from 0 to 1 and a clause of both is their product.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

MAX_CLAUSES, MAX_LISTED_TOKENS, MAX_WORDS = 12, 30, 60

Width = Literal["very like", "like", "loosely like"]
AffixKind = Literal["starting with", "ending with", "containing"]
Relation = Literal[
    "right after", "two after", "within 4 after", "within 16 after", "on lines with", "anywhere after", "amid"
]
Enclosure = Literal["parentheses", "brackets", "braces", "quotes"]


@dataclass(frozen=True)
class Listed:
    """One of these tokens, written as the vocabulary has them."""

    tokens: tuple[str, ...]


@dataclass(frozen=True)
class Like:
    """Tokens near the mean of the anchors in the subject model's own embedding; graded."""

    anchors: tuple[str, ...]
    width: Width


@dataclass(frozen=True)
class Spelled:
    """Tokens of a spelling class, see `tools.rules.vocabulary.SPELLING`."""

    name: str


@dataclass(frozen=True)
class Affix:
    """Tokens that start with (leading space aside), end with or contain `text`."""

    kind: AffixKind
    text: str


TokenClass = Listed | Like | Spelled | Affix


@dataclass(frozen=True)
class After:
    """A token of a class stands earlier: adjacent, within a distance, on the same line, or anywhere.

    `amid` is graded: four times the share of such tokens among the last 16, at most 1.
    """

    relation: Relation
    tokens: TokenClass


@dataclass(frozen=True)
class Early:
    """The token is among the first `n` of the text."""

    n: int


@dataclass(frozen=True)
class Inside:
    """More of these were opened than closed so far; for quotes, an odd number of quotation
    marks, apostrophes inside words not counted."""

    what: Enclosure


@dataclass(frozen=True)
class Repeated:
    """The token stood earlier in the text; with `continuing`, it also followed the same token there (induction)."""

    continuing: bool


Context = After | Early | Inside | Repeated


@dataclass(frozen=True)
class Clause:
    """`strength` (-10 to 10, not 0) for each token where the conditions hold; neither condition: for every token."""

    strength: int
    token: TokenClass | None = None
    context: Context | None = None
    unless: bool = False

    def __post_init__(self) -> None:
        if not 1 <= abs(self.strength) <= 10:
            raise ValueError(f"a strength is 1 to 10 or -1 to -10, not {self.strength}")
        if self.unless and self.context is None:
            raise ValueError("'unless' needs a context")

    def listed(self) -> int:
        """How many tokens this clause lists by name, anchors included."""
        named = [self.token, self.context.tokens if isinstance(self.context, After) else None]
        return sum(
            len(c.tokens) if isinstance(c, Listed) else len(c.anchors) if isinstance(c, Like) else 0 for c in named
        )


@dataclass(frozen=True)
class Rule:
    """What a sentence of the rule language means."""

    clauses: tuple[Clause, ...]

    def listed(self) -> int:
        """How many tokens the rule lists by name, anchors included."""
        return sum(clause.listed() for clause in self.clauses)
