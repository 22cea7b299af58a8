"""Readable rules as English sentences: `render` writes one, `parse` reads it back to exactly the same rule.

    Fires strongly on modals, on "not" right after forms of be, and weakly on words like "heal" and "solve".

A sentence lists what the neuron fires on; what has a context has an `on` of its own, so that it is clear whose it is.
Words are quoted, classes stand by their names, and an adverb (strongly, moderately, weakly, faintly) holds until the
next one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import groupby
from typing import get_args

from tools.concepts.concepts import Concept, Concepts
from tools.errors import BadInput
from tools.readable.rule import (
    PLAIN,
    Again,
    AnyWord,
    Context,
    Everything,
    Item,
    Kind,
    Like,
    Named,
    Quoted,
    Relation,
    Repeat,
    Rule,
    Spelt,
    Strength,
)
from tools.readable.structural_classes import LATER_PIECES

_SILENT = "Never fires."
_ADVERBS: dict[Strength, str] = {10: "strongly", 6: "moderately", 3: "weakly", 1: "faintly"}
_STRENGTH: dict[str, Strength] = {adverb: strength for strength, adverb in _ADVERBS.items()}
_QUOTE = r'"(?:[^"\\\n]|\\.)+"'
_LEXEME = re.compile(rf"\s*({_QUOTE}|[,;]|[^\s,;\"]+)")
_RELATIONS: tuple[Relation, ...] = tuple(sorted(get_args(Relation), key=len, reverse=True))
_AGAIN = "when repeated"
_END = "the last piece of"
_START = "the first piece of"
_PIECES = {_END: "the end of", _START: "the beginning of"}
"""A token of a word, and how earlier versions said it: "the end of years" reads like a date."""
_ANY = "any word"
_EVERYTHING = "everything"
_LONGER = ", the longer the more"
_REPEATS: tuple[Repeat, ...] = tuple(sorted(get_args(Repeat), key=len, reverse=True))
_PLACES = {
    "first words of lines": "at the start of a line",
    "first words of sentences": "at the start of a sentence",
    "second words of sentences": "as the second word of a sentence",
    LATER_PIECES: "past their first piece",
    "deeply indented lines": "on deeply indented lines",
    "text in quotes": "in quotes",
    "text in brackets": "in brackets",
    "text in parentheses": "in parentheses",
    "text in square brackets": "in square brackets",
    "text in braces": "in braces",
}
"""How one says that a token stands in some classes."""

_ALSO = "that are also"
_LIKE = "words like"
_SAYS_ITSELF = re.compile(r"^(words?|verbs?|nouns|adjectives|adverbs|names?|kinds|people|plural|singular)\b")
EXAMPLE = 'Fires strongly on modals, weakly on "not" right after forms of be.'


def _quote(word: str) -> str:
    return '"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _unquote(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text[1:-1])


def _listed(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


@lru_cache(maxsize=8192)
def said(concept: Concept) -> str:
    """How a class is named inside a sentence: a theme is what words are about, a thing is what they are words for."""
    if concept.kind != "meaning" or _SAYS_ITSELF.match(concept.name):
        return concept.name
    head = concept.name.split(" of ")[0].split()[-1]
    is_theme = " and " in concept.name or not head.endswith("s") or head.endswith(("ss", "ics"))
    return f"words {'about' if is_theme else 'for'} {concept.name}"


class Language:
    """Writes and reads sentences; the classes decide which names there are.

    Args:
        concepts: the classes.
        special: names of classes beside those, which the lexical reader knows by itself.

    Attributes:
        special: the same.
    """

    def __init__(self, concepts: Concepts, special: tuple[str, ...] = ()) -> None:
        self._concepts = concepts
        self.special = special
        self._by_phrase = {name.lower(): name for name in [*special, *concepts.names()]}
        for name in concepts.names():  # whoever writes may leave out "words about"
            self._by_phrase.setdefault(said(concepts.get(name)).lower(), name)
        self._longest = max(len(phrase.split()) for phrase in self._by_phrase)

    def render(self, rule: Rule) -> str:
        """The sentence that means `rule`."""
        if not rule.items:
            return _SILENT
        parts = []
        now: Strength = PLAIN
        for (strength, bare), group in groupby(rule.items, key=lambda one: (one[0], one[1].is_bare)):
            said_before = strength == now
            now = strength
            told = [phrase for _, item in group for phrase in self._parts(item)]
            for phrase in [_listed(told)] if bare else told:
                parts.append(f"{'' if said_before else _ADVERBS[strength] + ' '}on {phrase}")
                said_before = True
        if len(parts) > 1:
            parts[-1] = f"and {parts[-1]}"
        return "Fires " + (" " if len(parts) == 2 else ", ").join(parts) + "."

    def _parts(self, item: Item) -> list[str]:
        """An item, or where it is quoted words and nothing else, each of them."""
        is_words = item.is_bare and isinstance(item.kind, Quoted)
        return [_quote(word) for word in item.kind.words] if is_words else [self.item(item)]  # type: ignore[union-attr]

    def item(self, item: Item) -> str:
        """An item as it stands in a sentence."""
        parts = [_END] if item.end else [_START] if item.start else []
        parts.append(self.kind(item.kind))
        if item.context is not None:
            parts.append(self._context(item.context))
        if item.unless is not None:
            parts.append(f"but not {self._context(item.unless).removeprefix(_ALSO).lstrip()}")
        return " ".join(parts) + (_LONGER if item.longer else "")

    def _context(self, context: Context | Again) -> str:
        if isinstance(context, Again):
            return f"{_AGAIN} {context.how}".rstrip()
        if context.relation == "in" and isinstance(context.kind, Named) and context.kind.name in _PLACES:
            return _PLACES[context.kind.name]
        if context.relation == "in text about" and isinstance(context.kind, Named):
            return f"in text about {context.kind.name}"
        return f"{_ALSO if context.relation == 'among' else context.relation} {self.kind(context.kind)}"

    def kind(self, kind: Kind) -> str:
        """A kind of words as it stands in a sentence."""
        match kind:
            case AnyWord():
                return _ANY
            case Everything():
                return _EVERYTHING
            case Named(name):
                return self._said(name)
            case Quoted(words):
                return _listed([_quote(word) for word in words])
            case Like(seeds):
                return f"{_LIKE} {_listed([_quote(word) for word in seeds])}"
            case Spelt(at, letters):
                return f"words {at} {_quote(letters)}"

    def _said(self, name: str) -> str:
        phrase = name if name in self.special else said(self._concepts.get(name))
        return phrase if self._by_phrase.get(phrase.lower()) == name else name

    def parse(self, sentence: str) -> Rule:
        """Read a sentence.

        Raises:
            BadInput: it is not of the language; the message says where reading stopped.
        """
        return _Parser(self, sentence).rule()

    def named(self, words: list[str]) -> tuple[str, int] | None:
        """The class whose name is the longest beginning of `words`, and how many words that is."""
        for n in range(min(self._longest, len(words)), 0, -1):
            if name := self._by_phrase.get(" ".join(words[:n]).lower()):
                return name, n
        return None


class _Parser:
    """A recursive descent over the lexemes of one sentence."""

    def __init__(self, language: Language, sentence: str) -> None:
        self._language = language
        text = sentence.strip()
        text = text.removesuffix(".").rstrip()
        self._lexemes = list(self._cut(text))
        self._at = 0

    def _cut(self, text: str) -> Iterator[str]:
        at = 0
        while at < len(text):
            found = _LEXEME.match(text, at)
            if not found:
                raise self._error(f"cannot read {text[at:].strip()[:30]!r}")
            yield found[1]
            at = found.end()

    @staticmethod
    def _error(what: str) -> BadInput:
        return BadInput(
            f"this is no sentence that the lexical reader understands: {what}; write it like this one: {EXAMPLE}"
        )

    def _expected(self, what: str) -> BadInput:
        found = repr(self._lexemes[self._at][:30]) if self._at < len(self._lexemes) else "the end"
        return self._error(f"expected {what} and found {found}")

    def _take(self, phrase: str) -> bool:
        words = phrase.split()
        if [one.lower() for one in self._lexemes[self._at : self._at + len(words)]] != words:
            return False
        self._at += len(words)
        return True

    def rule(self) -> Rule:
        if self._take("never fires"):
            items: list[tuple[Strength, Item]] = []
        else:
            if not self._take("fires"):
                raise self._expected("'Fires'")
            items = list(self._items())
        if self._at < len(self._lexemes):
            raise self._expected("the end, or a comma and 'on'")
        return Rule.of(items)

    def _items(self) -> Iterator[tuple[Strength, Item]]:
        strength: Strength = PLAIN
        while True:
            for adverb, level in _STRENGTH.items():
                if self._take(adverb):
                    strength = level
            if not self._take("on"):
                raise self._expected("'on'")
            item = self._item()
            yield strength, item
            while item.is_bare and self._another():
                item = self._item()
                yield strength, item
            comma, joint = self._take(",") or self._take(";"), self._take("and")
            if not comma and not joint:
                return

    def _another(self) -> bool:
        """Whether the list goes on with another kind of words, and then takes what joins it."""
        at = self._at
        if (self._take(",") or self._at == at) and (self._take("and") or self._at > at):
            after = self._lexemes[self._at].lower() if self._at < len(self._lexemes) else "on"
            if after != "on" and after not in _STRENGTH:
                return True
        self._at = at
        return False

    def _item(self) -> Item:
        end = self._take(_END) or self._take(_PIECES[_END])
        start = not end and (self._take(_START) or self._take(_PIECES[_START]))
        kind = self._kind()
        context = self._context()
        unless = self._unless() if self._take("but not") else None
        return Item(kind, end, context, unless, self._take(_LONGER), start)

    def _unless(self) -> Context | Again:
        """Where an item does not hold, or the words for which it does not."""
        return self._context() or Context("among", self._kind())

    def _context(self) -> Context | Again | None:
        if self._take(_AGAIN):
            return Again(next(how for how in _REPEATS if not how or self._take(how)))
        for name, place in _PLACES.items():
            if self._take(place):
                return Context("in", Named(name))
        for relation in _RELATIONS:
            if self._take(relation):
                return Context(relation, self._kind())
        return Context("among", self._kind()) if self._take(_ALSO) else None

    def _kind(self) -> Kind:
        if self._take(_ANY):
            return AnyWord()
        if self._take(_EVERYTHING):
            return Everything()
        if self._quoted_next():
            return Quoted(self._quotes())
        start = self._at
        if self._take(_LIKE) and self._quoted_next():
            return Like(self._quotes())
        self._at = start
        for at in ("beginning with", "ending in"):
            if self._take(f"words {at}") and self._quoted_next():
                self._at += 1
                return Spelt(at, _unquote(self._lexemes[self._at - 1]))
            self._at = start
        if found := self._language.named(self._lexemes[self._at :]):
            name, n = found
            self._at += n
            return Named(name)
        raise self._expected("words in double quotes, 'words like', or the name of a class (`agent concepts list`)")

    def _quoted_next(self, ahead: int = 0) -> bool:
        at = self._at + ahead
        return at < len(self._lexemes) and self._lexemes[at].startswith('"')

    def _quotes(self) -> tuple[str, ...]:
        words = []
        while True:
            words.append(_unquote(self._lexemes[self._at]))
            self._at += 1
            if (
                self._at < len(self._lexemes)
                and self._lexemes[self._at].lower() in (",", "and")
                and self._quoted_next(1)
            ):
                self._at += 1
            else:
                return tuple(words)
