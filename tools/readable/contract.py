"""What an explanation may be: one sentence that a person can hold in mind, read without the model and apply to text."""

from __future__ import annotations

import re

MAX_WORDS = 25
MAX_QUOTED = 5
MAX_LABEL_WORDS = 6

_QUOTED = re.compile(r'"(?:[^"\\]|\\.)+"|“[^”]+”|(?<![\w*])\*[^*\s][^*]*\*(?![\w*])|`[^`]+`')
_VAGUE = re.compile(
    r"\b(?:tokens?|words?|terms?|phrases?|things|text|content|concepts?)\s+(?:that\s+are\s+|which\s+are\s+)?"
    r"(?:(?:closely|often)\s+)?(?:related|relating|associated|connected|pertaining)\s+(?:to|with)\b",
    re.IGNORECASE,
)
_SECOND = re.compile(r"(?<=[a-z\"'”’)]{3})[.!?]\s+(?=[A-Z])")
_BETWEEN = re.compile(r"\s*(?:[,;/|]|\band\b|\bor\b)\s*")
_IN_A_LIST = 2


def n_words(sentence: str) -> int:
    """Words of a sentence as white space separates them."""
    return len(sentence.split())


def quoted(sentence: str) -> list[str]:
    """The words and pieces of words that a sentence quotes, in double quotes, asterisks or backquotes, with them."""
    return _QUOTED.findall(sentence)


def why_not(sentence: str) -> str | None:
    """Why a sentence is no explanation that a person can use; None where it is one."""
    if (n := n_words(sentence)) > MAX_WORDS:
        return f"it has {n} words, and an explanation has at most {MAX_WORDS}"
    if (n := len(quoted(sentence))) > MAX_QUOTED:
        return f"it quotes {n} words or pieces, and an explanation quotes at most {MAX_QUOTED}"
    if "\n" in sentence.strip():
        return "it is more than one line, and an explanation is one sentence"
    return None if sentence.strip() else "it is empty"


def why_not_free(sentence: str) -> str | None:
    """Why a sentence in free words is no explanation; None where it is one.

    Besides `why_not` it must be one sentence, name no mere topic ("tokens related to"), and be no bare list.
    """
    if (why := why_not(sentence)) is not None:
        return why
    if found := _VAGUE.search(sentence):
        return f"{found[0]!r} names a topic, and an explanation says which words fire"
    if _SECOND.search(sentence):
        return "it is more than one sentence"
    items = [item for item in _BETWEEN.split(sentence) if item.strip()]
    if len(items) > MAX_QUOTED and all(n_words(item) <= _IN_A_LIST for item in items):
        return f"it is a list of {len(items)} items, and an explanation says what they have in common"
    return None
