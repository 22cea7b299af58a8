"""Which words are close in meaning."""

import numpy as np
import pytest

from tools.concepts import vectors
from tools.concepts.vectors import DATA, N_DIMENSIONS, N_WORDS, Vectors, pack
from tools.errors import StorageError


@pytest.fixture(scope="module")
def known() -> Vectors:
    return Vectors.load()


@pytest.fixture
def fresh_load():
    """What is loaded is kept, so tests of loading forget it before and after."""
    Vectors.load.cache_clear()
    yield
    Vectors.load.cache_clear()


def test_the_vectors_that_come_with_the_program(known) -> None:
    assert len(known.words) == len(set(known.words)) == N_WORDS
    assert known.rows.shape == (N_WORDS, N_DIMENSIONS)
    np.testing.assert_allclose(np.linalg.norm(known.rows, axis=1), 1, atol=1e-5)
    assert known.rows.dtype == np.float32
    assert Vectors.load() is known


def test_words_in_the_order_of_their_frequency(known) -> None:
    assert known.rank("the") == 0
    assert known.rank("The") == 0
    assert known.rank("house") < known.rank("atonement")
    assert known.rank("zorblax") is None
    assert known.rank("") is None


def test_the_nearest_leave_the_seeds_out(known) -> None:
    found = known.nearest(["january", "March"], 8)
    assert len(found) == 8
    assert not {"january", "march"} & set(found)
    assert len({"february", "april", "june", "july", "september", "october", "november", "december"} & set(found)) >= 6


def test_likeness_is_between_nothing_and_all(known) -> None:
    words = [*known.words[::97], "zorblax"]
    for seeds in (["heal"], ["heal", "cure"], ["the"], ["January", "monday"]):
        found = known.likeness(seeds, words)
        assert found.shape == (len(words),)
        assert found.min() >= 0
        assert found.max() <= 1
        assert found[-1] == 0


def test_what_is_alike_and_what_not(known) -> None:
    healed, remedy, train, unknown, same = known.likeness(
        ["heal", "cure"], ["healed", "remedy", "train", "zorblax", "HEAL"]
    )
    assert healed > 0.8
    assert 0.3 < remedy < healed
    assert train == unknown == 0
    assert same == 1


def test_seeds_that_nobody_knows_are_like_themselves_alone(known) -> None:
    assert known.likeness(["zorblax"], ["zorblax", "house", "the"]).tolist() == [1, 0, 0]
    assert known.of(["zorblax"]).tolist() == [[0] * N_DIMENSIONS]
    assert known.of([]).shape == (0, N_DIMENSIONS)


@pytest.mark.parametrize("content", [None, b"", b"no archive", b"PK\x03\x04 cut"])
def test_a_damaged_file_is_named(content, tmp_path, monkeypatch, fresh_load) -> None:
    file = tmp_path / "vectors.npz"
    if content is not None:
        file.write_bytes(content)
    monkeypatch.setattr(vectors, "DATA", file)
    with pytest.raises(StorageError, match=r"vectors\.npz cannot be read: install the program anew"):
        Vectors.load()


@pytest.mark.parametrize("share", [0.3, 0.9, 0.999])
def test_a_file_that_was_cut_off_is_named(share, tmp_path, monkeypatch, fresh_load) -> None:
    data = DATA.read_bytes()
    file = tmp_path / "vectors.npz"
    file.write_bytes(data[: int(len(data) * share)])
    monkeypatch.setattr(vectors, "DATA", file)
    with pytest.raises(StorageError, match="cannot be read"):
        Vectors.load()


def test_a_file_of_something_else_is_named(tmp_path, monkeypatch, fresh_load) -> None:
    file = tmp_path / "vectors.npz"
    np.savez(file, words=np.zeros(3, np.uint8))
    monkeypatch.setattr(vectors, "DATA", file)
    with pytest.raises(StorageError, match="cannot be read"):
        Vectors.load()


def test_packing_keeps_who_is_close_to_whom(tmp_path, monkeypatch, fresh_load) -> None:
    """Rows of 80 dimensions in two clusters, apart from what all words share."""
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(2, 80)) * 3
    rows = np.concatenate([centres[n % 2] + rng.normal(size=80) for n in range(200)]).reshape(200, 80) + 5
    file = tmp_path / "vectors.npz"
    file.write_bytes(pack([f"w{n}" for n in range(200)], rows.astype(np.float32)))
    assert file.read_bytes() == pack([f"w{n}" for n in range(200)], rows.astype(np.float32))
    monkeypatch.setattr(vectors, "DATA", file)
    loaded = Vectors.load()
    assert loaded.words[:3] == ["w0", "w1", "w2"]
    assert loaded.rows.shape == (200, N_DIMENSIONS)
