"""The rule language as data: weighted clauses over a token and its left context.

A rule predicts a level from 0 to 10 for every token of a text: the strengths of all clauses that hold are added up and
the sum is cut to 0-10. A clause may name the token itself, one or two things about its left context, or both; with
`unless` it holds where a context does not. Conditions are graded from 0 to 1, but for those on tokens `Nearer` some,
which alone may leave that range on both sides; a clause of several conditions is their product, from 0 to 1.

A *word* is a run of letters as far as it has come: `op` + `en` + `ing` is the word `op`, then `open`, then `opening`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

MAX_CLAUSES, MAX_LISTED_TOKENS, MAX_WORDS = 12, 30, 60

Width = Literal["very like", "like", "loosely like"]
AffixKind = Literal["starting with", "ending with", "containing"]
Relation = Literal[
    "right after",
    "two after",
    "within 4 after",
    "within 8 after",
    "within 16 after",
    "on lines with",
    "on lines starting with",
    "anywhere after",
    "at least 8 after",
    "amid",
]
Enclosure = Literal["parentheses", "brackets", "braces", "quotes", "strings", "comments", "docstrings"]
Repetition = Literal["word", "word on the line", "run"]
Measure = Literal[
    "position",
    "line position",
    "indent",
    "word length",
    "number length",
    "occurrence",
    "parenthesis depth",
    "bracket depth",
    "bracket distance",
]


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
class Nearer:
    """Tokens by how far they lie in a direction of the subject model's own embedding: towards the anchors, away from
    the others.

    Graded without a cut: `tools.rules.vocabulary.NEARER_GAIN` times the cosine to the sum of the anchors' directions
    less the sum of the others'; below 0 for tokens on the other side, so that such a clause also speaks against firing.
    """

    anchors: tuple[str, ...]
    others: tuple[str, ...] = ()

    @property
    def named(self) -> tuple[str, ...]:
        """All tokens that name the direction."""
        return self.anchors + self.others


@dataclass(frozen=True)
class Spelled:
    """Tokens of a spelling class, see `tools.rules.vocabulary.SPELLING`."""

    name: str


@dataclass(frozen=True)
class Affix:
    """Tokens that start with (leading space aside), end with or contain `text`."""

    kind: AffixKind
    text: str


@dataclass(frozen=True)
class Words:
    """Tokens that complete one of these words; one written in lower case is also met with a capital first letter."""

    words: tuple[str, ...]


@dataclass(frozen=True)
class WordAffix:
    """Tokens at which the word so far, of letters alone, starts with, ends with or contains `text`."""

    kind: AffixKind
    text: str


TokenClass = Listed | Like | Nearer | Spelled | Affix | Words | WordAffix


@dataclass(frozen=True)
class After:
    """A token of a class stands earlier: adjacent, within a distance, on the same line, or anywhere.

    `amid` is graded: four times the share of such tokens among the last 16, at most 1. `on lines starting with` is
    about the first visible token of the line.

    For tokens `Nearer` some, `right after` and `two after` take their value as it is and `amid` adds up those of the
    last 16 without a cut; the other relations ask whether such a token was met, and take values cut to 0-1.
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
    marks, apostrophes inside words not counted.

    Strings stand between two quotation marks of a kind on one line, comments after a hash sign on the line, docstrings
    between triple quotes; the marks themselves are left out of these three.
    """

    what: Enclosure


@dataclass(frozen=True)
class Between:
    """A token of `first` stands earlier, and none of `last` has come since, the present token included.

    A token is of a graded class from 0.5 on.
    """

    first: TokenClass
    last: TokenClass


@dataclass(frozen=True)
class Repeated:
    """The token stood earlier in the text; with `continuing`, it also followed the same token there (induction)."""

    continuing: bool


@dataclass(frozen=True)
class Echo:
    """The word (or a token that ends in no letter) stood earlier in the text, or earlier on the line; or a `run` goes
    on: the token followed the same two tokens before."""

    what: Repetition


@dataclass(frozen=True)
class Range:
    """A measure of the place (see `tools.rules.positions.Positions`) from `low` to `high`; None: no upper end."""

    measure: Measure
    low: int
    high: int | None


@dataclass(frozen=True)
class Growing:
    """Graded: 0 where the measure is at most `low`, 1 from `high` on, in proportion between."""

    measure: Measure
    low: int
    high: int


Context = After | Early | Inside | Between | Repeated | Echo | Range | Growing


@dataclass(frozen=True)
class Clause:
    """`strength` (-10 to 10, not 0) for each token where the conditions hold; no condition at all: for every token.

    `unless` and `also_unless` turn the context before them around. After an `unless` there is only another. Conditions
    are graded: the strength counts by their product, 0 to 1. Where the one condition names tokens `Nearer` some it may
    be any number; beside another condition, or after `unless`, that is cut to 0-1.
    """

    strength: int
    token: TokenClass | None = None
    context: Context | None = None
    unless: bool = False
    also: Context | None = None
    also_unless: bool = False

    def __post_init__(self) -> None:
        if not 1 <= abs(self.strength) <= 10:
            raise ValueError(f"a strength is 1 to 10 or -1 to -10, not {self.strength}")
        if ((self.unless or self.also) and self.context is None) or (self.also_unless and self.also is None):
            raise ValueError("'unless' needs a context, and a second context a first")
        if self.unless and self.also and not self.also_unless:
            raise ValueError("after 'unless' comes another 'unless' or nothing")

    def listed(self) -> int:
        """How many tokens this clause lists by name, anchors included."""
        return sum(map(_listed, self.classes()))

    def classes(self) -> list[TokenClass]:
        """The token classes that this clause names."""
        found = [] if self.token is None else [self.token]
        for context in (self.context, self.also):
            match context:
                case After(_, tokens):
                    found.append(tokens)
                case Between(first, last):
                    found += [first, last]
        return found


def _listed(tokens: TokenClass) -> int:
    match tokens:
        case Listed(listed):
            return len(listed)
        case Words(words):
            return len(words)
        case Like(anchors, _):
            return len(anchors)
        case Nearer(anchors, others):
            return len(anchors) + len(others)
    return 0


@dataclass(frozen=True)
class Rule:
    """What a sentence of the rule language means."""

    clauses: tuple[Clause, ...]

    def listed(self) -> int:
        """How many tokens the rule lists by name, anchors included."""
        return sum(clause.listed() for clause in self.clauses)
