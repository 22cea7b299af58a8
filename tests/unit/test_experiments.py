"""Texts that could tell rivals apart: how they are made, and which of them are chosen."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.experiments.candidates import (
    N_CARRIERS,
    N_RETRIEVED,
    N_SWEEP_CARRIERS,
    Candidate,
    minimal_pairs,
    retrieval,
    vocabulary_sweep,
)
from tools.experiments.choose import MAX_PER_CARRIER, choose, disagreement
from tools.records.excerpts import Excerpts, ExploreReadings
from tools.rules.vocabulary import Vocabulary

WIDTH, N_TOKENS, THETA = 64, 80, 0.5


@pytest.fixture(scope="module")
def vocabulary() -> Vocabulary:
    embeddings = np.random.default_rng(0).normal(size=(N_TOKENS, 8)).astype(np.float32)
    return Vocabulary([f"t{i}" for i in range(N_TOKENS)], embeddings)


def texts(n: int, first_id: int = 0) -> Excerpts:
    rng = np.random.default_rng(1)
    lengths = rng.integers(1, WIDTH + 1, size=n)
    tokens = np.full((n, WIDTH), -1, dtype=np.int32)
    for row, length in enumerate(lengths):
        tokens[row, :length] = rng.integers(0, N_TOKENS, size=length)
    numbers = np.arange(n, dtype=np.int32)
    return Excerpts(tokens, lengths, numbers, numbers + first_id, numbers)


def explore(n: int = 60, fires: bool = True) -> ExploreReadings:
    """The neuron's value is 1 on token 7 and 0 elsewhere; or nowhere above theta."""
    excerpts = texts(n)
    return ExploreReadings(excerpts, np.where(excerpts.tokens == 7, 1.0 if fires else 0.3, 0).astype(np.float32))


def edits(before: tuple[int, ...], after: tuple[int, ...]) -> int:
    """Smallest number of one-token changes and cuts at the front that turn one text into the other."""
    if before[-len(after) :] == after or after[-len(before) :] == before:
        return 0
    if len(before) == len(after):
        return sum(a != b for a, b in zip(before, after, strict=True))
    return 1 if any(before[:i] + before[i + 1 :] == after for i in range(len(before))) else 99


@pytest.mark.parametrize("generate", [minimal_pairs, vocabulary_sweep])
def test_each_text_is_one_change_away_from_a_text_that_fires(generate, vocabulary) -> None:
    readings = explore()
    sources = {}
    for row in range(len(readings)):
        if readings.values[row].max() > THETA:
            at = int(readings.values[row].argmax())
            sources[f"explore-{row}"] = tuple(int(t) for t in readings.excerpts.tokens[row, : at + 1])
    found = generate(readings, THETA, vocabulary, np.random.default_rng(2))
    assert len(found) > 50
    for candidate in found:
        assert candidate.original == 1
        assert candidate.tokens
        assert edits(sources[candidate.carrier], candidate.tokens) <= 1
        assert "`t" in candidate.purpose or "last" in candidate.purpose
    n_carriers = len({c.carrier for c in found})
    assert n_carriers <= (N_CARRIERS if generate is minimal_pairs else N_SWEEP_CARRIERS)
    assert any(c.tokens[-1] != 7 for c in found)


@pytest.mark.parametrize("generate", [minimal_pairs, vocabulary_sweep])
def test_same_generator_same_texts_and_a_silent_neuron_has_some_too(generate, vocabulary) -> None:
    one = generate(explore(), THETA, vocabulary, np.random.default_rng(3))
    assert one == generate(explore(), THETA, vocabulary, np.random.default_rng(3))
    assert one != generate(explore(), THETA, vocabulary, np.random.default_rng(4))
    assert generate(explore(fires=False), THETA, vocabulary, np.random.default_rng(3))


def test_retrieval_cuts_where_the_score_is_highest() -> None:
    probe = texts(300, first_id=1000)
    rng = np.random.default_rng(5)
    differ, leader = rng.random((2, 300, WIDTH)).astype(np.float32)
    found = retrieval(probe, differ, leader)
    assert len({c.carrier for c in found}) == len(found) <= N_RETRIEVED
    rows = {f"probe-{int(i)}": row for row, i in enumerate(probe.ids)}
    surest = np.argsort(-np.where(probe.mask, leader, -1).max(1), kind="stable")[:N_RETRIEVED]
    positive = set(probe.tokens[surest, np.where(probe.mask, leader, -1).argmax(1)[surest]].tolist())
    for candidate in found:
        row = rows[candidate.carrier]
        if candidate.purpose.startswith("looks alike"):
            silent = leader[row, len(candidate.tokens) - 1]
            assert silent == min(p for p, t in zip(leader[row], probe.tokens[row], strict=True) if t in positive)
            continue
        scores = differ if candidate.purpose == "rivals disagree" else leader
        at = int(np.where(probe.mask[row], scores[row], -1).argmax())
        assert candidate.tokens == tuple(int(t) for t in probe.tokens[row, : at + 1])
        assert candidate.original is None


def test_disagreement_by_hand() -> None:
    p = np.array([[0.9, 0.5], [0.1, 0.5], [0.4, 0.5]])
    w = np.array([0.5, 0.3, 0.2])
    expected = 2 * (0.5 * 0.3 * 0.8 + 0.5 * 0.2 * 0.5 + 0.3 * 0.2 * 0.3)
    assert disagreement(p, w) == pytest.approx([expected, 0])
    assert disagreement(p[:1], np.array([1.0])) == pytest.approx([0, 0])


texts_of_carriers = st.lists(
    st.tuples(st.lists(st.integers(0, 3), min_size=1, max_size=3), st.sampled_from("abc"), st.floats(0, 1)), max_size=30
)


@given(texts_of_carriers, st.integers(0, 10))
def test_choice(made, quota) -> None:
    candidates = [Candidate(tuple(t), "retrieval", "", carrier) for t, carrier, _ in made]
    scores = np.array([score for *_, score in made])
    known = {(0,), (1, 2)}
    chosen = choose(candidates, scores, quota, known)
    taken = [candidates[row].tokens for row in chosen]
    assert len(chosen) <= quota
    assert len(set(taken)) == len(taken)
    assert not set(taken) & known
    assert known == {(0,), (1, 2)}
    for carrier in "abc":
        assert sum(candidates[row].carrier == carrier for row in chosen) <= MAX_PER_CARRIER
    worth = [scores[row] / (16 + len(candidates[row].tokens)) for row in chosen]
    assert worth == sorted(worth, reverse=True)
