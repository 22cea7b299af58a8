"""Planted neurons: what they mean on texts worked out by hand, and what must hold of all of them on real text."""

from __future__ import annotations

import math
import re
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evals.planted.claims import QUIET, Function
from evals.planted.contexts import in_string
from evals.planted.noise import noisy, normals, uniforms
from evals.planted.shipped import NEURONS, NOISE_LEVELS, TRUTHS
from evals.planted.tokens import words

NOTHING = [neuron for neuron in NEURONS.values() if neuron.truth is None]
FAMILIES = {
    "single token",
    "token set",
    "spelling class",
    "phrase",
    "context-gated",
    "conjunction",
    "disjunction",
    "exception",
    "graded strength",
    "position",
    "inside brackets or quotes",
    "repetition and induction",
    "long-range dependence",
    "sign-flipped",
}


@pytest.fixture(scope="module")
def excerpts() -> list[list[str]]:
    """Excerpts of 64 tokens from 120 texts of mini's corpus."""
    from tools.evidence.texts.corpus import load_texts
    from tools.subject.load import open_subject
    from tools.subject.resolve import resolve

    tokenizer = open_subject(resolve("mini")).tokenizer
    strings = tokenizer.token_strings()
    texts = [text[:3000] for _, text in load_texts(None, "mini").texts if len(text) > 3000][:120]
    out = []
    for ids in tokenizer.encode(texts):
        tokens = [strings[i] for i in ids]
        out += [tokens[at : at + 64] for at in range(0, len(tokens) - 63, 64)]
    return out


def _fires(name: str, *tokens: str) -> list[str]:
    values = NEURONS[name].function(list(tokens))
    return [token for token, value in zip(tokens, values, strict=True) if value > 0.1]


def _correlation(a: list[float], b: list[float]) -> float:
    return float(np.corrcoef(a, b)[0, 1]) if len(set(b)) > 1 else 0.0


# What they mean


def test_a_word_is_joined_from_its_pieces() -> None:
    assert words([" op", "en", "ing", "_", "x", "1", "y"]) == ["op", "open", "opening", "", "x", "", "y"]


def test_meanings_by_hand() -> None:
    assert _fires("single-return", " ret", "urn", " Return", ";", "return") == ["urn", " Return", "return"]
    assert _fires("gated-for-in", " in", " for", " x", " in", " y", "\n", " in") == [" in"]
    assert _fires("gated-def-name", " def", " load", "_", "it", "(", "x", "):") == [" load", "_", "it"]
    assert _fires("gated-keyword-argument", "x", "=", "f", "(", "a", " =", "1", ")") == [" ="]
    assert _fires("except-self", "(", "self", ",", " self") == [" self"]
    assert _fires("mean-numbers-above-nine", " 9", ",", " 1", "0", ",", " 12", "x") == ["0", " 12"]
    assert _fires("repeat-on-line", "name", "=", " name", "\n", "name") == [" name"]
    assert _fires("induction", "a", ".", "b", " a", "a", ".", "b", ".", "c") == ["b"]
    assert _fires("long-parenthesis", "(", "a", ")", "(", *"abcdefgh", "]", ")") == [")"]
    assert _fires("inside-nested", "(", "a", "(", "b", ")", "c", ")") == ["b"]
    assert _fires("flipped-parentheses", "f", "(", "a", ")", ":") == ["f", "(", ")", ":"]
    assert _fires("conj-prose-words", " the", " #", " the", " name", "\n", " the") == [" the"]
    assert _fires("stem-name", " file", "name", "s", " mane") == ["name", "s"]
    assert _fires("position-first", *"abcdef") == list("abcd")


def test_graded_strengths_by_hand() -> None:
    assert NEURONS["graded-indent"].function(["x", "\n   ", " if", "\n       ", "    "]) == [
        QUIET,
        0.2,
        QUIET,
        0.4,
        0.6,
    ]
    assert NEURONS["graded-nesting"].function(["f", "(", "g", "(()", ")"]) == [QUIET, 0.25, QUIET, 0.75, QUIET]
    assert NEURONS["graded-magnitude"].function([" 7", "5", "x", "12345678"]) == [0.2, 0.4, QUIET, 1.0]
    assert NEURONS["graded-obligation"].function([" must", " may", " go"]) == [1.0, 0.2, QUIET]


def test_quotes_end_with_the_line_and_apostrophes_open_none() -> None:
    assert in_string([' "', "a", "'t", " b", '"', "c"]) == [False, True, True, True, False, False]
    assert in_string([" don", "'t", " go", "'", "x", "\n", "y"]) == [False] * 7
    assert in_string(["=", " b", "'", "x", "'", "y"]) == [False, False, False, True, False, False]


# What ships


def test_enough_of_everything_ships() -> None:
    families = Counter(neuron.family for neuron in TRUTHS)
    assert len(TRUTHS) >= 32
    assert set(families) >= FAMILIES
    assert min(families.values()) >= 2
    assert {neuron.difficulty for neuron in TRUTHS} == {"easy", "medium", "hard"}
    assert len(NOTHING) >= 104
    assert len(NEURONS) == len(TRUTHS) * (1 + len(NOISE_LEVELS)) + len(NOTHING)
    assert min(Counter(neuron.family for neuron in NOTHING).values()) >= 8


def test_names_and_sentences() -> None:
    for name, neuron in NEURONS.items():
        assert name == neuron.name
        assert re.fullmatch(r"[a-z][a-z0-9.+-]*", name)
        sentences = [claim.sentence for claim in (neuron.truth, *neuron.false) if claim]
        assert len(set(sentences)) == len(sentences)
        assert len(sentences) >= 4 or neuron.truth is None
        assert all(re.fullmatch(r"Fires .*\.", sentence) for sentence in sentences)


# What holds of all of them


@pytest.mark.slow
def test_on_real_text_values_come_from_the_past_alone(excerpts: list[list[str]]) -> None:
    for neuron in NEURONS.values():
        for tokens in excerpts[::230]:
            whole = neuron.function(tokens)
            assert len(whole) == len(tokens)
            assert all(map(math.isfinite, whole))
            assert neuron.function(list(tokens)) == whole
            for cut in (1, 2, 17, 40):
                assert neuron.function(tokens[:cut]) == whole[:cut], neuron.name


@pytest.mark.slow
def test_truths_fire_and_outdo_every_false_claim(excerpts: list[list[str]]) -> None:
    sample = excerpts[::2]
    for neuron in TRUTHS:
        values = [neuron.function(tokens) for tokens in sample]
        firing = [i for i, row in enumerate(values) if max(row) > 0.3]
        assert len(firing) >= 10, neuron.name
        chosen = sorted({*firing[:150], *range(0, len(sample), 8)})
        true = [value for i in chosen for value in values[i]]
        for claim in neuron.false:
            false = [value for i in chosen for value in claim.function(sample[i])]
            # What other Pythons' libraries hold moves this a little; on 3.11's the largest is 0.90.
            assert _correlation(true, false) < 0.93, f"{neuron.name}: {claim.sentence}"


@pytest.mark.slow
def test_noise_fires_and_the_dead_do_not(excerpts: list[list[str]]) -> None:
    for neuron in NOTHING:
        values = [value for tokens in excerpts[::10] for value in neuron.function(tokens)]
        assert (max(values) < 0.1) == (neuron.family == "dead"), neuron.name


_tokens = st.lists(
    st.one_of(st.sampled_from([" (", ")", "'", '"', "\n", " 1", "name", "#", ""]), st.text()), max_size=20
)


@settings(max_examples=40, deadline=None)
@given(_tokens)
def test_any_strings_in_as_many_finite_floats_out(tokens: list[str]) -> None:
    functions: list[Function] = [neuron.function for neuron in NEURONS.values()]
    functions += [claim.function for neuron in TRUTHS for claim in neuron.false]
    for function in functions:
        given_tokens = list(tokens)
        values = function(given_tokens)
        assert given_tokens == tokens
        assert len(values) == len(tokens)
        assert all(isinstance(value, float) and math.isfinite(value) for value in values)


# Noise


def test_noise_is_a_function_of_the_prefix_and_independent_across_prefixes_and_seeds() -> None:
    texts = [[f"w{i}", "a", "b", "c"] for i in range(5000)]
    one = np.array([normals(text, np.uint64(7)) for text in texts])
    other = np.array([normals(text, np.uint64(8)) for text in texts])
    columns = np.hstack([one, other])
    assert np.abs(columns.mean(axis=0)).max() < 0.06
    assert np.abs(columns.std(axis=0) - 1).max() < 0.05
    assert np.abs(np.corrcoef(columns.T) - np.eye(8)).max() < 0.06
    first, second = uniforms(["ab", "c"], np.uint64(7)), uniforms(["a", "bc"], np.uint64(7))
    assert first[0][1] != second[0][1]


@pytest.mark.parametrize("level", NOISE_LEVELS)
def test_noisy_versions_add_noise_of_their_level(level: float, excerpts: list[list[str]]) -> None:
    plain, loud = NEURONS["single-the"], NEURONS[f"single-the+noise{level:g}"]
    assert (loud.noise, loud.truth, loud.false) == (level, plain.truth, plain.false)
    added = [
        noise - value
        for tokens in excerpts[:200]
        for noise, value in zip(loud.function(tokens), plain.function(tokens), strict=True)
    ]
    assert abs(np.std(added) / level - 1) < 0.05
    assert noisy(plain, level, seed=1).function(["a"]) != loud.function(["a"])


def test_noise_by_position_says_nothing_of_early_or_late() -> None:
    for neuron in NEURONS.values():
        if neuron.family == "noise-position":
            values = neuron.function(["x"] * 64)
            assert values == neuron.function([f"y{i}" for i in range(64)])
            for n in range(1, 64):
                assert abs(_correlation([float(i < n) for i in range(64)], values)) < 0.15
