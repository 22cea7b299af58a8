"""Which excerpts a result shows: the top, the middle and the weak, from distinct documents, on distinct words."""

import numpy as np

from tools.catalogue.examples import AFTER, BEFORE, examples_of
from tools.records.excerpts import Excerpts, ExploreActivations

STRINGS = [f" w{i}" for i in range(100)]


def activations(peaks, documents=None, words=None, width=64) -> ExploreActivations:
    """Excerpts that each peak at token 40."""
    n = len(peaks)
    tokens = np.zeros((n, width), dtype=np.int32)
    tokens[:, 40] = words if words is not None else np.arange(n) % 100
    values = np.zeros((n, width), dtype=np.float32)
    values[:, 40] = peaks
    ids = np.arange(n, dtype=np.int32)
    texts = ids if documents is None else np.array(documents, dtype=np.int32)
    return ExploreActivations(Excerpts(tokens, np.full(n, width), texts, ids, texts), values)


def test_top_middle_and_weak_the_strongest_first() -> None:
    found = examples_of(activations(np.arange(41) / 10), 0.95, STRINGS)
    assert [example.level for example in found] == ["top", "top", "middle", "middle", "weak"]
    assert [max(example.values) for example in found] == [4.0, 3.9, 2.6, 2.5, 1.0]
    for example in found:
        assert example.fires == [value > 0.95 for value in example.values]
        assert len(example.tokens) == BEFORE + 1 + AFTER
        assert example.fires.index(True) == BEFORE


def test_documents_and_words_are_distinct_where_they_can_be() -> None:
    peaks = np.arange(40, 0, -1) / 10
    found = examples_of(
        activations(peaks, documents=[0, 0, *range(2, 40)], words=[7, 7, 7, *range(3, 40)]), 0.05, STRINGS
    )
    assert len({example.document for example in found}) == len(found) == 5
    assert len({example.tokens[BEFORE] for example in found}) == 5
    assert [max(example.values) for example in found][:2] == [4.0, 3.7]  # not of that document, nor on that word


def test_the_same_word_everywhere_and_few_excerpts_do() -> None:
    found = examples_of(activations([3, 2, 1], words=[7, 7, 7]), 0.5, STRINGS)
    assert [max(example.values) for example in found] == [3, 2, 1]
    assert [example.level for example in found] == ["top", "middle", "weak"]
    assert [max(e.values) for e in examples_of(activations([3]), 0.5, STRINGS)] == [3]
    assert examples_of(activations([0.4]), 0.5, STRINGS) == []
