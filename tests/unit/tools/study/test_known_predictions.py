"""What an author is shown of explanations that were not asked about an experiment."""

from types import SimpleNamespace

import numpy as np

from tools.records.hypothesis import WrittenText
from tools.roles import Revealed, TriedRival
from tools.study.known_predictions import with_known_predictions

STRINGS = [" a", " b", " c"]


class Exact:
    """Reads sentences that name one token: level 6 there."""

    vocabulary = SimpleNamespace(strings=STRINGS)

    def is_exact(self, sentence: str) -> bool:
        return sentence in STRINGS

    def levels(self, sentence: str, tokens: np.ndarray) -> np.ndarray:
        return 6.0 * (tokens == STRINGS.index(sentence))


def test_what_is_certain_and_what_an_author_said_of_his_own_texts_stands_beside_what_was_registered() -> None:
    revealed = [
        Revealed((0, 1), 2.0, True, levels=((" b", 3.0), ("in words", None))),
        Revealed((1, 2), 0.0),
        Revealed((2,), 1.0, True),
    ]
    told = [TriedRival(sentence="in words", texts=(WrittenText(text="b c", level=8),))]
    found = with_known_predictions(Exact(), revealed, [" b", " c", "in words"], told)
    assert [dict(one.levels) for one in found] == [
        {" b": 3.0, " c": 0.0},
        {" b": 0.0, " c": 6.0, "in words": 8.0},
        {" b": 0.0, " c": 6.0},
    ]
    assert [one.value for one in found] == [2.0, 0.0, 1.0]
    assert with_known_predictions(Exact(), [], [" b"]) == []
