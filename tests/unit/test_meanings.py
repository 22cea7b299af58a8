"""When a sentence is about one thing and when about several: a small vocabulary with two families of tokens."""

import numpy as np
import pytest

from tools.records.excerpts import DevelopmentReadings, Excerpts
from tools.rules.language import parse, render
from tools.rules.vocabulary import Vocabulary
from tools.scoring.calibration import fit
from tools.scoring.meanings import Meaning, meanings

ANIMALS, TOOLS = ["cat", "dog", "cow"], ["saw", "axe"]
STRINGS = [*ANIMALS, *TOOLS, " Cat", "(", ")", *(f"w{i}" for i in range(300))]
CAT, DOG, COW, SAW, AXE, BIG_CAT, OPEN, CLOSE = range(8)
FILL = np.arange(8, len(STRINGS))


def vocabulary() -> Vocabulary:
    """Animals lie close to each other and tools to each other; the rest, ` Cat` too, anywhere."""
    rng = np.random.default_rng(0)
    directions = rng.normal(size=(len(STRINGS), 32))
    for axis, family in enumerate((ANIMALS, TOOLS)):
        for token in family:
            directions[STRINGS.index(token)] = 20 * np.eye(32)[axis] + rng.normal(size=32) * 0.5
    return Vocabulary(STRINGS, directions.astype(np.float32))


VOCABULARY = vocabulary()


def text(fires: dict[int, int], n: int = 400, after: int | None = None) -> DevelopmentReadings:
    """Filler in which each token of `fires` stands so often; there the neuron fires, or right after `after`."""
    rng = np.random.default_rng(1)
    tokens = rng.choice(FILL, size=(n, 16)).astype(np.int32)
    rows = iter(rng.permutation(n))
    for token, count in fires.items():
        for _ in range(count):
            tokens[next(rows), 8] = token
    fired = np.isin(tokens, list(fires))
    if after is not None:
        fired[:, 1:] |= tokens[:, :-1] == after
    ids = np.arange(n, dtype=np.int32)
    return DevelopmentReadings(
        Excerpts(tokens, np.full(n, 16, np.int64), ids, ids, ids), np.where(fired, 1.0, -0.1).astype(np.float32)
    )


def found(sentence: str, readings: DevelopmentReadings) -> list[Meaning]:
    from tools.rules.simulate import Batch

    rule, mask = parse(sentence), readings.excerpts.mask
    table = fit(Batch(readings.excerpts.tokens, VOCABULARY).levels(rule)[mask], readings.values[mask] > 0.5)
    return meanings(rule, table, readings, 0.5, VOCABULARY)


def test_a_token_set_is_one_meaning() -> None:
    (one,) = found("Fires on `cat`, `dog`, `cow` (10).", text({CAT: 40, DOG: 30, COW: 30}))
    assert one.share == 1.0
    assert one.tokens == ("cat", "dog", "cow")
    assert render(one.rule) == "Fires on `cat`, `dog`, `cow` (10)."


def test_two_families_are_two_meanings_with_their_shares() -> None:
    both = found("Fires on `cat`, `saw`, `dog`, `axe` (10).", text({CAT: 40, DOG: 20, SAW: 30, AXE: 10}))
    assert [(render(m.rule), m.share) for m in both] == [
        ("Fires on `cat`, `dog` (10).", 0.6),
        ("Fires on `saw`, `axe` (10).", 0.4),
    ]


def test_one_word_in_several_spellings_is_one_meaning() -> None:
    (one,) = found("Fires on `cat` (10); on `␣Cat` (8).", text({CAT: 50, BIG_CAT: 50}))
    assert one.share == 1.0


def test_levels_are_no_meanings() -> None:
    (one,) = found("Fires on `cat` (10); on `dog` (5); on `cow` (2).", text({CAT: 30, DOG: 30, COW: 30}))
    assert len(one.rule.clauses) == 3


def test_what_weakens_goes_with_what_it_weakens_and_everywhere_with_all() -> None:
    sentence = "Fires on `cat`, `saw` (9); everywhere (1); on `cat` right after `w1` (-10); on `w2` (-3)."
    cat, saw = found(sentence, text({CAT: 60, SAW: 40}))
    assert render(cat.rule).startswith("Fires on `cat` (9); everywhere (1)")
    assert render(saw.rule) == "Fires on `saw` (9); everywhere (1)."


def test_a_condition_and_its_gate_are_one_thing() -> None:
    """Both clauses hold where the neuron fires, so neither tells alone."""
    readings = text({CAT: 100})
    readings.excerpts.tokens[:, 7] = SAW
    (one,) = found("Fires on `cat` (5); right after `saw` (5).", readings)
    assert one.share == 1.0


def test_a_token_and_what_comes_after_it_are_one_thing() -> None:
    readings = text({CAT: 100}, after=CAT)
    (one,) = found("Fires on `cat` (10); right after `cat` (10).", readings)
    assert one.share == pytest.approx(1.0)


def test_a_token_and_what_comes_after_an_unrelated_one_are_two_things() -> None:
    readings = text({CAT: 100})
    readings.excerpts.tokens[:200, 2] = SAW
    readings.values[:200, 3] = 1.0
    two = found("Fires on `cat` (10); right after `saw` (10).", readings)
    assert sorted(render(m.rule) for m in two) == ["Fires on `cat` (10).", "Fires right after `saw` (10)."]


def test_a_class_too_wide_to_be_told_from_anything_joins_everything() -> None:
    readings = text({CAT: 60, **{int(t): 3 for t in FILL[:30]}})
    (one,) = found("Fires on `cat` (10); on tokens starting with `w` (9).", readings)
    assert render(one.rule) == "Fires on `cat` (10); on tokens starting with `w` (9)."


@pytest.mark.parametrize(
    "sentence",
    [
        "Fires on tokens nearer `cat`, `saw` than `w1` (7).",
        "Fires on `cat`, `saw`, `dog` (10); right after tokens nearer `w1` than `w2` (-1).",
        "Fires on `cat`, `saw`, `dog` (9); unless between tokens nearer `w1` and `(` (1).",
    ],
)
def test_what_adds_up_directions_is_one_meaning(sentence: str) -> None:
    """Without the direction, animals and tools would be two."""
    (one,) = found(sentence, text({CAT: 60, SAW: 40, DOG: 20}))
    assert render(one.rule) == sentence
    assert one.share == pytest.approx(1.0, abs=0.05)
    assert one.tokens == ("cat", "saw", "dog")


def test_directions_that_say_nowhere_that_it_fires_have_no_meaning() -> None:
    assert found("Fires on tokens nearer `(` than `cat`, `saw` (7).", text({CAT: 60, SAW: 40})) == []


def test_what_is_about_nothing_has_no_meaning() -> None:
    readings = text({CAT: 100})
    assert found("Fires everywhere (5).", readings) == []
    silent = DevelopmentReadings(readings.excerpts, np.zeros_like(readings.values))
    assert meanings(parse("Fires on `cat` (5)."), [0.5] * 11, silent, 0.5, VOCABULARY) == []
