"""Sums of directions on neurons whose direction is known: found, said within the limits, every time, of any text."""

import numpy as np
import pytest

from tools.records.excerpts import EXCERPT_TOKENS, Excerpts, ExploreActivations
from tools.roles import Revealed
from tools.rules import directions
from tools.rules.clauses import MAX_CLAUSES, MAX_LISTED_TOKENS, MAX_WORDS, After, Clause, Listed, Nearer, Rule
from tools.rules.directions import PLACES, Directions, Effort, direction_of
from tools.rules.explainer import RulesExplainer
from tools.rules.language import n_words, parse, quote, render
from tools.rules.simulate import Batch
from tools.rules.strengths import Strengths
from tools.rules.vocabulary import Vocabulary
from tools.scoring.sampling import explore_weights

N_TOKENS, N_COMMON, WIDTH = 300, 280, EXCERPT_TOKENS
ALL_ROWS = 10**9
"""So many rows asked for that every token of the sample is drawn."""


@pytest.fixture(scope="module")
def vocabulary() -> Vocabulary:
    letters = "abcdefghijklmnopqrstuvwxyz"
    strings = [f" {letters[i % 26]}{letters[i // 26]}x" for i in range(N_TOKENS)]
    return Vocabulary(strings, np.random.default_rng(0).normal(size=(N_TOKENS, 12)).astype(np.float32))


def texts(seed: int, n: int = 200) -> np.ndarray:
    """Right-padded texts; the last twenty tokens of the vocabulary do not occur."""
    rng = np.random.default_rng(seed)
    out = rng.integers(N_COMMON, size=(n, WIDTH)).astype(np.int32)
    out[np.arange(WIDTH) >= rng.integers(5, WIDTH + 1, size=n)[:, None]] = -1
    return out


def direction(vocabulary: Vocabulary, *tokens: int) -> Nearer:
    names = [vocabulary.strings[token] for token in tokens]
    return Nearer(tuple(names[:2]), tuple(names[2:]))


def planted(vocabulary: Vocabulary, *places) -> Rule:
    """A direction of its own for each place, and no more than what holds everywhere beside."""
    clauses = []
    for i, place in enumerate(places):
        nearer = direction(vocabulary, *range(10 * i, 10 * i + 3))
        strength = (4, 3, 2)[i]
        clauses.append(Clause(strength, nearer) if place is None else Clause(strength, None, After(place, nearer)))
    return Rule((*clauses, Clause(-1)))


def values_of(rule: Rule, tokens: np.ndarray, vocabulary: Vocabulary) -> np.ndarray:
    return 0.3 * Batch(tokens, vocabulary).levels(rule)


def learner(tokens, values, vocabulary, seed=0, n_rows=4000, n_tried=6, weights=None, named=()) -> Directions:
    weights = np.ones(tokens.shape) if weights is None else weights
    rng = np.random.default_rng(seed)
    effort = Effort(n_rows, 4_096, n_tried)
    return Directions(tokens, values.astype(np.float32), weights, vocabulary, rng, effort, named)


def check(rule: Rule) -> None:
    assert len(rule.clauses) <= MAX_CLAUSES
    assert rule.listed() <= MAX_LISTED_TOKENS
    assert n_words(render(rule)) <= MAX_WORDS
    assert parse(render(rule)) == rule


def agreement(rule: Rule, tokens, values, vocabulary) -> float:
    held = tokens >= 0
    return float(np.corrcoef(Batch(tokens, vocabulary).levels(rule)[held], values[held])[0, 1])


def sums(own: Directions, monkeypatch: pytest.MonkeyPatch) -> list:
    """Fills with the sums that rules are made of."""
    found = []
    written = own._rule

    def noted(state):
        found.append(state)
        return written(state)

    monkeypatch.setattr(own, "_rule", noted)
    return found


@pytest.mark.parametrize("places", [(None,), ("right after",), ("amid",), PLACES], ids=str)
def test_a_planted_direction_is_found(places, vocabulary: Vocabulary) -> None:
    truth = planted(vocabulary, *places)
    tokens = texts(1)
    found = learner(tokens, values_of(truth, tokens, vocabulary), vocabulary).learn()
    check(found)
    assert {said[0] for clause in found.clauses if (said := direction_of(clause))} >= set(places)
    fresh = texts(2)
    assert agreement(found, fresh, values_of(truth, fresh, vocabulary), vocabulary) > 0.9, render(found)


def test_the_limits_hold_when_there_is_always_more_to_say(monkeypatch: pytest.MonkeyPatch) -> None:
    """Words cost nothing, and few rows of noise have a direction of more dimensions than a sentence names tokens."""
    rng = np.random.default_rng(4)
    wide = Vocabulary([f" t{i}" for i in range(N_TOKENS)], rng.normal(size=(N_TOKENS, 64)).astype(np.float32))
    tokens = texts(1)
    values = rng.random(tokens.shape)
    monkeypatch.setattr(directions, "PRICE_OF_A_NAME", 0.0)
    own_learner = learner(tokens, values, wide, n_rows=1500, n_tried=4)
    met = sums(own_learner, monkeypatch)
    for exchanges in (0, 2):
        check(own_learner.learn(exchanges=exchanges))
    assert [state.named for state in met] == [MAX_LISTED_TOKENS] * 2


def test_same_seed_same_rule_whatever_was_learnt_before(vocabulary: Vocabulary) -> None:
    tokens = texts(1)
    rng = np.random.default_rng(3)
    values = values_of(planted(vocabulary, None, "amid"), tokens, vocabulary) + rng.random(tokens.shape)
    one, other = learner(tokens, values, vocabulary, n_rows=1500), learner(tokens, values, vocabulary, n_rows=1500)
    first = one.learn()
    start = Rule((Clause(3, direction(vocabulary, 40, 41, 42)),))
    other.learn(start, exchanges=1)
    learner(tokens, rng.random(tokens.shape), vocabulary).learn()
    assert other.learn() == one.learn() == first


@pytest.mark.parametrize("seed", range(3))
def test_exchanges_make_nothing_worse(seed, vocabulary: Vocabulary, monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = texts(seed, n=80)
    rng = np.random.default_rng(seed)
    values = values_of(planted(vocabulary, *PLACES), tokens, vocabulary) + 2 * rng.random(tokens.shape)
    own = learner(tokens, values, vocabulary, seed, n_rows=500, n_tried=1)
    met = sums(own, monkeypatch)
    for exchanges in range(5):
        check(own.learn(exchanges=exchanges))
    costs = [state.cost for state in met]
    assert costs == sorted(costs, reverse=True)
    # Also where what was taken out is not found again.
    found, best = own.learn(), met[-1]
    states = iter([best] + [own._fitted([], None)] * 4)
    monkeypatch.setattr(own, "_grown", lambda state: next(states))
    assert own.learn(exchanges=4) == found


def test_what_speaks_against_is_said_by_turning_the_direction_around(vocabulary: Vocabulary) -> None:
    """Only what is named on one side alone, with nothing to turn to, takes a strength below 0."""
    tokens = texts(1)
    for turned in (direction(vocabulary, 0, 1, 2), direction(vocabulary, 0, 1)):
        truth = Rule((Clause(-4, turned), Clause(2)))
        values = values_of(truth, tokens, vocabulary)
        own = learner(tokens, values, vocabulary, named=vocabulary.strings[:3])
        for start in (None, truth):
            found = own.learn(start)
            check(found)
            assert all(clause.strength > 0 for clause in found.clauses if clause.token and clause.token.others)
            assert agreement(found, tokens, values, vocabulary) > 0.9


@pytest.mark.parametrize("value", [0.0, 0.7, -0.1, 1e-30])
def test_a_neuron_that_always_does_the_same_has_no_rule(value, vocabulary: Vocabulary) -> None:
    tokens = texts(1, n=20)
    own = learner(tokens, np.full(tokens.shape, value), vocabulary, named=vocabulary.strings[:30])
    assert own.learn() == Rule(())
    assert own.learn(planted(vocabulary, *PLACES), exchanges=2) == Rule(())


@pytest.mark.parametrize("scale", [1e-4, 1, 1e4])
def test_noise(scale, vocabulary: Vocabulary) -> None:
    tokens = texts(1, n=40)
    check(learner(tokens, scale * np.random.default_rng(1).normal(size=tokens.shape), vocabulary).learn(exchanges=1))


@pytest.mark.parametrize("lengths", [[], [0], [0, 0], [1], [2, 1, 1], [1] * 9, [64], [64, 0, 3]], ids=str)
@pytest.mark.parametrize("one_token", [False, True])
def test_very_little_text(lengths, one_token, vocabulary: Vocabulary) -> None:
    rng = np.random.default_rng(5)
    tokens = np.full((len(lengths), WIDTH), -1, dtype=np.int32)
    for row, length in enumerate(lengths):
        tokens[row, :length] = 7 if one_token else rng.integers(0, N_TOKENS, size=length)
    start = planted(vocabulary, *PLACES)
    named = [name for clause in start.clauses if (found := direction_of(clause)) for name in found[1].named]
    own = learner(tokens, rng.random(tokens.shape), vocabulary, named=named)
    for rule in (own.learn(), own.learn(exchanges=1), own.learn(start, exchanges=1)):
        check(rule)


def test_tokens_of_weight_0_and_past_the_end_count_for_nothing(vocabulary: Vocabulary) -> None:
    tokens = texts(1)
    values = values_of(planted(vocabulary, None), tokens, vocabulary)
    weights = np.ones(tokens.shape)
    weights[50:] = 0
    wild = np.where(weights == 0, 1e3 * np.random.default_rng(2).random(tokens.shape), values)
    wild[tokens < 0] = -1e3
    ours, theirs = (learner(tokens, v, vocabulary, weights=weights, n_rows=ALL_ROWS).learn() for v in (wild, values))
    assert ours == theirs != Rule(())


def test_a_start_is_gone_on_from_also_with_tokens_that_are_not_in_the_text(
    vocabulary: Vocabulary, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No other token says what the neuron does as well as those named, and none of them is met in the sample."""
    rare = direction(vocabulary, N_COMMON, N_COMMON + 1, N_COMMON + 2)
    truth = Rule((Clause(4, rare), Clause(-1)))
    tokens = texts(1)
    own = learner(tokens, values_of(truth, tokens, vocabulary), vocabulary, n_tried=1, named=rare.named)
    met = sums(own, monkeypatch)
    found = own.learn(truth)
    check(found)
    assert rare in [clause.token for clause in found.clauses]
    own.learn()
    assert met[0].cost <= met[1].cost


@pytest.mark.parametrize(
    "sentence",
    [
        "Fires on tokens nearer {0}, {0} (4).",
        "Fires on tokens nearer {0}, {0}, {1} than {2}, {2} (4).",
        "Fires on tokens nearer {0}, {1} than {0} (4).",
        "Fires on tokens nearer {0}, {1} than {0}, {0} (4).",
        "Fires on tokens nearer {0} than {1} (4); on tokens nearer {1}, {2} (3); amid tokens nearer {0} (-2).",
        "Fires on tokens nearer {0} (4); on {1} (5); on tokens nearer {2} right after {0} (5); everywhere (1).",
        "Fires unless right after tokens nearer {0} (4).",
        "Fires anywhere after tokens nearer {0} (4).",
    ],
)
def test_a_start_written_by_hand(sentence: str, vocabulary: Vocabulary) -> None:
    names = [quote(vocabulary.strings[token]) for token in range(3)]
    start = parse(sentence.format(*names))
    tokens = texts(1, n=60)
    for own_rule in (start, planted(vocabulary, "amid")):
        values = values_of(own_rule, tokens, vocabulary)
        own = learner(tokens, values, vocabulary, n_tried=2, named=vocabulary.strings[:3])
        for exchanges in (0, 2):
            check(own.learn(start, exchanges))


@pytest.mark.parametrize("seed", range(4))
def test_tokens_on_both_sides_of_a_start_leave_no_direction_of_rounding_errors(seed, vocabulary: Vocabulary) -> None:
    """What cancels out is no direction, whatever is taken out beside it."""
    a, b, c = (vocabulary.strings[token] for token in range(3))
    start = Rule((Clause(4, Nearer((a, b), (a, c))), Clause(2, None, After("amid", Nearer((a, b), (b,))))))
    tokens = texts(seed, n=60)
    own = learner(tokens, np.random.default_rng(seed).random(tokens.shape), vocabulary, named=(a, b, c))
    for group in own._groups_of(start):
        assert len({candidate for candidate, _ in group.members}) == len(group.members)
    check(own.learn(start, exchanges=2))


def test_a_start_that_names_as_many_tokens_as_a_sentence_may(vocabulary: Vocabulary) -> None:
    """What holds everywhere comes to it, and the sentence still has room for that."""
    names = tuple(vocabulary.strings[:MAX_LISTED_TOKENS])
    clauses = [Clause(4, Nearer(names[:9], names[9:10]))]
    clauses += [Clause(4, None, After("right after", Nearer(names[10:19], names[19:20])))]
    clauses += [Clause(4, None, After("amid", Nearer(names[20:29], names[29:])))]
    start, tokens = Rule(tuple(clauses)), texts(1)
    values = values_of(Rule((*clauses, Clause(3))), tokens, vocabulary)
    own = learner(tokens, values, vocabulary, n_tried=2, named=names)
    found = own.learn(start)
    check(found)
    assert {said for clause in found.clauses if (said := direction_of(clause))} == set(map(direction_of, clauses))
    check(own.learn(start, exchanges=2))


def test_a_sum_is_what_the_simulator_says_of_its_rule(vocabulary: Vocabulary) -> None:
    """The columns of all three places, at the beginnings of texts as well, and the correlation of the whole."""
    tokens = texts(1, n=60)
    weights = np.random.default_rng(1).random(tokens.shape) + 0.1
    truth = planted(vocabulary, *PLACES)
    values = values_of(truth, tokens, vocabulary)
    # Every token but those past the end is drawn, in order, with its own weight.
    own = learner(tokens, values, vocabulary, weights=weights, n_rows=ALL_ROWS)
    held, batch = tokens >= 0, Batch(tokens, vocabulary)
    groups = own._groups_of(truth)
    assert [group.place for group in groups] == list(PLACES)
    for clause, group in zip(truth.clauses, groups, strict=False):
        theirs = batch.clause(clause)[held]
        assert 3 * group.feature / own._root == pytest.approx(theirs, abs=1e-4)

    found = own.learn()
    total = np.zeros(held.sum(), np.float32)
    clauses = {place: clause for clause in found.clauses if (said := direction_of(clause)) for place in said[:1]}
    for group in own._groups_of(found):
        total += clauses[group.place].strength * 3 * group.feature / own._root
    total += sum(clause.strength for clause in found.clauses if clause == Clause(clause.strength))
    assert weighted(total.clip(0, 10), own._target, own._root**2) == pytest.approx(
        weighted(batch.levels(found)[held], values[held], weights[held]), abs=1e-5
    )


def weighted(x: np.ndarray, y: np.ndarray, weights: np.ndarray) -> float:
    x, y = x - np.average(x, weights=weights), y - np.average(y, weights=weights)
    return float((weights * x * y).sum() / np.sqrt((weights * x * x).sum() * (weights * y * y).sum()))


def test_what_is_a_direction_and_nothing_else() -> None:
    nearer = Nearer(("a",))
    assert direction_of(Clause(1, nearer)) == (None, nearer)
    assert direction_of(Clause(-1, None, After("amid", nearer))) == ("amid", nearer)
    others = [
        Clause(1), Clause(1, Listed(("a",))), Clause(1, nearer, After("amid", nearer)),
        Clause(1, None, After("amid", Listed(("a",)))), Clause(1, None, After("amid", nearer), unless=True),
        Clause(1, None, After("amid", nearer), also=After("amid", nearer)),
    ]  # fmt: skip
    assert [direction_of(clause) for clause in others] == [None] * len(others)


def explore(tokens: np.ndarray, values: np.ndarray) -> ExploreActivations:
    numbers = np.arange(len(tokens), dtype=np.int32)
    lengths = (tokens >= 0).sum(axis=1)
    kept = np.where(tokens >= 0, values, 0).astype(np.float32)
    return ExploreActivations(Excerpts(tokens, lengths, numbers, numbers, numbers), kept)


@pytest.mark.parametrize("value", [0.0, 0.7])
def test_the_explainer_has_nothing_to_say_of_a_constant_neuron(value, vocabulary: Vocabulary) -> None:
    tokens = texts(1, n=60)
    activations, explainer = explore(tokens, np.full(tokens.shape, value)), RulesExplainer(vocabulary)
    assert explainer.propose(activations, 10, np.random.default_rng(0)) == []
    assert explainer.propose_one(activations, 10, np.random.default_rng(0)) is None
    leader = render(planted(vocabulary, None))
    assert explainer.revise(activations, 10, np.random.default_rng(0), [], [leader]) == []


@pytest.mark.slow
def test_the_explainer_revises_the_sum_of_directions_among_the_two_best(vocabulary: Vocabulary) -> None:
    tokens = texts(1, n=60)
    truth = planted(vocabulary, None, "right after")
    activations, explainer = explore(tokens, values_of(truth, tokens, vocabulary)), RulesExplainer(vocabulary)
    summed, other = render(Rule((truth.clauses[0],))), f"Fires on {quote(vocabulary.strings[5])} (10)."
    revealed = [Revealed(tuple(range(n)), 0.5) for n in (1, 5, WIDTH)]

    def forms(best: list[str]) -> list[str]:
        found = explainer.revise(activations, 10, np.random.default_rng(0), revealed, best)
        for proposal in found:
            check(parse(proposal.sentence))
        return [proposal.form for proposal in found]

    assert forms([summed, other]) == ["better directions"]
    both = forms([other, summed])
    assert both[0] == "better directions"
    assert len(both) > 1
    assert "better directions" not in forms([other, other, summed])


def test_whole_strengths_by_hand() -> None:
    """One clause that holds at half of the text: any strength correlates fully, and the start is kept to."""
    columns = np.array([[1, 1, 0, 0], [1, 1, 1, 1]], dtype=np.float32)
    weight, target = np.full(4, 0.25, np.float32), np.array([1, 1, -1, -1], np.float32)
    whole, best = Strengths(columns, weight, target).best([np.array([6.4, 0.3])])
    assert whole.tolist() == [6, 0]
    assert best == pytest.approx(1)
    # Twice as far up at one place as at the other: 5 and 5 more, and no step makes it better.
    columns = np.array([[1, 1, 0, 0], [1, 0, 0, 0], [1, 1, 1, 1]], dtype=np.float32)
    target = np.array([5, 1, -3, -3], np.float32) / np.sqrt(11, dtype=np.float32)
    whole, best = Strengths(columns, weight, target).best([np.array([5.2, 4.9, 0.1]), np.array([5.0, -5.0, 0.0])])
    assert whole.tolist() == [5, 5, 0]
    assert best == pytest.approx(1)


def test_strengths_are_cut_to_10_and_of_equal_starts_the_one_that_says_less_of_everywhere_is_taken() -> None:
    columns = np.array([[1, 1, 0, 0], [1, 1, 1, 1]], dtype=np.float32)
    weight, target = np.full(4, 0.25, np.float32), np.array([1, 1, -1, -1], np.float32)
    sums = Strengths(columns, weight, target)
    assert sums.best([np.array([99.0, 0.0])])[0].tolist() == [10, 0]
    assert sums.best([np.array([4.0, 5.0]), np.array([4.0, 1.0])])[0].tolist() == [4, 1]


def test_strengths_that_say_the_same_of_all_correlate_with_nothing() -> None:
    columns = np.ones((1, 3), np.float32)
    sums = Strengths(columns, np.full(3, 1 / 3, np.float32), np.array([1, 0, -1], np.float32))
    assert sums.best([np.array([3.0])])[1] == -1


def test_strengths_merge_what_only_the_last_clause_says() -> None:
    columns = np.array([[0, 1, 0, 0], [0, 0, 0.5, 0], [1, 1, 1, 1]], dtype=np.float32)
    weight, target = np.array([0.1, 0.2, 0.3, 0.4], np.float32), np.array([1, 2, 3, -2], np.float32)
    merged = Strengths.of(columns, weight, target)
    assert merged.columns.tolist() == [[1, 0, 0], [0, 0.5, 0], [1, 1, 1]]
    assert merged.weight == pytest.approx([0.2, 0.3, 0.5])
    assert merged.target == pytest.approx([2, 3, (0.1 * 1 - 0.4 * 2) / 0.5])
    whole = Strengths.of(columns[:, 1:3], weight[1:3], target[1:3])
    assert whole.weight.tolist() == pytest.approx([0.2, 0.3, 0])


def test_weights_of_explore_text() -> None:
    tokens = texts(1, n=12)
    values = np.random.default_rng(0).random(tokens.shape).astype(np.float32)
    values[[3, 7, 8], 0] = [5, 6, 7]
    values[tokens < 0] = 99  # past the end: not looked at
    activations = ExploreActivations(explore(tokens, values).excerpts, values)
    found = explore_weights(activations, 3)
    assert found.sum() == pytest.approx(1)
    assert found[[3, 7, 8]] == pytest.approx([1 / 9] * 3)
    assert np.delete(found, [3, 7, 8]) == pytest.approx([2 / 27] * 9)
    assert explore_weights(explore(tokens[:2], values[:2]), 3) == pytest.approx([1 / 2] * 2)
    assert len(explore_weights(explore(tokens[:0], values[:0]), 3)) == 0
