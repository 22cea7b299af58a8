"""Structural classes: tokens by their line, their brackets and the beginning, beside what `tools.concepts` knows."""

from __future__ import annotations

import re
from collections.abc import Callable

from tools.concepts.contexts import Span
from tools.concepts.words import TokenText

DEEP = 12
"""Spaces from which on a line is deeply indented."""

FIRST = 4
"""Tokens that are the first ones of a text."""

FIRST_TOKENS = "the first four tokens"

LATER_PIECES = "later pieces of words and numbers"

_DEEP_LINE = re.compile(rf"(?<=\n)[ \t]{{{DEEP},}}(?=\S)[^\n]*")


def _deep_lines(text: TokenText) -> list[Span]:
    return [match.span() for match in _DEEP_LINE.finditer(text.text)]


def _nested(text: TokenText) -> list[Span]:
    """Within a second pair of parentheses, strings and comments read like all else, up to what closes it."""
    found: list[Span] = []
    opened: list[int] = []
    for at, char in enumerate(text.text):
        if char == "(":
            opened.append(at)
        elif char == ")" and opened:
            begun = opened.pop()
            if len(opened) == 1:
                found.append((begun + 1, at))
    if len(opened) > 1:
        found.append((opened[1] + 1, len(text.text)))
    return [(start, end) for start, end in found if end > start]


def _first_tokens(text: TokenText) -> list[Span]:
    ends = text.ends()[:FIRST]
    return [(0, ends[-1])] if ends and ends[-1] else []


def _later_pieces(text: TokenText) -> list[Span]:
    """What words and numbers have behind their first token."""
    ends = text.ends()
    cut = (word for word in text.words() if word.last > word.first and word.text[0].isalnum())
    return [(ends[word.first], word.end) for word in cut]


def _each(text: TokenText, char: str) -> list[Span]:
    return [(at, at + 1) for at, one in enumerate(text.text) if one == char]


STRUCTURAL_CLASSES: dict[str, Callable[[TokenText], list[Span]]] = {
    "deeply indented lines": _deep_lines,
    "nested parentheses": _nested,
    "opening parentheses": lambda text: _each(text, "("),
    "closing parentheses": lambda text: _each(text, ")"),
    FIRST_TOKENS: _first_tokens,
    LATER_PIECES: _later_pieces,
}
"""Stretches of a text by what they are called."""
