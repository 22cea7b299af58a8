"""Texts cut into words, whatever the tokens."""

from __future__ import annotations

import numpy as np

from tools.concepts.concepts import Concepts
from tools.readable.word_texts import WordTexts


def test_a_token_that_ends_one_word_and_holds_another_is_of_the_last() -> None:
    strings = ["see Un", "ited Nations", " and United", " States"]
    texts = WordTexts(np.array([[0, 1, 2, 3], [0, 1, -1, -1]], dtype=np.int32), strings, Concepts.load())
    assert [texts.keys[key] for key in texts.key] == [
        "see", "United", "Nations", "and", "United", "States", "see", "United", "Nations",
    ]  # fmt: skip
    assert [texts.keys[texts.key[word]] for word in texts.word_of] == [
        "United", "Nations", "United", "States", "United", "Nations",
    ]  # fmt: skip
