"""Texts that begin alike are read together, and what was just read is not read again: neither changes a value."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tools.errors import BadInput
from tools.subject import prefixes
from tools.subject.folder import ModelFolder
from tools.subject.gpt2 import LeanGPT2
from tools.subject.memo import Memo
from tools.subject.prefixes import in_order

TOLERANCE = 1e-5


@pytest.fixture(scope="module")
def open_reader(save_gpt2: Any, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., LeanGPT2]:
    """Opens a fresh reader of one model, which remembers nothing."""
    folder = tmp_path_factory.mktemp("model")
    save_gpt2(folder, n_layer=3)
    return lambda **given: LeanGPT2(ModelFolder(folder, "tiny"), **given)


def padded(texts: list[list[int]]) -> tuple[np.ndarray, np.ndarray]:
    lengths = np.array([len(text) for text in texts], dtype=np.int64)
    tokens = np.full((len(texts), max(1, *lengths)), -1, dtype=np.int32)
    for row, text in zip(tokens, texts, strict=True):
        row[: len(text)] = text
    return tokens, lengths


def pairs(n: int, most: int = 40) -> list[list[int]]:
    """Texts of unequal lengths, each with a copy in which one token is another or is gone."""
    rng = np.random.default_rng(n)
    out = []
    for i in range(n):
        text = rng.integers(1, 300, rng.integers(2, most)).tolist()
        at = int(rng.integers(len(text)))
        out += [text, [*text[:at], *([] if i % 3 == 0 else [int(rng.integers(1, 300))]), *text[at + 1 :]]]
    return out


SHAPES = {
    "pairs": pairs(9),
    "one text many times": [[5, 6, 7]] * 6,
    "one token each": [[4]] * 3 + [[9]] * 3,
    "beginnings of one text": [list(range(1, n)) for n in (30, 2, 17, 17, 5, 29, 12)],
    "with empty ones": [[], [7, 8, 9, 10], [], [7, 8, 9, 11], [7, 8, 9], []],
    "a deep tree": [[1, 2, 3, 4, 5, 6], [1, 2, 3, 4, 9, 9], [1, 2, 8, 8], [1, 2, 3, 7], [1, 2, 3, 4, 5, 5], [1, 2]],
    "as long as can be": [[*range(1, 47), last] for last in range(5)],
}


@pytest.mark.parametrize("n_nodes", [4096, 20])
@pytest.mark.parametrize("texts", SHAPES.values(), ids=SHAPES)
def test_values_are_those_of_each_text_alone(
    texts: list[list[int]], n_nodes: int, open_reader: Callable[..., LeanGPT2], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prefixes, "_MOST_NODES", n_nodes)
    monkeypatch.setattr(prefixes, "_MOST_KEYS", 4 * n_nodes)
    monkeypatch.setattr(prefixes, "_ROWS", 16)
    subject = open_reader()
    tokens, lengths = padded(texts)
    assert in_order(tokens, lengths).are_alike
    for layer in range(3):
        together = subject.mlp_input(tokens, lengths, layer)
        assert together.shape == (*tokens.shape, subject.d_model)
        assert together.dtype == np.float32
        for text, values in zip(texts, together, strict=True):
            assert not values[len(text) :].any()
            if text:
                alone = subject.mlp_input(np.array([text], dtype=np.int32), np.array([len(text)]), layer)[0]
                np.testing.assert_allclose(values[: len(text)], alone, rtol=0, atol=TOLERANCE)


def test_texts_that_share_little_are_read_as_a_plain_batch() -> None:
    rng = np.random.default_rng(0)
    tokens = rng.integers(0, 300, (20, 30)).astype(np.int32)
    assert not in_order(tokens, np.full(20, 30)).are_alike
    assert not in_order(tokens[:1], np.array([30])).are_alike
    assert not in_order(tokens[:1], np.array([1])).are_alike
    assert in_order(np.repeat(tokens, 2, axis=0), np.full(40, 30)).are_alike


def test_the_order_of_a_dictionary_shares_all_that_can_be_shared() -> None:
    texts = pairs(9)
    found = in_order(*padded(texts))
    n_nodes = len({tuple(text[:end]) for text in texts for end in range(1, len(text) + 1)})
    assert int((found.lengths - found.shared).sum()) == n_nodes


def test_alike_texts_of_bad_tokens_are_refused(open_reader: Callable[..., LeanGPT2]) -> None:
    with pytest.raises(BadInput, match="token id 1000 is not in the vocabulary"):
        open_reader().mlp_input(np.full((4, 5), 1000, dtype=np.int32), np.full(4, 5), 1)


def test_a_reading_does_not_depend_on_what_was_read_before(open_reader: Callable[..., LeanGPT2]) -> None:
    batches = [padded(pairs(n)) for n in (4, 7, 12)] + [padded([pairs(4)[0]])]
    fresh, used = open_reader(), open_reader()
    for tokens, lengths in batches:
        for layer in (0, 2):
            used.mlp_input(tokens, lengths, layer)
    for tokens, lengths in reversed(batches):
        expected = fresh.mlp_input(tokens, lengths, 2)
        np.testing.assert_array_equal(used.mlp_input(tokens, lengths, 2), expected)
        for index in (3, 77):
            one = used.neuron_values(used.mlp_input(tokens, lengths, 2), 2, index)
            other = fresh.neuron_values(expected.copy(), 2, index)
            np.testing.assert_array_equal(one, other)


def test_the_same_batch_is_not_read_again(open_reader: Callable[..., LeanGPT2]) -> None:
    subject = open_reader()
    tokens, lengths = padded(pairs(5))
    inputs = subject.mlp_input(tokens, lengths, 1)
    values = subject.neuron_values(inputs, 1, 3)
    assert subject.mlp_input(tokens.copy(), lengths.copy(), 1) is inputs
    assert subject.neuron_values(inputs, 1, 3) is values
    assert subject.neuron_values(inputs, 1, 4) is not values
    # another layer, other lengths, another token, and another layer's MLP on the same input
    assert not np.array_equal(subject.mlp_input(tokens, lengths, 2), inputs)
    assert not np.array_equal(subject.mlp_input(tokens, lengths - 1, 1), inputs)
    changed = tokens.copy()
    changed[0, 0] += 1
    assert not np.array_equal(subject.mlp_input(changed, lengths, 1), inputs)
    assert not np.array_equal(subject.neuron_values(inputs, 2, 3), values)
    for array in (inputs, values, subject.mlp_input(changed, lengths, 1)):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


def test_what_is_remembered_is_bounded_and_the_oldest_goes_first() -> None:
    n_read = []

    def read(tokens: np.ndarray, lengths: np.ndarray, layer: int) -> np.ndarray:
        n_read.append(int(tokens[0, 0]))
        return np.full((1, 250), tokens[0, 0], dtype=np.float32)  # 1,000 bytes

    def values(inputs: np.ndarray, layer: int, index: int) -> np.ndarray:
        return np.full(125, index, dtype=np.float32)

    memo = Memo(most_bytes=2600)

    def of(token: int) -> np.ndarray:
        return memo.inputs(np.array([[token]], dtype=np.int32), np.array([1]), 0, read)

    one, _ = of(1), of(2)
    memo.values(one, 0, 7, values)
    assert n_read == [1, 2]
    assert of(1) is one
    of(3)  # 2 was not asked for since, so it goes
    assert of(1) is one
    assert n_read == [1, 2, 3]
    of(2)
    assert n_read == [1, 2, 3, 2]
    for index in range(40):
        assert memo.values(of(1), 0, index, values)[0] == index
    assert memo.inputs(np.zeros((1, 1), np.int32), np.array([1]), 0, lambda *_: np.zeros(1000, np.float32)).any() == 0
    assert memo._n_bytes <= 2600
    assert of(1)[0, 0] == 1
