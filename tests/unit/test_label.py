"""What a sentence is called in a list."""

import pytest

from tools.readable.contract import MAX_LABEL_WORDS
from tools.readable.label import label_of


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
def test_a_label_is_what_stands_before_any_context(sentence, label) -> None:
    assert label_of(sentence) == label
    assert 1 <= len(label.split()) <= MAX_LABEL_WORDS
