"""Neurons whose meaning takes world knowledge: names of exceptions, words of file handling."""

from __future__ import annotations

from evals.planted.claims import QUIET, Claim, Function, claim, planted
from evals.planted.contexts import in_prose
from evals.planted.tokens import (
    both,
    either,
    exactly_word,
    holding,
    right_after,
    word_ending,
    word_in,
    words,
)

EXCEPTIONS = (
    "ValueError TypeError KeyError IndexError AttributeError OSError IOError RuntimeError ImportError NameError "
    "NotImplementedError StopIteration Exception BaseException UnicodeError UnicodeDecodeError UnicodeEncodeError "
    "AssertionError SystemExit KeyboardInterrupt GeneratorExit EOFError MemoryError OverflowError ZeroDivisionError "
    "FileNotFoundError FileExistsError PermissionError ConnectionError TimeoutError SyntaxError LookupError "
    "ModuleNotFoundError RecursionError DeprecationWarning Warning UserWarning RuntimeWarning"
)
BUILTINS = (
    "len isinstance issubclass getattr setattr hasattr delattr print range sorted enumerate zip repr iter next super "
    "callable map filter sum min max abs any all open input ord chr hash vars dir eval exec"
)
TYPES = "int str list dict tuple set frozenset bool float bytes bytearray complex object"
FILE_VERBS = "open close read write seek flush truncate readline readlines writelines rename remove unlink copy delete"
FILE_NOUNS = "file files filename filenames path paths pathname directory directories folder dir dirs dirname basename"
NEGATIONS = "not no never none without cannot nor neither nothing"
QUANTITIES = (
    "all any each every some many most more few several both only one two three first second single another other"
)
COMMUNICATION = (
    "socket host port server client url http request connection address send recv proxy header message network"
)
TEXT = (
    "string strings str text character characters char chars unicode ascii utf encode decode encoding line lines bytes"
)


def numbers(tokens: list[str]) -> list[int]:
    """The decimal number read so far at each token; -1 where a token does not end in a digit."""
    out = []
    digits = ""
    for token in tokens:
        bare = token.lstrip(" ")
        if bare.isascii() and bare.isdigit():
            digits = digits + token if bare == token else bare
            out.append(int(digits[:18]))
        else:
            digits = ""
            out.append(-1)
    return out


def above(least: int, most: int = 10**18) -> Function:
    """On numbers from `least` to `most`."""
    return lambda tokens: [1.0 if least <= number <= most else QUIET for number in numbers(tokens)]


def graded_magnitude(tokens: list[str]) -> list[float]:
    """0.2 on numbers below 10, 0.4 below 100, and so on up to 1."""
    return [min(5, len(str(number))) / 5 if number >= 0 else QUIET for number in numbers(tokens)]


def reversed_magnitude(tokens: list[str]) -> list[float]:
    """1 on numbers below 10, less on larger ones."""
    return [1.2 - value if value > 0 else value for value in graded_magnitude(tokens)]


def stem(part: str, at_start: bool = False) -> Function:
    """On words with this stem, from the token that completes it to the end of the word."""
    if at_start:
        return lambda tokens: [1.0 if word.lower().startswith(part) else QUIET for word in words(tokens)]
    return lambda tokens: [1.0 if part in word.lower() else QUIET for word in words(tokens)]


NEURONS = (
    planted(
        "mean-exceptions",
        "semantic class",
        "medium",
        claim("Fires on the names of Python's built-in exceptions.", exactly_word(EXCEPTIONS)),
        claim("Fires on the names ValueError and TypeError.", exactly_word("ValueError TypeError")),
        claim("Fires right after raise or except.", right_after(word_in("raise except"))),
        claim(
            "Fires on names of exceptions right after raise.",
            both(exactly_word(EXCEPTIONS), right_after(word_in("raise"))),
        ),
        claim("Fires on the words raise, except and try.", word_in("raise except try")),
    ),
    planted(
        "mean-builtins",
        "semantic class",
        "medium",
        claim(
            "Fires on the names of Python's built-in functions, such as len, isinstance, print.", exactly_word(BUILTINS)
        ),
        claim("Fires on len and isinstance.", exactly_word("len isinstance")),
        claim("Fires on the names of Python's built-in types.", exactly_word(TYPES)),
        claim(
            "Fires on the names of built-in functions that look into objects.",
            exactly_word("isinstance issubclass getattr setattr hasattr callable vars dir repr super"),
        ),
    ),
    planted(
        "mean-types",
        "semantic class",
        "medium",
        claim("Fires on the names of Python's built-in types, such as int, str, list, dict.", exactly_word(TYPES)),
        claim(
            "Fires on the names of collections: list, dict, tuple, set.", exactly_word("list dict tuple set frozenset")
        ),
        claim("Fires on the names of types of text: str, bytes.", exactly_word("str bytes bytearray")),
        claim("Fires on the word type.", word_in("type types")),
        claim("Fires on the names of built-in types in comments and docstrings.", both(exactly_word(TYPES), in_prose)),
    ),
    planted(
        "mean-file-handling",
        "semantic class",
        "medium",
        claim(
            "Fires on verbs of file handling, such as open, read, write, close, and on words for files and folders.",
            word_in(f"{FILE_VERBS} {FILE_NOUNS}"),
        ),
        claim("Fires on verbs of file handling, such as open, read, write, close.", word_in(FILE_VERBS)),
        claim("Fires on the word file.", word_in("file files")),
        claim(
            "Fires on words for paths and folders.",
            word_in("path paths pathname directory directories folder dir dirs dirname basename"),
        ),
        claim("Fires on words for networks and messages.", word_in(COMMUNICATION)),
    ),
    planted(
        "mean-text",
        "semantic class",
        "medium",
        claim("Fires on words about text and characters, such as string, line, unicode, encode.", word_in(TEXT)),
        claim("Fires on the words string and str.", word_in("string strings str")),
        claim("Fires on the names of Python's built-in types.", exactly_word(TYPES)),
        claim(
            "Fires on words about encodings, such as unicode, ascii, encode, decode.",
            word_in("unicode ascii utf encode decode encoding bytes"),
        ),
    ),
    planted(
        "mean-quantity",
        "semantic class",
        "medium",
        claim("Fires on words of quantity, such as all, any, each, one, first, only, other.", word_in(QUANTITIES)),
        claim("Fires on number words: one, two, three, first, second.", word_in("one two three first second single")),
        claim("Fires on all and any.", word_in("all any")),
        Claim("Fires on numbers in digits.", above(0)),
    ),
    planted(
        "mean-negation",
        "semantic class",
        "medium",
        claim(
            "Fires on words of negation: not, no, never, without, cannot, n't.",
            either(word_in(NEGATIONS), holding("n't", "'t")),
        ),
        claim("Fires on the words no, never and without.", word_in("no never without")),
        claim("Fires on None and False.", exactly_word("None False")),
        claim("Fires on `not` after `if`.", both(word_in("not"), right_after(word_in("if")))),
        claim("Fires on words of negation in comments and docstrings.", both(word_in(NEGATIONS), in_prose)),
    ),
    planted(
        "mean-numbers-above-nine",
        "semantic class",
        "medium",
        Claim("Fires on numbers above nine.", above(10)),
        Claim("Fires on numbers.", above(0)),
        Claim("Fires on numbers above nine hundred and ninety-nine.", above(1000)),
        Claim("Fires on numbers up to nine.", above(0, 9)),
    ),
    planted(
        "graded-magnitude",
        "graded strength",
        "medium",
        Claim("Fires on numbers, the stronger the more digits they have.", graded_magnitude),
        Claim("Fires on numbers up to nine.", above(0, 9)),
        Claim("Fires on numbers above ninety-nine.", above(100)),
        Claim("Fires on numbers, the weaker the more digits they have.", reversed_magnitude),
    ),
    planted(
        "stem-name",
        "spelling class",
        "medium",
        Claim("Fires on words with `name` in them, such as name, filename, names, rename.", stem("name")),
        claim("Fires on the word filename.", word_in("filename filenames")),
        Claim("Fires on words with `file` in them.", stem("file")),
        claim("Fires on words for what a thing is called: id, key, label, title.", word_in("id key label title")),
    ),
    planted(
        "spelling-er",
        "spelling class",
        "medium",
        claim("Fires on words that end in -er or -or.", word_ending("er", "or", least=4)),
        claim("Fires on names that end in Error.", word_ending("Error", "error")),
        claim("Fires on words that end in -ed or -es.", word_ending("ed", "es", least=4)),
        claim(
            "Fires on words that end in -er, -or, -ar, -al, -ic or -on.",
            word_ending("er", "or", "ar", "al", "ic", "on", least=4),
        ),
    ),
)
