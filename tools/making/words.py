"""Words of a kind, and words that look like it and are not: what a lexical maker puts into its carriers."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cached_property, lru_cache

from tools.concepts.concepts import Concept
from tools.making.parts_of_speech import speeches
from tools.making.templates import WORDS
from tools.readable.knowledge import SPECIAL, Knowledge, is_over_text
from tools.readable.rule import AnyWord, Everything, Kind, Like, Named, Quoted, Spelt
from tools.readable.structural_classes import STRUCTURAL_CLASSES

_MOST = 60
"""Words of a kind that are used: the most frequent."""

_TRIED = 6000
_PLAIN = range(100, 1500)
"""Ranks of words that stand for any word."""

_ALIKE, _UNLIKE = 0.5, 0.02
_NEAR = 3000
_HALF = 0.5
_FEWEST_SISTERS = 8
_TELLS_SPELLING = ("spelling", "format", "punctuation")
_OTHER_MARKS = (",", ".", ";", ":", "(", ")", '"', "-", "—", "?", "!", "/", "[", "]")
_OTHER_NUMBERS = ("7", "12", "45", "300", "1995", "8", "60", "2004")


class Words:
    """Finds words by kind, the most frequent first.

    Args:
        knowledge: what is known of the language.
    """

    def __init__(self, knowledge: Knowledge) -> None:
        self._knowledge = knowledge
        self._concepts = knowledge.concepts
        self._vectors = knowledge.vectors
        self.of = lru_cache(maxsize=512)(self._of)
        self.strangers = lru_cache(maxsize=512)(self._strangers)

    def concept(self, kind: Kind) -> Concept | None:
        """The class that a kind names; None where it names none, or one that the lexical reader alone knows."""
        if not isinstance(kind, Named) or kind.name in SPECIAL or kind.name in STRUCTURAL_CLASSES:
            return None
        return self._concepts.get(kind.name)

    def is_over_text(self, kind: Kind) -> bool:
        """Whether a kind is found in running text, so that no word alone is of it."""
        concept = self.concept(kind)
        is_place = isinstance(kind, Named) and kind.name in STRUCTURAL_CLASSES
        return is_place or (concept is not None and is_over_text(concept))

    def place(self, kind: Kind) -> str:
        """What the stretches of text are called in which something of a kind stands; of no named kind nothing."""
        concept = self.concept(kind)
        name = kind.name if isinstance(kind, Named) else ""
        return (concept.context or name) if concept is not None else name

    def _of(self, kind: Kind) -> tuple[str, ...]:
        """Words of a kind; none where no single word is."""
        match kind:
            case AnyWord() | Everything():
                return self._plain
            case Quoted(words):
                return words
            case Like(seeds):
                near = self._vectors.nearest(seeds, _MOST)
                like = self._vectors.likeness(seeds, near)
                return (*seeds, *(word for word, how in zip(near, like, strict=True) if how >= _ALIKE))
            case Spelt(at, letters):
                return tuple(self._first(word for word in self._vectors.words if _is_spelt(word, at, letters)))
            case Named(name):
                return self._named(name)

    def _named(self, name: str) -> tuple[str, ...]:
        concept = self.concept(Named(name))
        if concept is None:
            return tuple(self._first(word for word in self._vectors.words if self._holds(name, word)))
        if is_over_text(concept):
            return ()
        if concept.is_listed:
            members = self._concepts.members(name)
            known = [word for word in members if self._vectors.rank(word) is not None]
            phrases = [word for word in members if " " in word and word.split()[0].isalpha()]
            return tuple([*self._by_rank(known)[:_MOST], *phrases[: _MOST // 6]] or members[:_MOST])
        given = WORDS.get(name, ())
        written = (form for word in self._vectors.words[50:_TRIED] for form in (word, word.title(), word.upper()))
        return tuple(given or self._first(word for word in written if self._holds(name, word)))

    def _strangers(self, kind: Kind) -> tuple[str, ...]:
        """Near misses of a kind: words of its sister classes, or unrelated words of the same frequency."""
        match kind:
            case AnyWord() | Everything():
                return ()
            case Quoted(words):
                return tuple(dict.fromkeys(other for word in words for other in self._beside(word, words)))
            case Like(seeds):
                near = self._vectors.nearest(seeds, _NEAR)
                like = self._vectors.likeness(seeds, near)
                wanted = {speech for seed in seeds for speech in speeches(seed, self._concepts)[:1]}
                border = (word for word, how in zip(near, like, strict=True) if how <= _UNLIKE)
                return tuple(self._first(w for w in border if wanted & set(speeches(w, self._concepts)[:1])))
            case Spelt(at, letters):
                part = letters[:-1] if at == "beginning with" else letters[1:]
                others = (w for w in self._vectors.words if part and _is_spelt(w, at, part))
                found = self._first(w for w in others if not _is_spelt(w, at, letters))
                return tuple(found or [w for w in self._plain if not _is_spelt(w, at, letters)])
            case Named(name):
                return self._sisters(name)

    def _sisters(self, name: str) -> tuple[str, ...]:
        """Words of the smallest classes that hold most of the words of a class, but not in it."""
        own = self.of(Named(name))
        n_of = Counter(one for word in own for one in self._knowledge.classes_of(word) if one not in SPECIAL)
        wider = [
            one for one, n in n_of.items()
            if n >= _HALF * len(own) and one != name and self._concepts.get(one).kind not in _TELLS_SPELLING
        ]  # fmt: skip
        sizes = {one: self._concepts.get(one).n_members or 1 << 30 for one in wider}
        found: list[str] = []
        for one in sorted(wider, key=lambda one: (sizes[one], one)):
            members = self._concepts.members(one)
            some = self._by_rank(w for w in members if self._vectors.rank(w) is not None and not self._holds(name, w))
            found += [word for word in some if word not in found][:_MOST]
            if len(found) >= _FEWEST_SISTERS:
                return tuple(found)
        return (*found, *(word for word in self._plain if not self._holds(name, word)))

    def _beside(self, word: str, words: Sequence[str]) -> list[str]:
        """Words as frequent as one, of its part of speech, and not like any of some."""
        if " " in word:
            first, _, last = word.rpartition(" ")
            return [f"{first} {other}" for other in self._beside(last, (last,))]
        if not any(c.isalpha() for c in word):
            others = _OTHER_NUMBERS if word[:1].isdigit() else _OTHER_MARKS
            return [other for other in others if other not in words]
        return self.as_frequent(word, words)

    def as_frequent(self, word: str, unlike: Sequence[str]) -> list[str]:
        """Words about as frequent as one, of its part of speech, and not like any of some; written as it is."""
        rank = self._vectors.rank(word)
        low, high = (_PLAIN.start, _PLAIN.stop) if rank is None else (rank // 2, 2 * rank + 60)
        (speech,) = speeches(word.lower() if rank is not None else word, self._concepts)[:1]
        small = {one.lower() for one in unlike}
        found = [
            other for other in self._vectors.words[low:high][: 20 * _MOST]
            if other.isalpha() and other not in small and speech in speeches(other, self._concepts)[:1]
        ]  # fmt: skip
        near = [self._vectors.likeness([one], found) for one in unlike if self._vectors.rank(one) is not None]
        kept = [other for n, other in enumerate(found) if all(like[n] <= _UNLIKE for like in near)]
        return [other.title() if word.istitle() else other.upper() if _is_shouted(word) else other for other in kept]

    def holds(self, kind: Kind, word: str) -> bool:
        """Whether a word is of a named kind."""
        return isinstance(kind, Named) and self._holds(kind.name, word)

    def _holds(self, name: str, word: str) -> bool:
        return name in self._knowledge.classes_of(word)

    @cached_property
    def _plain(self) -> tuple[str, ...]:
        """Common words with a meaning of their own."""
        some = (word for word in self._vectors.words[_PLAIN.start : _PLAIN.stop] if word.isalpha() and len(word) > 3)
        content = {"noun", "plural", "adjective", "verb", "verb -ed", "verb -ing"}
        return tuple(word for word in some if speeches(word, self._concepts)[0] in content)[: 4 * _MOST]

    def _by_rank(self, words: Iterable[str]) -> list[str]:
        return sorted(words, key=lambda word: (self._vectors.rank(word) or 0, word))

    @staticmethod
    def _first(words: Iterable[str]) -> list[str]:
        return [word for word, _ in zip(words, range(_MOST), strict=False)]


def _is_spelt(word: str, at: str, letters: str) -> bool:
    found = re.escape(letters)
    pattern = rf"{found}\w+" if at == "beginning with" else rf"\w+{found}"
    return re.fullmatch(pattern, word, re.IGNORECASE) is not None


def _is_shouted(word: str) -> bool:
    return len(word) > 1 and word.isupper()
