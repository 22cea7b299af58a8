"""Texts that could tell rivals apart: how each generator makes them, and which of them are chosen."""

from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.config import Quotas
from tools.evidence.fresh import fresh, runs_of
from tools.evidence.runs import run_hashes
from tools.experiments.candidates import Candidate, Setting, nearest
from tools.experiments.carriers import MIN_CARRIERS, N_CARRIERS, draw_carriers
from tools.experiments.choose import FIXED_COST, MAX_PER_CARRIER, choose
from tools.experiments.neighbours import named_tokens
from tools.experiments.registry import GENERATORS
from tools.experiments.rivals import Believed, disagreement
from tools.experiments.sampled import N_TEXTS, PROMPT_TOKENS
from tools.records.excerpts import Excerpts, ExploreReadings
from tools.roles import WrittenText
from tools.rules.vocabulary import Vocabulary
from tools.toolbox import UNIT_TEXTS

WIDTH, N_TOKENS, THETA, FIRING = 64, 80, 0.5, 7

VOCABULARY = Vocabulary(
    [f"t{i}" for i in range(N_TOKENS)], np.random.default_rng(0).normal(size=(N_TOKENS, 8)).astype(np.float32)
)


def texts(n, first_id=0, longest=WIDTH, n_tokens=N_TOKENS):
    rng = np.random.default_rng(1)
    lengths = rng.integers(1, longest + 1, size=n)
    tokens = np.full((n, WIDTH), -1, dtype=np.int32)
    for row, length in enumerate(lengths):
        tokens[row, :length] = rng.integers(0, n_tokens, size=length)
    numbers = np.arange(n, dtype=np.int32)
    return Excerpts(tokens, lengths, numbers, numbers + first_id, numbers)


def readings(excerpts, kind):
    """Values: 1 on token 7 and 0 elsewhere; below theta everywhere; or the other way round."""
    value = {"some": (1.0, 0), "never": (0.3, 0), "everywhere": (1.0, 0.9), "flipped": (0, 1.0)}[kind]
    on = np.where(excerpts.tokens == FIRING, *value)
    return ExploreReadings(excerpts, np.where(excerpts.mask, on, 0).astype(np.float32))


def believe(tokens):
    """Rivals disagree about token 9; the leader says that 7 fires, unless it is the first of its text."""
    leader = np.where(tokens == FIRING, 0.9, 0.02)
    leader[:, 0] = 0.02
    return Believed(np.where(tokens == 9, 0.4, 0.0), np.where(tokens >= 0, leader, 0))


def sample(prompts, n_tokens, rng):
    return [(len(prompt), (*prompt, *rng.integers(0, N_TOKENS, size=n_tokens).tolist())) for prompt in prompts]


def setting(kind="some", n=60, used=frozenset(), named=(), rng=0, **changes):
    explore = readings(texts(n, longest=changes.pop("longest", WIDTH)), kind)
    probe = texts(300, first_id=1000)
    return Setting(
        **{
            "explore": explore, "theta": THETA, "probe": probe, "on_probe": believe(probe.tokens),
            "carriers": draw_carriers(explore, THETA, used, np.random.default_rng(rng)),
            "vocabulary": VOCABULARY, "named": list(named), "believe": believe, "sample": sample, "fresh": len,
            "written": [WrittenText(text="abc", level=9), WrittenText(text="d", level=0)],
            "encode": lambda text: tuple(ord(c) % N_TOKENS for c in text),
        } | changes
    )  # fmt: skip


def make(name, where, seed=2):
    return GENERATORS[name].make(where, np.random.default_rng(seed))


def sources(where):
    return {carrier.name: tuple(carrier.tokens.tolist()) for carrier in where.carriers}


KINDS = ("some", "never", "everywhere", "flipped")


@pytest.mark.parametrize("name", GENERATORS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("n", "longest"), [(60, WIDTH), (3, WIDTH), (60, 1), (0, WIDTH)])
def test_whatever_the_neuron_texts_are_made_and_are_the_same_again(name, kind, n, longest):
    where = setting(kind, n, longest=longest)
    found = make(name, where)
    assert found == make(name, setting(kind, n, longest=longest))
    for candidate in found:
        assert candidate.generator == name
        assert 1 <= len(candidate.tokens) <= WIDTH
        assert all(0 <= token < N_TOKENS for token in candidate.tokens)
        assert candidate.purpose
    if n and longest > 1:
        assert found


@pytest.mark.parametrize("name", ["minimal_pair", "vocabulary_sweep", "neighbours"])
def test_an_edit_is_one_token_away_from_a_text_that_fires(name):
    where = setting()
    for candidate in make(name, where):
        before, after = sources(where)[candidate.carrier], candidate.tokens
        assert candidate.original == 1
        if len(before) == len(after):
            assert sum(a != b for a, b in zip(before, after, strict=True)) == 1
        else:
            assert name == "minimal_pair"
            assert any(before[:i] + before[i + 1 :] == after for i in range(len(before) - 1))


def test_minimal_pairs_swap_delete_and_mask():
    where = setting()
    found = make("minimal_pair", where)
    verbs = Counter(candidate.purpose.split()[0] for candidate in found)
    assert set(verbs) == {"swap", "delete", "mask"}
    assert min(verbs.values()) > 20
    commonest = np.bincount(where.explore.excerpts.tokens[where.explore.excerpts.mask]).argmax()
    for candidate in found:
        if candidate.purpose.startswith("mask"):
            before = sources(where)[candidate.carrier]
            (at,) = [i for i, (a, b) in enumerate(zip(before, candidate.tokens, strict=True)) if a != b]
            assert candidate.tokens[at] == commonest
            assert f"`t{before[at]}`, {len(before) - 1 - at} back" in candidate.purpose


def test_where_a_neuron_fires_nearly_everywhere_a_swap_finds_what_silences_it():
    found = make("minimal_pair", setting("flipped"))
    assert sum(candidate.tokens[-1] == FIRING for candidate in found) > 10


def test_written_texts_are_read_whole_and_only_when_they_are_new():
    where = setting()
    assert [len(candidate.tokens) for candidate in make("written", where)] == [3, 1]
    assert len({candidate.carrier for candidate in make("written", where)}) == 2
    repeats = setting(fresh=lambda text: len(text) - 1)  # the corpus has this text, perhaps where it is sealed
    assert make("written", repeats) == []
    assert make("written", setting(encode=lambda text: ())) == []


def test_truncation_keeps_the_last_token_and_what_is_right_before_it():
    where = setting()
    found = make("truncation", where)
    for candidate in found:
        before = sources(where)[candidate.carrier]
        assert len(candidate.tokens) < len(before)
        assert before[-len(candidate.tokens) :] == candidate.tokens
    name, longest = max(sources(where).items(), key=lambda item: len(item[1]))
    assert [len(c.tokens) for c in found if c.carrier == name] == [k for k in (1, 2, 4, 8, 16, 32) if k < len(longest)]


def test_a_sweep_asks_for_tokens_that_rivals_disagree_about():
    found = make("vocabulary_sweep", setting())
    assert len({candidate.tokens[-1] for candidate in found}) > 30
    assert all(candidate.tokens[-1] != FIRING for candidate in found)
    where = setting(believe=lambda tokens: Believed(np.where(tokens >= 70, 0.4, 0.0), np.zeros(tokens.shape)))
    disputed = np.mean([candidate.tokens[-1] >= 70 for candidate in make("vocabulary_sweep", where)])
    assert disputed > 2 * np.mean([candidate.tokens[-1] >= 70 for candidate in found])


@pytest.mark.parametrize("named", [(), (FIRING,), (FIRING, 3, 4)])
def test_neighbours_stand_where_a_named_token_stood(named):
    where = setting(named=named)
    found = make("neighbours", where)
    assert found
    for candidate in found:
        before = sources(where)[candidate.carrier]
        (at,) = [i for i, (a, b) in enumerate(zip(before, candidate.tokens, strict=True)) if a != b]
        assert before[at] in (named or (FIRING,))
        assert candidate.tokens[at] in nearest(VOCABULARY, [before[at]], where.seen, 8)[0]
    assert any(candidate.tokens[-1] == FIRING for candidate in found) == (len(named) > 1)


def test_named_tokens():
    sentences = ["Fires on `t3`, `t70` (9); inside quotes (-4).", "It likes `t3` and `nothing` after `t9`.", "Verbs."]
    assert named_tokens(sentences, VOCABULARY) == [3, 70, 9]
    odd = Vocabulary([" a", "`", "\\", "\n", "a"], np.eye(5, dtype=np.float32))
    assert named_tokens([r"Fires on `␣a` (3); on `\``, `\\`, `\n` (2)."], odd) == [0, 1, 2, 3]
    assert named_tokens(["Fires on the word `a` (3)."], odd) == [4, 0]


def test_nearest_by_hand():
    angles = np.array([0, 10, 25, 90, 100]) / 180 * np.pi
    line = Vocabulary(list("abcde"), np.stack([np.cos(angles), np.sin(angles)], 1).astype(np.float32))
    line.directions = np.stack([np.cos(angles), np.sin(angles)], 1).astype(np.float32)
    everything = np.ones(5, dtype=bool)
    assert nearest(line, [0, 3], everything, 2).tolist() == [[1, 2], [4, 2]]
    assert nearest(line, [0], np.array([True, False, False, True, True]), 9).tolist() == [[3, 4]]
    assert nearest(line, [0], np.array([True, False, False, False, False]), 9).shape == (1, 0)
    assert nearest(line, [], everything, 2).shape == (0, 0)


def test_retrieval_cuts_where_rivals_disagree_and_where_the_leader_is_sure():
    where = setting()
    rows = {f"probe-{int(i)}": row for row, i in enumerate(where.probe.ids)}
    found = make("retrieval", where)
    for why, token in (("rivals disagree", 9), ("must fire for the leading rival", FIRING)):
        some = [candidate for candidate in found if candidate.purpose == why]
        assert len({candidate.carrier for candidate in some}) == len(some) > 30
        for candidate in some:
            row = where.probe.tokens[rows[candidate.carrier]]
            assert candidate.tokens == tuple(row[: len(candidate.tokens)].tolist())
            assert candidate.tokens[-1] == token
            assert candidate.original is None


def test_look_alikes_look_as_if_and_are_said_to_be_silent():
    where = setting()
    near = {FIRING, *nearest(VOCABULARY, [FIRING], where.seen, 6)[0].tolist()}
    found = make("look_alike", where)
    assert {candidate.tokens[-1] for candidate in found} <= near
    # The same token comes before its neighbours: the leader says that it is silent where it is the first.
    n_first = int((where.probe.tokens[:, 0] == FIRING).sum())
    assert n_first > 0
    assert [candidate.tokens for candidate in found[:n_first]] == [(FIRING,)] * n_first
    spelled = Vocabulary([" T7" if i == 20 else f"t{i}" for i in range(N_TOKENS)], VOCABULARY.directions)
    assert any(c.tokens[-1] == 20 for c in make("look_alike", setting(vocabulary=spelled))[n_first : n_first + 20])


def test_look_alikes_are_few_where_the_leader_says_that_all_fires():
    def everything(tokens):
        return Believed(np.zeros(tokens.shape), np.where(tokens >= 0, 0.9, 0))

    probe = texts(300, first_id=1000)
    assert make("look_alike", setting(on_probe=everything(probe.tokens))) == []


def test_sampled_texts_are_cut_where_rivals_disagree_or_the_leader_is_surest():
    prompts = []

    def noted(given, n_tokens, rng):
        prompts.extend(dict.fromkeys(given))
        return sample(given, n_tokens, rng)

    where = setting(named=[3, 4], sample=noted)
    found = make("sampled", where)
    free, before, after = prompts
    assert free == ()
    assert len(after) == 1
    assert after[0] in (3, 4)
    assert 0 < len(before) <= PROMPT_TOKENS
    (carrier,) = [c for c in where.carriers if tuple(c.tokens[:-1][-PROMPT_TOKENS:].tolist()) == before]
    assert Counter(c.carrier.split("-")[0] for c in found)["sampled"] > N_TEXTS
    for candidate in found:
        prompt = {"fr": free, "wh": before, "af": after}[candidate.purpose.split()[1][:2]]
        assert candidate.tokens[: len(prompt)] == prompt
        assert len(candidate.tokens) > len(prompt)
        assert (candidate.carrier == carrier.name) == (prompt == before)
    assert {9, FIRING} <= {candidate.tokens[-1] for candidate in found}


@pytest.mark.parametrize("most", [0, 1, 3])
def test_sampled_texts_end_before_they_repeat_the_corpus(most):
    found = make("sampled", setting(named=[3], fresh=lambda text: most))
    assert all(len(candidate.tokens) <= most for candidate in found)
    assert bool(found) == (most > 0)


def test_nothing_is_sampled_where_no_token_fits():
    assert (
        make("sampled", setting(sample=lambda prompts, n_tokens, rng: [(len(prompt), ()) for prompt in prompts])) == []
    )


def test_what_repeats_the_corpus():
    one, other = texts(40, n_tokens=50), texts(9, first_id=99)
    corpus = SimpleNamespace(
        explore=one, probe=one, development=one, sealed=SimpleNamespace(n_folds=1, open=lambda fold: other)
    )
    runs = runs_of(corpus)
    row = int(other.lengths.argmax())
    known = other.tokens[row, :20].tolist()
    assert np.isin(run_hashes(np.array(known, np.int32)), runs).all()
    assert fresh(tuple(known), runs) == 11
    assert fresh((1, 1, 1, *known), runs) == 14
    assert fresh((1, 1, *known[:11], 1, 1), runs) == 15
    assert fresh((1,), runs) == 1


def test_carriers_end_where_the_neuron_fires_most_and_are_used_once():
    explore = readings(texts(200), "some")
    rng = np.random.default_rng(3)
    used = set()
    n_firing = int((explore.values.max(1) > THETA).sum())
    for _ in range(12):
        left = n_firing - len(used)
        drawn = draw_carriers(explore, THETA, used, rng)
        assert not used & {carrier.name for carrier in drawn}
        if left == 0:
            break
        assert len(drawn) == min(N_CARRIERS, max(MIN_CARRIERS, left // 2), left)
        for carrier in drawn:
            assert carrier.tokens[-1] == FIRING
            assert carrier.value == 1
        used |= {carrier.name for carrier in drawn}
    assert len(used) == n_firing
    assert all(carrier.value == 0 for carrier in drawn)
    everything = {f"explore-{i}" for i in explore.excerpts.ids}
    assert draw_carriers(explore, THETA, everything, rng) == []


def test_quotas_are_those_of_the_registry():
    quotas = Quotas().by_generator()
    assert quotas == {name: generator.quota for name, generator in GENERATORS.items()}
    assert sum(quotas.values()) == UNIT_TEXTS
    assert Quotas(sampled=0).by_generator() == quotas | {"sampled": 0}


def test_disagreement_by_hand():
    p = np.array([[0.9, 0.5], [0.1, 0.5], [0.4, 0.5]])
    w = np.array([0.5, 0.3, 0.2])
    expected = 2 * (0.5 * 0.3 * 0.8 + 0.5 * 0.2 * 0.5 + 0.3 * 0.2 * 0.3)
    assert disagreement(p, w) == pytest.approx([expected, 0])
    assert disagreement(p[:1], np.array([1.0])) == pytest.approx([0, 0])


def candidate(tokens, carrier):
    return Candidate(tuple(tokens), "retrieval", "", carrier)


def test_choice_by_hand():
    made = [candidate((i,), carrier) for i, carrier in enumerate("aaab")] + [candidate([9] * 66, "c")]
    scores = np.array([0.9, 0.8, 0.7, 0.41, 0.81])
    # Carrier a's texts are worth 0.9, then 0.4, then 0.233; c's costs twice as much as a short one.
    assert choose(made, scores, 5, set()) == [0, 3, 4, 1, 2]
    assert (FIXED_COST + 66) / (FIXED_COST + 1) == 2
    witnesses = Counter("bb")
    assert choose(made, scores, 2, {(0,)}, witnesses) == [1, 4]
    assert witnesses == Counter("bbac")


texts_of_carriers = st.lists(
    st.tuples(st.lists(st.integers(0, 3), min_size=1, max_size=3), st.sampled_from("abc"), st.floats(0, 1)), max_size=30
)


@given(texts_of_carriers, st.integers(0, 10))
def test_choice(made, quota):
    candidates = [candidate(t, carrier) for t, carrier, _ in made]
    scores = np.array([score for *_, score in made])
    known = {(0,), (1, 2)}
    chosen = choose(candidates, scores, quota, known)
    taken = [candidates[row].tokens for row in chosen]
    assert len(chosen) <= quota
    assert len(set(taken)) == len(taken)
    assert not set(taken) & known
    assert known == {(0,), (1, 2)}
    earlier, worth = Counter(), []
    for row in chosen:
        carrier = candidates[row].carrier
        worth.append(scores[row] / (FIXED_COST + len(candidates[row].tokens)) / (1 + earlier[carrier]))
        earlier[carrier] += 1
    assert max(earlier.values(), default=0) <= MAX_PER_CARRIER
    assert worth == sorted(worth, reverse=True)
