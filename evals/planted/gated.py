"""Neurons about a token in its context: phrases, gates, conjunctions and exceptions."""

from __future__ import annotations

from evals.planted.claims import claim, planted
from evals.planted.contexts import in_comment, in_prose, in_string, indented, inside, on_line, on_line_after
from evals.planted.lexical import is_capitalised
from evals.planted.tokens import (
    both,
    but_not,
    exactly_word,
    holding,
    is_word,
    right_after,
    seen_before,
    symbol_in,
    word_in,
)

PREPOSITIONS = "of in to for from on by with at into as"
FUNCTION_WORDS = (
    "the a an of in to and or is are was be been that this these it its for with as by on at from into if not but "
    "which when can may must should will has have no any all we you"
)

_dots = holding(".")
_self = exactly_word("self")
_after_self_dot = right_after(both(_dots, right_after(_self)))
_in_parentheses = inside("(", ")")
_opening = holding("(")
_comma = holding(",")
_equals = symbol_in("=")
_leaving = word_in("return raise")
_private = both(holding("_"), right_after(_self))


def is_defined_name(tokens: list[str]) -> list[bool]:
    """Tokens of the name that a `def` gives, up to the opening parenthesis."""
    return _name_after("def", tokens)


def is_class_name(tokens: list[str]) -> list[bool]:
    """Tokens of the name that a `class` gives."""
    return _name_after("class", tokens)


def _name_after(keyword: str, tokens: list[str]) -> list[bool]:
    out = []
    naming = False
    for token in tokens:
        if naming and ("(" in token or ":" in token or "\n" in token):
            naming = False
        out.append(naming)
        if token.strip() == keyword:
            naming = True
    return out


NEURONS = (
    planted(
        "phrase-not",
        "phrase",
        "medium",
        claim(
            "Fires on `not` in the phrases `if not` and `is not`.", both(word_in("not"), right_after(word_in("if is")))
        ),
        claim("Fires on `not`.", word_in("not")),
        claim("Fires on the words if, is, not.", word_in("if is not")),
        claim("Fires on `not` in the phrase `is not`.", both(word_in("not"), right_after(word_in("is")))),
        claim("Fires right after `if` or `is`.", right_after(word_in("if is"))),
    ),
    planted(
        "phrase-of-the",
        "phrase",
        "medium",
        claim(
            "Fires on `the` in of the, in the, to the, for the, from the.",
            both(word_in("the"), right_after(word_in("of in to for from"))),
        ),
        claim("Fires on `the`.", word_in("the")),
        claim("Fires on the prepositions of, in, to, for, from.", word_in("of in to for from")),
        claim("Fires on `the` in `of the`.", both(word_in("the"), right_after(word_in("of")))),
        claim("Fires right after of, in, to, for, from.", right_after(word_in("of in to for from"))),
    ),
    planted(
        "phrase-self-dot",
        "phrase",
        "easy",
        claim("Fires on the dot in `self.`, plain or glued to an underscore.", both(_dots, right_after(_self))),
        claim("Fires on dots.", _dots),
        claim("Fires on `self`.", _self),
        claim("Fires right after `self`.", right_after(_self)),
        claim("Fires on the dot after `self` when the attribute is private.", _private),
    ),
    planted(
        "gated-def-name",
        "context-gated",
        "medium",
        claim("Fires on the name of a function where it is defined, after `def`.", is_defined_name),
        claim("Fires on the word `def`.", word_in("def")),
        claim("Fires on the names of classes where they are defined.", is_class_name),
        claim(
            "Fires on the names of the parameters of a function.", both(on_line_after(word_in("def")), _in_parentheses)
        ),
        claim("Fires on everything on the line of a def.", on_line_after(word_in("def"))),
    ),
    planted(
        "gated-for-in",
        "context-gated",
        "medium",
        claim("Fires on `in` after `for` on the same line.", both(word_in("in"), on_line_after(word_in("for")))),
        claim("Fires on `in`.", word_in("in")),
        claim("Fires on `for`.", word_in("for")),
        claim("Fires on `in` after `if` on the same line.", both(word_in("in"), on_line_after(word_in("if")))),
        claim("Fires on words after `for` on the same line.", both(is_word, on_line_after(word_in("for")))),
    ),
    planted(
        "gated-attribute",
        "context-gated",
        "medium",
        claim("Fires right after `self.`, on the beginning of the attribute's name.", _after_self_dot),
        claim("Fires right after a dot.", right_after(_dots)),
        claim("Fires on `self`.", _self),
        claim("Fires on the dot of `self.`.", both(_dots, right_after(_self))),
        claim(
            "Fires on the beginning of an attribute's name after `self.` when it follows `=`.",
            both(_after_self_dot, on_line_after(_equals)),
        ),
    ),
    planted(
        "gated-keyword-argument",
        "context-gated",
        "easy",
        claim("Fires on `=` inside parentheses.", both(_equals, _in_parentheses)),
        claim("Fires on `=`.", _equals),
        claim("Fires on `=` outside parentheses.", but_not(_equals, _in_parentheses)),
        claim("Fires on `=` in the line of a def.", both(_equals, on_line_after(word_in("def")))),
        claim("Fires on the value after `=` inside parentheses.", both(right_after(_equals), _in_parentheses)),
    ),
    planted(
        "gated-def-comma",
        "context-gated",
        "medium",
        claim("Fires on commas after `def` on the same line.", both(_comma, on_line_after(word_in("def")))),
        claim("Fires on commas.", _comma),
        claim("Fires on commas inside parentheses.", both(_comma, _in_parentheses)),
        claim("Fires on the word `def`.", word_in("def")),
        claim(
            "Fires on opening parentheses after `def` on the same line.", both(_opening, on_line_after(word_in("def")))
        ),
    ),
    planted(
        "conj-leading-self",
        "conjunction",
        "medium",
        claim("Fires on `self` where it is the first word of a line.", both(_self, on_line(1, 1))),
        claim("Fires on `self`.", _self),
        claim("Fires on the first word of a line.", on_line(1, 1)),
        claim("Fires on `self` right after an opening parenthesis.", both(_self, right_after(_opening))),
        claim(
            "Fires on a dot after a `self` that is the first word of a line.",
            both(_dots, right_after(both(_self, on_line(1, 1)))),
        ),
    ),
    planted(
        "conj-deep-return",
        "conjunction",
        "hard",
        claim("Fires on return and raise on lines indented by twelve spaces or more.", both(_leaving, indented(12))),
        claim("Fires on return and raise.", _leaving),
        claim("Fires on every word on lines indented by twelve spaces or more.", both(is_word, indented(12))),
        claim("Fires on return and raise on lines indented by sixteen spaces or more.", both(_leaving, indented(16))),
        claim("Fires on return and raise after an `if`.", both(_leaving, seen_before(word_in("if")))),
    ),
    planted(
        "conj-prose-words",
        "conjunction",
        "hard",
        claim("Fires on English function words in comments and docstrings.", both(word_in(FUNCTION_WORDS), in_prose)),
        claim("Fires on English function words.", word_in(FUNCTION_WORDS)),
        claim("Fires on all words in comments and docstrings.", both(is_word, in_prose)),
        claim("Fires on English function words in comments.", both(word_in(FUNCTION_WORDS), in_comment)),
        claim("Fires on the articles a, an and the in comments and docstrings.", both(word_in("a an the"), in_prose)),
    ),
    planted(
        "conj-capital-string",
        "conjunction",
        "hard",
        claim("Fires on capitalised words inside quotes.", both(is_capitalised, in_string)),
        claim("Fires on capitalised words.", is_capitalised),
        claim("Fires on words inside quotes.", both(is_word, in_string)),
        claim("Fires on the first token inside quotes.", both(in_string, right_after(holding('"', "'")))),
    ),
    planted(
        "except-the",
        "exception",
        "hard",
        claim(
            "Fires on `the` unless a preposition stands right before it.",
            but_not(word_in("the"), right_after(word_in(PREPOSITIONS))),
        ),
        claim("Fires on `the`.", word_in("the")),
        claim("Fires on `the` right after a preposition.", both(word_in("the"), right_after(word_in(PREPOSITIONS)))),
        claim("Fires on `the` in comments.", both(word_in("the"), in_comment)),
        claim(
            "Fires on the articles unless a preposition stands right before.",
            but_not(word_in("a an the"), right_after(word_in(PREPOSITIONS))),
        ),
    ),
    planted(
        "except-self",
        "exception",
        "easy",
        claim(
            "Fires on `self` unless it comes right after an opening parenthesis.", but_not(_self, right_after(_opening))
        ),
        claim("Fires on `self`.", _self),
        claim("Fires on `self` right after an opening parenthesis.", both(_self, right_after(_opening))),
        claim("Fires on `self` after an equals sign on the same line.", both(_self, on_line_after(_equals))),
    ),
    planted(
        "except-dot",
        "exception",
        "medium",
        claim("Fires on dots unless they come right after `self`.", but_not(_dots, right_after(_self))),
        claim("Fires on dots.", _dots),
        claim("Fires on dots right after `self`.", both(_dots, right_after(_self))),
        claim("Fires on dots in comments and docstrings.", both(_dots, in_prose)),
        claim("Fires right after a dot.", right_after(_dots)),
    ),
    planted(
        "except-call",
        "exception",
        "hard",
        claim(
            "Fires on opening parentheses unless `def`, `if` or `class` stands on the line.",
            but_not(_opening, on_line_after(word_in("def if class"))),
        ),
        claim("Fires on opening parentheses.", _opening),
        claim(
            "Fires on opening parentheses in lines with `def`, `if` or `class`.",
            both(_opening, on_line_after(word_in("def if class"))),
        ),
        claim(
            "Fires on opening parentheses right after a word in lower case.",
            both(_opening, right_after(both(is_word, lambda t: [x.islower() for x in t]))),
        ),
    ),
)
