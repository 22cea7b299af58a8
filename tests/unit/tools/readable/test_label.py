"""What a sentence is called in a list."""

import pytest
from readable_world import concepts

from tools.readable.contract import MAX_LABEL_WORDS
from tools.readable.knowledge import SPECIAL
from tools.readable.label import label_of
from tools.readable.language import Language
from tools.readable.structural_classes import STRUCTURAL_CLASSES


@pytest.mark.parametrize(
    ("sentence", "label"),
    [
        ("Fires on possessive determiners, and weakly on articles.", "possessive determiners"),
        ("Fires strongly on numbers, but not after a dollar sign.", "numbers"),
        ("Fires on verbs in -ing right after a form of be.", "verbs in -ing"),
        ("Fires right after a form of be.", "right after a form of be"),
        ("Fires on words for putting things right.", "words for putting things right"),
        ("Fires on words such as *pick*, *picks*.", "words"),
        ("Fires on U.S. states.", "U.S. states"),
        ("Fires weakly on the word `,` (4); inside quotes (5).", "the word `,`"),
        ("Fires inside quotes (5).", "inside quotes"),
        ("month names in dates", "month names"),
        ("the second of two words that rhyme with one another", "the second of two words"),
        ("one two three four five of the seven", "one two three four five"),
        ("", "nothing"),
    ],
)
def test_of_free_text_it_is_what_stands_before_any_context(sentence, label) -> None:
    language = Language(concepts(), (*SPECIAL, *STRUCTURAL_CLASSES))
    assert label_of(sentence) == label_of(sentence, language) == label
    assert 1 <= len(label.split()) <= MAX_LABEL_WORDS


@pytest.mark.parametrize(
    ("sentence", "label"),
    [
        ("Fires weakly on articles, strongly on modals and faintly on months.", "modals"),
        ('Fires on modals, on months and on "x".', "modals"),
        ("Fires on months right after modals.", "months right after modals"),
        ("Fires on months within four words after modals.", "months within four words after modals"),
        ("Fires on any word right after modals.", "words right after modals"),
        ("Fires on any word in the same sentence after modals.", "in the same sentence after modals"),
        ("Fires on any word in the same sentence after words for animals.", "words after words for animals"),
        ("Fires on any word.", "words"),
        ("Fires on months when repeated.", "repeated months"),
        ("Fires on any word when repeated.", "repeated words"),
        ("Fires on months but not when repeated.", "months but not when repeated"),
        ("Fires on months but not within four words after modals.", "months"),
        ("Fires on months in the same sentence after modals.", "months"),
        ("Fires on the last piece of months.", "months"),
        ("Fires on the first piece of months.", "months"),
        ("Fires on numbers, the longer the more.", "numbers, the longer the more"),
        ("Fires on plural nouns, the longer the more.", "plural nouns, the longer the more"),
        ("Fires on past tense verbs, the longer the more.", "past tense verbs"),
        ("Fires on opening parentheses.", "opening parentheses"),
        ('Fires on "not" right after modals.', "the word “not” right after modals"),
        ('Fires on "not" right after forms of be.', "the word “not”"),
        ('Fires on "of the".', "the phrase “of the”"),
        ('Fires on "1800" and "1909", on years right after months, and faintly on "a".', "years right after months"),
        ('Fires strongly on "1800" and "1909" and weakly on years.', "“1800” and “1909”"),
        ('Fires on "a", "b" and "c".', "“a”, “b” and “c”"),
        ('Fires on "a", "b", "c", "d", "e" and "f".', "“a”, “b”, “c”, “d” and others"),
        ('Fires on words like "heal" and "solve".', "words like “heal” and “solve”"),
        ('Fires on words like "heal", "solve" and "cure".', "words like “heal”, “solve” and “cure”"),
        ('Fires on words ending in "ing".', "words ending in “ing”"),
        ("Fires on rare words.", "rare words"),
        ("Fires on putting things right.", "words about putting things right"),
        ('Fires on "or" when repeated.', "the word “or” when repeated"),
        ('Fires on "/".', "the mark “/”"),
        ('Fires on "“".', "the mark “"),
        ("Never fires.", "nothing"),
    ],
)
def test_of_a_rule_it_is_the_strongest_kind_of_words(sentence, label) -> None:
    language = Language(concepts(), (*SPECIAL, *STRUCTURAL_CLASSES))
    language.parse(sentence)
    assert label_of(sentence, language) == label
    assert 1 <= len(label.split()) <= MAX_LABEL_WORDS


def test_of_free_text_it_is_what_the_word_says() -> None:
    said = "a word saying that an event happens early, late, soon or without delay, as 'sooner'"
    assert label_of(said) == "an event happens early"
