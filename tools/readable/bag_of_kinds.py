"""An explanation in free text as a bag of kinds of words, from which its lexical twin is learnt.

A bag holds the words that the explanation quotes or that its author named, similar words, the classes that several of
them share, and the classes whose names occur in the explanation. The learner finds how they combine
(`Learner.path_among`).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache

from tools.concepts.words import words_of
from tools.readable.contract import quoted
from tools.readable.knowledge import Knowledge
from tools.readable.rule import MAX_SEEDS, Kind, Like, Named, Quoted, Spelt

MOST_WORDS, MOST_CLASSES = 16, 24

_SHARED = 0.3
"""Share of the named words that must be of a class for it to be in the bag, and two of them at least."""

_BROAD, _FREQUENT = 0.08, 5_000
"""Share of so many frequent words of which a class of them is no meaning that named words share. That all of them are
nouns, or long, is not what is meant: a rule that fires on all nouns, however faintly, stands far from the sentence."""

_STEM = 5
_SAYS_LITTLE = frozenset(
    re.findall(
        r"\w+",
        "a about adjectives adverbs after among an and any are as at before beginning by ending especially followed "
        "for form forms from if in inside into is it kind kinds letters like names neuron not noun nouns of on one or "
        "other people right text that the things to token tokens verb verbs when where which with word words",
    )
)


def bag_of(sentence: str, words: Sequence[str], knowledge: Knowledge) -> list[Kind]:
    """Kinds of words that a sentence in free words speaks of, each once.

    Args:
        sentence: what it says.
        words: words and short pieces of text by which its author says that excerpts which it claims can be found.
        knowledge: the classes, and which words are like which.
    """
    own = [piece[1:-1] for piece in quoted(sentence)]
    named = list(dict.fromkeys(_plain(word) for word in (*own, *words) if _plain(word)))[:MOST_WORDS]
    lower = [word for word in named if word.isalpha()]
    known = [word for word in lower if knowledge.vectors.rank(word) is not None]
    kinds: list[Kind] = [
        *(Named(name) for name in _classes_named(sentence, knowledge)),
        *(Named(name) for name in _classes_shared(named, knowledge)),
    ]
    kinds = list(dict.fromkeys(kinds))[:MOST_CLASSES]
    kinds += [Quoted((word,)) for word in named]
    kinds += [Like(tuple(sorted(known[at : at + MAX_SEEDS]))) for at in range(0, len(known), MAX_SEEDS)]
    kinds += [Like((word,)) for word in known]
    kinds += list(_pieces(own))
    return list(dict.fromkeys(kinds))


def _plain(word: str) -> str:
    """A word as a rule quotes it: in small letters, which hold however the word is written."""
    return " ".join(word.replace("’", "'").strip().strip("-").lower().split())


def _pieces(own: Sequence[str]) -> Iterator[Spelt]:
    for piece in own:
        letters = piece.strip("-").lower()
        if letters.isalpha() and len(letters) > 1:
            if piece.endswith("-"):
                yield Spelt("beginning with", letters)
            elif piece.startswith("-"):
                yield Spelt("ending in", letters)


def _classes_shared(words: Sequence[str], knowledge: Knowledge) -> list[str]:
    """Classes that several words are of, those with the most of them first; none that holds for every twelfth word."""
    broad = _broad(knowledge)
    counts = Counter(name for word in words for name in set(knowledge.classes_of(word)) if name not in broad)
    least = max(2, _SHARED * len(words))
    return [name for name, n in sorted(counts.items(), key=lambda one: (-one[1], one[0])) if n >= least]


@lru_cache(maxsize=1)
def _broad(knowledge: Knowledge) -> frozenset[str]:
    frequent = knowledge.vectors.words[:_FREQUENT]
    counts = Counter(name for word in frequent for name in set(knowledge.classes_of(word)))
    return frozenset(name for name, n in counts.items() if n > _BROAD * len(frequent))


def _classes_named(sentence: str, knowledge: Knowledge) -> list[str]:
    """Classes of whose names all words that say something stand in the sentence, those with the longest names first."""
    text = sentence.lower()
    there = {_stem(word.text) for word in words_of([text]) if word.text.isalpha()}
    found = []
    for name in (*knowledge.over_words, *knowledge.over_text):
        telling = [word for word in re.findall(r"[a-z]+", name.lower()) if word not in _SAYS_LITTLE]
        whole = re.search(rf"\b{re.escape(name.lower())}\b", text) is not None
        if whole or (telling and all(_stem(word) in there for word in telling)):
            found.append(name)
    return sorted(found, key=lambda name: (-len(name.split()), name))


def _stem(word: str) -> str:
    """The beginning of a word that its forms have in common, more or less."""
    word = word.lower()
    return word[:_STEM] if len(word) > _STEM else word.removesuffix("s")
