"""Replies in the field's format: a line a token, the token, a tab, its level."""

from __future__ import annotations

import re
from dataclasses import dataclass

_QUOTED = re.compile(r'\s*"(?:[^"\\]|\\.)*"\s*')
_BLANKS = " \t\r"


@dataclass(frozen=True)
class Line:
    """A token as it was written, its level as it was written, and where in the reply the level begins."""

    token: str
    level: str
    start: int


def lines_in(text: str, finish: str) -> list[Line]:
    """The lines of that format in a reply; others are passed over, and so is a last one that was cut off.

    Args:
        text: of the reply.
        finish: why the reply ended; after `length`, a last line that is not ended may lack the 0 of a 10.
    """
    if finish == "length":
        text = text[: text.rfind("\n") + 1]
    found = []
    start = 0
    for line in text.split("\n"):
        content = line.rstrip(_BLANKS)
        before = content[: 1 + max(map(content.rfind, _BLANKS))]
        token = before.rstrip(_BLANKS)
        # After a quoted token any blank will do; a bare token may hold blanks of its own, and only a tab ends it.
        if "\t" in before[len(token) :] or (before and _QUOTED.fullmatch(before)):
            found.append(Line(token, content[len(before) :], start + len(before)))
        start += len(line) + 1
    return found
