"""The learner on neurons whose rule is known: it finds the rule, keeps to the limits, and does so every time."""

from typing import get_args

import numpy as np
import pytest

from tools.rules.clauses import MAX_CLAUSES, MAX_LISTED_TOKENS, MAX_WORDS, Like, Rule
from tools.rules.language import n_words, parse, render
from tools.rules.learn import Form, Learner
from tools.rules.simulate import Batch
from tools.rules.vocabulary import Vocabulary

N_TOKENS, N_GROUPS, WIDTH = 400, 20, 64
FORMS = get_args(Form)


@pytest.fixture(scope="module")
def vocabulary() -> Vocabulary:
    """Tokens in twenty groups of twenty that lie close together; spelt so that spelling says nothing of the group."""
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(N_GROUPS, 32))
    embeddings = centres[np.arange(N_TOKENS) % N_GROUPS] + 0.35 * rng.normal(size=(N_TOKENS, 32))
    letters = "abcdefghijklmnopqrstuvwxyz"
    strings = [f" {letters[i % 26]}{letters[i // 26 % 26]}{letters[(7 * i) % 25]}" for i in range(N_TOKENS)]
    assert len(set(strings)) == N_TOKENS
    return Vocabulary(strings, embeddings.astype(np.float32))


def texts(seed: int, n: int = 500) -> np.ndarray:
    """Right-padded texts of tokens with Zipf's frequencies."""
    rng = np.random.default_rng(seed)
    frequency = 1 / np.arange(2, N_TOKENS + 2)
    order = np.random.default_rng(99).permutation(N_TOKENS)
    out = order[rng.choice(N_TOKENS, size=(n, WIDTH), p=frequency / frequency.sum())].astype(np.int32)
    lengths = rng.integers(20, WIDTH + 1, size=n)
    out[np.arange(WIDTH) >= lengths[:, None]] = -1
    return out


def planted(vocabulary: Vocabulary) -> dict[str, str]:
    def name(*tokens: int) -> str:
        return ", ".join(f"`{vocabulary.strings[t]}`".replace(" ", "␣") for t in tokens)

    order = [int(t) for t in np.random.default_rng(99).permutation(N_TOKENS)]  # most frequent first
    group = [t for t in range(N_TOKENS) if t % N_GROUPS == 3]
    return {
        "a token": f"Fires on {name(order[40])} (10).",
        "a set": f"Fires on {name(*order[30:36])} (10).",
        "a set at two levels": f"Fires on {name(*order[20:23])} (10); on {name(*order[50:53])} (5).",
        "a token after another": f"Fires on {name(order[5])} right after {name(*order[1:5])} (10).",
        "after a token": f"Fires right after {name(order[12], order[13])} (10).",
        "a neighbourhood": f"Fires on tokens like {name(group[0], group[1], group[2])} (10).",
    }


def learner(rule: Rule, vocabulary: Vocabulary, seed: int = 1, noise: float = 0.02) -> Learner:
    tokens = texts(seed)
    values = 0.3 * Batch(tokens, vocabulary).levels(rule)
    values += noise * np.abs(np.random.default_rng(seed).normal(size=values.shape))
    return Learner(tokens, values.astype(np.float32), np.ones(tokens.shape), vocabulary)


def check_limits(rule: Rule) -> None:
    assert len(rule.clauses) <= MAX_CLAUSES
    assert rule.listed() <= MAX_LISTED_TOKENS
    assert n_words(render(rule)) <= MAX_WORDS
    assert parse(render(rule)) == rule


@pytest.mark.parametrize(
    "name", ["a token", "a set", "a set at two levels", "a token after another", "after a token", "a neighbourhood"]
)
def test_a_planted_rule_is_found(name: str, vocabulary: Vocabulary) -> None:
    truth = parse(planted(vocabulary)[name])
    found = learner(truth, vocabulary).learn("mixed")
    check_limits(found)
    fresh = texts(2)
    batch = Batch(fresh, vocabulary)
    true, learnt = batch.levels(truth)[fresh >= 0], batch.levels(found)[fresh >= 0]
    assert true.std() > 0
    assert np.corrcoef(true, learnt)[0, 1] > 0.95, render(found)


def test_a_neighbourhood_is_called_one(vocabulary: Vocabulary) -> None:
    found = learner(parse(planted(vocabulary)["a neighbourhood"]), vocabulary).learn("mixed")
    assert isinstance(found.clauses[0].token, Like)
    assert {vocabulary.ids[anchor] % N_GROUPS for anchor in found.clauses[0].token.anchors} == {3}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.slow
def test_forms_keep_to_their_own_and_to_the_limits(form, vocabulary: Vocabulary) -> None:
    """Every token has a level of its own, so there is always more to say: the limits are what stops it."""
    for seed in range(3):
        tokens = texts(seed, n=120)
        rng = np.random.default_rng(seed)
        values = (rng.gamma(0.3, size=N_TOKENS)[tokens] * rng.random(tokens.shape)).astype(np.float32)
        found = Learner(tokens, values, np.ones(tokens.shape), vocabulary).learn(form, price=0.0004)
        check_limits(found)
        for clause in found.clauses:
            if form == "tokens":
                assert clause.context is None
                assert not isinstance(clause.token, Like)
            if form == "context":
                assert clause.token is None


@pytest.mark.parametrize("limits", [(3, 30, 60), (12, 4, 60), (12, 30, 15), (1, 30, 60)])
def test_smaller_limits(limits, vocabulary: Vocabulary) -> None:
    max_clauses, max_listed, max_words = limits
    own = learner(parse(planted(vocabulary)["a set at two levels"]), vocabulary, noise=0.3)
    found = own.learn("mixed", max_clauses=max_clauses, max_listed=max_listed, max_words=max_words)
    assert len(found.clauses) <= max_clauses
    assert found.listed() <= max_listed
    assert n_words(render(found)) <= max_words


@pytest.mark.parametrize("value", [0.0, 0.7, -0.1])
@pytest.mark.parametrize("form", FORMS)
def test_a_constant_neuron_has_no_rule(form, value, vocabulary: Vocabulary) -> None:
    tokens = texts(4, n=60)
    own = Learner(tokens, np.full(tokens.shape, value, np.float32), np.ones(tokens.shape), vocabulary)
    assert own.learn(form) == Rule(())


@pytest.mark.slow
def test_same_input_same_rule(vocabulary: Vocabulary) -> None:
    truth = parse(planted(vocabulary)["a token after another"])
    rules = {render(learner(truth, vocabulary, noise=0.3).learn(form)) for form in FORMS for _ in range(2)}
    assert len(rules) <= len(FORMS)


@pytest.mark.slow
def test_a_learner_is_not_changed_by_learning(vocabulary: Vocabulary) -> None:
    own = learner(parse(planted(vocabulary)["a set at two levels"]), vocabulary, noise=0.3)
    first = {form: own.learn(form) for form in FORMS}
    assert {form: own.learn(form) for form in reversed(FORMS)} == first


@pytest.mark.parametrize("lengths", [[1], [64], [2, 1, 1]])
def test_very_little_text(lengths, vocabulary: Vocabulary) -> None:
    rng = np.random.default_rng(5)
    tokens = np.full((len(lengths), WIDTH), -1, dtype=np.int32)
    for row, length in enumerate(lengths):
        tokens[row, :length] = rng.integers(0, N_TOKENS, size=length)
    own = Learner(tokens, rng.random(tokens.shape).astype(np.float32), np.ones(tokens.shape), vocabulary)
    for form in FORMS:
        check_limits(own.learn(form))


@pytest.mark.parametrize("scale", [1e-4, 1, 1e4])
def test_the_sentence_of_one_token_is_that_token_at_any_scale(scale, vocabulary: Vocabulary) -> None:
    truth = parse(planted(vocabulary)["a token"])
    tokens = texts(1)
    values = (scale * Batch(tokens, vocabulary).levels(truth)).astype(np.float32)
    found = Learner(tokens, values, np.ones(tokens.shape), vocabulary).learn("mixed")
    assert [(clause.token, clause.context) for clause in found.clauses] == [(truth.clauses[0].token, None)]


@pytest.mark.parametrize(
    "sentence",
    [
        "Fires at position 20 to 31 (10).",
        "Fires at occurrence 3 (10).",
        "Fires when its word is repeated unless among the first 20 (10).",
        "Fires growing with occurrence 1 to 4 (10).",
        "Fires on words starting with `a` unless right after tokens starting with `b` (10).",
        "Fires between words starting with `a` and words starting with `b` (10).",
    ],
)
@pytest.mark.slow
def test_what_is_said_of_words_and_places_is_found(sentence: str, vocabulary: Vocabulary) -> None:
    truth = parse(sentence)
    found = learner(truth, vocabulary).learn("mixed")
    check_limits(found)
    fresh = texts(2)
    batch = Batch(fresh, vocabulary)
    true, learnt = batch.levels(truth)[fresh >= 0], batch.levels(found)[fresh >= 0]
    assert np.corrcoef(true, learnt)[0, 1] > 0.9, render(found)


@pytest.mark.slow
def test_a_curve_over_positions_is_not_drawn_in_steps(vocabulary: Vocabulary) -> None:
    tokens = texts(1)
    curve = np.random.default_rng(3).random(WIDTH).astype(np.float32)
    values = np.broadcast_to(curve, tokens.shape).copy()
    found = Learner(tokens, values, np.ones(tokens.shape), vocabulary).learn("mixed")
    assert render(found).count("first") + render(found).count("position") <= 1


def test_what_a_rule_says_does_not_depend_on_what_was_read_before(vocabulary: Vocabulary) -> None:
    truth = parse("Fires on words starting with `a` unless right after tokens starting with `b` (10).")
    other = Vocabulary(vocabulary.strings, vocabulary.directions)
    learner(truth, other, seed=7).learn("mixed")
    fresh = Vocabulary(vocabulary.strings, vocabulary.directions)
    assert learner(truth, other).learn("mixed") == learner(truth, fresh).learn("mixed")
