"""Real English sentences from the examples in WordNet's glosses, which show how a word is used.

Many examples are scraps ("a pair of shoes"), old verse, or speech cut out of a dialogue. What is kept reads as a
sentence of today by itself.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping

MIN_WORDS, MIN_LENGTH, MAX_LENGTH = 5, 25, 160

_PLAIN = re.compile(r"[A-Za-z0-9 ,.;:!?'$%&()-]+")
_ODD = re.compile(
    r"\.\.|--|(?<!\w)'|'(?!\w)(?<!s')|\b(?:e\.g|i\.e)\b|[ ,;:-]{2,}(?<!, )(?<!; )(?<!: )|\(\w\)|\(or\b|^\W| [,;.]"
)
_OLD = re.compile(
    r"\b(?:thou|thee|thy|thine|ye|hath|hast|doth|dost|shalt|wilt|art thou|unto|methinks|o'er|e'er|ne'er|twas|tis)\b",
    re.IGNORECASE,
)
_WORD = re.compile(r"[A-Za-z]+(?:-[A-Za-z]+)*(?:'[A-Za-z]+)?")
_FINITE = {
    "'s", "'re", "'m", "'d", "'ll", "'ve", "am", "is", "are", "was", "were", "has", "have", "had", "do", "does", "did",
}  # fmt: skip
_WITH_S = {"it", "he", "she", "that", "there", "what", "who", "here"}
_NO_SUBJECT = ("determiners", "prepositions", "adjectives", "adverbs", "conjunctions", "past participles")
_AFTER_ORDER = ("determiners", "pronouns", "prepositions", "particles")


class WholeSentences:
    """Tells sentences from scraps, and sets them as sentences are set.

    Args:
        classes: of words in small letters, by name: what may be a verb, and what stands before one.
    """

    def __init__(self, classes: Mapping[str, Collection[str]]) -> None:
        of = {name: frozenset(words) for name, words in classes.items()}
        self._finite = of["modals"] | _FINITE
        self._subjects = of["subject pronouns"]
        self._verbs = of["past tense verbs"] | (of["verbs in -s"] - of["plural nouns"])
        self._past_only = of["past tense verbs"] - of["past participles"] - of["singular nouns"] - of["adjectives"]
        self._orders = of["base form verbs"] - of["adjectives"] - of["prepositions"] - of["past participles"]
        self._no_subject = frozenset().union(*(of.get(name, frozenset()) for name in _NO_SUBJECT))
        self._objects = frozenset().union(*(of.get(name, frozenset()) for name in _AFTER_ORDER))

    def of(self, examples: Iterable[str]) -> list[str]:
        """The sentences among some examples, each once, sorted."""
        found = map(self._sentence, examples)
        return sorted({sentence for sentence in found if sentence is not None})

    def _sentence(self, example: str) -> str | None:
        """An example as a sentence; None where it is none of today."""
        text = " ".join(example.split()).rstrip(" ;,:")
        if not MIN_LENGTH <= len(text) <= MAX_LENGTH or len(text.split()) < MIN_WORDS:
            return None
        if not _PLAIN.fullmatch(text) or _ODD.search(text) or _OLD.search(text) or not self._is_whole(text):
            return None
        text = text[0].upper() + text[1:]
        return text if text[-1] in ".!?" else f"{text}."

    def _is_whole(self, text: str) -> bool:
        """Whether it seems to have a verb with a subject, or to tell somebody to do something."""
        words = [word.lower() for word in _WORD.findall(text)]
        if len(words) > 1 and words[0] in self._orders and words[1] in self._objects:
            return True
        # A verb that stands first has lost its subject, if no other follows and nothing is asked.
        first = 0 if text.endswith("?") else 1
        return any(self._is_verb(words[at], words[at - 1] if at else "") for at in range(first, len(words)))

    def _is_verb(self, word: str, before: str) -> bool:
        """Whether a word seems to be a verb with a subject, by the word before it."""
        stem, mark, ending = word.partition("'")
        is_short = bool(mark) and mark + ending in self._finite and (ending != "s" or stem in _WITH_S)
        if is_short or word in self._finite or word in self._past_only or before in self._subjects:
            return True
        return word in self._verbs and bool(before) and before not in self._no_subject
