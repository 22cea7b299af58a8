"""Template filters that show text and numbers safely, whatever a trace contains."""

from __future__ import annotations

import re
from typing import Any

from markupsafe import Markup, escape

from tools.records.result import Example, Interval
from tools.records.scores import Score
from traces.text.finding import Piece, pieces_of
from traces.text.formatting import one_line, score_text, visible

_BEFORE, _AFTER = 90, 40  # characters of an example around its largest value

LONGEST_TOKEN = 60
"""How many characters of a token are shown; of a longer one the length is given."""

_QUOTED = re.compile(r"(`(?:[^`\\\n]|\\.)*`)")


def token(text: str) -> str:
    """A token as the tokenizer has it: spaces as `␣`, line breaks and tabs as in Python; very long ones are cut."""
    shown = text.replace("\\", "\\\\") if re.search(r"\\[nrt]", text) else text
    shown = shown.replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t").replace(" ", "␣")
    if len(shown) > LONGEST_TOKEN:
        shown = f"{shown[:LONGEST_TOKEN]}… ({len(text):,} characters)"
    return visible(shown) or "∅"


def line(text: Any) -> str:
    """A value on one line, without characters that move the cursor or change the writing direction."""
    return one_line(str(text))


def anchor(name: str) -> str:
    """A name from the trace as an HTML id: letters and digits as they are, everything else as its code point.

    It begins with `e-` so that no experiment takes the id of a part of the page.
    """
    return "e-" + re.sub(r"[^A-Za-z0-9_-]", lambda found: f".{ord(found[0]):x}.", name)


def number(value: Any, digits: int = 3) -> str:
    """A number with a proper minus sign; a dash for None."""
    return "–" if not isinstance(value, int | float) else f"{value:.{digits}f}".replace("-", "−")


def thousands(value: Any) -> str:
    """A whole number with commas; a dash for None."""
    return f"{value:,}" if isinstance(value, int) else "–"


def score(value: Score | None) -> str:
    """`0.512 [0.470, 0.551]`, or `no score (why)`."""
    return score_text(value).replace("-", "−") if isinstance(value, Interval) else score_text(value)


def sentence(text: str) -> Markup:
    """A sentence with the parts between backquotes as code."""
    parts = _QUOTED.split(one_line(text))
    return Markup("").join(
        Markup("<code>{}</code>").format(part[1:-1]) if at % 2 else escape(part) for at, part in enumerate(parts)
    )


def token_run(text: str) -> str:
    """Text of several tokens: line breaks and tabs as signs, other control characters made visible."""
    return visible(text)


def words(example: Example) -> list[Piece]:
    """The text around the largest value of an example, short enough for a line or two."""
    return pieces_of(example, _BEFORE, _AFTER)


FILTERS = {
    "token": token, "token_run": token_run, "line": line, "number": number, "thousands": thousands, "score": score,
    "sentence": sentence, "words": words, "anchor": anchor,
}  # fmt: skip
