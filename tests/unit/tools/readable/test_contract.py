"""What an explanation in free words may be, beyond what any explanation may be."""

import pytest

from tools.readable.contract import why_not, why_not_free


@pytest.mark.parametrize(
    "sentence",
    [
        "month names in dates",
        "imports in Python",
        'nouns for armed forces, such as "forces" or "troops", after the name of a country',
        "the second word of a title, e.g. in Dr. Smith",
        "verbs of motion, but not in the past tense, and nouns made from them",
        "words that relate to what came before",
        "U.S. states and Canadian provinces",
    ],
)
def test_an_explanation(sentence: str) -> None:
    assert why_not_free(sentence) is None


@pytest.mark.parametrize(
    ("sentence", "reason"),
    [
        ("tokens related to museums", "names a topic"),
        ("Fires on words that are closely associated with war", "names a topic"),
        ("text pertaining to law", "names a topic"),
        ("It fires on months. It also fires on days.", "more than one sentence"),
        ("museum, gallery, tower, hall, church and station", "a list of 6 items"),
        ("war/army/troops/navy/marines/force", "a list of 6 items"),
        ("", "it is empty"),
        ("a " * 26, "it has 26 words"),
    ],
)
def test_no_explanation(sentence: str, reason: str) -> None:
    why = why_not_free(sentence)
    assert why is not None
    assert reason in why


def test_what_users_write_may_be_vaguer() -> None:
    assert why_not("words related to months") is None
