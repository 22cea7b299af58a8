"""Sentences in free words as bags of kinds of words, and the exact rules that are made of them."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from readable_world import World, concepts, filler

from tools.concepts.vectors import Vectors
from tools.readable.bag_of_kinds import MOST_CLASSES, bag_of
from tools.readable.contract import why_not
from tools.readable.explainer import ReadableExplainer
from tools.readable.knowledge import Knowledge
from tools.readable.rule import Kind, Like, Named, Quoted, Spelt
from tools.records.excerpts import ExploreActivations

MONTHS = ["January", "February", "April", "June", "July", "September", "October", "November"]
N_TEXTS = 120


@pytest.fixture(scope="module")
def knowledge() -> Knowledge:
    return Knowledge(concepts(), Vectors.load())


def named(bag: Sequence[Kind]) -> list[str]:
    return [kind.name for kind in bag if isinstance(kind, Named)]


def test_a_class_is_in_the_bag_whose_name_stands_in_the_sentence(knowledge: Knowledge) -> None:
    assert "opening quotation marks" in named(bag_of("an opening quotation mark after a space", (), knowledge))
    assert {"plural nouns", "words of medicine"} <= set(named(bag_of("plural nouns of medicine", (), knowledge)))


def test_a_class_is_in_the_bag_that_several_named_words_share(knowledge: Knowledge) -> None:
    words = ("forgiveness", "solve", "recover", "healed", "atonement", "treatment", "therapy")
    assert "putting things right" in named(bag_of("what is done about trouble", words, knowledge))
    assert "putting things right" not in named(bag_of("what is done about trouble", (), knowledge))


def test_no_class_is_in_the_bag_for_being_of_nearly_all_words(knowledge: Knowledge) -> None:
    words = ("ambassador", "justice", "president", "minister", "governor")
    found = set(named(bag_of("people in high office", words, knowledge)))
    assert found
    assert not found & {"nouns", "singular nouns", "words over four letters", "words of letters"}
    assert "nouns" in named(bag_of("nouns", words, knowledge))  # unless the sentence says so


def test_words_stand_in_it_themselves_with_what_is_like_them(knowledge: Knowledge) -> None:
    bag = bag_of('the word "Paris" or "-ing" after a greeting', ("Hello there", "hello"), knowledge)
    assert {Quoted(("paris",)), Quoted(("hello there",)), Quoted(("hello",)), Spelt("ending in", "ing")} <= set(bag)
    assert Like(("hello",)) in bag
    assert len(bag) == len(set(bag))


def test_a_bag_is_small_whatever_is_said(knowledge: Knowledge) -> None:
    bag = bag_of(" ".join(concepts().names()[:400]), ["run", "walk", "go", "see"] * 9, knowledge)
    assert len(named(bag)) <= MOST_CLASSES
    assert bag_of("", (), knowledge) == []


def texts(words: Sequence[str]) -> list[str]:
    rng = np.random.default_rng(0)
    rows = filler(N_TEXTS, 12, rng)
    for n, row in enumerate(rows):
        row[3] = ("of", "near", "on")[n % 3]
        if n % 2 == 0:
            row[4] = words[n // 2 % len(words)]
        else:
            row[8] = words[n // 2 % len(words)]
    return [" ".join(row) for row in rows]


def twin(sentence: str, words: tuple[str, ...], value: Callable[[list[str], int], float]) -> tuple[World, str | None]:
    world = World()
    activations = world.activations(texts(MONTHS), value, ExploreActivations)
    assert isinstance(activations, ExploreActivations)
    explainer = ReadableExplainer(world.reader)
    (found,) = explainer.twins([(sentence, words)], activations, 40, np.random.default_rng(0))
    return world, found


def test_a_twin_is_a_readable_rule_that_says_what_the_sentence_speaks_of() -> None:
    world, found = twin(
        "names of months", ("January", "June", "October"), lambda text, at: 1.0 if text[at] in MONTHS else 0.0
    )
    assert found is not None
    assert why_not(found) is None
    assert world.reader.understands(found)
    assert world.fires(found, "river of March table December") == [["March", "December"]]


def test_a_twin_knows_contexts_of_the_bag() -> None:
    world, found = twin(
        'a month right after "of"', ("January", "June"),
        lambda text, at: 1.0 if text[at] in MONTHS and at and text[at - 1] == "of" else 0.0,
    )  # fmt: skip
    assert found is not None
    assert world.fires(found, "river of June table", "river near June table") == [["June"], []]


def test_what_a_sentence_does_not_speak_of_is_in_no_twin() -> None:
    _, found = twin("words about rivers", ("river",), lambda text, at: 1.0 if text[at] in MONTHS else 0.0)
    assert found is None


def test_a_rule_covers_the_words_that_its_kinds_hold_on(knowledge: Knowledge) -> None:
    writer = ReadableExplainer(World().reader)
    about = ["ambassador", "judges", "First Lady", "consul"]
    assert writer.covers('Fires on "ambassador".', about) == 0.25
    assert writer.covers('Fires on "ambassador" and "judges" right after "the".', about) == 0.5
    assert writer.covers("Fires on months.", MONTHS) == 1
    assert writer.covers("Fires on any word right after months.", MONTHS) == 0
    assert writer.covers("Fires on months.", ()) == 0
    assert writer.covers("what a reader makes of it", MONTHS) == 0
