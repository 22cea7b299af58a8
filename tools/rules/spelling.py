"""Classes of tokens and of words by how they are spelled."""

from __future__ import annotations

from collections.abc import Callable

SPELLING: dict[str, Callable[[str], bool]] = {
    "numbers": lambda s: s.strip().isdigit(),
    "punctuation": lambda s: bool(s.strip()) and not any(c.isalnum() for c in s),
    "newlines": lambda s: "\n" in s,
    "spaces": lambda s: bool(s) and not s.strip() and "\n" not in s,
    "uppercase tokens": lambda s: len(s.strip()) > 1 and s.strip().isupper(),
    "capitalised tokens": lambda s: s.strip()[:1].isupper() and not s.strip()[1:].isupper(),
    "lowercase tokens": lambda s: s.strip().isalpha() and s.islower(),
    "lowercase words": lambda s: s[:1] == " " and s[1:].isalpha() and s.islower(),
    "word pieces": lambda s: s[:1].isalpha(),
    "single letters": lambda s: len(s.strip()) == 1 and s.strip().isalpha(),
    "opening brackets": lambda s: any(c in "([{" for c in s) and not any(c.isalnum() or c in ")]}" for c in s),
    "closing brackets": lambda s: any(c in ")]}" for c in s) and not any(c.isalnum() or c in "([{" for c in s),
    "quotation marks": lambda s: any(c in "'\"" for c in s),
    "non-ascii tokens": lambda s: not s.isascii(),
}
"""Spelling classes by the name a sentence uses."""

WORD_SPELLING: dict[str, Callable[[str], bool]] = {
    "words": lambda s: bool(s),
    "capitalised words": lambda s: s[:1].isupper() and not s.isupper(),
    "uppercase words": lambda s: len(s) > 1 and s.isupper(),
    "words with a capital": lambda s: s[:1].isupper(),
    "words in lower case": lambda s: s.islower(),
    "mixed-case words": lambda s: s[:1].islower() and not s.islower(),
}
"""Classes of the word so far, of letters alone, by the name a sentence uses."""
