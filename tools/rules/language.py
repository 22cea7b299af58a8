"""Rules as sentences: `render` writes one, `parse` reads it back to exactly the same rule.

    Fires on `␣import`, `␣from` (9); on tokens like `␣error` right after `␣raise` (6); inside quotes (-4).

Tokens stand in backquotes with a leading space shown as `␣`. A number in parentheses is a strength; the strengths of
all clauses that hold for a token are added up and the sum is cut to 0-10.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import get_args

from tools.errors import BadInput
from tools.rules.clauses import (
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
_UNESCAPES = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\", "`": "`"}
_QUOTED = r"`(?:[^`\\]|\\.)*`"
_LEXEME = re.compile(rf"\s*({_QUOTED}|\([+-]?\d+\)|;|,|[^\s;,`()]+)")
_EXAMPLE = "Fires on `␣import`, `␣from` (9); on tokens like `␣error` right after `␣raise` (6); inside quotes (-4)."


def quote(token: str) -> str:
    """A token in backquotes, free of white space, so that a sentence can be counted in words."""
    return "`" + "".join(_ESCAPES.get(c) or (c if c.isprintable() and c != "␣" else f"\\u{{{ord(c):x}}}") for c in token) + "`"


def unquote(text: str) -> str:
    """The token that `quote` wrote."""

    def replace(found: re.Match[str]) -> str:
        if found[0] == "␣":
            return " "
        if found["code"]:
            return chr(int(found["code"], 16))
        return _UNESCAPES.get(found["letter"], found["letter"])

    return re.sub(r"␣|\\u\{(?P<code>[0-9a-f]{1,5})\}|\\(?P<letter>.)", replace, text[1:-1], flags=re.DOTALL)


def n_words(sentence: str) -> int:
    """Words of a sentence as white space separates them; a quoted token is one word."""
    return len(sentence.split())


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
    text = sentence.strip()
    if text.rstrip(".").lower() == _SILENT.rstrip(".").lower():
        return Rule(())
    return _Reader(text).rule()


class _Reader:
    """A recursive descent over the lexemes of one sentence."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.lexemes: list[str] = []
        at = 0
        body = text[:-1] if text.endswith(".") else text
        while at < len(body):
            found = _LEXEME.match(body, at)
            if not found:
                if not body[at:].strip():
                    break
                raise self._error(f"cannot read {body[at:].strip()[:30]!r}")
            self.lexemes.append(found[1])
            at = found.end()
        self.at = 0

    def _error(self, what: str) -> BadInput:
        return BadInput(f"this is not a sentence of the rule language: {what}. Example: {_EXAMPLE}")

    def _next(self) -> str:
        return self.lexemes[self.at] if self.at < len(self.lexemes) else ""

    def _take(self, phrase: str) -> bool:
        """Consume the words of `phrase` if they are next."""
        words = phrase.split()
        if [w.lower() for w in self.lexemes[self.at : self.at + len(words)]] != words:
            return False
        self.at += len(words)
        return True

    def _one_of(self, phrases: Iterable[str]) -> str | None:
        return next((phrase for phrase in phrases if self._take(phrase)), None)

    def rule(self) -> Rule:
        if not self._take("fires"):
            raise self._error("it does not begin with 'Fires'")
        clauses = [self._clause()]
        while self._take(";"):
            clauses.append(self._clause())
        if self.at < len(self.lexemes):
            raise self._error(f"unexpected {self._next()!r} after a strength")
        return Rule(tuple(clauses))

    def _clause(self) -> Clause:
        token, context, unless = None, None, False
        if not self._take("everywhere"):
            if self._take("on lines with"):
                context = After("on lines with", self._tokens())
            elif self._take("on"):
                token = self._tokens()
            if context is None:
                unless = self._take("unless")
                context = self._context(required=unless or token is None)
        strength = re.fullmatch(r"\(([+-]?\d+)\)", self._next())
        if not strength:
            raise self._error(f"expected a strength such as (7) and found {self._next() or 'the end'!r}")
        value = int(strength[1])
        if not 1 <= abs(value) <= 10:
            raise self._error(f"a strength is 1 to 10 or -1 to -10, not {value}")
        self.at += 1
        return Clause(value, token, context, unless)

    def _quoted(self) -> tuple[str, ...]:
        found = []
        while self._next().startswith("`"):
            found.append(unquote(self._next()))
            self.at += 1
            if not (self._next() == "," and self.lexemes[self.at + 1 : self.at + 2][0:1] and self.lexemes[self.at + 1].startswith("`")):
                break
            self.at += 1
        if not found or "" in found:
            raise self._error(f"expected tokens in backquotes and found {self._next() or 'the end'!r}")
        return tuple(found)

    def _tokens(self) -> TokenClass:
        if self._next().startswith("`"):
            return Listed(self._quoted())
        if name := self._one_of(sorted(SPELLING, key=len, reverse=True)):
            return Spelled(name)
        if self._take("tokens"):
            if width := self._one_of(get_args(Width)):
                return Like(self._quoted(), width)  # type: ignore[arg-type]
            if kind := self._one_of(get_args(AffixKind)):
                quoted = self._quoted()
                if len(quoted) != 1:
                    raise self._error(f"'{kind}' takes one string in backquotes")
                return Affix(kind, quoted[0])  # type: ignore[arg-type]
        raise self._error(f"expected tokens and found {self._next() or 'the end'!r}; classes are {', '.join(SPELLING)}")

    def _context(self, required: bool) -> Context | None:
        if relation := self._one_of(get_args(Relation)):
            return After(relation, self._tokens())  # type: ignore[arg-type]
        if self._take("among the first"):
            if not re.fullmatch(r"[1-9]\d{0,3}", self._next()):
                raise self._error(f"expected a number of tokens and found {self._next() or 'the end'!r}")
            self.at += 1
            return Early(int(self.lexemes[self.at - 1]))
        if self._take("inside"):
            what = self._one_of(get_args(Enclosure))
            if what is None:
                raise self._error(f"'inside' takes one of {', '.join(get_args(Enclosure))}")
            return Inside(what)  # type: ignore[arg-type]
        if self._take("when continuing a repetition"):
            return Repeated(continuing=True)
        if self._take("when repeated"):
            return Repeated(continuing=False)
        if required:
            raise self._error(f"expected a condition and found {self._next() or 'the end'!r}")
        return None
