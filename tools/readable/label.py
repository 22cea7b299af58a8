"""A name for what a sentence says: a phrase of a few words, for lists and headings."""

from __future__ import annotations

import re

from tools.readable.contract import MAX_LABEL_WORDS

_OPENING = re.compile(
    r"^(?:(?:this|the) neuron )?(?:fires|goes silent)(?: (?:strongly|weakly|mostly|only))?(?: on(?= \S))?\s+",
    re.IGNORECASE,
)
_CONTEXT = re.compile(
    r"(?<!^right)(?<!^just)\s+(?:(?:right|just|shortly|directly)\s+)?(?:after|before|following|inside|within|in(?! -)"
    r"|at|near|between|among|when|where|while|if|unless|but|except|only|especially|that|which|such as"
    r"|and\s+(?:strongly|weakly))\b.*$",
    re.IGNORECASE,
)
_STRENGTH = re.compile(r"\s*\((?:[+-]?\d+(?:\.\d+)?|strongly|weakly)\)")
_PART = re.compile(r"(?:`[^`]*`|“[^”]*”|\"[^\"]*\"|[^,;:.(]|\.(?=\w|\s+[a-z]))+")
_DANGLING = frozenset(
    ("a", "an", "the", "and", "or", "of", "to", "on", "in", "at", "by", "for", "with", "from", "not", "such")
)


def label_of(sentence: str) -> str:
    """What a sentence is about, in 1 to 6 words: what stands before the first comma or word of context.

    `Fires on possessive determiners, and weakly on articles.` is about `possessive determiners`.
    """
    told = _STRENGTH.sub("", _OPENING.sub("", " ".join(sentence.split()), count=1))
    first = _PART.match(told)
    phrase = first[0].strip() if first else told
    words = (_CONTEXT.sub("", phrase) or phrase).split()[:MAX_LABEL_WORDS]
    while len(words) > 1 and words[-1].lower() in _DANGLING:
        words.pop()
    return " ".join(words) or "nothing"
