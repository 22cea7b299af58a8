"""Readable rules: the contract of a sentence, what a rule is, and that a sentence means exactly its rule."""

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from readable_world import concepts

from tools.concepts.concepts import Concepts
from tools.errors import BadInput
from tools.readable.contract import MAX_LABEL_WORDS, MAX_QUOTED, MAX_WORDS, n_words, quoted, why_not
from tools.readable.knowledge import SPECIAL
from tools.readable.label import label_of
from tools.readable.language import Language, said
from tools.readable.rule import (
    STRENGTHS,
    Again,
    AnyWord,
    Context,
    Item,
    Kind,
    Like,
    Named,
    Quoted,
    Rule,
    Spelt,
)
from tools.readable.structural_classes import STRUCTURAL_CLASSES

LANGUAGE = Language(concepts(), (*SPECIAL, *STRUCTURAL_CLASSES))
NAMES = [*SPECIAL, *STRUCTURAL_CLASSES, *concepts().names()]


def test_a_sentence_within_the_contract() -> None:
    assert why_not("Fires on " + "word " * (MAX_WORDS - 2)) is None
    assert why_not("Fires on " + ", ".join(f'"w{n}"' for n in range(MAX_QUOTED))) is None


@pytest.mark.parametrize(
    ("sentence", "why"),
    [
        ("Fires on " + "word " * (MAX_WORDS - 1), "it has 26 words, and an explanation has at most 25"),
        ("Fires on " + ", ".join(f'"{n}"' for n in range(6)), "it quotes 6 words or pieces"),
        ("Fires on modals.\nAlso on articles.", "more than one line"),
        ("  ", "it is empty"),
    ],
)
def test_what_is_no_explanation(sentence: str, why: str) -> None:
    assert why in (why_not(sentence) or "")


def test_what_counts_as_quoted() -> None:
    assert quoted(r'Fires on "a", “b”, *c*, `d` and "e\"f".') == ['"a"', "“b”", "*c*", "`d`", r'"e\"f"']
    assert quoted("2 * 3 * 4 and snake_case*") == []


def test_a_rule_lists_the_strongest_first_and_equal_strengths_are_plain() -> None:
    one, other = Item(Named("modals")), Item(Named("months"))
    assert Rule.of([(3, one), (10, other)]).items == ((10, other), (3, one))
    assert Rule.of([(3, one), (3, other)]).items == ((6, one), (6, other))
    assert Rule.of([]).items == ()


def test_an_item_taken_apart_by_the_words_that_it_lists() -> None:
    after = Context("right after", Named("modals"))
    assert Item(Quoted(("a", "b")), context=after).by_word() == {
        "a": Item(Quoted(("a",)), context=after), "b": Item(Quoted(("b",)), context=after),
    }  # fmt: skip
    any_word = Item(AnyWord(), context=Context("right after", Quoted(("a", "b"))))
    assert any_word.by_word()["b"] == Item(AnyWord(), context=Context("right after", Quoted(("b",))))
    for whole in (Item(Quoted(("a",))), Item(Like(("a", "b"))), Item(AnyWord(), context=Again()), Item(AnyWord())):
        assert whole.by_word() == {}


def test_what_a_rule_quotes() -> None:
    rule = Rule(
        (
            (6, Item(Quoted(("a", "b")), context=Context("right after", Like(("c",))))),
            (6, Item(Spelt("ending in", "ing"), unless=Context("in", Quoted(("d",))))),
        )
    )
    assert rule.quoted() == ["a", "b", "c", "ing", "d"]


@pytest.mark.parametrize(
    ("sentence", "rule"),
    [
        ("Never fires.", Rule()),
        ("Fires on modals.", Rule(((6, Item(Named("modals"))),))),
        ("Fires on any word right after modals.",
         Rule(((6, Item(AnyWord(), context=Context("right after", Named("modals")))),))),
        ('Fires strongly on modals and weakly on "not".',
         Rule(((10, Item(Named("modals"))), (3, Item(Quoted(("not",))))))),
        ('Fires on "a", "b" and "c" and on months when repeated but not right after "the".',
         Rule(((6, Item(Quoted(("a", "b", "c")))),
               (6, Item(Named("months"), context=Again(), unless=Context("right after", Quoted(("the",)))))))),
        ('Fires on the last piece of words beginning with "dis".',
         Rule(((6, Item(Spelt("beginning with", "dis"), end=True)),))),
        ('Fires on modals but not "will" and on rare words that are also nouns.',
         Rule(((6, Item(Named("modals"), unless=Context("among", Quoted(("will",))))),
               (6, Item(Named("rare words"), context=Context("among", Named("nouns"))))))),
        ("Fires on commas in quotes but not in parentheses.",
         Rule(((6, Item(Named("commas"), context=Context("in", Named("text in quotes")),
                        unless=Context("in", Named("text in parentheses")))),))),
        ('Fires on words like "heal" and "solve" but not when repeated.',
         Rule(((6, Item(Like(("heal", "solve")), unless=Again())),))),
    ],
)  # fmt: skip
def test_sentences_by_hand(sentence: str, rule: Rule) -> None:
    assert LANGUAGE.parse(sentence) == rule
    assert LANGUAGE.render(rule) == sentence


def test_how_a_person_may_write_it() -> None:
    """Without the final stop, in any case, with semicolons, in any order, and a class by its bare name."""
    assert LANGUAGE.parse("fires on Modals; weakly on putting things right") == LANGUAGE.parse(
        "Fires on modals and weakly on words about putting things right."
    )
    assert LANGUAGE.parse("Fires weakly on modals, strongly on months.") == LANGUAGE.parse(
        "Fires strongly on months and weakly on modals."
    )


def test_what_earlier_versions_wrote_means_the_same() -> None:
    earlier = 'Fires on the end of modals but not among "will" and on the beginning of rare words among nouns.'
    now = 'Fires on the last piece of modals but not "will" and on the first piece of rare words that are also nouns.'
    assert LANGUAGE.parse(earlier) == LANGUAGE.parse(now)
    assert LANGUAGE.parse("Fires on commas in text in quotes.") == LANGUAGE.parse("Fires on commas in quotes.")


def test_a_theme_is_what_words_are_about_and_a_thing_what_they_are_for() -> None:
    told = {
        name: said(concepts().get(name)) for name in ("putting things right", "animals", "modals", "verbs of motion")
    }
    assert told == {
        "putting things right": "words about putting things right", "animals": "words for animals",
        "modals": "modals", "verbs of motion": "verbs of motion",
    }  # fmt: skip


def test_every_class_is_read_as_it_is_written() -> None:
    for name in NAMES:
        about, among = Context("in text about", Named(name)), Context("among", Named(name))
        rule = Rule(((6, Item(Named(name), context=about, unless=among)),))
        assert LANGUAGE.parse(LANGUAGE.render(rule)) == rule, name


def test_a_class_of_ones_own_is_read_too(tmp_path) -> None:
    own = tmp_path / "own.toml"
    own.write_text('[[concept]]\nname = "chess pieces"\nwords = ["pawn", "rook"]\n')
    language = Language(Concepts.load(own), (*SPECIAL, *STRUCTURAL_CLASSES))
    sentence = "Fires on words for chess pieces."
    assert language.render(language.parse(sentence)) == sentence
    with pytest.raises(BadInput, match="found 'for'"):
        LANGUAGE.parse(sentence)


REFUSED = {
    "It likes verbs.": "expected 'Fires' and found 'It'",
    "": "expected 'Fires' and found the end;",
    "Fires.": "expected 'on' and found the end;",
    "Fires modals.": "expected 'on' and found 'modals'",
    "Fires on.": "expected words in double quotes, 'words like', or the name of a class",
    "Fires on flumps.": "and found 'flumps'",
    "Fires on modals right after flumps.": "and found 'flumps'",
    "Fires on modals but not flumps.": "and found 'flumps'",
    "Fires on modals sometimes.": "expected the end, or a comma and 'on' and found 'sometimes'",
    'Fires on "open.': "cannot read '\"open'",
    'Fires on "".': "cannot read '\"\"'",
    "Fires on words like heal.": "found 'like'",
    "Never fires on modals.": "expected the end, or a comma and 'on' and found 'on'",
    "Fires on `␣w3` (10).": "found '`␣w3`'",
}


@pytest.mark.parametrize("sentence", REFUSED)
def test_a_refusal_says_where_reading_stopped(sentence: str) -> None:
    with pytest.raises(BadInput) as refused:
        LANGUAGE.parse(sentence)
    assert REFUSED[sentence] in str(refused.value)
    assert "write it like this one: Fires" in str(refused.value)


words = st.one_of(
    st.sampled_from(["and", "on", "but not", "of, the", 'say "so"', "\\", "a\\", '"', ".", ",", "Fires", "words like"]),
    st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp")), min_size=1, max_size=12),
)
some_words = st.lists(words, min_size=1, max_size=4).map(tuple)
kinds: st.SearchStrategy[Kind] = st.one_of(
    st.just(AnyWord()),
    st.sampled_from(NAMES).map(Named),
    some_words.map(Quoted),
    some_words.map(Like),
    st.builds(Spelt, st.sampled_from(["beginning with", "ending in"]), words),
)
relations = st.sampled_from(
    ["right after", "within four words after", "in the same sentence after", "in text about", "in", "among"]
)
places = st.one_of(st.none(), st.just(Again()), st.builds(Context, relations, kinds))
items = st.builds(Item, kinds, st.booleans(), places, places)
rules = st.lists(st.tuples(st.sampled_from(STRENGTHS), items), max_size=6).map(Rule.of)


@settings(max_examples=400, deadline=None)
@given(rules)
@pytest.mark.slow
def test_a_sentence_means_exactly_its_rule(rule: Rule) -> None:
    sentence = LANGUAGE.render(rule)
    assert LANGUAGE.parse(sentence) == rule
    assert "\n" not in sentence
    assert n_words(sentence) >= 2


@settings(max_examples=200, deadline=None)
@given(rules)
@pytest.mark.slow
def test_every_rule_has_a_label(rule: Rule) -> None:
    label = label_of(LANGUAGE.render(rule), LANGUAGE)
    assert 1 <= len(label.split()) <= MAX_LABEL_WORDS


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=60))
def test_whatever_is_typed_is_read_or_refused(text: str) -> None:
    for sentence in (text, f"Fires on {text}", f'Fires on "{text}" {text}.'):
        with contextlib.suppress(BadInput):
            LANGUAGE.render(LANGUAGE.parse(sentence))
        label = label_of(sentence, LANGUAGE)
        assert len(label.split()) <= MAX_LABEL_WORDS
