"""Formats numbers, tokens and text from elsewhere for one line of a screen, whatever they contain."""

from __future__ import annotations

import re
import shlex
import unicodedata
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # a command that shows no result should not wait for pydantic
    from tools.records.costs import Cost
    from tools.records.scores import Score

_VISIBLE = {"\n": "⏎", "\r": "␍", "\t": "⇥"}
_NOT_PLAIN = re.compile(r"[^ -~]")
_PLAIN = {"⏎": "\\n", "␍": "\\r", "⇥": "\\t", "…": "..."}


def visible(text: str) -> str:
    """`text` with line breaks and tabs as visible signs, and other control or direction characters as `\\x..`."""
    return text if text.isprintable() else _NOT_PLAIN.sub(lambda found: _sign(found[0]), text)


@cache
def _sign(c: str) -> str:
    return _VISIBLE.get(c) or (c if _is_harmless(c) else c.encode("unicode_escape").decode())


def _is_harmless(character: str) -> bool:
    # Cc and Cf: escape sequences and direction marks; Cs: lone surrogates; Zl and Zp: other line breaks.
    return unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")


def one_line(text: str) -> str:
    """`text` on one line: runs of white space become one space, and nothing in it can move the cursor."""
    return visible(" ".join(text.split()))


def printable(text: str, encoding: str) -> str:
    """`text` with characters outside an encoding escaped as `\\n` and the like, or `\\u....`."""
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        text = "".join(_PLAIN.get(c, c) for c in text)
        return text.encode(encoding, "backslashreplace").decode(encoding)
    except LookupError:
        return text.encode("ascii", "backslashreplace").decode()
    return text


def shorten(text: str, width: int) -> str:
    """`text` on one line of at most `width` characters, cut at the end with an ellipsis."""
    text = one_line(text)
    return text if len(text) <= width else text[: max(0, width - 1)] + "…"


def score_text(score: Score | None) -> str:
    """A score as `0.512 [0.470, 0.551]`, or `no score (why)`."""
    from tools.records.scores import Unscored

    if score is None:
        return "no score"
    if isinstance(score, Unscored):
        return f"no score ({one_line(score.reason)})"
    return f"{score.value:.3f} [{score.low:.3f}, {score.high:.3f}]"


def budget_text(used: int, limit: int | None) -> str:
    """How much of the budget is left, or without a limit how much was used."""
    return f"budget left {max(0, limit - used)} of {limit}" if limit is not None else f"budget used {used}"


def cost_text(cost: Cost) -> str:
    """The cost of LLM calls, such as `12,345 LLM tokens, 0.0123 US dollars`."""
    usd = "price unknown" if cost.usd is None else f"{cost.usd:.4f} US dollars"
    return f"{cost.tokens:,} LLM tokens, {usd}"


def runs_dir_option(runs_dir: str | Path) -> str:
    """The option that a command needs to find runs again, with a space before it; empty for the folder `runs`."""
    return "" if str(runs_dir) == "runs" else f" --runs-dir {shlex.quote(str(runs_dir))}"
