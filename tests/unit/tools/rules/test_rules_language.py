"""The rule language: what is written is read back to the same rule, and nothing else is read at all."""

import re
from typing import get_args

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tools.errors import BadInput
from tools.rules.clauses import (
    Affix,
    AffixKind,
    After,
    Between,
    Clause,
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
    Width,
    WordAffix,
    Words,
)
from tools.rules.language import n_words, parse, quote, render, unquote
from tools.rules.spelling import SPELLING, WORD_SPELLING

HOSTILE = "`\\,;()[]{}.␣ \n\t\r\x00\x1b\x7f\u00a0\u2028\u3000\ufeff\ufffdnu'\"→é𝔘\U0010ffff"
token = st.text(st.one_of(st.sampled_from(HOSTILE), st.characters(exclude_categories=["Cs"])), min_size=1, max_size=8)
tokens = st.lists(token, min_size=1, max_size=4).map(tuple)
nearer = st.builds(Nearer, tokens, st.just(()) | tokens).filter(lambda n: sorted(n.anchors) != sorted(n.others))
token_class = st.one_of(
    nearer,
    st.builds(Listed, tokens),
    st.builds(Like, tokens, st.sampled_from(get_args(Width))),
    st.builds(Spelled, st.sampled_from([*SPELLING, *WORD_SPELLING])),
    st.builds(Affix, st.sampled_from(get_args(AffixKind)), token),
    st.builds(Words, tokens),
    st.builds(WordAffix, st.sampled_from(get_args(AffixKind)), token),
)
measure, number = st.sampled_from(get_args(Measure)), st.integers(0, 9999)
context = st.one_of(
    st.builds(After, st.sampled_from(get_args(Relation)), token_class),
    st.builds(Early, st.integers(1, 9999)),
    st.builds(Inside, st.sampled_from(get_args(Enclosure))),
    st.builds(Repeated, st.booleans()),
    st.builds(Echo, st.sampled_from(get_args(Repetition))),
    st.builds(Between, token_class, token_class),
    st.builds(Range, measure, number, st.none() | number),
    st.builds(Growing, measure, number, number),
)
strength = st.integers(-10, 10).filter(bool)
clause = st.one_of(
    st.builds(Clause, strength, st.none() | token_class, st.none() | context),
    st.builds(Clause, strength, st.none() | token_class, context, st.booleans()),
    st.builds(Clause, strength, st.none() | token_class, context, st.just(False), context, st.booleans()),
    st.builds(Clause, strength, st.none() | token_class, context, st.just(True), context, st.just(True)),
)
rule = st.builds(Rule, st.lists(clause, max_size=6).map(tuple))


@given(rule)
def test_what_is_rendered_is_parsed_to_the_same_rule(written: Rule) -> None:
    assert parse(render(written)) == written


@given(rule)
def test_a_sentence_survives_careless_typing(written: Rule) -> None:
    outside = re.split(r"(`(?:[^`\\]|\\.)*`)", render(written))
    careless = "".join(part if part.startswith("`") else part.upper().replace(" ", " \n ") for part in outside)
    assert parse(f"  {careless}  ") == written
    assert parse(render(written).removesuffix(".")) == written


@given(token)
@example("\\u{41}")
@example("\U0010ffff")
@example("␣ ")
@example("\\n")
def test_a_quoted_token_has_no_white_space_and_comes_back(text: str) -> None:
    quoted = quote(text)
    assert len(quoted.split()) == 1
    assert quoted.isprintable()
    assert unquote(quoted) == text


@given(token_class, token_class)
def test_a_quoted_token_counts_as_one_word(first, second) -> None:
    def n(tokens) -> int:
        match tokens:
            case Listed(named):
                return len(named)
            case Like(named, width):
                return 1 + len(width.split()) + len(named)
            case Nearer(named, others):
                return 2 + len(named) + bool(others) + len(others)
            case Spelled(name):
                return len(name.split())
            case Affix(kind, _) | WordAffix(kind, _):
                return 2 + len(kind.split())
            case Words(named):
                return 2 + len(named)

    sentence = render(Rule((Clause(3, first, After("right after", second)),)))
    assert n_words(sentence) == 2 + n(first) + 2 + n(second) + 1


PHRASES = """
between and or at to more position line indent word words depth occurrence growing its long strings comments 8 least
fires never on unless everywhere right two after within 4 16 lines with anywhere amid tokens nearer than like very
loosely starting ending containing among the first inside quotes brackets when repeated continuing a repetition
numbers newlines `a` `` `\\x` ` (3) (0) (-11) (99999999999) () ( ) ; , . ٣ \ud800
"""
words = st.sampled_from(PHRASES.split())


@given(st.one_of(st.text(), st.lists(words).map(" ".join), st.lists(words).map(lambda w: "Fires " + " ".join(w) + ".")))
@example("Fires everywhere (" + "9" * 5000 + ").")
@example("Fires everywhere (٣).")
@example("Fires among the first 1٣ (3)")
@example("Fires on `" + "a" * 100_000)
@example("Fires on `" + "a" * 100_000 + "` maybe")
@example("Fires on `\\u{110000}` (3).")
def test_any_text_is_a_rule_or_bad_input(text: str) -> None:
    try:
        found = parse(text)
    except BadInput as error:
        said = str(error)
        assert said.startswith("this is not a sentence of the rule language: ")
        assert "\n" not in said
        assert len(said) < 700
        said.encode()
    else:
        assert parse(render(found)) == found


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("Never fires.", Rule(())),
        ("never fires", Rule(())),
        ("Fires on `a` (+7)", Rule((Clause(7, Listed(("a",))),))),
        ("fires on `␣a`,`b` , ` c`(7);everywhere (-1).", Rule((Clause(7, Listed((" a", "b", " c"))), Clause(-1)))),
        ("Fires on lines with `#` (2).", Rule((Clause(2, None, After("on lines with", Listed(("#",)))),))),
        (
            "Fires on tokens nearer `a`, ` b` than `c` (8); amid tokens nearer `a` than `b`,`c` (-2).",
            Rule(
                (
                    Clause(8, Nearer(("a", " b"), ("c",))),
                    Clause(-2, None, After("amid", Nearer(("a",), ("b", "c")))),
                )
            ),
        ),
        (
            "Fires on tokens nearer `a` two after tokens nearer `b` than `a` unless right after `c` (3).",
            Rule(
                (
                    Clause(
                        3,
                        Nearer(("a",)),
                        After("two after", Nearer(("b",), ("a",))),
                        False,
                        After("right after", Listed(("c",))),
                        True,
                    ),
                )
            ),
        ),
        (
            "Fires on numbers on lines with `#` (2).",
            Rule((Clause(2, Spelled("numbers"), After("on lines with", Listed(("#",)))),)),
        ),
        (
            "Fires on the word `in` on lines with `for` (9).",
            Rule((Clause(9, Words(("in",)), After("on lines with", Listed(("for",)))),)),
        ),
        (
            "Fires on words at line position 1 to 2 and inside strings (4).",
            Rule((Clause(4, Spelled("words"), Range("line position", 1, 2), False, Inside("strings")),)),
        ),
        (
            "Fires on words ending with `ing` unless at indent 8 or more or inside comments (4).",
            Rule(
                (Clause(4, WordAffix("ending with", "ing"), Range("indent", 8, None), True, Inside("comments"), True),)
            ),
        ),
        (
            "Fires between `def` and opening brackets unless at position 3 (4); growing with word length 6 to 11 (2).",
            Rule(
                (
                    Clause(
                        4,
                        None,
                        Between(Listed(("def",)), Spelled("opening brackets")),
                        False,
                        Range("position", 3, 3),
                        True,
                    ),
                    Clause(2, None, Growing("word length", 6, 11)),
                )
            ),
        ),
        (
            "Fires when its word is repeated on the line (1); when its word is repeated (1); when repeated (1).",
            Rule(
                (
                    Clause(1, None, Echo("word on the line")),
                    Clause(1, None, Echo("word")),
                    Clause(1, None, Repeated(False)),
                )
            ),
        ),
        ("Fires unless inside quotes (1).", Rule((Clause(1, None, Inside("quotes"), unless=True),))),
        (
            "Fires on `raise` (9); on tokens very like `␣error`, `Error` within 4 after `raise` (6); "
            "amid punctuation (-3); when continuing a repetition (2).",
            Rule(
                (
                    Clause(9, Listed(("raise",))),
                    Clause(6, Like((" error", "Error"), "very like"), After("within 4 after", Listed(("raise",)))),
                    Clause(-3, None, After("amid", Spelled("punctuation"))),
                    Clause(2, None, Repeated(continuing=True)),
                )
            ),
        ),
    ],
)
def test_what_a_person_may_write(text: str, meaning: Rule) -> None:
    assert parse(text) == meaning


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "it does not begin with 'Fires'"),
        ("It fires on `a` (3).", "it does not begin with 'Fires'"),
        ("Fires.", "expected a condition and found the end"),
        ("Fires on `a`.", "expected a strength such as (7) and found the end"),
        ("Fires on `a` (0).", "a strength is 1 to 10 or -1 to -10, not 0"),
        ("Fires on `a` (-11).", "a strength is 1 to 10 or -1 to -10, not -11"),
        ("Fires on `a`, (3).", "expected a token in backquotes and found '(3)'"),
        ("Fires on `` (3).", "expected a token in backquotes and found '``'"),
        ("Fires on `\\x41` (3).", "cannot read '`\\\\x41` (3)'"),
        ("Fires on verbs (3).", "tokens like `a`, tokens nearer `a` than `b`, or a class of tokens (numbers, "),
        ("Fires on tokens like (3).", "expected a token in backquotes and found '(3)'"),
        ("Fires on tokens nearer (3).", "expected a token in backquotes and found '(3)'"),
        ("Fires on tokens nearer `a` than (3).", "expected a token in backquotes and found '(3)'"),
        ("Fires on tokens nearer `a` than `b` than `c` (3).", "expected a strength such as (7) and found 'than'"),
        ("Fires on tokens like `a` than `b` (3).", "expected a strength such as (7) and found 'than'"),
        ("Fires on tokens nearer `a`, `b` than `b`, `a` (3).", "has the same tokens before 'than' and after it"),
        ("Fires on tokens ending with `a`, `b` (3).", "'ending with' takes one string in backquotes"),
        (
            "Fires inside words (3).",
            "expected one of parentheses, brackets, braces, quotes, strings, comments, docstrings after 'inside'",
        ),
        ("Fires at speed 3 (3).", "expected one of position, line position, indent"),
        ("Fires between `a` (3).", "expected 'and' and what ends it and found '(3)'"),
        ("Fires unless inside quotes and inside strings (3).", "expected a strength such as (7) and found 'and'"),
        ("Fires growing with indent 3 (3).", "expected 'to' and a number and found '(3)'"),
        ("Fires among the first many (3).", "expected a number of tokens and found 'many'"),
        ("Fires on `a` unless (3).", "expected a condition and found '(3)'"),
        ("Fires on `a` (3) (4).", "expected ';' or the end after a strength and found '(4)'"),
        ("Never fires on `a` (3).", "expected the end and found 'on'"),
        ("Fires on `a` (3);", "expected a condition and found the end"),
    ],
)
def test_what_is_wrong_is_said(text: str, said: str) -> None:
    with pytest.raises(BadInput) as error:
        parse(text)
    assert said in str(error.value)


@pytest.mark.parametrize(
    "bad",
    [
        lambda: Clause(0),
        lambda: Clause(11),
        lambda: Clause(3, unless=True),
        lambda: Clause(3, also=Early(1)),
        lambda: Clause(3, None, Early(1), True, Early(2)),
        lambda: Clause(3, None, Early(1), also_unless=True),
    ],
)
def test_a_clause_that_no_sentence_can_say_is_refused(bad) -> None:
    with pytest.raises(ValueError, match=r"strength|unless|context"):
        bad()


def test_listed_tokens_are_counted_wherever_they_stand() -> None:
    found = parse("Fires on `a`, `b` right after tokens like `c` and between the word `d` and `e` (3); on numbers (2).")
    assert found.listed() == 5
    assert parse("Fires on tokens nearer `a`, `b` than `c` amid tokens nearer `d` (3).").listed() == 4
