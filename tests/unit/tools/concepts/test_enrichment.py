"""Which classes a planted neuron fires on."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from tools.concepts.concepts import Concepts
from tools.concepts.enrichment import counted, enriched

MONTHS = ["January", "March", "April", "June", "July", "August", "October", "December"]
OTHERS = ["table", "runs", "green", "slowly", "window", "because", "paper", "seven", "water", "old", "street", "cup"]
STRINGS = [f" {word}" for word in MONTHS + OTHERS] + [" Sep", "tember"]
CUT = [len(STRINGS) - 2, len(STRINGS) - 1]


@pytest.fixture(scope="module")
def concepts():
    return Concepts.load()


def explore(fires, n=60, rng=0):
    """Texts of random words, half of them with September in two tokens; `fires` gives the value on a word."""
    random = np.random.default_rng(rng)
    tokens = random.integers(len(STRINGS) - 2, size=(n, 12)).astype(np.int32)
    tokens[::2, 4:6] = CUT
    values = np.array([[fires(STRINGS[t].strip()) for t in row] for row in tokens], dtype=np.float32)
    lengths = np.full(n, 12)
    excerpts = SimpleNamespace(tokens=tokens, lengths=lengths, documents=np.arange(n) // 2)
    return SimpleNamespace(excerpts=excerpts, values=values, drawn=np.arange(n))


def test_months_are_found_and_told_of_the_other_half(concepts):
    # on "September" it only fires at the last token: the value on a word is the largest on its tokens
    found, rate = enriched(
        counted(explore(lambda w: 5.0 if w in MONTHS or w == "tember" else 0.1), 1.0, STRINGS), concepts
    )
    best = found[0]
    assert best.name == "months"
    assert best.correlation == pytest.approx(1.0, abs=1e-3)
    assert (best.fires_in, best.covers) == (1.0, 1.0)
    assert best.n_distinct == 9
    assert "September" in [*MONTHS, *best.examples]
    assert 0.3 < rate < 0.6
    assert [one.correlation for one in found] == sorted((one.correlation for one in found), reverse=True)


def test_of_a_neuron_that_means_nothing_little_is_told(concepts):
    random = np.random.default_rng(3)
    found, _ = enriched(counted(explore(lambda w: float(random.random())), 0.9, STRINGS), concepts)
    assert all(one.correlation < 0.3 for one in found)


def test_a_silent_neuron_has_no_classes(concepts):
    assert enriched(counted(explore(lambda w: 0.0), 0.1, STRINGS), concepts) == ([], 0.0)
