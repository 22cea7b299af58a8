"""Parts of speech: which places of a carrier sentence a word fits in."""

from __future__ import annotations

from tools.concepts.concepts import Concept, Concepts
from tools.making.carriers import Speech

_BY_CLASS: tuple[tuple[str, Speech], ...] = (
    ("determiners", "determiner"),
    ("pronouns", "pronoun"),
    ("auxiliary verbs", "auxiliary"),
    ("modals", "auxiliary"),
    ("number words", "number"),
    ("prepositions", "preposition"),
    ("conjunctions", "conjunction"),
    ("verbs in -ing", "verb -ing"),
    ("past tense verbs", "verb -ed"),
    ("past participles", "verb -ed"),
    ("plural nouns", "plural"),
    ("adverbs in -ly", "adverb"),
    ("singular nouns", "noun"),
    ("adjectives", "adjective"),
    ("base form verbs", "verb"),
    ("verbs in -s", "verb -s"),
    ("comparatives", "adjective"),
    ("superlatives", "adjective"),
    ("adverbs", "adverb"),
)
"""Classes that tell a part of speech; the first that holds a word counts, where nothing says otherwise."""

_VERBS: frozenset[Speech] = frozenset({"verb", "verb -ing", "verb -ed", "verb -s"})
_HINTS: tuple[tuple[str, frozenset[Speech]], ...] = (
    ("verbs in -ing", frozenset({"verb -ing"})),
    ("verbs in -s", frozenset({"verb -s"})),
    ("past", frozenset({"verb -ed"})),
    ("base form verbs", frozenset({"verb"})),
    ("adverbs", frozenset({"adverb"})),
    ("verbs", _VERBS),
    ("plural nouns", frozenset({"plural"})),
    ("adjectives", frozenset({"adjective"})),
    ("prepositions", frozenset({"preposition"})),
    ("conjunctions", frozenset({"conjunction"})),
    ("determiners", frozenset({"determiner"})),
    ("pronouns", frozenset({"pronoun"})),
    ("modals", frozenset({"auxiliary"})),
    ("nouns", frozenset({"noun", "plural"})),
)


def speeches(word: str, concepts: Concepts) -> list[Speech]:
    """The parts of speech that a word may be, the likeliest first; `other` where nothing is known."""
    if not any(c.isalnum() for c in word):
        return ["mark"]
    if word[:1].isdigit():
        return ["number"]
    classes = set(concepts.classes_of(word))
    found = [speech for name, speech in _BY_CLASS if name in classes]
    if word[:1].isupper() and any(concepts.get(name).kind == "name" for name in classes):
        found.insert(0, "name")
    if not found and " " in word:
        found = speeches(word.split()[-1], concepts)
    if not found and word[:1].isupper():
        found = ["name"]
    return list(dict.fromkeys(found)) or ["other"]


def speech_of(word: str, concepts: Concepts, of: Concept | None = None) -> Speech:
    """The part of speech that a word is taken as; as a member of a class, one that the name of the class tells."""
    found = speeches(word, concepts)
    if of is not None:
        hinted = next((some for part, some in _HINTS if part in of.name), frozenset())
        found = [one for one in found if one in hinted] or found
    return found[0]
