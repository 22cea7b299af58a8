"""What an LLM writes of its own accord: hypotheses, and texts to put them to the test. One format for all who ask."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, WithJsonSchema

from tools.prompts import examples
from tools.prompts.alignment import level_of
from tools.prompts.structured import bounded, brief, parsed, schema_of, validated
from tools.readable.contract import MAX_LABEL_WORDS, MAX_QUOTED, MAX_WORDS
from tools.records.hypothesis import WrittenText as WrittenText
from tools.records.result import Unscored

MAX_EXPLANATION_WORDS = 100
MAX_EXPLANATION_CHARACTERS = 600
MAX_FORM_CHARACTERS = 60
MAX_TEXT_CHARACTERS = 400
MAX_NAMED_WORDS, MAX_WORD_CHARACTERS = 16, 40

_LABEL_END = re.compile(r"[:;,(]| [-–—] ")
_MARKED = re.compile(r"<<(?:[0-9.]+\|)?([^<>]*)>>")
_WORD = re.compile(r"[^\W_]")
_USUAL_WORDS = 18
"""LLMs miss a limit by a word or two: told of less, they keep it."""

_SHORT_FORM = "one sentence"


@dataclass(frozen=True)
class WrittenHypothesis:
    """An explanation on one line, what form it has in a few words, texts that its author wrote to test it, a name for
    it of 1 to 6 words, empty where none of that length was given, and words by which excerpts that it claims can be
    found."""

    explanation: str
    form: str
    texts: tuple[WrittenText, ...]
    label: str = ""
    words: tuple[str, ...] = ()


@dataclass(frozen=True)
class Hypotheses:
    """Those that can be used, in the order written; `dropped` is why each of the others cannot be."""

    written: tuple[WrittenHypothesis, ...]
    dropped: tuple[str, ...] = ()


class _Text(BaseModel):
    text: str
    level: Annotated[Any, WithJsonSchema({"type": "integer"})]


class _Texts(BaseModel):
    texts: list[Annotated[Any, WithJsonSchema(schema_of(_Text))]]


class _Hypothesis(BaseModel):
    explanation: str
    label: str = ""  # asked for, and no hypothesis is worse without one
    form: str
    words: Annotated[Any, WithJsonSchema({"type": "array", "items": {"type": "string"}})] = None
    texts: list[Annotated[Any, WithJsonSchema(schema_of(_Text))]]


class _Short(BaseModel):
    explanation: str
    words: Annotated[Any, WithJsonSchema({"type": "array", "items": {"type": "string"}})] = None


class _Hypotheses(BaseModel):
    # Each is checked on its own: a bad one spoils no other.
    hypotheses: list[Annotated[Any, WithJsonSchema(schema_of(_Hypothesis))]]


_EXAMPLE = {
    "explanation": examples.EXPLANATION,
    "label": examples.LABEL,
    "form": examples.FORM,
    "words": list(examples.WORDS),
    "texts": [{"text": text, "level": level} for text, level in examples.TEXTS],
}
_ASKED_WORDS, _ASKED_TEXTS = 12, 6
HYPOTHESES_SCHEMA = bounded(schema_of(_Hypotheses), words=_ASKED_WORDS, texts=_ASKED_TEXTS)
SHORT_SCHEMA = bounded(schema_of(_Short), words=_ASKED_WORDS)
GUIDELINES = (
    "An explanation is one phrase or sentence with which a person who has nothing but the text can say where the "
    "neuron fires. Be specific ('imports in Python', not 'code'), and say what the cases have in common: no list of "
    "tokens, no 'tokens related to', and one meaning."
)
LENGTH = f"about {_USUAL_WORDS} words and never more than {MAX_WORDS}, at most {MAX_QUOTED} of them quoted"
ONE_EACH = "Where the neuron has several meanings, write a hypothesis for each."
HYPOTHESES_FORMAT = (
    "For each give:\n"
    f"- explanation: what makes it fire, in {LENGTH};\n"
    f"- label: the same as a heading, 1 to {MAX_LABEL_WORDS} words;\n"
    "- form: the kind of explanation, in a few words;\n"
    "- words: 3 to 12 words or short pieces of text by which excerpts can be found in which it must fire, as they "
    "stand there;\n"
    "- texts: predictions that can be checked, plain text without marks, of 6 to 15 words each, since on the first "
    "words of a text most neurons are silent. 2 or 3 that END at a token where it must fire, with the level from 1 to "
    "10 that you predict there, and 2 or 3 that END at a similar token where it must stay silent, with level 0.\n"
    f'Reply with JSON only, such as {{"hypotheses":[{json.dumps(_EXAMPLE, separators=(",", ":"))},...]}}.'
)
SHORT_FORMAT = (
    f"Reply with JSON only: the explanation in {LENGTH}, and 3 to 12 words or short pieces of text by which excerpts "
    "can be found in which it must fire, such as "
    f"{json.dumps({'explanation': examples.EXPLANATION, 'words': list(examples.WORDS)}, separators=(',', ':'))}."
)
TEXTS_SCHEMA = schema_of(_Texts)
TEXTS_FORMAT = 'Reply with JSON only: {"texts":[{"text":"The paint that she had chosen was not red","level":9},...]}.'


def parse_hypotheses(text: str) -> Hypotheses | Unscored:
    """The hypotheses in a reply.

    One is dropped, with the reason, whose explanation is empty or has over 100 words or 600 characters, or that lacks a
    part; of its texts, those that `parse_texts` would drop. White space in an explanation becomes single spaces, and
    control and other invisible characters go. Unscored where none is left.
    """
    found = parsed(text, _Hypotheses)
    if isinstance(found, Unscored):
        return found
    read = [_hypothesis(item) for item in found.hypotheses]
    kept = tuple(one for one in read if not isinstance(one, Unscored))
    if not kept:
        return Unscored(reason=f"none of the {len(read)} hypotheses written can be used")
    return Hypotheses(kept, tuple(one.reason for one in read if isinstance(one, Unscored)))


def parse_short(text: str) -> WrittenHypothesis | Unscored:
    """The one explanation in a reply, without texts; checked as `parse_hypotheses` does."""
    found = parsed(text, _Short)
    return found if isinstance(found, Unscored) else _usable(found.explanation, _SHORT_FORM, (), "", found.words)


def parse_texts(text: str) -> list[WrittenText] | Unscored:
    """The texts in a reply but those without a word, of over 400 characters, that are no Unicode or lack a level 0..10.

    Marks around tokens, as excerpts have them, are taken off, since the neuron would read them. Unscored where none is
    left.
    """
    found = parsed(text, _Texts)
    if isinstance(found, Unscored):
        return found
    return _texts(found.texts) or Unscored(reason=f"none of the {len(found.texts)} texts written can be used")


def plain(text: str) -> str:
    """`text` on one line, without characters that are not seen."""
    spaced = " ".join(text.split())
    return " ".join("".join(c for c in spaced if c == " " or unicodedata.category(c)[0] not in "CZ").split())


def _hypothesis(item: object) -> WrittenHypothesis | Unscored:
    found = validated(item, _Hypothesis)
    if isinstance(found, Unscored):
        return found
    return _usable(found.explanation, found.form, tuple(_texts(found.texts)), found.label, found.words)


def _usable(
    said: str, kind: str, texts: tuple[WrittenText, ...], heading: str, named: object
) -> WrittenHypothesis | Unscored:
    explanation, form = plain(said), plain(kind)
    if not explanation or not form:
        return Unscored(reason=f"{'its form' if explanation else 'the explanation'} is empty")
    if len(explanation) > MAX_EXPLANATION_CHARACTERS:
        return Unscored(reason=f"{brief(explanation)} has {len(explanation)} characters")
    if (n := len(explanation.split())) > MAX_EXPLANATION_WORDS:
        return Unscored(reason=f"{brief(explanation)} has {n} words")
    # Form and label are only names, and no hypothesis is worse for a long one.
    return WrittenHypothesis(
        explanation,
        form[:MAX_FORM_CHARACTERS].rstrip(),
        texts,
        label(heading),
        words(named),
    )


def label(given: str) -> str:
    """A name of at most 6 words; of a longer one what stands before its first colon, comma or bracket; else empty."""
    said = plain(given).rstrip(".")
    short = (one.strip() for one in (said, _LABEL_END.split(said)[0]))
    return next((one for one in short if len(one.split()) <= MAX_LABEL_WORDS and len(one) <= MAX_FORM_CHARACTERS), "")


def words(given: object) -> tuple[str, ...]:
    """At most 16 words or short pieces out of what should be a list of them; what is no such thing is left out."""
    said = [plain(one) for one in given if isinstance(one, str)] if isinstance(given, list) else []
    return tuple(dict.fromkeys(one for one in said if 0 < len(one) <= MAX_WORD_CHARACTERS))[:MAX_NAMED_WORDS]


def _texts(items: Sequence[object]) -> list[WrittenText]:
    texts = []
    for item in items:
        found = validated(item, _Text)
        if isinstance(found, Unscored) or len(found.text) > MAX_TEXT_CHARACTERS:
            continue
        text = _MARKED.sub(r"\1", found.text)
        # No tokenizer takes half of a surrogate pair.
        is_unicode = not any("\ud800" <= c <= "\udfff" for c in text)
        if is_unicode and _WORD.search(text) and (level := level_of(found.level)) is not None:
            texts.append(WrittenText(text=text, level=level))
    return texts
