"""Properties of tokens and of the words they are part of, and how to combine marks.

Subject models cut words into pieces, and with earlier tokens only, a word is known as far as it has been read: `op` +
`en` + `ing` reads `op`, `open`, `opening`. So a word matches at the piece that completes it, even if the word then goes
on.
"""

from __future__ import annotations

from functools import lru_cache

from evals.planted.claims import Marks


@lru_cache(maxsize=1 << 16)
def _letters(token: str) -> tuple[bool, str]:
    """Whether the token is all letters, and its trailing letters."""
    start = len(token)
    while start and token[start - 1].isalpha():
        start -= 1
    return not start, token[start:]


def words(tokens: list[str]) -> list[str]:
    """The word read so far at each token; empty where a token does not end in a letter."""
    out = []
    word = ""
    for token in tokens:
        goes_on, letters = _letters(token)
        word = word + letters if goes_on else letters
        out.append(word)
    return out


def spelled(listed: str) -> frozenset[str]:
    """The listed words, each as it stands and with a capital first letter."""
    given = listed.split()
    return frozenset(given + [word[0].upper() + word[1:] for word in given])


def word_in(listed: str) -> Marks:
    """Tokens that complete one of the listed words, as it stands or with a capital first letter."""
    wanted = spelled(listed)
    return lambda tokens: [word in wanted for word in words(tokens)]


def exactly_word(listed: str) -> Marks:
    """Tokens that complete one of the listed words, as it stands."""
    wanted = frozenset(listed.split())
    return lambda tokens: [word in wanted for word in words(tokens)]


def word_ending(*endings: str, least: int = 1) -> Marks:
    """Tokens that complete a word of at least `least` letters with one of these endings."""
    return lambda tokens: [len(word) >= least and word.endswith(endings) for word in words(tokens)]


def symbol_in(listed: str) -> Marks:
    """Tokens that are one of the listed ones, ignoring spaces around them."""
    wanted = frozenset(listed.split())
    return lambda tokens: [token.strip() in wanted for token in tokens]


def holding(first: str, *others: str) -> Marks:
    """Tokens with one of these strings in them."""

    def alone(tokens: list[str]) -> list[bool]:
        return [first in token for token in tokens]

    return either(alone, holding(*others)) if others else alone


def is_word(tokens: list[str]) -> list[bool]:
    """Tokens that end in a letter."""
    return [bool(_letters(token)[1]) for token in tokens]


def everywhere(tokens: list[str]) -> list[bool]:
    """Every token."""
    return [True] * len(tokens)


def both(one: Marks, other: Marks) -> Marks:
    """Where both hold."""
    return lambda tokens: [a and b for a, b in zip(one(tokens), other(tokens), strict=True)]


def either(*marks: Marks) -> Marks:
    """Where at least one holds."""
    return lambda tokens: [True in several for several in zip(*(mark(tokens) for mark in marks), strict=True)]


def but_not(one: Marks, other: Marks) -> Marks:
    """Where the first holds and the second does not."""
    return lambda tokens: [a and not b for a, b in zip(one(tokens), other(tokens), strict=True)]


def right_after(marks: Marks) -> Marks:
    """The token right after one where the marks hold."""
    return lambda tokens: [False, *marks(tokens)][: len(tokens)]


def seen_before(marks: Marks, at_least: int = 1) -> Marks:
    """Tokens that follow, at a distance of `at_least` tokens or more, one where the marks hold."""

    def seen(tokens: list[str]) -> list[bool]:
        found = marks(tokens)
        first = found.index(True) if True in found else len(found)
        return [position >= first + at_least for position in range(len(tokens))]

    return seen
