"""Named classes of words that a person knows, such as months, verbs of emotion, forms of be or closing brackets.

    concepts = Concepts.load()
    concepts.classes_of("solve")
    concepts.member("forms of be", [" she", " is", "n't", " here"])     # array([False, True, True, False])

A class is a list of words and phrases, a pattern that a whole word or a stretch of text must match, or a context (see
`contexts`). A member in small letters holds however it is written; one with a capital (May, Polish) only so or all in
capitals. A member by a *rarer* sense is one that mostly means something else, such as "can" among containers: it is
left out unless asked for.
"""

from __future__ import annotations

import difflib
import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tools.concepts.class_definitions import ClassDefinition, Kind, read_classes
from tools.concepts.contexts import spans_of
from tools.concepts.packed import Packed, unpack
from tools.concepts.words import TokenText, Word, words_in
from tools.errors import BadInput

DATA = Path(__file__).parent / "concepts.npz"
_HUMP = re.compile(r"[a-zß-ÿ][A-Z]|[A-Z]{2}[a-z]")
_LONGEST_PHRASE = 6  # words, hyphens among them


@dataclass(frozen=True)
class Concept:
    """A class of words: its name, kind and source, and what decides membership.

    Exactly one of these says what belongs: a pattern (over a "word" or over "text"), a context, or else the members
    that `Concepts.members` lists.
    """

    name: str
    kind: Kind
    source: str
    about: str = ""
    pattern: str | None = None
    over: str = "word"
    case: bool = False
    context: str | None = None
    n_members: int | None = None

    @property
    def is_listed(self) -> bool:
        """Whether its members are listed words."""
        return self.pattern is None and self.context is None


class Concepts:
    """All classes, and which of them a word or the tokens of a text belong to."""

    def __init__(self, packed: Packed, own: Sequence[ClassDefinition] = ()) -> None:
        self._packed = packed
        self._number = {word: n for n, word in enumerate(packed.words)}
        sizes = np.diff(packed.starts).tolist()
        self._concepts: dict[str, Concept] = {}
        self._at: dict[str, int] = {}
        self._own: dict[str, dict[str, bool]] = {}
        for at, (said, n) in enumerate(zip(packed.classes, sizes, strict=True)):
            listed = "pattern" not in said and "context" not in said
            concept = Concept(**{"source": "", **said}, n_members=n if listed else None)
            self._concepts[concept.name] = concept
            self._at[concept.name] = at
        taken = {name.lower(): name for name in self._concepts}
        for one in own:
            if one.name.lower() in taken:
                raise BadInput(f'there is a class called "{taken[one.name.lower()]}" already: rename yours.')
            self._own[one.name] = one.members
            self._concepts[one.name] = Concept(
                one.name, one.kind, one.source, one.about, one.pattern, one.over, one.case, one.context,
                len(one.members) or None,
            )  # fmt: skip
        self.classes_of_key = lru_cache(maxsize=200_000)(self._classes_of_key)

    @classmethod
    def load(cls, extra: Path | None = None) -> Concepts:
        """The classes that come with the program, and those of a user's file (see `written`).

        Raises:
            BadInput: the file cannot be used, or calls a class what another is called.
        """
        own = [] if extra is None else read_classes(extra, source=str(extra))
        if any(one.synsets for one in own):
            raise BadInput(f"{extra} takes words from WordNet, which only the project's own files can: list the words.")
        if any(one.lemmas for one in own):
            raise BadInput(
                f"{extra} asks for all forms of words, which only the project's own files can: list the forms as words."
            )
        return cls(unpack(DATA), own)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 (hex) over all classes and what is in them."""
        digest = hashlib.sha256(DATA.read_bytes())
        own = {name: (repr(self._concepts[name]), sorted(words.items())) for name, words in sorted(self._own.items())}
        digest.update(repr(own).encode(errors="surrogatepass"))
        return digest.hexdigest()

    def names(self, kind: Kind | None = None) -> list[str]:
        """The names of all classes, or of those of a kind, sorted."""
        return sorted(name for name, one in self._concepts.items() if kind is None or one.kind == kind)

    def get(self, name: str) -> Concept:
        """The class of that name, whatever its capitals.

        Raises:
            BadInput: there is none; the sentence names the closest.
        """
        found = self._concepts.get(name) or self._concepts.get(self._by_lower.get(" ".join(name.lower().split()), ""))
        if found is None:
            close = " or ".join(f'"{one}"' for one in self.suggest(name))
            raise BadInput(f'there is no class "{name}": {f"did you mean {close}?" if close else "see their list."}')
        return found

    def suggest(self, text: str, n: int = 3) -> list[str]:
        """The names closest to what was typed: those that share its words, then those spelled like it."""
        wanted = set(re.findall(r"\w+", text.lower())) - {"of", "in", "the", "verbs", "words", "kinds"}
        sharing = sorted(
            (name for name in self._concepts if wanted and wanted <= set(re.findall(r"\w+", name.lower()))),
            key=lambda name: (len(name), name),
        )
        spelled = difflib.get_close_matches(text.lower(), self._by_lower, n, 0.6)
        return list(dict.fromkeys([*sharing[:n], *(self._by_lower[name] for name in spelled)]))[:n]

    def members(self, name: str, *, rare: bool = False) -> list[str]:
        """The words and phrases of a listed class, sorted; of a pattern or a context none. With `rare` all of them."""
        concept = self.get(name)
        if concept.name in self._own:
            return sorted(word for word, is_rare in self._own[concept.name].items() if rare or not is_rare)
        part = slice(*self._packed.starts[self._at[concept.name] :][:2].tolist())
        chosen = self._packed.members[part]
        if not rare:
            chosen = chosen[~self._packed.rare[part]]
        return [self._packed.words[n] for n in chosen.tolist()]

    def classes_of(self, word: str, *, rare: bool = False) -> list[str]:
        """The names of the classes that a word or phrase belongs to, lists and patterns over a word, sorted."""
        return list(self.classes_of_key(" ".join(word.replace("’", "'").split()), rare))

    def _classes_of_key(self, key: str, rare: bool) -> tuple[str, ...]:
        found: set[str] = set()
        starts, order, all_names = self._inverted
        for form in _forms(key):
            if (number := self._number.get(form)) is not None:
                for at in order[starts[number] : starts[number + 1]].tolist():
                    if rare or not self._packed.rare[at]:
                        found.add(all_names[int(self._class_at[at])])
            found |= {name for name, own in self._own.items() if form in own and (rare or not own[form])}
        return tuple(sorted(found | {name for name, pattern in self._over_words if pattern.fullmatch(key)}))

    def member(
        self, name: str, tokens: Sequence[str], *, only_last: bool = False, rare: bool = False
    ) -> NDArray[np.bool_]:
        """Which tokens stand in a word, phrase or stretch of the class; one boolean per token.

        Args:
            name: of the class.
            tokens: the strings of a text's tokens, spaces included.
            only_last: True only at the last token of each, where a model that reads from the left has seen all of it
                (it does not know yet that it ends there). Of a context every token counts: one is inside or not.
            rare: count members by a rarer sense too.
        """
        return Reading(self, tokens).member(name, only_last=only_last, rare=rare)

    def share_known(self, tokens: Sequence[str]) -> float:
        """Which share of a text's words, those of letters, is English that the lists know; NaN if there are none.

        Names, formats and spelling say nothing about the language and do not count.
        """
        words = [word.key for word in TokenText(tokens).words() if word.text[0].isalpha()]
        return sum(map(self._is_english, words)) / len(words) if words else float("nan")

    def _is_english(self, key: str) -> bool:
        starts, order, _ = self._inverted
        numbers = [number for form in _forms(key) if (number := self._number.get(form)) is not None]
        classes = [self._class_at[order[starts[number] : starts[number + 1]]] for number in numbers]
        return any(bool(self._is_language[one].any()) for one in classes)

    @staticmethod
    def spans_of_pattern(concept: Concept, text: str) -> list[tuple[int, int]]:
        """Where the pattern of a class over text is met in a text, as characters from-to, in order."""
        found = (_span(match) for match in _compiled(concept).finditer(text))
        return [(start, end) for start, end in found if end > start]

    def phrase_at(self, words: Sequence[Word], at: int, text: str) -> Iterator[tuple[str, Word]]:
        """The phrases of several words that begin with a word of a text, each with its last word."""
        if words[at].key.lower() not in self._phrase_heads:
            return
        for last in words[at + 1 : at + _LONGEST_PHRASE]:
            key = " ".join(text[words[at].start : last.end].replace("’", "'").split())
            if any(form in self._number or form in self._own_words for form in _forms(key)):
                yield key, last

    @cached_property
    def _by_lower(self) -> dict[str, str]:
        return {name.lower(): name for name in self._concepts}

    @cached_property
    def _class_at(self) -> NDArray[np.int64]:
        """The number of the class that each membership is in."""
        return np.repeat(np.arange(len(self._packed.classes)), np.diff(self._packed.starts))

    @cached_property
    def _inverted(self) -> tuple[NDArray[np.int64], NDArray[np.int64], list[str]]:
        """For each word where its memberships are listed, which they are, and the names of the classes."""
        order = np.argsort(self._packed.members, kind="stable")
        counts = np.bincount(self._packed.members, minlength=len(self._packed.words))
        return np.concatenate([[0], np.cumsum(counts)]), order, [said["name"] for said in self._packed.classes]

    @cached_property
    def _is_language(self) -> NDArray[np.bool_]:
        return np.array([said["kind"] in ("meaning", "closed", "grammar", "calendar") for said in self._packed.classes])

    @cached_property
    def _own_words(self) -> set[str]:
        return {word for members in self._own.values() for word in members}

    @cached_property
    def _phrase_heads(self) -> set[str]:
        several = (word for words in (self._packed.words, self._own_words) for word in words if not word.isalpha())
        heads = ((word, match.group()) for word in several if (match := re.match(r"\w+", word)))
        humps = (
            words_in(word)[0].key.lower() for words in (self._packed.words, self._own_words) for word in words
            if _HUMP.search(word)
        )  # fmt: skip
        return {head.lower() for word, head in heads if head != word} | set(humps)

    @cached_property
    def _over_words(self) -> list[tuple[str, re.Pattern[str]]]:
        return [(one.name, _compiled(one)) for one in self._concepts.values() if one.pattern and one.over == "word"]


class Reading:
    """What the classes say about one text; words are cut and looked up once.

    Args:
        concepts: the classes.
        tokens: the strings of the text's tokens, spaces included.
    """

    def __init__(self, concepts: Concepts, tokens: Sequence[str]) -> None:
        self._concepts = concepts
        self._text = TokenText(tokens)
        self.words = self._text.words()

    def member(self, name: str, *, only_last: bool = False, rare: bool = False) -> NDArray[np.bool_]:
        """As `Concepts.member`."""
        concept = self._concepts.get(name)
        return self._text.on(self.spans(concept.name, rare=rare), only_last=only_last and concept.context is None)

    def spans(self, name: str, *, rare: bool = False) -> list[tuple[int, int]]:
        """Where the class is met, as characters from-to, in order; phrases may overlap their words."""
        concept = self._concepts.get(name)
        if concept.context is not None:
            return spans_of(concept.context, self._text.text)
        if concept.pattern is not None and concept.over == "text":
            return self._concepts.spans_of_pattern(concept, self._text.text)
        return self._listed[rare].get(concept.name, [])

    def names(self, *, rare: bool = False) -> list[str]:
        """The classes of words, listed or by a pattern over a word, that are met in the text, sorted."""
        return sorted(self._listed[rare])

    @cached_property
    def _listed(self) -> tuple[dict[str, list[tuple[int, int]]], dict[str, list[tuple[int, int]]]]:
        main: dict[str, list[tuple[int, int]]] = {}
        every: dict[str, list[tuple[int, int]]] = {}
        for at, word in enumerate(self.words):
            met = [(word.key, word), *self._concepts.phrase_at(self.words, at, self._text.text)]
            for key, last in met:
                for rare, found in ((False, main), (True, every)):
                    for name in self._concepts.classes_of_key(key, rare):
                        found.setdefault(name, []).append((word.start, last.end))
        return main, every


def _forms(key: str) -> tuple[str, ...]:
    """How a word may stand in the lists: as it is, in small letters, and, where it is all in capitals, as a name."""
    forms = [key, key.lower()]
    if key.isupper() and len(key) > 1:
        forms.append(key.title())
    return tuple(dict.fromkeys(forms))


@lru_cache(maxsize=1024)
def _compiled(concept: Concept) -> re.Pattern[str]:
    return re.compile(concept.pattern or "", re.MULTILINE | (0 if concept.case else re.IGNORECASE))


def _span(match: re.Match[str]) -> tuple[int, int]:
    """What a pattern means: its group called `here`, where it has one."""
    return match.span("here") if "here" in match.re.groupindex else match.span()
