"""Neurons about the token itself: single tokens, token sets, spelling classes, and unrelated meanings in one."""

from __future__ import annotations

from evals.planted.claims import claim, planted
from evals.planted.contexts import in_comment, indented, on_line, on_line_after
from evals.planted.tokens import (
    both,
    but_not,
    either,
    exactly_word,
    holding,
    right_after,
    symbol_in,
    word_ending,
    word_in,
    words,
)


def is_constant_case(tokens: list[str]) -> list[bool]:
    """Tokens that end a run of two or more letters, all of them capitals."""
    return [len(word) > 1 and word.isupper() for word in words(tokens)]


def is_capitalised(tokens: list[str]) -> list[bool]:
    """Tokens whose word begins with a capital letter."""
    return [word[:1].isupper() for word in words(tokens)]


def is_single_capital(tokens: list[str]) -> list[bool]:
    """Tokens whose word is one capital letter so far."""
    return [len(word) == 1 and word.isupper() for word in words(tokens)]


_function_words = word_in("the a an of in to and or is are that this it for with as by on be not")
_triple = holding('"""', "'''")
_error = word_ending("Error")

NEURONS = (
    planted(
        "single-return",
        "single token",
        "easy",
        claim("Fires on the word `return`.", word_in("return")),
        claim(
            "Fires on words that begin a statement: return, raise, if, for, def.",
            word_in("return raise if for def"),
        ),
        claim("Fires right after the word `return`.", right_after(word_in("return"))),
        claim("Fires on the first word of a line.", on_line(1, 1)),
        claim("Fires on `return` in deeply indented code.", both(word_in("return"), indented(12))),
    ),
    planted(
        "single-the",
        "single token",
        "easy",
        claim("Fires on the word `the`.", word_in("the")),
        claim("Fires on the articles a, an and the.", word_in("a an the")),
        claim("Fires on `the` in comments.", both(word_in("the"), in_comment)),
        claim("Fires on English function words.", _function_words),
    ),
    planted(
        "single-none",
        "single token",
        "easy",
        claim("Fires on the word `None`.", exactly_word("None")),
        claim(
            "Fires on constants: None, True, False, 0 and 1.",
            either(exactly_word("None True False"), symbol_in("0 1")),
        ),
        claim(
            "Fires on `None` in comparisons, after `is` or `not`.",
            both(exactly_word("None"), right_after(word_in("is not"))),
        ),
        claim("Fires right after an equals sign.", right_after(symbol_in("="))),
    ),
    planted(
        "set-boolean",
        "token set",
        "easy",
        claim("Fires on the logical words and, or, not.", word_in("and or not")),
        claim("Fires on `not`.", word_in("not")),
        claim("Fires on the operators that are words: and, or, not, in, is.", word_in("and or not in is")),
        claim("Fires on `and` and `or` in code, not in comments.", but_not(word_in("and or"), in_comment)),
    ),
    planted(
        "set-blocks",
        "token set",
        "easy",
        claim(
            "Fires on words of branching and looping: if, elif, else, for, while.", word_in("if elif else for while")
        ),
        claim("Fires on words of branching: if, elif, else.", word_in("if elif else")),
        claim("Fires on words of looping: for, while.", word_in("for while")),
        claim("Fires on the first word of a line.", on_line(1, 1)),
        claim("Fires on words that open a guarded block: try, except, with.", word_in("try except with")),
    ),
    planted(
        "set-comparison",
        "token set",
        "easy",
        claim("Fires on comparison signs: ==, !=, <, >, <=, >=.", symbol_in("== != < > <= >=")),
        claim("Fires on tests of equality, `==`.", symbol_in("==")),
        claim("Fires on signs of order: <, >, <=, >=.", symbol_in("< > <= >=")),
        claim("Fires on arithmetic and comparison signs.", symbol_in("== != < > <= >= + - * / %")),
        claim("Fires on equals signs of every kind.", symbol_in("= == += -= !=")),
    ),
    planted(
        "spelling-ing",
        "spelling class",
        "easy",
        claim("Fires on words that end in -ing.", word_ending("ing", least=5)),
        claim("Fires on words that end in -ed.", word_ending("ed", least=5)),
        claim("Fires on the word `string`.", word_in("string")),
        claim("Fires on words that end in -ing, -ed, -er or -ion.", word_ending("ing", "ed", "er", "ion", least=5)),
    ),
    planted(
        "spelling-capitals",
        "spelling class",
        "medium",
        claim("Fires on runs of two or more capital letters.", is_constant_case),
        claim("Fires on single capital letters.", is_single_capital),
        claim("Fires on words that begin with a capital letter.", is_capitalised),
        claim(
            "Fires on runs of capitals right after an underscore.",
            both(is_constant_case, right_after(right_after(symbol_in("_")))),
        ),
    ),
    planted(
        "spelling-dunder",
        "spelling class",
        "easy",
        claim("Fires on tokens with two underscores in a row.", holding("__")),
        claim("Fires on every token with an underscore.", holding("_")),
        claim("Fires on the names between double underscores.", right_after(holding("__"))),
        claim("Fires on double underscores in the line of a def.", both(holding("__"), on_line_after(word_in("def")))),
    ),
    planted(
        "poly-not-bracket",
        "disjunction",
        "easy",
        claim("Fires on the word `not`, and also on closing square brackets.", either(word_in("not"), holding("]"))),
        claim("Fires on the word `not`.", word_in("not")),
        claim("Fires on closing square brackets.", holding("]")),
        claim("Fires on closing brackets of every kind.", holding("]", ")", "}")),
    ),
    planted(
        "poly-to-raise",
        "disjunction",
        "easy",
        claim("Fires on the preposition `to`, and also on the word `raise`.", either(word_in("to"), word_in("raise"))),
        claim("Fires on the preposition `to`.", word_in("to")),
        claim("Fires on the word `raise`.", word_in("raise")),
        claim("Fires on prepositions: to, of, in, for, from, with.", word_in("to of in for from with")),
    ),
    planted(
        "poly-three",
        "disjunction",
        "medium",
        claim(
            "Fires on three things: triple quotes, names that end in Error, and the word `with`.",
            either(_triple, _error, word_in("with")),
        ),
        claim("Fires on triple quotes.", _triple),
        claim("Fires on names that end in Error.", _error),
        claim("Fires on triple quotes and on quotation marks of every kind.", holding('"', "'")),
        claim("Fires on names that end in Error and on `with`.", either(_error, word_in("with"))),
    ),
)
