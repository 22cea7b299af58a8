"""A name for what a sentence says: a phrase of a few words, for lists and headings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from tools.errors import BadInput
from tools.readable.contract import MAX_LABEL_WORDS
from tools.readable.language import Language
from tools.readable.rule import Again, AnyWord, Context, Item, Kind, Like, Named, Quoted, Rule, Spelt

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
_SAYING = re.compile(
    r"^(?:an?|any|the) (?:word|token|phrase) (?:saying|meaning|telling|showing) that\s+", re.IGNORECASE
)
_STRENGTH = re.compile(r"\s*\((?:[+-]?\d+(?:\.\d+)?|strongly|weakly)\)")
_PART = re.compile(r"(?:`[^`]*`|“[^”]*”|\"[^\"]*\"|[^,;:.(]|\.(?=\w|\s+[a-z]))+")
_DANGLING = frozenset(
    ("a", "an", "the", "and", "or", "of", "to", "on", "in", "at", "by", "for", "with", "from", "not", "such")
)


_QUOTATION_MARKS = frozenset("“”„«»\"'‘’")


def label_of(sentence: str, language: Language | None = None) -> str:
    """What a sentence is about, in 1 to 6 words.

    Of a readable rule that is the kind of words of its strongest item, with where it stands if there is room; of the
    strongest ones the first, as a learner names first what explains most, but a class rather than several words that
    are quoted: a class is a name. Of any other sentence it is what stands
    before the first comma or word of context.

    `Fires on possessive determiners, and weakly on articles.` is about `possessive determiners`.
    """
    if language is not None:
        try:
            return _label_of_rule(language.parse(sentence), language)
        except BadInput:
            pass  # free text, which the heuristic is for
    return _label_of_text(sentence)


def _label_of_rule(rule: Rule, language: Language) -> str:
    if not rule.items:
        return "nothing"
    strongest = [item for strength, item in rule.items if strength == rule.items[0][0]]
    named = (item for item in strongest if isinstance(item.kind, Named))
    is_list = isinstance(strongest[0].kind, Quoted) and len(strongest[0].kind.words) > 1
    item = next(named, strongest[0]) if is_list else strongest[0]
    said = list(_said(item, language))
    short = next((one for one in said if len(one.split()) <= MAX_LABEL_WORDS), None)
    return short or _cut(said[-1].split())


def _said(item: Item, language: Language) -> Iterator[str]:
    """An item in ever fewer words."""
    kind = _kind(item.kind, language)
    bare = replace(item, kind=AnyWord(), longer=False, unless=None)
    place = language.item(bare).removeprefix("any word").strip()
    item = replace(item, end=False, start=False)  # which piece of a word it is belongs to no name
    if item.unless is not None or item.longer:
        yield language.item(item).replace(language.kind(item.kind), kind, 1)
    if isinstance(item.context, Again):
        # "Repeated months", and "the word “or” when repeated".
        yield f"{kind} when repeated" if isinstance(item.kind, Quoted) else f"repeated {kind}"
    elif place:
        yield f"{kind} {place}"
        if isinstance(item.kind, AnyWord) and isinstance(item.context, Context):
            yield place
            if item.context.relation.endswith("after"):
                yield from (f"words after {said}" for said in _names(item.context.kind, language))
            return
    yield from _names(item.kind, language)


def _names(kind: Kind, language: Language) -> Iterator[str]:
    yield _kind(kind, language)
    if isinstance(kind, Named):
        yield kind.name


def _kind(kind: Kind, language: Language) -> str:
    """A kind of words as a heading has it."""
    match kind:
        case AnyWord():
            return "words"
        case Quoted((word,)):
            if word in _QUOTATION_MARKS:  # in quotation marks of its own nobody could read it
                return f"the mark {word}"
            is_mark = not any(character.isalnum() for character in word)
            return f"the {'mark' if is_mark else 'phrase' if ' ' in word else 'word'} “{word}”"
        case Quoted(words):
            return _listed(words, MAX_LABEL_WORDS)
        case Like(seeds):
            return f"words like {_listed(seeds, MAX_LABEL_WORDS - 2)}"
        case Spelt(at, letters):
            return f"words {at} “{letters}”"
        case _:
            return language.kind(kind)


def _listed(words: tuple[str, ...], most: int) -> str:
    """As many of some words as there is room for."""
    for n in range(len(words), 0, -1):
        quoted = [f"“{word}”" for word in words[:n]]
        if n < len(words):
            quoted.append("others")
        told = quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} and {quoted[-1]}"
        if len(told.split()) <= most:
            return told
    return f"“{words[0]}”"


def _label_of_text(sentence: str) -> str:
    told = _STRENGTH.sub("", _SAYING.sub("", _OPENING.sub("", " ".join(sentence.split()), count=1)))
    first = _PART.match(told)
    phrase = first[0].strip() if first else told
    return _cut((_CONTEXT.sub("", phrase) or phrase).split()) or "nothing"


def _cut(words: list[str]) -> str:
    words = words[:MAX_LABEL_WORDS]
    while len(words) > 1 and words[-1].lower() in _DANGLING:
        words.pop()
    return " ".join(words)
