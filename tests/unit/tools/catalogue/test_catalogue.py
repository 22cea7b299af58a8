"""The tools on a subject whose neurons are known: what they may tell, and when they refuse."""

from types import SimpleNamespace

import numpy as np
import pytest
from planted_world import (
    D_MLP,
    N_TOKENS,
    NEVER,
    PLANTED,
    TRUTH,
    WRONG,
    Ledger,
    concepts,
    planted_scan,
    planted_study,
    toolbox_of,
)
from pydantic import ValidationError

from tools.catalogue import all_tools
from tools.catalogue.confirmation import Confirm
from tools.catalogue.examples import ShowExamples
from tools.catalogue.experiments import N_ASKED, Design, Member, Read, affordable
from tools.catalogue.hypotheses import Gather, Propose, Revise
from tools.catalogue.null import MAX_NULL, MOST_NEURONS_ASKED, Null
from tools.catalogue.predictions import Before, Calibrated, Unchanged
from tools.catalogue.predictor import FindPredictor
from tools.catalogue.scores import Score
from tools.catalogue.subject import Ablate, Generate, Search, Simulate
from tools.embedded import EmbeddedReader
from tools.errors import BadInput
from tools.evidence.neurons.neuron import neuron_evidence
from tools.evidence.splits.fresh import runs_of
from tools.evidence.splits.ngrams import ngram_hashes
from tools.experiments.candidates import Candidate
from tools.experiments.registry import GENERATORS
from tools.experiments.round import Rounds
from tools.readable.explainer import ReadableExplainer
from tools.readable.rule import PLAIN
from tools.records.hypothesis import Hypothesis, WrittenText
from tools.records.neuron import NeuronId
from tools.records.result import Interval, ScoreValue, Unscored
from tools.roles import Revealed, Simulation, TriedRival
from tools.rules.lookup import FULL_LOOKUP
from tools.rules.vocabulary import Vocabulary
from tools.scoring.claim_sampling import EACH, Claimant
from tools.scoring.null import keep_explanation, kept_explanations
from tools.scoring.panel import PROTOCOLS
from tools.study.experiment_log import texts_sha256
from tools.study.simulations import Simulations, padded
from tools.study.study import Study
from tools.toolbox import Toolbox, ToolFailed, units_of

QUOTAS = {
    "minimal_pair": 16, "truncation": 6, "vocabulary_sweep": 10, "neighbours": 6, "retrieval": 16, "look_alike": 4,
    "sampled": 6,
}  # fmt: skip
"""What generators fill that need no readable rule."""


@pytest.fixture(scope="module")
def scan(tmp_path_factory):
    return planted_scan(tmp_path_factory.mktemp("planted"))


@pytest.fixture
def study(scan):
    return planted_study(scan)


@pytest.fixture
def box(study):
    return toolbox_of(study)


def table(low=0.02, high=0.98):
    return [round(float(p), 5) for p in np.linspace(low, high, 11)]


def rivals(*sentences):
    return [Member(sentence=s, belief=1 / len(sentences), table=table()) for s in sentences]


def test_every_tool_says_what_it_is_for(study):
    tools = all_tools(study)
    assert len({tool.name for tool in tools}) == len(tools)
    for tool in tools:
        assert tool.about.endswith(".")
        assert tool.arguments.model_json_schema()["type"] == "object"
        assert tool.arguments.__doc__


def test_gather(box, study):
    known = box.call("gather", Gather())
    assert known.status == "firing"
    assert known.theta == pytest.approx(0.6, abs=1e-6)
    explore = study.evidence.explore
    share = np.isin(explore.excerpts.tokens, PLANTED).sum() / explore.excerpts.mask.sum()
    assert known.firing_rate == pytest.approx(float(share), abs=1e-6)


def test_the_lookup_names_the_planted_tokens(box):
    (lookup,) = box.call("lookup", Propose()).proposals
    assert lookup.form == "token-lookup-30"
    assert set(PLANTED) <= {int(word) for word in lookup.sentence.split("(10)")[0].replace("`␣w", "").replace("`", "")
                            .removeprefix("Fires on ").replace(",", " ").split()}  # fmt: skip


@pytest.mark.slow
def test_proposals_find_the_planted_tokens(box):
    proposals = box.call("propose", Propose()).proposals
    scores = box.call("score", Score(sentences=[p.sentence for p in proposals])).scores
    assert len({p.sentence for p in proposals}) == len(proposals)
    assert max(s.score.value for s in scores if isinstance(s.score, ScoreValue)) > 0.99


def test_true_above_false_and_what_cannot_be_scored(box):
    true, wrong, never, garbled = box.call(
        "score", Score(sentences=[TRUTH, WRONG, NEVER, "It likes verbs."], reference=TRUTH)
    ).scores
    assert true.score.value == pytest.approx(1)
    assert (true.gain.value, true.gain.low, true.gain.high) == (0, 0, 0)
    assert wrong.score.value < 0.05
    assert wrong.gain.high < -0.9
    for entry, why in (
        (never, "the simulation is constant"),
        (garbled, "no sentence that the lexical reader"),
    ):
        assert isinstance(entry.score, Unscored)
        assert why in entry.score.reason
        assert entry.gain is None
    assert true.table[0] == pytest.approx(0.02, abs=0.002)
    assert true.table[10] == pytest.approx(0.98, abs=0.002)
    assert (never.table, garbled.table) == (sorted(never.table), [])  # of levels never seen, as the prior says


def test_experiments_tell_rivals_apart_and_are_new(box, study):
    arguments = Design(rivals=rivals(TRUTH, WRONG, NEVER), quotas=QUOTAS)
    designed = box.call("design_experiments", arguments)
    texts = [tuple(e.tokens) for e in designed.experiments]
    assert len(set(texts)) == len(texts) == 64
    assert all(1 <= len(text) <= 64 for text in texts)
    by_kind = {kind: sum(e.generator == kind for e in designed.experiments) for kind in QUOTAS}
    assert by_kind == QUOTAS
    true, wrong, never = designed.predictions
    says = table()[PLAIN]
    for text, p, q, n in zip(texts, true, wrong, never, strict=True):
        assert p == (says if text[-1] in PLANTED else 0.02)
        assert q == (says if text[-1] in (100, 101) else 0.02)
        assert n == 0.02
    assert np.mean(np.array(true) != np.array(wrong)) > 0.4
    study.log.revealed += [Revealed(text, 0.0) for text in texts]
    again = box.call("design_experiments", arguments)
    assert not set(texts) & {tuple(e.tokens) for e in again.experiments}


def test_one_carrier_gives_few_texts(box):
    designed = box.call("design_experiments", Design(rivals=rivals(TRUTH, WRONG), quotas=QUOTAS))
    for kind in QUOTAS:
        carriers = [e.carrier for e in designed.experiments if e.generator == kind]
        assert max(carriers.count(carrier) for carrier in carriers) <= 6


@pytest.mark.slow
def test_two_rounds_are_enough_to_test_the_leader_in_every_way(box, study):
    passed = {"must fire": set(), "must be silent": set(), "an edit must silence": set()}
    for _ in range(2):
        designed = box.call("design_experiments", Design(rivals=rivals(TRUTH, WRONG, NEVER), quotas=QUOTAS))
        carriers = {e.carrier for e in designed.experiments}
        assert not carriers & study.log.carriers
        study.log.carriers |= carriers
        for experiment, p in zip(designed.experiments, designed.predictions[0], strict=True):
            passed["must fire" if p >= 0.5 else "must be silent"].add(experiment.carrier)
            if experiment.generator == "minimal_pair" and p < 0.5:
                passed["an edit must silence"].add(experiment.carrier)
    assert min(map(len, passed.values())) >= 10


def test_what_a_generator_cannot_fill_the_others_do(box):
    def designed(**quotas):
        made = box.call("design_experiments", Design(rivals=rivals(TRUTH, WRONG), quotas=quotas)).experiments
        return {
            kind: sum(e.generator == kind for e in made) for kind in GENERATORS if kind in {e.generator for e in made}
        }

    assert designed(neighbours=10) == {"neighbours": 10}
    found = designed(look_alike=10, sampled=54)
    assert set(found) == {"look_alike", "sampled"}
    assert found["sampled"] < 54
    assert found["look_alike"] > 10


def test_leaving_a_generator_out_changes_no_other_ones_candidates(study):
    def texts(quotas):
        rounds = Rounds(study)
        chosen, _ = rounds.plan(rivals(TRUTH, WRONG), 0, quotas, "disagreement", np.random.default_rng(5))
        return [c.tokens for c in chosen if c.generator == "retrieval"]

    assert texts({"retrieval": 9}) == texts({"retrieval": 9, "look_alike": 3})


def test_a_neuron_whose_every_text_was_used_is_still_asked_about(box, study):
    study.log.carriers |= {f"explore-{i}" for i in study.evidence.explore.excerpts.ids}
    designed = box.call("design_experiments", Design(rivals=rivals(TRUTH, WRONG), quotas=QUOTAS))
    assert {e.generator for e in designed.experiments} == {"retrieval", "look_alike", "sampled"}
    study.log.carriers |= {f"probe-{i}" for i in study.evidence.probe.ids}
    designed = box.call("design_experiments", Design(rivals=rivals(TRUTH, WRONG), quotas=QUOTAS))
    assert {e.generator for e in designed.experiments} == {"sampled"}


def test_sampled_text_repeats_nothing_of_the_corpus(box, study):
    corpus = study.scan.corpus
    known = study.subject.tokenizer.decode(corpus.sealed.open(0).tokens[0, :20].tolist())
    study.subject.generate = lambda prompts, *_: [f"{p} {known} w{i}".strip() for i, p in enumerate(prompts)]
    try:
        designed = box.call("design_experiments", Design(rivals=rivals(TRUTH, WRONG), quotas={"sampled": 9}))
    finally:
        del study.subject.generate
    runs = runs_of(corpus)
    assert designed.experiments
    for experiment in designed.experiments:
        assert not np.isin(ngram_hashes(np.array(experiment.tokens, np.int32)), runs).any()


def test_a_model_that_cannot_be_sampled_from_is_asked_about_other_texts(box, study):
    def generate(*_):
        raise BadInput("there is no output matrix.")

    study.subject.generate = generate
    try:
        designed = box.call("design_experiments", Design(rivals=rivals(TRUTH, WRONG), quotas=QUOTAS))
    finally:
        del study.subject.generate
    assert len(designed.experiments) == 64
    assert {e.generator for e in designed.experiments} == set(QUOTAS) - {"sampled"}


@pytest.mark.slow
def test_texts_drawn_at_random_are_other_texts(box):
    arguments = Design(rivals=rivals(TRUTH, WRONG), quotas=QUOTAS)
    random = arguments.model_copy(update={"choice": "random"})
    chosen, drawn = (box.call("design_experiments", how).predictions for how in (arguments, random))
    differ = [np.mean(np.array(p) != np.array(q)) for p, q in (chosen, drawn)]
    assert differ[0] > differ[1]


@pytest.mark.parametrize(
    ("quotas", "said"),
    [
        ({"minimal_pairs": 3}, "there is no generator minimal_pairs: there are unseen_member, "),
        ({"retrieval": -1}, "together at most 64"),
        ({"retrieval": 64, "sampled": 1}, "together at most 64"),
    ],
)
def test_quotas_that_cannot_be(quotas, said):
    with pytest.raises(ValidationError, match=said):
        Design(rivals=rivals(TRUTH), quotas=quotas)


def test_design_refuses_a_rival_that_predicts_nothing(box):
    with pytest.raises(ToolFailed, match="no sentence that the lexical reader"):
        box.call("design_experiments", Design(rivals=rivals(TRUTH, "It likes verbs."), quotas=QUOTAS))


def test_reading_needs_registered_predictions_for_exactly_these_texts(box, study):
    texts = [[11, 3], [12]]
    n_read = study.subject.n_read
    with pytest.raises(ToolFailed, match="no predictions are registered for these texts"):
        box.call("read_activations", Read(texts=texts))
    study.log.register([(11, 3)])
    with pytest.raises(ToolFailed, match="no predictions are registered"):
        box.call("read_activations", Read(texts=texts))
    assert study.subject.n_read == n_read
    study.log.register([(11, 3), (12,)])
    assert box.call("read_activations", Read(texts=texts)).values == [[0, 2], [0]]
    with pytest.raises(ToolFailed, match="no predictions are registered"):
        box.call("read_activations", Read(texts=texts[::-1]))
    assert box.call("read_activations", Read(texts=[[4]], exploratory=True)).values == [[2]]


@pytest.mark.parametrize("texts", [[], [[]], [[1], []]])
def test_nothing_to_read(texts, box):
    with pytest.raises(ToolFailed, match="there is nothing to read"):
        box.call("read_activations", Read(texts=texts, exploratory=True))


def test_sizes(box):
    def size(name, arguments):
        return box.tools[name].size(arguments)

    assert size("read_activations", Read(texts=[[1, 2], [3]])) == (2, 3)
    assert size("generate_text", Generate(n_texts=64, n_tokens=128)) == (64, 8192)
    assert size("ablate", Ablate(texts=["w1 w2 w3", "w4"])) == (2, 4)
    assert units_of(*size("ablate", Ablate(texts=["w1 " * 100] * 64))) == 2
    assert size("score", Score(sentences=[TRUTH] * 99)) == (0, 0)
    assert size("design_experiments", Design(rivals=rivals(TRUTH), quotas=QUOTAS | {"sampled": 0})) == (0, 0)
    texts, tokens = size("design_experiments", Design(rivals=rivals(TRUTH), quotas=QUOTAS))
    assert 0 < texts < tokens
    assert units_of(texts, tokens) == 1


def test_search_shows_text_and_nothing_of_the_neuron(box, study):
    found = box.call("search_corpus", Search(sentence="Fires on `␣w3` (4).", n=5)).texts
    probe = {tuple(t[t >= 0]) for t in study.evidence.probe.tokens}
    assert len(found) == 5
    for text in found:
        assert (text.tokens[-1], text.level) == (3, 4)
        assert text.text == study.subject.tokenizer.decode(text.tokens)
        assert any(row[: len(text.tokens)] == tuple(text.tokens) for row in probe)
    with pytest.raises(ToolFailed, match="no sentence that the lexical reader"):
        box.call("search_corpus", Search(sentence="verbs"))


def test_simulate(box):
    made = box.call("simulate", Simulate(sentence=TRUTH, texts=["w1 w3", "w4"]))
    assert made.tokens == [[" w1", " w3"], [" w4"]]
    assert made.levels == [[0, PLAIN], [PLAIN]]
    for bad in ("verbs", "Fires on `x` (3)."):
        with pytest.raises(ToolFailed):
            box.call("simulate", Simulate(sentence=bad, texts=["w1"]))
    with pytest.raises(ToolFailed, match="empty"):
        box.call("simulate", Simulate(sentence=TRUTH, texts=["w1", ""]))
    with pytest.raises(ValidationError):
        Simulate(sentence=TRUTH, texts=[])


@pytest.mark.slow
def test_the_null_is_of_other_neurons_and_worse_than_the_truth(box, study):
    null = box.call("null", Null(n={"rules": 4}))
    assert len(null.neurons) == 4 >= null.n_scored > 0
    assert 0 not in null.neurons
    assert box.call("null", Null(n={"rules": 99})).n_scored <= MAX_NULL
    assert study.ledger.opened == []


@pytest.mark.slow
def test_the_predictor_is_the_best_of_all_rules_and_is_chosen_on_development_text(box, study):
    learnt = box.call("predictor", FindPredictor())
    assert learnt.sentence is not None
    assert learnt.development.value > 0.9
    assert learnt.development.split == "development"
    given = box.call("predictor", FindPredictor(candidates=[TRUTH, "no rule at all"]))
    assert given.n_tried == learnt.n_tried + (learnt.sentence != TRUTH)
    assert given.development.value >= learnt.development.value
    assert box.used == 0
    assert study.ledger.opened == []


def test_no_predictor_is_no_number(box, study):
    study.predictors = ()
    found = box.call("predictor", FindPredictor())
    assert found.sentence is None
    assert found.development == Unscored(reason="there is no rule to score")


def test_what_no_person_can_use_never_competes(box, study):
    """It may be the predictor; and no null is made of it."""
    long = "Fires on " + ", ".join(f"`w{i}`" for i in range(9)) + " (9)."
    written = [Hypothesis("list", long), Hypothesis("short", TRUTH)]
    wordy = SimpleNamespace(
        name="rules", fingerprint="wordy", has_null=True,
        propose=lambda *_: written, propose_one=lambda *_: written[0], revise=lambda *_: written,
    )  # fmt: skip
    study.explainers = (wordy,)
    for proposed in (box.call("propose", Propose(n=4)), box.call("revise", Revise(best=[], n_revealed=0))):
        assert [one.sentence for one in proposed.proposals] == [TRUTH]
        assert proposed.unreadable == [long]
    assert box.call("null", Null(n={"rules": 4})).sentence is None


@pytest.mark.parametrize(
    ("sentence", "reason"),
    [
        (FULL_LOOKUP, "the name of a baseline"),
        ("Fires on " + "many " * 24 + "words.", "has 27 words"),
        ("Fires on `a`, `b`, `c`, `d`, `e`, `f` (3).", "quotes 6 words"),
        (TRUTH, None),
    ],
)
def test_why_a_sentence_may_not_compete(study, sentence, reason):
    refused = study.why_not(sentence)
    assert refused is None if reason is None else reason in refused


def test_examples_are_of_explore_text(box, study):
    found = box.call("examples", ShowExamples()).examples
    known = set(study.evidence.explore.excerpts.documents.tolist())
    assert 3 <= len(found) <= 5
    assert {one.document for one in found} <= known
    assert box.used == 0


def test_the_predictor_is_scored_on_the_same_sealed_text(box, study):
    final = box.call("confirm", Confirm(sentence=WRONG, null=None, predictor=TRUTH, fold=1))
    assert final.predictor.value == pytest.approx(1)
    assert (final.predictor.split, final.predictor.n_excerpts) == ("sealed", final.score.n_excerpts)
    assert final.gains.predictor.value == pytest.approx(final.score.value - final.predictor.value)


def test_confirmation_opens_one_fold_and_measures_all_on_the_same_text(box, study):
    final = box.call("confirm", Confirm(sentence=TRUTH, null=WRONG, fold=1))
    assert study.ledger.opened == [1]
    assert final.score.value == pytest.approx(1)
    assert (final.score.split, final.openai_top_random.n_excerpts) == ("sealed", 10)
    assert isinstance(final.random_only, ScoreValue)
    assert (
        final.baselines.model_fields_set
        == set(final.gains.by_name())
        == {"token_lookup_30", "token_lookup_full", "null"}
    )
    for name, baseline in final.baselines:
        assert isinstance(baseline, Interval)
        assert getattr(final.gains, name).value == pytest.approx(final.score.value - baseline.value, abs=2e-6)
    assert final.gains.null.low > 0.9
    assert list(final.scores) == list(PROTOCOLS)
    for name, row in final.scores.items():
        assert [kind for kind, _ in row] == ["explanation", "token_lookup_30", "null"]
        assert row.explanation.value == pytest.approx(1)
        assert (row.explanation.split, row.explanation.protocol) == ("sealed", PROTOCOLS[name])
        assert row.null.low <= row.null.value < 0.7
    without = box.call("confirm", Confirm(sentence=NEVER, null=None, fold=0))
    assert isinstance(without.score, Unscored)
    assert all(isinstance(gain, Unscored) for gain in without.gains.by_name().values())
    assert all(isinstance(row.null, Unscored) for row in without.scores.values())
    assert isinstance(without.scores["explained_variance"].explanation, Unscored)
    assert without.scores["detection"].explanation.value == 0.5
    with pytest.raises(ToolFailed, match="no sealed fold 9"):
        box.call("confirm", Confirm(sentence=TRUTH, null=None, fold=9))


@pytest.mark.slow
def test_revising_uses_what_was_revealed(box, study):
    texts = [(11, 200)] * 30
    study.log.revealed += [Revealed(text, 0.0) for text in texts]
    found = box.call("revise", Revise(best=[TRUTH], n_revealed=30)).proposals
    assert found
    for proposal in found:
        study.simulations.check_sentence(proposal.sentence)


def test_a_sentence_is_checked_before_a_run(study):
    study.simulations.check_sentence(TRUTH)
    for bad in ("verbs", "Fires on `␣w999` (3)."):
        with pytest.raises(BadInput):
            study.simulations.check_sentence(bad)


def test_padding_and_hashes():
    tokens, lengths = padded([(1, 2, 3), (4,)])
    assert tokens.tolist() == [[1, 2, 3], [4, -1, -1]]
    assert lengths.tolist() == [3, 1]
    assert padded([])[0].shape == (0, 1)
    assert texts_sha256([(1, 2), (3,)]) != texts_sha256([(1,), (2, 3)])


@pytest.mark.slow
def test_what_a_verdict_rests_on_does_not_depend_on_the_seed(scan):
    """The sealed margins depend on the fold, the null's neurons and the development excerpts on the neuron alone."""
    found = []
    for seed in (0, 1):
        vocabulary = Vocabulary(scan.subject.tokenizer.token_strings(), scan.subject.embeddings())
        reader = EmbeddedReader(vocabulary, concepts())
        evidence = neuron_evidence(scan, NeuronId(scan.layer, 0))
        own = Study(
            subject=scan.subject, scan=scan, evidence=evidence, seed=seed, vocabulary=vocabulary,
            explainers=(ReadableExplainer(reader.lexical),), ledger=Ledger(),
            simulations=Simulations(scan.subject, evidence, vocabulary, reader),
        )  # fmt: skip
        recorder = SimpleNamespace(recorded=lambda call_id: None, record=lambda call: None)
        tools = Toolbox(all_tools(own), recorder, seed, None, None)
        null = tools.call("null", Null(n={"rules": 2}))
        own.ledger.record_opening(0)
        final = tools.call("confirm", Confirm(sentence=TRUTH, null=null.sentence, leaders=[TRUTH], fold=0))
        scored = tools.call("score", Score(sentences=[WRONG]))
        found.append((null.neurons, null.sentence, final.score, final.baselines, final.gains, scored.scores[0].score))
    assert found[0] == found[1]


def test_a_quarter_of_the_experiments_is_drawn_whatever_rivals_say(study):
    """The drawn ones are the same for rivals that say the opposite."""
    chosen = []
    for leader in (TRUTH, 'Fires faintly on "w3", "w4" and "w5", and weakly on "w6".'):
        made, _ = Rounds(study).plan(
            rivals(leader, WRONG), 0, {"minimal_pair": 16, "truncation": 8}, "disagreement", np.random.default_rng(3)
        )
        chosen.append({c.tokens for c in made})
    assert len(chosen[0] & chosen[1]) >= 6


class FreeWords:
    """Reads sentences that name tokens, such as `tokens 3 4`; of some texts, others for each sentence, it says none."""

    name = "openai:fake"

    def __init__(self, every=0):
        self.every = every

    def simulate(self, sentence, tokens):
        named = [int(word) for word in sentence.split()[1:]]
        levels = np.where(np.isin(tokens, named), 9, 0).astype(np.float32)
        numbers = tokens.sum(1).astype(int) + sum(named)
        failed = np.flatnonzero(numbers % self.every == 0).tolist() if self.every else []
        return Simulation(levels, dict.fromkeys(failed, "unreadable"))

    def simulate_each(self, wanted):
        return [self.simulate(*one) for one in wanted]

    def at_ends(self, sentence, texts):
        return [9.0 if str(text[-1]) in sentence.split() else 0.0 for text in texts]

    def at_ends_each(self, wanted):
        return [self.at_ends(*one) for one in wanted]


def test_score_null_and_gain_add_up_where_some_excerpts_cannot_be_read(box, study):
    """All are of the same excerpts, though each sentence fails on others."""
    study.simulations.word_simulator, study.simulations.n_simulated = FreeWords(every=7), 60
    winner, null, earlier = "tokens 3 4 100", "tokens 5 101", "tokens 4 102"
    alone = {len(study.simulations.on(one, study.development).rows) for one in (winner, null)}
    assert max(alone) < 60
    final = box.call("confirm", Confirm(sentence=winner, null=null, previous=earlier, predictor=TRUTH, fold=0))
    assert final.score.n_unscored > 0
    assert 30 <= final.score.n_excerpts < 60
    for name in ("null", "token_lookup_30", "token_lookup_full"):
        told = final.score.value - getattr(final.baselines, name).value
        assert getattr(final.gains, name).value == pytest.approx(told, abs=2e-6), name
    assert final.gains.previous.value == pytest.approx(final.score.value - final.previous.value, abs=2e-6)
    assert final.previous.n_excerpts == final.predictor.n_excerpts == final.score.n_excerpts


def test_a_null_that_cannot_be_read_costs_the_explanation_nothing(box, study):
    class Hopeless(FreeWords):
        def simulate(self, sentence, tokens):
            failed = range(len(tokens)) if "5" in sentence.split() else ()
            return Simulation(super().simulate(sentence, tokens).levels, dict.fromkeys(failed, "unreadable"))

    study.simulations.word_simulator = Hopeless()
    final = box.call("confirm", Confirm(sentence="tokens 3 4", null="tokens 5", fold=0))
    assert final.score.n_unscored == 0
    assert isinstance(final.baselines.null, Unscored)
    assert isinstance(final.gains.null, Unscored)


def test_what_its_author_names_gives_something_rare_a_score(box, study):
    """Its words lead to excerpts that a dozen drawn at random do not hold; then the score is that of all of them."""
    study.simulations.n_simulated = 12
    excerpts = study.development.activations.excerpts
    rare = next(
        token for token in range(200, N_TOKENS)
        if not np.isin(excerpts.tokens[study.simulations._rows_of(study.development)[0]], token).any()
        and (excerpts.tokens == token).any(1).sum() > EACH
    )  # fmt: skip
    study.simulations.word_simulator = FreeWords()
    sentence = f"tokens {rare}"
    (blind,) = box.call("score", Score(sentences=[sentence])).scores
    assert isinstance(blind.score, Unscored)
    assert blind.table  # experiments can speak for it or against it
    study.simulations.claimants = (Claimant(sentence, (f"w{rare}",)),)
    (found,) = box.call("score", Score(sentences=[sentence])).scores
    assert isinstance(found.score, ScoreValue)
    whole = study.development.correlation(np.where(excerpts.tokens == rare, 9, 0).astype(np.float32))
    assert found.score.value == pytest.approx(whole.value, abs=0.15)


def test_a_newcomer_is_told_beside_another_on_the_same_excerpts(box, study):
    study.simulations.word_simulator = FreeWords(every=7)
    one, other = "tokens 3 4 100", "tokens 5 101"
    entry, _ = box.call("score", Score(sentences=[one, other], reference=other)).scores
    both = study.simulations.both_on(one, other, study.development)
    own, theirs = (part.sample.correlation(part.levels).value for part in both)
    assert entry.beside == pytest.approx(theirs, abs=1e-5)
    assert entry.gain.value == pytest.approx(own - theirs, abs=1e-5)


def test_rivals_of_either_kind_predict_texts_before_a_change_once_each(box, study):
    study.simulations.word_simulator = FreeWords()
    explore = study.evidence.explore
    row, at = next((row, at) for row, at in zip(*np.nonzero(explore.values > 1), strict=True))
    text = Unchanged(carrier=f"explore-{explore.excerpts.ids[row]}", value=round(float(explore.values[row, at]), 5))
    unknown = Unchanged(carrier="sampled-3", value=1.0)
    calibrated = [Calibrated(sentence=one, table=table()) for one in (TRUTH, "tokens 3 4 5", "tokens 100")]
    said = box.call("predict_before", Before(rivals=calibrated, texts=[text, unknown, text])).predictions
    assert said[0] == [table()[PLAIN], None, table()[PLAIN]]
    assert said[1] == [table()[9], None, table()[9]]
    assert said[2] == [0.02, None, 0.02]


class Counted(FreeWords):
    """Remembers which sentences it was asked to read."""

    def __init__(self):
        super().__init__()
        self.read = []

    def simulate(self, sentence, tokens):
        self.read.append(sentence)
        return super().simulate(sentence, tokens)


class Twins:
    """The twin of `tokens 3 4` is the same as a rule; of tokens from 200 on nothing can be said."""

    def twins(self, sentences, explore, size, rng):
        def of(sentence):
            first, second = sentence.split()[1:]
            return None if int(first) >= 200 else f'Fires on "w{first}" and "w{second}".'

        return [of(sentence) for sentence, _ in sentences]


class AskedForTheNull:
    """An explainer that asks an LLM, and counts how often it is asked about other neurons."""

    name, fingerprint, has_null = "openai:fake", "f" * 64, True

    def __init__(self, fingerprint="f" * 64):
        self.fingerprint, self.n_asked = fingerprint, 0

    def propose_each(self, neurons, size):
        self.n_asked += len(neurons)
        return [Hypothesis("token", f"tokens {10 + i} {20 + i}", words=(f"w{10 + i}",)) for i in range(len(neurons))]

    def revise_among(self, explore, rng, revealed, best, others, predicted=None):
        self.predicted, self.revealed = predicted, list(revealed)
        return []

    def drain_left_out(self):
        return []


def test_an_author_is_told_what_exact_explanations_and_stand_ins_predict(box, study):
    author = AskedForTheNull()
    study.explainers = (author,)
    exact, words, twin = 'Fires strongly on "w3".', "in words", 'Fires strongly on "w4" and faintly on "w5".'
    box.call("revise", Revise(best=[exact, words, "others"], n_revealed=0, stand_ins={words: twin}))
    tokens = study.evidence.explore.excerpts.tokens
    assert author.predicted.keys() == {exact, words}
    assert (author.predicted[exact] == (tokens == 3)).all()
    assert (author.predicted[words] == (tokens == 4)).all()  # faint is no account of a firing


def test_an_author_is_told_what_was_predicted_of_experiments_beside_what_was_registered(box, study):
    author, exact, words = AskedForTheNull(), 'Fires strongly on "w3".', "in words"
    study.explainers = (author,)
    study.log.revealed = [Revealed((9, 3), 2.0, True, levels=((words, None),)), Revealed((9, 4), 0.0)]
    text = "".join(study.vocabulary.strings[token] for token in (9, 4)).strip()
    told = [TriedRival(sentence=words, texts=(WrittenText(text=text, level=7),)), TriedRival(sentence=exact)]
    box.call("revise", Revise(best=[words, exact], n_revealed=2, told=told))
    assert [dict(one.levels) for one in author.revealed] == [{exact: 6.0}, {exact: 0.0, words: 7.0}]


def test_a_reading_is_not_bought_where_a_twin_is_clearly_below_what_leads(box, study):
    reader = study.simulations.word_simulator = Counted()
    good, bad, nothing = "tokens 3 4 5", "tokens 100 101", "tokens 200 3"
    twins = {good: TRUTH, bad: 'Fires on "w100" and "w101".', nothing: None}
    asked = Score(sentences=[TRUTH, good, bad, nothing], twins=twins, leading=[TRUTH])
    truth, best, poor, none = box.call("score", asked).scores
    # The one whose twin is near what leads is read, and the one that has no twin.
    assert set(reader.read) == {good, nothing}
    assert best.merit > 0.5
    assert best.agreement == pytest.approx(1)
    assert best.over_twin == pytest.approx(0, abs=0.2)
    assert (truth.behind, best.behind, poor.behind, none.behind) == (None, None, TRUTH, None)
    assert "its lexical twin is clearly below" in poor.score.reason
    assert poor.table == []
    # Where readings turned out to be much better than twins, twins say little; and where none is known, nothing.
    for unknown in ({"over_twins": 2.0}, {"none_read": True}):
        reader.read.clear()
        again = box.call("score", asked.model_copy(update=unknown))
        assert {one.behind for one in again.scores} == {None}
        assert {good, bad, nothing} == set(reader.read)


def test_what_cannot_win_any_more_is_read_no_further(box, study):
    study.simulations.word_simulator = Counted()
    weak, good, bad = 'Fires on "w3".', "tokens 3 4 5", f"tokens {' '.join(map(str, range(6, 60)))}"
    asked = Score(sentences=[weak, good, bad], leading=[weak], new=[good, bad])
    _, best, lost = box.call("score", asked).scores
    assert (best.behind, lost.behind) == (None, weak)
    assert isinstance(lost.score, ScoreValue)
    assert lost.score.n_excerpts < best.score.n_excerpts
    assert not best.part_read


def test_what_leads_is_read_on_for_nobody_who_loses(box, study):
    """Newcomers draw excerpts by what they claim, of which the leader has not been read: where they lose on the first
    of them, the others are read of nobody."""
    texts = {}

    class Noted(FreeWords):
        def simulate(self, sentence, tokens):
            texts.setdefault(sentence, set()).update(map(bytes, tokens))
            return super().simulate(sentence, tokens)

    study.simulations.word_simulator = Noted()
    leads, losing = "tokens 3 4 5", [f"tokens {' '.join(map(str, range(n, n + 50)))}" for n in (6, 60, 120)]
    alone = (Claimant(leads, ("w3", "w4")),)
    study.simulations.claimants = alone
    (found,) = box.call("score", Score(sentences=[leads])).scores
    known = set(texts[leads])
    study.simulations.claimants = (*alone, *(Claimant(one, (f"w{one.split()[1]}",)) for one in losing))
    asked = Score(sentences=[leads, *losing], new=losing, leading=[leads], merits={leads: found.merit})
    kept, *lost = box.call("score", asked).scores
    assert [one.behind for one in lost] == [leads] * 3
    assert kept.score == found.score
    assert study.simulations.claimants == alone
    assert len(texts[leads] - known) <= len(texts[losing[0]]) < len(known)


def test_what_hardly_wins_is_read_on_once_it_leads(box, study):
    study.simulations.word_simulator, same = Counted(), "tokens 3 4 5"
    asked = Score(sentences=[TRUTH, same], leading=[TRUTH], new=[same])
    _, part = box.call("score", asked).scores
    assert (part.behind, part.part_read) == (None, True)
    _, whole = box.call("score", Score(sentences=[TRUTH, same])).scores
    assert not whole.part_read
    assert whole.score.n_excerpts > 2 * part.score.n_excerpts


def test_where_a_twin_agrees_on_the_first_excerpts_it_says_the_rest(box, study):
    """What is ranked by is what the twin scores on all excerpts, and what the reading gains on those that were read."""
    study.simulations.word_simulator, good, twin = Counted(), "tokens 3 4", 'Fires on "w3" and "w4".'
    asked = Score(sentences=['Fires on "w3".', good], leading=['Fires on "w3".'], new=[good], twins={good: twin})
    _, found = box.call("score", asked).scores
    assert found.part_read
    assert found.score.n_excerpts < 20
    assert found.agreement == pytest.approx(1)
    (alone,) = box.call("score", Score(sentences=[twin])).scores
    assert found.merit == pytest.approx(alone.merit, abs=1e-6)
    assert found.over_twin == pytest.approx(0, abs=1e-6)


def test_what_is_too_rare_to_be_scored_on_the_first_excerpts_is_read_on(box, study):
    """Its twin agrees there, and says no more than that both are silent."""
    study.simulations.word_simulator, weak = Counted(), 'Fires on "w3".'

    def scored(part):
        return not isinstance(part, Unscored) and not isinstance(part.sample.correlation(part.levels), Unscored)

    rare = next(
        sentence
        for sentence in (f"tokens {n} {n + 1}" for n in range(6, 150))
        if not scored(study.simulations.on_first(sentence, study.development))
        and scored(study.simulations.on(sentence, study.development))
    )
    first, second = rare.split()[1:]
    twins = {rare: f'Fires on "w{first}" and "w{second}".'}
    asked = Score(sentences=[weak, rare], leading=[weak], new=[rare], twins=twins, none_read=True)
    _, found = box.call("score", asked).scores
    assert not found.part_read
    assert isinstance(found.score, ScoreValue)


def test_what_is_silent_where_its_words_stand_is_read_on_once_it_leads(box, study):
    """Its author's words stand in some of the first excerpts, and the reader finds nothing there."""
    study.simulations.word_simulator, nothing = Counted(), "tokens 99998 99999"
    study.simulations.claimants = (Claimant(nothing, ("w3", "w4")),)
    asked = Score(sentences=[TRUTH, nothing], leading=[TRUTH], new=[nothing])
    _, found = box.call("score", asked).scores
    assert isinstance(found.score, Unscored)
    assert "it predicts no firing there" in found.score.reason
    assert (found.part_read, found.behind) == (True, None)
    assert found.table  # experiments can still speak for it
    assert not box.call("score", Score(sentences=[nothing])).scores[0].part_read
    # Where its words stand nowhere among the first, more is read: too little to tell is no reason.
    elsewhere = "tokens 99996 99997"
    study.simulations.claimants = (Claimant(elsewhere, ("nowhere",)),)
    asked = Score(sentences=[TRUTH, elsewhere], leading=[TRUTH], new=[elsewhere])
    assert not box.call("score", asked).scores[1].part_read


def test_of_a_null_few_are_asked_for(box, study):
    llm = AskedForTheNull("3" * 64)
    study.explainers, study.simulations.word_simulator, study.twin_writer = (llm,), Counted(), Twins()
    found = box.call("null", Null(n={"openai:fake": 16}))
    assert llm.n_asked <= MOST_NEURONS_ASKED
    assert found.n_scored <= MOST_NEURONS_ASKED


def test_of_an_llm_few_texts_are_asked_and_none_without_a_context():
    made = [
        Candidate((1, 2, 3, i), generator, "", f"{generator}-{i // 2}")
        for generator, n in (("retrieval", 46), ("written", 2))
        for i in range(n)
    ]
    made += [Candidate((1,) * n, "truncation", "", f"cut-{n}") for n in (1, 2)]
    asked = [made[i] for i in affordable(made)]
    assert len(asked) == len({one.carrier for one in asked}) == N_ASKED  # each carrier is one witness
    assert [one.generator for one in asked].count("written") == 1
    assert min(len(one.tokens) for one in asked) == 4


def test_without_twins_every_sentence_is_read(box, study):
    reader = study.simulations.word_simulator = Counted()
    box.call("score", Score(sentences=[TRUTH, "tokens 100 101", "tokens 200 3"], leading=[TRUTH]))
    assert set(reader.read) == {"tokens 100 101", "tokens 200 3"}


def test_a_null_of_an_llm_is_asked_for_only_where_too_few_are_known(box, study):
    llm, reader = AskedForTheNull("1" * 64), Counted()
    study.explainers, study.simulations.word_simulator, study.twin_writer = (llm,), reader, Twins()
    first = box.call("null", Null(n={"openai:fake": 3}))
    assert (llm.n_asked, first.sources, first.n_scored, first.by_twins) == (3, {"asked": 3}, 3, 3)
    assert not reader.read  # they were judged by their twins
    again = box.call("null", Null(n={"openai:fake": 3}))  # the same neuron's run, repeated, asks the same again
    assert (llm.n_asked, again.sources) == (6, {"asked": 3})
    for neuron in first.neurons:
        known = kept_explanations(study.scan, [neuron], llm, study.stratum_of(len(study.evidence.explore)), about=99)
        assert [one.neuron for one in known] == [neuron]
    study.other_results = lambda name: [(0, "tokens 3 4"), (7, "tokens 3 100"), (8, TRUTH)]
    told = box.call("null", Null(n={"openai:fake": 3}))
    assert (llm.n_asked, told.sources) == (8, {"results": 1, "asked": 2})  # its own and what rules say are left out
    assert 7 in told.neurons
    assert told.sentence == 'Fires on "w3" and "w100".'  # its twin, which costs nothing to read


def test_what_an_llm_said_for_another_neuron_is_taken_first(box, study):
    llm = AskedForTheNull("2" * 64)
    study.explainers, study.simulations.word_simulator, study.twin_writer = (llm,), Counted(), Twins()
    size = study.stratum_of(len(study.evidence.explore))
    for neuron in range(1, D_MLP):
        keep_explanation(study.scan, neuron, llm, size, Hypothesis("token", f"tokens {30 + neuron} 3"), about=23)
    found = box.call("null", Null(n={"openai:fake": 4}))
    assert (llm.n_asked, found.sources) == (0, {"kept": 4})
