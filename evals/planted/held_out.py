"""Planted neurons that were written after the agent worked and never used for tuning: a check on the library's figures.

Each function gives 1.0 where it fires and -0.02 elsewhere; its docstring is the truth.
"""

from __future__ import annotations

from collections.abc import Iterable

_NUMBER_WORDS = frozenset(
    ("zero", "one", "two", "three", "four", "five", "ten", "first", "second", "third", "single", "double", "both")
)


def _firing(marks: Iterable[bool]) -> list[float]:
    return [1.0 if mark else -0.02 for mark in marks]


def word_import(tokens: list[str]) -> list[float]:
    """Fires on the word `import`."""
    return _firing(token.strip() == "import" for token in tokens)


def number_words(tokens: list[str]) -> list[float]:
    """Fires on small numbers written as words."""
    return _firing(token.strip().lower() in _NUMBER_WORDS for token in tokens)


def and_or(tokens: list[str]) -> list[float]:
    """Fires on the words `and` and `or`."""
    return _firing(token in (" and", " or") for token in tokens)


def ending_with_ed(tokens: list[str]) -> list[float]:
    """Fires on pieces of more than three letters that end with `ed`."""
    return _firing(token.endswith("ed") and len(token) > 3 for token in tokens)


def assigned_to_self(tokens: list[str]) -> list[float]:
    """Fires on the equals sign after an attribute of `self`."""
    return _firing(
        token == " =" and any(before.strip().startswith("self") for before in tokens[max(0, at - 4) : at])
        for at, token in enumerate(tokens)
    )


def after_a_comma(tokens: list[str]) -> list[float]:
    """Fires on a token that begins with a space right after a comma."""
    return _firing(
        at > 0 and tokens[at - 1].strip().endswith(",") and token.startswith(" ") for at, token in enumerate(tokens)
    )


def capital_after_a_dot(tokens: list[str]) -> list[float]:
    """Fires on a token that begins with a capital right after a token that ends with a dot."""
    return _firing(at > 0 and tokens[at - 1].endswith(".") and token[:1].isupper() for at, token in enumerate(tokens))


def class_assert_or_division(tokens: list[str]) -> list[float]:
    """Fires on `class` and `assert`, and also on the signs of remainder and whole division."""
    return _firing(token.strip() in ("class", "assert", "%", "//") for token in tokens)


def bracket_of_a_call(tokens: list[str]) -> list[float]:
    """Fires on an opening parenthesis, unless it belongs to a definition."""
    return _firing(
        token.strip() == "(" and not any(before.strip() == "def" for before in tokens[max(0, at - 3) : at])
        for at, token in enumerate(tokens)
    )


def is_unless_this(tokens: list[str]) -> list[float]:
    """Fires on `is`, unless right after `this`."""
    return _firing(token == " is" and not (at and tokens[at - 1] == " this") for at, token in enumerate(tokens))


def underscores(tokens: list[str]) -> list[float]:
    """Fires on underscores, the stronger the more of them there are in a token."""
    return [min(1.0, 0.2 * token.count("_")) for token in tokens]


def early_line_break(tokens: list[str]) -> list[float]:
    """Fires on line breaks among the first twenty tokens."""
    return _firing("\n" in token and at < 20 for at, token in enumerate(tokens))


def in_braces(tokens: list[str]) -> list[float]:
    """Fires inside braces."""
    depth, marks = 0, []
    for token in tokens:
        marks.append(depth > 0)
        depth = max(0, depth + token.count("{") - token.count("}"))
    return _firing(marks)


def said_before(tokens: list[str]) -> list[float]:
    """Fires on a token of more than three characters that stood before in the text."""
    seen: set[str] = set()
    marks = []
    for token in tokens:
        word = token.strip()
        marks.append(len(word) > 3 and word in seen)
        seen.add(word)
    return _firing(marks)


def self_long_after_class(tokens: list[str]) -> list[float]:
    """Fires on `self` more than ten tokens after the last `class`."""
    last, marks = None, []
    for at, token in enumerate(tokens):
        marks.append(token.strip() == "self" and last is not None and at - last > 10)
        if token.strip() == "class":
            last = at
    return _firing(marks)


def all_but_three(tokens: list[str]) -> list[float]:
    """Fires on everything but `self`, `the` and a dot."""
    return [0.0 if token.strip() in ("self", "the", ".") else 1.0 for token in tokens]
