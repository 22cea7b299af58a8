"""When a sentence is about one thing and when about several."""

from collections.abc import Callable

import numpy as np
import pytest
from readable_world import World, strewn

from tools.records.excerpts import DevelopmentActivations
from tools.scoring.calibration import fit
from tools.scoring.meanings import Meaning, _spelt_alike, meanings

Value = Callable[[list[str], int], float]


@pytest.fixture
def world() -> World:
    return World()


def on(*words: str) -> Value:
    """A neuron that fires on some words."""
    return lambda text, at: 1.0 if text[at] in words else -0.1


def found(world: World, sentence: str, counts: dict[str, int], value: Value) -> list[Meaning]:
    activations = world.activations(strewn(counts, 400), value)
    assert isinstance(activations, DevelopmentActivations)
    rule, mask = world.reader.language.parse(sentence), activations.excerpts.mask
    table = fit(world.reader.levels(rule, activations.excerpts.tokens)[mask], activations.values[mask] > 0.5)
    return meanings(rule, table, activations, 0.5, world.reader)


def told(world: World, of: list[Meaning]) -> dict[str, float]:
    return {world.reader.language.render(one.rule): round(one.share, 2) for one in of}


def test_a_set_of_words_is_one_meaning(world) -> None:
    (one,) = found(
        world, 'Fires on "cat", "dog" and "cow".', {"cat": 40, "dog": 30, "cow": 30}, on("cat", "dog", "cow")
    )
    assert one.share == 1.0
    assert one.words == ("cat", "dog", "cow")
    assert world.reader.language.render(one.rule) == 'Fires on "cat", "dog" and "cow".'


def test_two_families_are_two_meanings_with_their_shares(world) -> None:
    sentence = 'Fires on "cat", "seven", "dog" and "three".'
    both = found(world, sentence, {"cat": 40, "dog": 20, "seven": 30, "three": 10}, on("cat", "dog", "seven", "three"))
    assert told(world, both) == {'Fires on "cat" and "dog".': 0.6, 'Fires on "seven" and "three".': 0.4}


@pytest.mark.parametrize(
    ("sentence", "counts"),
    [
        ('Fires on "heal" and "healed".', {"heal": 50, "healed": 40}),  # spelt alike, and close in meaning
        ('Fires on "zorb" and "zorbing".', {"zorb": 50, "zorbing": 40}),  # words that nobody knows
        ('Fires on "may" and "ought".', {"may": 50, "ought": 40}),  # modals
        ('Fires on "monday" and weakly on "sunday".', {"monday": 50, "sunday": 40}),  # strengths are no meanings
        ('Fires on modals and "must".', {"may": 30, "can": 30, "must": 30}),  # a class and a member of it
        ('Fires on modals and on any word right after "must".', {"may": 30, "can": 30, "must": 30}),
    ],
)
def test_what_belongs_together_is_one_meaning(sentence, counts, world) -> None:
    (one,) = found(world, sentence, counts, on(*counts))
    assert one.share == pytest.approx(1.0, abs=0.02)
    assert world.reader.language.render(one.rule) == sentence


@pytest.mark.parametrize(
    ("sentence", "counts"),
    [
        ("Fires on months and on modals.", {"January": 30, "March": 30, "can": 30, "should": 30}),
        ('Fires on words like "heal" and "recover" and on "seven".', {"heal": 30, "cured": 30, "seven": 60}),
        ('Fires on "zorb" and "quib".', {"zorb": 60, "quib": 60}),
    ],
)
def test_what_has_nothing_to_do_with_each_other_is_several(sentence, counts, world) -> None:
    two = found(world, sentence, counts, on(*counts))
    assert [one.share for one in two] == [pytest.approx(0.5, abs=0.1)] * 2


def test_a_condition_and_what_it_conditions_are_one_thing(world) -> None:
    """Both items hold where the neuron fires, so neither tells alone."""
    sentence = 'Fires on "cat" and on any word right after "seven".'
    (one,) = found(world, sentence, {"seven cat": 100}, on("cat"))
    assert one.share == 1.0


def test_a_word_and_what_comes_after_another_are_two_things(world) -> None:
    def value(text: list[str], at: int) -> float:
        return 1.0 if text[at] == "cat" or (at and text[at - 1] == "seven") else -0.1

    two = found(world, 'Fires on "cat" and on any word right after "seven".', {"cat": 100, "seven": 100}, value)
    assert set(told(world, two)) == {'Fires on "cat".', 'Fires on any word right after "seven".'}


def test_words_that_a_context_lists_are_told_apart(world) -> None:
    def value(text: list[str], at: int) -> float:
        return 1.0 if at and text[at - 1] in ("seven", "three", "cat") else -0.1

    counts = {"cat": 60, "seven": 40, "three": 20}
    two = found(world, 'Fires on any word right after "cat", "seven" and "three".', counts, value)
    assert set(told(world, two)) == {
        'Fires on any word right after "cat".',
        'Fires on any word right after "seven" and "three".',
    }


def test_what_hardly_ever_tells_goes_with_the_nearest(world) -> None:
    sentence = 'Fires on "cat", "seven", "cow" and "sheep".'
    both = found(world, sentence, {"cat": 60, "cow": 40, "seven": 80}, on("cat", "cow", "seven"))
    assert told(world, both) == {
        'Fires on "cat", "cow" and "sheep".': pytest.approx(0.56, abs=0.01),
        'Fires on "seven".': pytest.approx(0.44, abs=0.01),
    }


def test_what_says_nowhere_that_it_fires_has_no_meaning(world) -> None:
    assert found(world, "Fires on modals.", {"cat": 100}, on("cat")) == []
    assert found(world, "Never fires.", {"cat": 100}, on("cat")) == []
    assert found(world, 'Fires on "cat".', {"cat": 100}, lambda text, at: 0.0) == []


def test_how_the_subject_model_sees_words_plays_no_part(world) -> None:
    """Two readers of one language, whose tokens differ in number and order, find the same."""
    other = World()
    other.tokens([" ".join(reversed(strewn({"cat": 50}, 3)))])
    counts = {"cat": 40, "seven": 60}
    one, two = (found(w, 'Fires on "cat" and "seven".', counts, on(*counts)) for w in (world, other))
    assert one == two


def test_spelling() -> None:
    alike = [("Cat", "cat"), ("cat", "cats"), ("solve", "solving"), ('"', '"'), ("...", ".")]
    unlike = [("company", "computer"), ("a", "an"), ("art", "party"), (",", ";"), ("be", "being")]
    assert [_spelt_alike(*pair) for pair in [*alike, *unlike]] == [True] * len(alike) + [False] * len(unlike)
    assert np.all([_spelt_alike(*pair) == _spelt_alike(*reversed(pair)) for pair in [*alike, *unlike]])
