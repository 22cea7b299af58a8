"""The best single class of words, as a reference."""

from __future__ import annotations

import numpy as np
import pytest

from agent.setup.variants.load import load_variant
from tools.concepts.concepts import Concepts
from tools.readable.best_class import BestClass
from tools.readable.reader import LexicalReader
from tools.records.excerpts import Excerpts, ExploreActivations

MONTHS = ["January", "March", "April", "June", "July", "August", "October"]
OTHERS = [
    "table",
    "runs",
    "green",
    "slowly",
    "window",
    "because",
    "paper",
    "seven",
    "water",
    "old",
    "street",
    "London",
    "Peter",
]
STRINGS = [f" {word}" for word in MONTHS + OTHERS] + [" ("]


@pytest.fixture(scope="module")
def explainer() -> BestClass:
    return BestClass(LexicalReader(STRINGS, Concepts.load()))


def explore(fires: list[str]) -> ExploreActivations:
    """Texts of random words, in which a neuron fires on some."""
    tokens = np.random.default_rng(0).integers(len(STRINGS), size=(60, 12)).astype(np.int32)
    values = np.isin(tokens, [STRINGS.index(f" {word}") for word in fires]).astype(np.float32) * 4
    ids = np.arange(60, dtype=np.int32)
    return ExploreActivations(Excerpts(tokens, np.full(60, 12), ids, ids, ids), values, np.arange(60))


def proposed(explainer: BestClass, fires: list[str]) -> list[str]:
    return [one.sentence for one in explainer.propose(explore(fires), 20, np.random.default_rng(0), 4)]


def test_the_class_that_fits_best_is_named(explainer: BestClass) -> None:
    assert proposed(explainer, MONTHS) == ["Fires on months."]
    assert proposed(explainer, ["("]) == ["Fires on opening parentheses."]  # found in the text, not word by word
    assert explainer.revise(explore(MONTHS), 20, np.random.default_rng(0), [], []) == []


def test_of_a_silent_neuron_no_class_is_named(explainer: BestClass) -> None:
    assert proposed(explainer, []) == []


def test_it_ships_as_a_variant() -> None:
    config = load_variant("best-class").config(target="L0N0")
    assert (config.explainer, config.n_rivals, config.max_rounds) == ("best-class", 1, 0)
