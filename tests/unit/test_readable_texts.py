"""Texts as words: every word is there, however the tokens cut them."""

import numpy as np
import pytest

from tools.concepts.concepts import Concepts
from tools.readable.texts import WordTexts


@pytest.fixture(scope="module")
def concepts():
    return Concepts.load()


def words(concepts, *tokens):
    texts = WordTexts(np.arange(len(tokens), dtype=np.int32)[None], tokens, concepts)
    return texts, [texts.keys[key] for key in texts.key]


def test_a_token_belongs_to_its_word_and_what_is_no_word_stands_for_itself(concepts):
    texts, found = words(concepts, " open", "ing", "\n", " it")
    assert found == ["opening", "", "it"]
    assert texts.word_of.tolist() == [0, 0, 1, 2]
    assert texts.is_last.tolist() == [False, True, True, True]
    assert texts.previous.tolist() == [-1, 0, 0]


def test_a_token_that_holds_several_words_is_of_the_last(concepts):
    texts, found = words(concepts, " f(", "x")
    assert found == ["f", "(", "x"]
    assert texts.word_of.tolist() == [1, 2]


@pytest.mark.parametrize("tokens", [(" op", "en(", "\n"), (" op", "en(my", "self", ")"), (" op", "en. Each", "other")])
def test_a_word_that_begins_within_the_last_token_of_another_is_not_lost(concepts, tokens):
    texts, found = words(concepts, *tokens)
    assert [key for key in found if key] == [word.key for word in texts.texts[0].words()]
    assert texts.word_of[0] == 0
    assert found[texts.word_of[1]] != "open"


def test_a_phrase_at_the_end_of_a_text_is_whole(concepts):
    texts, found = words(concepts, " x", ".each", " other")
    assert [(found[p.first], found[p.last]) for p in texts.phrases] in ([], [("each", "other")])
    texts, found = words(concepts, " New", " York(")
    assert ("New", "York") in [(found[p.first], found[p.last]) for p in texts.phrases]
