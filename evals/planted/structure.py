"""Neurons about form: graded strength, position, brackets and quotes, repetition, distance, and sign-flipped ones."""

from __future__ import annotations

from evals.planted.claims import QUIET, Claim, Function, claim, planted
from evals.planted.contexts import among, in_comment, in_docstring, in_string, indented, inside, on_line
from evals.planted.gated import FUNCTION_WORDS
from evals.planted.lexical import is_capitalised
from evals.planted.tokens import (
    both,
    but_not,
    either,
    everywhere,
    exactly_word,
    holding,
    is_word,
    right_after,
    seen_before,
    word_in,
    words,
)

_in_parentheses = inside("(", ")")
_triple = holding('"""', "'''")
_line_break = holding("\n")
_function_words = word_in(FUNCTION_WORDS)


def graded_indent(tokens: list[str]) -> list[float]:
    """On the white space that begins a line: 0.2 for the first level of indentation up to 1 for the fifth.

    A level is four spaces, of which the last often belongs to the word after them.
    """
    out = []
    width = -1
    for token in tokens:
        if not token.isspace():
            width = -1
        elif "\n" in token:
            width = len(token) - token.rfind("\n") - 1
        elif width >= 0:
            width += len(token)
        levels = (width + 1) // 4
        out.append(min(levels, 5) / 5 if levels else QUIET)
    return out


def graded_length(tokens: list[str]) -> list[float]:
    """0.2 where a word reaches seven letters, rising by 0.2 with every letter up to 1."""
    return [min(len(word) - 6, 5) / 5 if len(word) > 6 else QUIET for word in words(tokens)]


_OBLIGATION = {
    "must": 1.0,
    "should": 0.8,
    "will": 0.6,
    "would": 0.6,
    "can": 0.4,
    "could": 0.4,
    "may": 0.2,
    "might": 0.2,
}


def graded_obligation(tokens: list[str]) -> list[float]:
    """On modal verbs, by how much they oblige."""
    return [_OBLIGATION.get(word.lower(), QUIET) for word in words(tokens)]


def graded_nesting(tokens: list[str]) -> list[float]:
    """On opening parentheses: 0.25 for the outermost, rising by 0.25 with every level up to 1."""
    out = []
    depth = 0
    for token in tokens:
        deepest = 0
        if "(" in token or ")" in token:
            for character in token:
                if character == "(":
                    depth += 1
                    deepest = max(deepest, depth)
                elif character == ")" and depth:
                    depth -= 1
        out.append(min(deepest, 4) / 4 if deepest else QUIET)
    return out


def reversed_grades(function: Function, most: float) -> Function:
    """The same tokens, strong where they were weak."""
    return lambda tokens: [most - value if value > 0 else value for value in function(tokens)]


def long_word(least: int, most: int = 1000) -> Function:
    """Full strength on words of so many letters."""
    return lambda tokens: [1.0 if least <= len(word) <= most else QUIET for word in words(tokens)]


def repeated_on_line(tokens: list[str]) -> list[bool]:
    """Tokens that complete a word of three letters or more that stands on the same line already."""
    out = []
    met: set[str] = set()
    for token, word in zip(tokens, words(tokens), strict=True):
        if "\n" in token:
            met.clear()
        out.append(len(word) > 2 and word in met)
        met.add(word)
    return out


def repeated(tokens: list[str]) -> list[bool]:
    """Tokens that complete a word of three letters or more met before."""
    out = []
    met: set[str] = set()
    for word in words(tokens):
        out.append(len(word) > 2 and word in met)
        met.add(word)
    return out


def third_time(tokens: list[str]) -> list[bool]:
    """Tokens that complete a word of three letters or more for exactly the third time."""
    out = []
    met: dict[str, int] = {}
    for word in words(tokens):
        met[word] = met.get(word, 0) + 1
        out.append(len(word) > 2 and met[word] == 3)
    return out


def continues_run(tokens: list[str]) -> list[bool]:
    """Letters that follow the same two tokens as they did before in the text."""
    out = []
    met: set[tuple[str, str, str]] = set()
    one = two = ""
    for token, letters in zip(tokens, is_word(tokens), strict=True):
        run = (one, two, token)
        out.append(letters and run in met)
        met.add(run)
        one, two = two, token
    return out


def closes_far(least: int, most: int = 1000) -> Function:
    """On closing parentheses whose opening one stands from `least` to `most` tokens back."""

    def function(tokens: list[str]) -> list[float]:
        out = []
        opened: list[int] = []
        for position, token in enumerate(tokens):
            far = False
            if "(" in token or ")" in token:
                for character in token:
                    if character == "(":
                        opened.append(position)
                    elif character == ")" and opened:
                        far = far or least <= position - opened.pop() <= most
            out.append(1.0 if far else QUIET)
        return out

    return function


def since_def(least: int, most: int = 1000) -> Function:
    """On `return` and `raise`, with the last `def` from `least` to `most` tokens back."""
    is_def, leaves = word_in("def"), word_in("return raise")

    def function(tokens: list[str]) -> list[float]:
        out = []
        last = -1
        for position, (opens, left) in enumerate(zip(is_def(tokens), leaves(tokens), strict=True)):
            if opens:
                last = position
            out.append(1.0 if left and last >= 0 and least <= position - last <= most else QUIET)
        return out

    return function


NEURONS = (
    planted(
        "graded-indent",
        "graded strength",
        "medium",
        Claim(
            "Fires on the white space that indents a line, the stronger the deeper the line.",
            graded_indent,
        ),
        claim("Fires on line breaks.", _line_break),
        Claim(
            "Fires on the white space that indents a line, the weaker the deeper the line.",
            reversed_grades(graded_indent, 1.2),
        ),
        claim("Fires on the first word of deeply indented lines.", both(on_line(1, 1), indented(8))),
    ),
    planted(
        "graded-length",
        "graded strength",
        "medium",
        Claim("Fires on words of seven letters or more, the stronger the longer the word has become.", graded_length),
        Claim("Fires on words of five to seven letters.", long_word(5, 7)),
        Claim("Fires on words of four letters or more.", long_word(4)),
        Claim("Fires on words of seven letters or more, the weaker the longer.", reversed_grades(graded_length, 1.2)),
    ),
    planted(
        "graded-obligation",
        "graded strength",
        "medium",
        Claim(
            "Fires on modal verbs by how much they oblige: must, then should, will, can, and least on may.",
            graded_obligation,
        ),
        claim("Fires on must and should.", word_in("must should")),
        claim("Fires on can and may.", word_in("can may could might")),
        Claim("Fires on modal verbs, most on may and can and least on must.", reversed_grades(graded_obligation, 1.2)),
    ),
    planted(
        "graded-nesting",
        "graded strength",
        "medium",
        Claim("Fires on opening parentheses, the stronger the deeper they are nested.", graded_nesting),
        claim("Fires right after an opening parenthesis.", right_after(holding("("))),
        Claim(
            "Fires on opening parentheses, the weaker the deeper they are nested.",
            reversed_grades(graded_nesting, 1.25),
        ),
        claim("Fires on closing parentheses.", holding(")")),
    ),
    planted(
        "position-first",
        "position",
        "easy",
        claim("Fires on the first four tokens of a text.", among(1, 4)),
        claim("Fires on the first token of a text.", among(1, 1)),
        claim("Fires on the first sixteen tokens of a text.", among(1, 16)),
        claim("Fires on words among the first four tokens.", both(is_word, among(1, 4))),
    ),
    planted(
        "position-late",
        "position",
        "hard",
        claim("Fires from the 59th to the 64th token of a text.", among(59, 64)),
        claim("Fires from the 33rd token of a text on.", among(33, 10**9)),
        claim("Fires on the 64th token of a text.", among(64, 64)),
        claim("Fires on words from the 59th to the 64th token.", both(is_word, among(59, 64))),
    ),
    planted(
        "position-third-on-line",
        "position",
        "hard",
        claim("Fires on the third visible token of each line.", on_line(3, 3)),
        claim("Fires on the first visible token of each line.", on_line(1, 1)),
        claim("Fires on the first three visible tokens of each line.", on_line(1, 3)),
        claim("Fires on the third visible token of indented lines when it is a word.", both(on_line(3, 3), is_word)),
    ),
    planted(
        "inside-square",
        "inside brackets or quotes",
        "medium",
        claim("Fires on everything inside square brackets.", inside("[", "]")),
        claim("Fires on opening square brackets.", holding("[")),
        claim("Fires on everything inside round or square brackets.", either(inside("[", "]"), _in_parentheses)),
        claim("Fires right after an opening square bracket.", right_after(holding("["))),
    ),
    planted(
        "inside-quotes",
        "inside brackets or quotes",
        "medium",
        claim("Fires on words inside quotes.", both(is_word, in_string)),
        claim("Fires on everything inside quotes that is not a word.", but_not(in_string, is_word)),
        claim("Fires right after a quotation mark.", right_after(holding('"', "'"))),
        claim("Fires on words in docstrings.", both(is_word, in_docstring)),
        claim("Fires on words inside quotes and parentheses.", both(both(is_word, in_string), _in_parentheses)),
    ),
    planted(
        "inside-nested",
        "inside brackets or quotes",
        "hard",
        claim("Fires on everything inside two or more pairs of parentheses.", inside("(", ")", 2)),
        claim("Fires on everything inside parentheses.", _in_parentheses),
        claim("Fires on opening parentheses.", holding("(")),
        claim("Fires on words inside three or more pairs of parentheses.", both(is_word, inside("(", ")", 3))),
    ),
    planted(
        "repeat-on-line",
        "repetition and induction",
        "medium",
        claim("Fires on words that already stand on the same line.", repeated_on_line),
        claim("Fires on words that already stand in the text.", repeated),
        claim("Fires on `self`.", exactly_word("self")),
        claim("Fires on the third occurrence of a word.", third_time),
    ),
    planted(
        "repeat-third",
        "repetition and induction",
        "hard",
        claim("Fires on a word of three letters or more when it occurs for the third time.", third_time),
        claim("Fires on words that already stand in the text.", repeated),
        claim("Fires on words that already stand on the same line.", repeated_on_line),
        claim("Fires on words that continue a repeated run.", continues_run),
    ),
    planted(
        "induction",
        "repetition and induction",
        "hard",
        claim("Fires on words that come after the same two tokens as earlier in the text.", continues_run),
        claim("Fires on words that already stand in the text.", repeated),
        claim("Fires on words that already stand on the same line.", repeated_on_line),
        claim("Fires on the third occurrence of a word.", third_time),
    ),
    planted(
        "long-parenthesis",
        "long-range dependence",
        "hard",
        Claim("Fires on a closing parenthesis whose opening one stands eight tokens back or more.", closes_far(8)),
        claim("Fires on closing parentheses.", holding(")")),
        Claim("Fires on a closing parenthesis whose opening one is less than eight tokens back.", closes_far(0, 7)),
        Claim("Fires on a closing parenthesis whose opening one stands sixteen tokens back or more.", closes_far(16)),
    ),
    planted(
        "long-return",
        "long-range dependence",
        "hard",
        Claim("Fires on return and raise when the last `def` stands eight tokens back or more.", since_def(8)),
        claim("Fires on return and raise.", word_in("return raise")),
        Claim("Fires on return and raise soon after a `def`, within seven tokens.", since_def(0, 7)),
        claim("Fires on return and raise late in a text.", both(word_in("return raise"), among(33, 10**9))),
    ),
    planted(
        "long-after-docstring",
        "long-range dependence",
        "hard",
        claim(
            "Fires on if, for, return and self once triple quotes stood eight tokens before or earlier.",
            both(word_in("if for return self"), seen_before(_triple, 8)),
        ),
        claim("Fires on if, for, return and self.", word_in("if for return self")),
        claim(
            "Fires on every word once triple quotes stood eight tokens before or earlier.",
            both(is_word, seen_before(_triple, 8)),
        ),
        claim("Fires on triple quotes.", _triple),
    ),
    planted(
        "flipped-line-break",
        "sign-flipped",
        "easy",
        claim("Fires everywhere except on line breaks.", but_not(everywhere, _line_break)),
        claim("Fires on words.", is_word),
        claim(
            "Fires everywhere except on line breaks before lines that are not indented.",
            but_not(everywhere, lambda t: [x.endswith("\n") for x in t]),
        ),
        claim("Fires everywhere except right after a line break.", but_not(everywhere, right_after(_line_break))),
    ),
    planted(
        "flipped-function-words",
        "sign-flipped",
        "medium",
        claim("Fires on words, except English function words.", but_not(is_word, _function_words)),
        claim("Fires on words.", is_word),
        claim("Fires on English function words.", _function_words),
        claim("Fires on capitalised words.", is_capitalised),
        claim("Fires everywhere except on English function words.", but_not(everywhere, _function_words)),
    ),
    planted(
        "flipped-parentheses",
        "sign-flipped",
        "hard",
        claim("Fires everywhere except inside parentheses.", but_not(everywhere, _in_parentheses)),
        claim("Fires everywhere except on parentheses.", but_not(everywhere, holding("(", ")"))),
        claim("Fires everywhere except inside quotes.", but_not(everywhere, in_string)),
        claim(
            "Fires everywhere except inside two or more pairs of parentheses.", but_not(everywhere, inside("(", ")", 2))
        ),
        claim("Fires everywhere except in comments.", but_not(everywhere, in_comment)),
    ),
)
