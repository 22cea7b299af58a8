"""Rules as sentences: `render` writes one, `parse` reads it back to exactly the same rule.

    Fires on `␣import`, `␣from` (9); on tokens like `␣error` right after `␣raise` (6); inside quotes (-4).

Tokens stand in backquotes with a leading space shown as `␣`. A number in parentheses is a strength; the strengths of
all clauses that hold for a token are added up and the sum is cut to 0-10.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import TypeVar, get_args

from tools.errors import BadInput
from tools.rules.clauses import (
    Affix,
    AffixKind,
    After,
    Between,
    Clause,
    Context,
    Early,
    Echo,
    Enclosure,
    Growing,
    Inside,
    Like,
    Listed,
    Measure,
    Nearer,
    Range,
    Relation,
    Repeated,
    Repetition,
    Rule,
    Spelled,
    TokenClass,
    Width,
    WordAffix,
    Words,
)
from tools.rules.spelling import SPELLING, WORD_SPELLING

_OPENING = "Fires "
_SILENT = "Never fires."
_ESCAPES = {" ": "␣", "\n": "\\n", "\t": "\\t", "\r": "\\r", "\\": "\\\\", "`": "\\`"}
_UNESCAPES = {written: meant for meant, written in _ESCAPES.items()}
# The code of any character: 0 to 10ffff. An escape that is none of these is refused, not guessed at.
_ESCAPE = r"\\(?:[ntr\\`]|u\{(?:10|[0-9a-f])?[0-9a-f]{1,4}\})"
# Half of a surrogate pair can come in from a command line, and out to no file.
_QUOTED = rf"`(?:[^`\\\ud800-\udfff]|{_ESCAPE})*`"
_LEXEME = re.compile(rf"\s*({_QUOTED}|\([+-]?[0-9]{{1,3}}\)|[;,]|[^\s;,`()\ud800-\udfff]+)")
_SHOWN = 30

_ECHOES: dict[Repetition, str] = {
    "word on the line": "when its word is repeated on the line",
    "word": "when its word is repeated",
    "run": "when continuing a long repetition",
}
_LINES: tuple[Relation, ...] = ("on lines starting with", "on lines with")
_CLASSES = sorted([*SPELLING, *WORD_SPELLING], key=len, reverse=True)
# Longer phrases first: none may be taken for the beginning of another.
_RELATIONS: list[Relation] = sorted(get_args(Relation), key=len, reverse=True)
_WORD_AFFIXES: dict[str, AffixKind] = {f"words {kind}": kind for kind in get_args(AffixKind)}

Phrase = TypeVar("Phrase", bound=str)

_EXAMPLE = "Fires on `␣import`, `␣from` (9); on tokens like `␣error` right after `␣raise` (6); inside quotes (-4)."


@lru_cache(maxsize=1 << 16)
def quote(token: str) -> str:
    """A token in backquotes, free of white space, so that a sentence can be counted in words."""

    def written(character: str) -> str:
        plain = character.isprintable() and character != "␣"
        return _ESCAPES.get(character) or (character if plain else f"\\u{{{ord(character):x}}}")

    return "`" + "".join(map(written, token)) + "`"


def unquote(text: str) -> str:
    """The token that `quote` wrote."""

    def meant(found: re.Match[str]) -> str:
        written = found[0]
        return chr(int(written[3:-1], 16)) if written.startswith("\\u") else _UNESCAPES[written]

    return re.sub(f"␣|{_ESCAPE}", meant, text[1:-1])


def n_words(sentence: str) -> int:
    """Words of a sentence as white space separates them; a quoted token is one word."""
    return len(sentence.split())


def render(rule: Rule) -> str:
    """The sentence that means `rule`."""
    if not rule.clauses:
        return _SILENT
    return _OPENING + "; ".join(_render_clause(clause) for clause in rule.clauses) + "."


def words_of(clause: Clause) -> int:
    """Words that a clause adds to a sentence."""
    return n_words(render(Rule((clause,)))) - 1


def _render_clause(clause: Clause) -> str:
    parts = []
    if clause.token is not None:
        parts.append("on " + _render_tokens(clause.token))
    if clause.context is not None:
        parts.append(("unless " if clause.unless else "") + _render_context(clause.context))
    if clause.also is not None:
        joint = "or" if clause.unless else "unless" if clause.also_unless else "and"
        parts.append(f"{joint} {_render_context(clause.also)}")
    return " ".join([*(parts or ["everywhere"]), f"({clause.strength})"])


def _render_tokens(tokens: TokenClass) -> str:
    match tokens:
        case Listed(listed):
            return _join(listed)
        case Like(anchors, width):
            return f"tokens {width} {_join(anchors)}"
        case Nearer(anchors, others):
            return f"tokens nearer {_join(anchors)}" + (f" than {_join(others)}" if others else "")
        case Spelled(name):
            return name
        case Affix(kind, text):
            return f"tokens {kind} {quote(text)}"
        case Words(words):
            return f"the {'word' if len(words) == 1 else 'words'} {_join(words)}"
        case WordAffix(kind, text):
            return f"words {kind} {quote(text)}"


def _join(tokens: Iterable[str]) -> str:
    return ", ".join(quote(token) for token in tokens)


def _render_context(context: Context) -> str:
    match context:
        case After(relation, tokens):
            return f"{relation} {_render_tokens(tokens)}"
        case Early(n):
            return f"among the first {n}"
        case Inside(what):
            return f"inside {what}"
        case Repeated(continuing):
            return "when continuing a repetition" if continuing else "when repeated"
        case Between(first, last):
            return f"between {_render_tokens(first)} and {_render_tokens(last)}"
        case Echo(what):
            return _ECHOES[what]
        case Range(measure, low, high):
            return f"at {measure} {low}" + ("" if high == low else " or more" if high is None else f" to {high}")
        case Growing(measure, low, high):
            return f"growing with {measure} {low} to {high}"


def parse(sentence: str) -> Rule:
    """Read a sentence of the rule language.

    Raises:
        BadInput: the sentence is not of the language; the message says where reading stopped.
    """
    return _Reader(sentence.strip()).rule()


class _Reader:
    """A recursive descent over the lexemes of one sentence."""

    def __init__(self, text: str) -> None:
        self.lexemes: list[str] = []
        self.at = 0
        body, at = text.removesuffix(".").rstrip(), 0
        while at < len(body):
            found = _LEXEME.match(body, at)
            if not found:
                raise self._error(f"cannot read {body[at:].strip()[:_SHOWN]!r}")
            self.lexemes.append(found[1])
            at = found.end()

    def _error(self, what: str) -> BadInput:
        return BadInput(f"this is not a sentence of the rule language: {what}; write it like this one: {_EXAMPLE}")

    def _expected(self, what: str) -> BadInput:
        found = self._next()
        shown = repr(found if len(found) <= _SHOWN else found[:_SHOWN] + "...") if found else "the end"
        return self._error(f"expected {what} and found {shown}")

    def _next(self) -> str:
        return self.lexemes[self.at] if self.at < len(self.lexemes) else ""

    def _take(self, phrase: str) -> bool:
        """Consume the words of `phrase` if they are next."""
        words = phrase.split()
        if [w.lower() for w in self.lexemes[self.at : self.at + len(words)]] != words:
            return False
        self.at += len(words)
        return True

    def _one_of(self, phrases: Iterable[Phrase]) -> Phrase | None:
        return next((phrase for phrase in phrases if self._take(phrase)), None)

    def rule(self) -> Rule:
        clauses = []
        if not self._take("never fires"):
            if not self._take("fires"):
                raise self._error("it does not begin with 'Fires'")
            clauses.append(self._clause())
            while self._take(";"):
                clauses.append(self._clause())
        if self.at < len(self.lexemes):
            raise self._expected("the end" if not clauses else "';' or the end after a strength")
        return Rule(tuple(clauses))

    def _clause(self) -> Clause:
        token: TokenClass | None = None
        context: Context | None = None
        also: Context | None = None
        unless = also_unless = False
        if not self._take("everywhere"):
            if relation := self._one_of(_LINES):
                context = After(relation, self._tokens())
            elif self._take("on"):
                token = self._tokens()
            if context is None:
                unless = self._take("unless")
                context = self._context(required=unless or token is None)
            if context is not None:
                if unless:
                    also_unless = self._take("or")
                    also = self._context(required=True) if also_unless else None
                elif joint := self._one_of(("and", "unless")):
                    also, also_unless = self._context(required=True), joint == "unless"
        strength = re.fullmatch(r"\(([+-]?[0-9]+)\)", self._next())
        if not strength:
            raise self._expected("a strength such as (7)")
        value = int(strength[1])
        if not 1 <= abs(value) <= 10:
            raise self._error(f"a strength is 1 to 10 or -1 to -10, not {value}")
        self.at += 1
        return Clause(value, token, context, unless, also, also_unless)

    def _quoted(self) -> tuple[str, ...]:
        found = [self._one_quoted()]
        while self._take(","):
            found.append(self._one_quoted())
        return tuple(found)

    def _one_quoted(self) -> str:
        quoted = self._next()
        if not quoted.startswith("`") or quoted == "``":
            raise self._expected("a token in backquotes")
        self.at += 1
        return unquote(quoted)

    def _tokens(self) -> TokenClass:
        if self._next().startswith("`"):
            return Listed(self._quoted())
        if phrase := self._one_of(_WORD_AFFIXES):
            return WordAffix(_WORD_AFFIXES[phrase], self._alone(phrase))
        if self._take("the words") or self._take("the word"):
            return Words(self._quoted())
        if name := self._one_of(_CLASSES):
            return Spelled(name)
        if self._take("tokens"):
            if width := self._one_of(get_args(Width)):
                return Like(self._quoted(), width)
            if self._take("nearer"):
                return self._nearer()
            if kind := self._one_of(get_args(AffixKind)):
                return Affix(kind, self._alone(kind))
        raise self._expected(
            "tokens in backquotes, tokens like `a`, tokens nearer `a` than `b`, "
            f"or a class of tokens ({', '.join([*SPELLING, *WORD_SPELLING])})"
        )

    def _nearer(self) -> Nearer:
        anchors = self._quoted()
        others = self._quoted() if self._take("than") else ()
        if sorted(anchors) == sorted(others):
            raise self._error("'nearer' has the same tokens before 'than' and after it, which is no direction")
        return Nearer(anchors, others)

    def _alone(self, kind: str) -> str:
        quoted = self._quoted()
        if len(quoted) != 1:
            raise self._error(f"'{kind}' takes one string in backquotes")
        return quoted[0]

    def _number(self, what: str, pattern: str = "[0-9]{1,4}") -> int:
        if not re.fullmatch(pattern, self._next()):
            raise self._expected(what)
        self.at += 1
        return int(self.lexemes[self.at - 1])

    def _measure(self, after: str) -> Measure:
        measure: Measure | None = self._one_of(get_args(Measure))
        if measure is None:
            raise self._error(f"expected one of {', '.join(get_args(Measure))} after '{after}'")
        return measure

    def _context(self, required: bool) -> Context | None:
        relation: Relation | None = self._one_of(_RELATIONS)
        if relation:
            return After(relation, self._tokens())
        if self._take("among the first"):
            return Early(self._number("a number of tokens", "[1-9][0-9]{0,3}"))
        if self._take("inside"):
            what: Enclosure | None = self._one_of(get_args(Enclosure))
            if what is None:
                raise self._expected(f"one of {', '.join(get_args(Enclosure))} after 'inside'")
            return Inside(what)
        if self._take("when continuing a repetition"):
            return Repeated(continuing=True)
        if self._take("when repeated"):
            return Repeated(continuing=False)
        for echo, phrase in _ECHOES.items():
            if self._take(phrase):
                return Echo(echo)
        if self._take("between"):
            first = self._tokens()
            if not self._take("and"):
                raise self._expected("'and' and what ends it")
            return Between(first, self._tokens())
        if self._take("at"):
            measure = self._measure("at")
            low = self._number("a number")
            if self._take("or more"):
                return Range(measure, low, None)
            return Range(measure, low, self._number("a number") if self._take("to") else low)
        if self._take("growing with"):
            measure, low = self._measure("growing with"), self._number("a number")
            if not self._take("to"):
                raise self._expected("'to' and a number")
            return Growing(measure, low, self._number("a number"))
        if required:
            raise self._expected("a condition")
        return None
