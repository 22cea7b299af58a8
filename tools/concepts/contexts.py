"""Where in a text one is: inside a string, a comment, brackets, an import, the parameters of a def.

Code is read as Python by its marks alone, so that a snippet that begins or breaks off anywhere can be read; prose is
read by the same rules. What is opened and never closed goes on to the next blank line: a model that has read so far
cannot know better.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

Span = tuple[int, int]

_LITERAL = re.compile(
    r'(?P<triple>(?<!\w)[rbfuRBFU]{0,2}(?P<q>"""|\'\'\')(?P<in3>(?:\\.|(?!(?P=q)).)*)(?:(?P=q)|\Z))'
    r'|"(?P<double>(?:\\.|[^"\\\n])*)(?:"|\Z)'
    r"|(?<!\w)[rbfuRBFU]{0,2}'(?P<single>(?:\\.|[^'\\\n])*)(?:'(?!\w)|\Z)"
    r"|(?P<comment>#[^\n]*)",
    re.DOTALL,
)
_CLOSES = {")": "(", "]": "[", "}": "{"}
_IMPORT = re.compile(r"^[ \t]*(?:from[ \t]+[\w.]+[ \t]+)?import\b[ \t]*(?:\([^)]*\)?|[^\n;]*)", re.MULTILINE)
_DEF = re.compile(r"\bdef[ \t]+\w+[ \t]*(?:\[[^\]\n]*\])?\(")
_CALL = re.compile(r"(?<!def )(?<!class )\b(?!(?:if|elif|while|for|in|and|or|not|return|def|class)\b)\w+\(")
_QUOTED = re.compile(
    r'(?<!")"([^"\n]{1,400})(?:"(?!")|\Z)|“([^”]{1,600})(?:”|\Z)|«([^»]{1,600})(?:»|\Z)|(?<!\w)‘([^’\n]{1,400})(?:’(?!\w)|\Z)'
)
_TICKED = re.compile(r"```(.*?)(?:```|\Z)|`([^`\n]+)(?:`|\Z)", re.DOTALL)


@lru_cache(maxsize=64)
def _literals(text: str) -> tuple[re.Match[str], ...]:
    return tuple(_LITERAL.finditer(text))


@lru_cache(maxsize=64)
def _brackets(text: str) -> dict[int, Span]:
    """What each opening bracket holds, by where the bracket stands; those in strings and comments are no brackets."""
    bare = list(text)
    for match in _literals(text):
        bare[match.start() : match.end()] = " " * len(match.group())
    found: dict[int, Span] = {}
    open_at: list[int] = []
    for at, char in enumerate(bare):
        if char in "([{":
            open_at.append(at)
        elif char in _CLOSES and open_at and text[open_at[-1]] == _CLOSES[char]:
            begun = open_at.pop()
            found[begun] = (begun + 1, at)
    for begun in open_at:
        paragraph = text.find("\n\n", begun)
        found[begun] = (begun + 1, len(text) if paragraph < 0 else paragraph)
    return dict(sorted(found.items()))


def _groups(text: str, *names: str) -> list[Span]:
    return [match.span(name) for match in _literals(text) for name in names if match.group(name)]


def _docstrings(text: str) -> list[Span]:
    begins = ((match, text.rfind("\n", 0, match.start()) + 1) for match in _literals(text) if match.group("triple"))
    return [
        match.span("in3") for match, line in begins if not text[line : match.start()].strip() and match.group("in3")
    ]


def _after(pattern: re.Pattern[str], text: str) -> list[Span]:
    held = _brackets(text)
    return [held[match.end() - 1] for match in pattern.finditer(text) if match.end() - 1 in held]


def _held(text: str, openers: str) -> list[Span]:
    found = [span for at, span in _brackets(text).items() if text[at] in openers]
    for match in _literals(text):  # in a comment or a string brackets open and close for themselves
        opened: list[int] = []
        for at in range(match.start(), match.end()):
            if text[at] in openers:
                opened.append(at)
            elif opened and _CLOSES.get(text[at]) == text[opened[-1]]:
                found.append((opened.pop() + 1, at))
    return sorted(found)


def _inner(pattern: re.Pattern[str], text: str) -> list[Span]:
    return [match.span(match.lastindex) for match in pattern.finditer(text) if match.lastindex]


CONTEXTS: dict[str, Callable[[str], list[Span]]] = {
    "strings": lambda text: _groups(text, "in3", "double", "single"),
    "comments": lambda text: _groups(text, "comment"),
    "docstrings": _docstrings,
    "parameters": lambda text: _after(_DEF, text),
    "arguments": lambda text: _after(_CALL, text),
    "imports": lambda text: [match.span() for match in _IMPORT.finditer(text)],
    "brackets": lambda text: _held(text, "([{"),
    "round": lambda text: _held(text, "("),
    "square": lambda text: _held(text, "["),
    "curly": lambda text: _held(text, "{"),
    "quotes": lambda text: sorted({*_inner(_QUOTED, text), *_groups(text, "single")}),
    "backticks": lambda text: _inner(_TICKED, text),
}


def spans_of(context: str, text: str) -> list[Span]:
    """The stretches of a text, as characters from-to, that are inside what `context` names; empty ones left out."""
    return [(start, end) for start, end in CONTEXTS[context](text) if end > start]
