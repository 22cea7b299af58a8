"""Where in a text a token stands: line, indentation, brackets, quotes, comments. All from earlier tokens only.

What was opened before the start of the text is unknown, so a closing bracket without an opening one is ignored.
"""

from __future__ import annotations

from evals.planted.claims import Marks

_PREFIXES = frozenset(["f", "r", "b", "u", "rb", "br"])
TRIPLE = ('"""', "'''")


def nesting(tokens: list[str], opening: str, closing: str) -> list[int]:
    """How many brackets of a kind are open after each token."""
    out = []
    depth = 0
    for token in tokens:
        if opening in token or closing in token:
            for character in token:
                if character == opening:
                    depth += 1
                elif character == closing and depth:
                    depth -= 1
        out.append(depth)
    return out


def inside(opening: str, closing: str, depth: int = 1) -> Marks:
    """Tokens within at least `depth` pairs of brackets, the outermost brackets themselves left out."""

    def marks(tokens: list[str]) -> list[bool]:
        after = nesting(tokens, opening, closing)
        return [a >= depth and b >= depth for a, b in zip(after, [0, *after], strict=False)]

    return marks


def in_string(tokens: list[str]) -> list[bool]:
    """Tokens inside single or double quotes on one line, the quotes left out."""
    out = []
    quote = previous = ""
    for token in tokens:
        began = quote
        if "\n" in token or TRIPLE[0] in token or TRIPLE[1] in token:
            quote = ""
        elif '"' in token or "'" in token:
            quote = _quote_after(token, quote, previous)
        out.append(bool(began) and quote == began)
        previous = token
    return out


def _quote_after(token: str, quote: str, previous: str) -> str:
    """The quote that is open after a token; an apostrophe within a word opens none."""
    left = previous[-1:]
    if left.isalnum() and previous.strip().lower() in _PREFIXES:
        left = ""
    for character in token:
        if quote:
            if character == quote and left != "\\":
                quote = ""
        elif character == '"' or (character == "'" and not left.isalnum()):
            quote = character
        left = character
    return quote


def in_comment(tokens: list[str]) -> list[bool]:
    """Tokens after a hash sign, to the end of the line."""
    out = []
    commented = False
    for token in tokens:
        if "\n" in token:
            commented = False
        out.append(commented)
        if "#" in token:
            commented = True
    return out


def in_docstring(tokens: list[str]) -> list[bool]:
    """Tokens between triple quotes that were opened in this text."""
    out = []
    open_ = False
    for token in tokens:
        if TRIPLE[0] in token or TRIPLE[1] in token:
            open_ = not open_
            out.append(False)
        else:
            out.append(open_)
    return out


def in_prose(tokens: list[str]) -> list[bool]:
    """Tokens in a comment, or between triple quotes that were opened in this text."""
    return [a or b for a, b in zip(in_comment(tokens), in_docstring(tokens), strict=True)]


def on_line_after(marks: Marks) -> Marks:
    """Tokens after a marked token on the same line."""

    def after(tokens: list[str]) -> list[bool]:
        out = []
        met = False
        for token, mark in zip(tokens, marks(tokens), strict=True):
            if "\n" in token:
                met = False
            out.append(met)
            met = met or mark
        return out

    return after


def on_line(first: int, last: int) -> Marks:
    """The visible tokens numbered `first` to `last` of each line (from 1), as far as the line's start is in the
    text."""

    def marks(tokens: list[str]) -> list[bool]:
        out = []
        number = last + 1
        for token in tokens:
            if "\n" in token:
                number = 0
            if token.isspace():
                out.append(False)
            else:
                number += 1
                out.append(first <= number <= last)
        return out

    return marks


def indentation(tokens: list[str]) -> list[int]:
    """Spaces before the first visible character of a token's line; -1 while only spaces or no line's start was
    seen."""
    out = []
    width = -1
    counting = False
    for token in tokens:
        if "\n" in token and token.isspace():
            width, counting = len(token) - token.rfind("\n") - 1, True
        elif counting:
            width += len(token) - len(token.lstrip())
            counting = token.isspace()
        out.append(-1 if counting else width)
    return out


def indented(least: int) -> Marks:
    """Tokens on lines indented by at least `least` spaces."""
    return lambda tokens: [width >= least for width in indentation(tokens)]


def among(first: int, last: int) -> Marks:
    """The tokens numbered `first` to `last` of the text, from 1."""
    return lambda tokens: [first <= number <= last for number in range(1, len(tokens) + 1)]
