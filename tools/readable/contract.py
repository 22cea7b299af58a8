"""What an explanation may be: one sentence that a person can hold in mind, read without the model and apply to text."""

from __future__ import annotations

import re

MAX_WORDS = 25
MAX_QUOTED = 5
MAX_LABEL_WORDS = 6

_QUOTED = re.compile(r'"(?:[^"\\]|\\.)+"|“[^”]+”|(?<![\w*])\*[^*\s][^*]*\*(?![\w*])|`[^`]+`')


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
