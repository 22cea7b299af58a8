"""Readable rules: sentences read back to the rule that wrote them, and what they mean on texts worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from readable_world import World

from tools.concepts.concepts import Concepts
from tools.readable.reader import LexicalReader
from tools.readable.rule import (
    Again,
    AnyWord,
    Context,
    Everything,
    Item,
    Named,
    Quoted,
    Rule,
    Spelt,
)
from tools.readable.structural_classes import LATER_PIECES

STRINGS = [
    " return", " ret", "urn", "code", "ing", " open", " of", " the", " man", "\n", " self", ".", "_", "name", "(", ")",
    " raise", " Value", "Error", " 1", "2", " not", "            ", "if", " a",
]  # fmt: skip


@pytest.fixture(scope="module")
def reader() -> LexicalReader:
    """Reads texts of the tokens above."""
    return LexicalReader(STRINGS, Concepts.load())


def _fires(reader: LexicalReader, sentence: str, *tokens: str) -> list[int]:
    levels = reader.simulate(sentence, np.array([[STRINGS.index(token) for token in tokens]], dtype=np.int32))
    assert isinstance(levels, np.ndarray), levels
    return np.flatnonzero(levels[0] > 0).tolist()


@pytest.mark.parametrize(
    "item",
    [
        Item(AnyWord(), context=Context("right after", Quoted(("of the",)))),
        Item(AnyWord(), context=Context("right after", Quoted(("self.",))), start=True),
        Item(Quoted(("in",)), context=Context("on the same line after", Quoted(("for",)))),
        Item(Everything(), unless=Context("in", Named("text in parentheses"))),
        Item(AnyWord(), context=Again("on the same line")),
        Item(AnyWord(), context=Again("for the second time"), unless=Again()),
        Item(AnyWord(), context=Again("after the same two words")),
        Item(Named(LATER_PIECES)),
        Item(Named("numbers"), context=Context("in", Named(LATER_PIECES))),
        Item(Named("nouns"), context=Context("in", Named("second words of sentences"))),
        Item(Named("numbers"), longer=True),
        Item(Named("numbers"), unless=Context("among", Named("single digits")), longer=True),
        Item(Named("Python keywords"), end=True, context=Context("in", Named("first words of lines"))),
        Item(Quoted(("raise", "return")), end=True, context=Context("in", Named("deeply indented lines"))),
        Item(Spelt("beginning with", "dis"), context=Context("right after", Spelt("ending in", "ly"))),
        Item(Named("words of letters"), unless=Context("among", Named("function words"))),
    ],
)
def test_a_sentence_is_read_back(reader: LexicalReader, item: Item) -> None:
    language = reader.language
    for rule in (Rule.of([(6, item)]), Rule.of([(10, Item(Quoted(("not",)))), (3, item), (1, Item(AnyWord()))])):
        assert language.parse(language.render(rule)) == rule, language.render(rule)


def test_sentences_are_english(reader: LexicalReader) -> None:
    said = reader.language.item
    assert said(Item(Named("numbers"), longer=True)) == "numbers, the longer the more"
    keywords = Item(Named("Python keywords"), context=Context("in", Named("first words of lines")))
    assert said(keywords) == "Python keywords at the start of a line"
    assert said(Item(AnyWord(), context=Again("on the same line"))) == "any word when repeated on the same line"


def test_the_end_is_where_a_word_is_complete_though_it_may_go_on(reader: LexicalReader) -> None:
    text = " ret", "urn", "code", " return", " open", "ing"
    assert _fires(reader, 'Fires on the end of "return".', *text) == [1, 3]
    assert _fires(reader, "Fires on the end of words in -ing.", *text) == [5]
    assert _fires(reader, "Fires on the beginning of verbs in -ing.", *text) == [4]
    assert _fires(reader, "Fires on the end of numbers but not among single digits.", " 1", "2", " 1") == [1]


def test_later_pieces_are_those_behind_the_first_of_a_word_or_a_number(reader: LexicalReader) -> None:
    tokens = [" open", " ret", "urn", ".", " 1", "2", " of", "code", "ing"]
    assert _fires(reader, "Fires on later pieces of words and numbers.", *tokens) == [2, 5, 7, 8]
    assert _fires(reader, "Fires on numbers past their first piece.", *tokens) == [5]


def test_the_second_word_of_a_sentence(reader: LexicalReader) -> None:
    tokens = ["\n", " the", " man", ".", " not", " a", " man", "."]
    assert _fires(reader, "Fires on second words of sentences.", *tokens) == [5]
    assert _fires(reader, "Fires on articles as the second word of a sentence.", *tokens) == [5]


def test_phrases(reader: LexicalReader) -> None:
    text = " of", " the", " man", " the", " man"
    assert _fires(reader, 'Fires on any word right after "of the".', *text) == [2]
    attribute = " self", ".", "name", " self", "name"
    assert _fires(reader, 'Fires on any word right after "self.".', *attribute) == [2]
    assert _fires(reader, "Fires on Python exceptions.", " raise", " Value", "Error", " a") == [1, 2]


def test_lines(reader: LexicalReader) -> None:
    text = " not", " a", " of", "\n", " of", "name", " a"
    assert _fires(reader, 'Fires on any word on the same line after "not".', *text) == [1, 2]
    assert _fires(reader, "Fires on any word when repeated on the same line.", " a", " a", "\n", " a") == [1]
    deep = "\n", "            ", "if", " a", "\n", "if"
    assert _fires(reader, "Fires on any word on deeply indented lines.", *deep) == [2, 3]


def test_repetition(reader: LexicalReader) -> None:
    text = " a", " man", " of", " a", " man", " of", " a"
    assert _fires(reader, "Fires on any word when repeated for the second time.", *text) == [6]
    assert _fires(reader, "Fires on any word when repeated after the same two words.", *text) == [5, 6]


def test_everything_and_growing_strength(reader: LexicalReader) -> None:
    text = " a", "(", " of", "(", " the", ")", ")", "\n"
    assert _fires(reader, "Fires on everything but not in text in parentheses.", *text) == [0, 1, 6, 7]
    assert _fires(reader, "Fires on any word in nested parentheses.", *text) == [4]
    levels = reader.simulate("Fires on numbers, the longer the more.", np.array([[19, 20]], dtype=np.int32))
    assert isinstance(levels, np.ndarray)
    assert levels[0, 1] == pytest.approx(2 * levels[0, 0])


def test_over_so_many_letters_strength_grows_from_there(reader: LexicalReader) -> None:
    world = World()
    tokens = world.tokens(["island village umbrella understandable"])
    levels = world.reader.simulate("Fires on words over six letters, the longer the more.", tokens)
    assert isinstance(levels, np.ndarray)
    assert levels[0] == pytest.approx([0, 1, 2, 6])
