"""Rules as sentences: `render` writes one, `parse` reads it back to exactly the same rule.

    Fires on `␣import`, `␣from` (9); on tokens like `␣error` right after `␣raise` (6); inside quotes (-4).

Tokens stand in backquotes with a leading space shown as `␣`. A number in parentheses is a strength; the strengths of
all clauses that hold for a token are added up and the sum is cut to 0-10.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TypeVar, get_args

from tools.errors import BadInput
from tools.rules.clauses import (
    MAX_CLAUSES,
    MAX_LISTED_TOKENS,
    MAX_WORDS,
    Affix,
    AffixKind,
    After,
    Clause,
    Context,
    Early,
    Enclosure,
    Inside,
    Like,
    Listed,
    Relation,
    Repeated,
    Rule,
    Spelled,
    TokenClass,
    Width,
)
from tools.rules.vocabulary import SPELLING

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

Phrase = TypeVar("Phrase", bound=str)

_EXAMPLE = "Fires on `␣import`, `␣from` (9); on tokens like `␣error` right after `␣raise` (6); inside quotes (-4)."


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


def check_limits(rule: Rule) -> None:
    """Refuse a rule that is longer than an explanation may be.

    Raises:
        BadInput: names what it has too much of.
    """
    sizes = (
        (len(rule.clauses), MAX_CLAUSES, "clauses"),
        (rule.listed(), MAX_LISTED_TOKENS, "listed tokens"),
        (n_words(render(rule)), MAX_WORDS, "words"),
    )
    for size, most, what in sizes:
        if size > most:
            raise BadInput(f"an explanation has at most {most} {what}, and this one has {size}: shorten it.")


def render(rule: Rule) -> str:
    """The sentence that means `rule`."""
    if not rule.clauses:
        return _SILENT
    return _OPENING + "; ".join(_render_clause(clause) for clause in rule.clauses) + "."


def _render_clause(clause: Clause) -> str:
    parts = []
    if clause.token is not None:
        parts.append("on " + _render_tokens(clause.token))
    if clause.context is not None:
        parts.append(("unless " if clause.unless else "") + _render_context(clause.context))
    return " ".join([*(parts or ["everywhere"]), f"({clause.strength})"])


def _render_tokens(tokens: TokenClass) -> str:
    match tokens:
        case Listed(listed):
            return _join(listed)
        case Like(anchors, width):
            return f"tokens {width} {_join(anchors)}"
        case Spelled(name):
            return name
        case Affix(kind, text):
            return f"tokens {kind} {quote(text)}"


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
        unless = False
        if not self._take("everywhere"):
            if self._take("on lines with"):
                context = After("on lines with", self._tokens())
            elif self._take("on"):
                token = self._tokens()
            if context is None:
                unless = self._take("unless")
                context = self._context(required=unless or token is None)
        strength = re.fullmatch(r"\(([+-]?[0-9]+)\)", self._next())
        if not strength:
            raise self._expected("a strength such as (7)")
        value = int(strength[1])
        if not 1 <= abs(value) <= 10:
            raise self._error(f"a strength is 1 to 10 or -1 to -10, not {value}")
        self.at += 1
        return Clause(value, token, context, unless)

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
        if name := self._one_of(sorted(SPELLING, key=len, reverse=True)):
            return Spelled(name)
        if self._take("tokens"):
            if width := self._one_of(get_args(Width)):
                return Like(self._quoted(), width)
            if kind := self._one_of(get_args(AffixKind)):
                quoted = self._quoted()
                if len(quoted) != 1:
                    raise self._error(f"'{kind}' takes one string in backquotes")
                return Affix(kind, quoted[0])
        raise self._expected(f"tokens in backquotes or a class of tokens ({', '.join(SPELLING)})")

    def _context(self, required: bool) -> Context | None:
        relation: Relation | None = self._one_of(get_args(Relation))
        if relation:
            return After(relation, self._tokens())
        if self._take("among the first"):
            if not re.fullmatch("[1-9][0-9]{0,3}", self._next()):
                raise self._expected("a number of tokens")
            self.at += 1
            return Early(int(self.lexemes[self.at - 1]))
        if self._take("inside"):
            what: Enclosure | None = self._one_of(get_args(Enclosure))
            if what is None:
                raise self._expected(f"one of {', '.join(get_args(Enclosure))} after 'inside'")
            return Inside(what)
        if self._take("when continuing a repetition"):
            return Repeated(continuing=True)
        if self._take("when repeated"):
            return Repeated(continuing=False)
        if required:
            raise self._expected("a condition")
        return None
