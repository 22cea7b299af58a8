"""Which parts of an explanation were put to the test, and sealed excerpts token by token."""

from dataclasses import fields, replace
from types import SimpleNamespace

import numpy as np
import pytest
from planted_world import NEVER, PLANTED, TRUTH, planted_scan, planted_study, toolbox_of
from readable_world import concepts
from traces_samples import sample_result

from agent.graph.nodes.claims import claims
from agent.graph.state import Context, LoopState
from tools.catalogue import all_tools
from tools.catalogue.claims import Claims, Try, WhichTested
from tools.catalogue.confirmation import Confirm
from tools.catalogue.meanings import FoundMeanings, Meanings, TriedExperiment
from tools.catalogue.sealed_sample import N_SHOWN
from tools.errors import BadInput
from tools.readable.reader import LexicalReader
from tools.records.coverage import Count
from tools.records.hypothesis import Hypothesis
from tools.records.predictions import Registered
from tools.records.result import Result
from tools.roles import Revealed
from tools.rules.lookup import FULL_LOOKUP
from tools.toolbox import Tool, Toolbox

SENTENCE = 'Fires strongly on "w3", "w4" and "w5" and weakly on any word right after "w9" and "w8".'
READABLE = 'Fires on "w3", "w4" and "w5".'


@pytest.fixture(scope="module")
def scan(tmp_path_factory):
    return planted_scan(tmp_path_factory.mktemp("planted"))


@pytest.fixture
def study(scan):
    return planted_study(scan)


@pytest.fixture
def box(study):
    return toolbox_of(study)


@pytest.fixture
def readable(study):
    """The study of the planted neuron with somebody who reads sentences."""
    return replace(study, lexical=LexicalReader(study.vocabulary.strings, concepts()))


@pytest.fixture
def door(readable):
    """All tools on that study."""
    recorder = SimpleNamespace(recorded=lambda call_id: None, record=lambda call: None)
    return Toolbox(all_tools(readable), recorder, 4, None, None)


def reveal(study, *texts, value=0.0):
    study.log.revealed += [Revealed(text, value, False, ()) for text in texts]


def counted(found):
    return {(claim.clause, claim.token): (claim.right, claim.wrong) for claim in found.claims}


def test_each_item_and_each_listed_word(door, readable):
    reveal(readable, (1, 3), (3, 1), (1, 4), (9, 20), (9, 4), (20, 3), (1, 2, 8, 20))
    tried = [Try(revealed=i, came_true=i not in (2, 4)) for i in range(7)]
    found = door.call("which_tested", WhichTested(sentence=SENTENCE, tried=tried))
    on, after = 'strongly on "w3", "w4" and "w5"', 'weakly on any word right after "w9" and "w8"'
    assert counted(found) == {
        (on, None): (2, 2),  # only what stands at the end of a text is tested
        (on, "w3"): (2, 0),
        (on, "w4"): (0, 2),
        (on, "w5"): (0, 0),  # never tested
        (after, None): (2, 1),
        (after, "w9"): (1, 1),
        (after, "w8"): (1, 0),
    }
    assert [claim.token for claim in found.claims] == [None, "w3", "w4", "w5", None, "w9", "w8"]


def test_texts_of_the_fixed_probe_set(door, readable):
    ends = [text[-1] for _, text in readable.fixed_probe]
    tried = [Try(probe=i, came_true=True) for i in range(len(ends))]
    found = door.call("which_tested", WhichTested(sentence=READABLE, tried=tried))
    assert found.claims[0].right == sum(end in PLANTED for end in ends) > 0
    assert {c.token: c.right for c in found.claims[1:]} == {f"w{t}": ends.count(t) for t in PLANTED}


@pytest.mark.parametrize("sentence", ["It likes verbs.", FULL_LOOKUP, "Fires on `␣w3` (10)."])
def test_a_sentence_that_nobody_takes_apart_has_no_parts(sentence, door, readable):
    reveal(readable, (1, 3))
    found = door.call("which_tested", WhichTested(sentence=sentence, tried=[Try(revealed=0, came_true=True)]))
    assert found.claims == []
    none = door.call("meanings", Meanings(sentence=sentence, table=[0.0] * 11, tried=[]))
    assert none == FoundMeanings(meanings=[])


def test_without_a_reader_nothing_is_taken_apart(box, study):
    reveal(study, (1, 3))
    found = box.call("which_tested", WhichTested(sentence=READABLE, tried=[Try(revealed=0, came_true=True)]))
    assert found.claims == []


def test_each_meaning_with_its_own_tests(door, readable):
    """Words that nobody knows and that aren't spelt alike are each a meaning."""
    reveal(readable, (1, 3), (1, 3, 5), (20, 4), value=1.0)
    reveal(readable, (30, 3), (30, 31), value=0.0)
    tried = [TriedExperiment(revealed=i, probability=0.9, carrier=f"c{i}") for i in range(4)]
    tried.append(TriedExperiment(revealed=4, probability=0.1, carrier="c4"))
    tried.append(TriedExperiment(revealed=2, probability=0.1, carrier="c2"))
    found = door.call("meanings", Meanings(sentence=READABLE, table=[0.02] * 4 + [0.98] * 7, tried=tried))
    by_word = {one.sentence: one for one in found.meanings}
    assert set(by_word) == {f'Fires on "w{t}".' for t in PLANTED}
    assert sum(one.share for one in found.meanings) == pytest.approx(1.0, abs=1e-4)
    three, four = by_word['Fires on "w3".'], by_word['Fires on "w4".']
    assert three.words == ["w3"]
    assert three.predicted_positive == Count(passed=1, failed=1)
    assert [(one.what, one.value) for one in three.counterexamples] == [("silent", 0.0)]
    assert four.predicted_positive == Count(passed=1, failed=0)
    assert [one.what for one in four.counterexamples] == ["fired without it"]


def run_node(winner, result, *tools):
    """What the node changes after 17 tool calls, in a state with one hypothesis."""
    nothing = dict.fromkeys(field.name for field in fields(Context))
    settings = SimpleNamespace(seed=4, budget=20, max_seconds=None)
    study = SimpleNamespace(meters=None, simulations=SimpleNamespace())
    recorder = SimpleNamespace(recorded=lambda call_id: None, record=lambda call: None)
    given = {"config": settings, "study": study, "recorder": recorder, "tools": tools}
    state = LoopState(round=1, hypotheses={"H1": winner}, result=result, n_calls=17)
    return claims(state, SimpleNamespace(context=Context(**(nothing | given))))


def test_the_node_asks_about_all_that_was_registered():
    """Chosen experiments by their number among all revealed ones, probes by their number in the fixed set."""
    winner = Hypothesis("rules", TRUTH, name="H1")
    winner.record.chosen, winner.record.chosen_numbers = (
        [Registered(0.9, True, "c"), Registered(0.9, False, "c"), Registered(0.1, False, "c")],
        [4, 0, 2],
    )
    winner.record.probe, winner.record.probe_numbers = [Registered(0.5, True, "c"), Registered(0.49, True, "c")], [7, 1]
    asked = []

    def which_tested(arguments, rng):
        asked.append(arguments)
        return Claims(claims=[])

    result = Result.model_validate(sample_result() | {"explanation": TRUTH})
    tool = Tool("which_tested", "", WhichTested, Claims, which_tested, charged=False)
    changed = run_node(winner, result, tool)
    (arguments,) = asked
    assert arguments == WhichTested(
        sentence=TRUTH,
        tried=[
            Try(revealed=4, came_true=True), Try(revealed=0, came_true=False), Try(revealed=2, came_true=True),
            Try(probe=7, came_true=True), Try(probe=1, came_true=False),
        ],
    )  # fmt: skip
    assert changed["result"].to_json()["claims"] == []
    assert changed["result"].to_json()["tool_calls"] == changed["n_calls"] == 18


@pytest.mark.parametrize("explanation", [None, TRUTH])
def test_the_node_asks_nothing_where_nothing_was_tested(explanation):
    winner = Hypothesis("rules", TRUTH, name="H1")
    result = Result.model_validate(sample_result() | {"explanation": explanation})
    assert run_node(winner, result) == {}


def confirmed(box, study, sentence):
    study.ledger.record_opening(0)
    return box.call("confirm", Confirm(sentence=sentence, null=None, previous=None, leaders=[sentence], fold=0))


def test_sealed_excerpts_token_by_token(box, study):
    found = confirmed(box, study, TRUTH).shown
    strata = [excerpt.stratum for excerpt in found.excerpts]
    assert strata == [s for s in ("top", "quantile", "random") for _ in range(strata.count(s))]
    assert all(1 <= strata.count(stratum) <= N_SHOWN for stratum in set(strata))
    for excerpt in found.excerpts:
        assert len(excerpt.tokens) == len(excerpt.values) == len(excerpt.levels) > 0
        for token, value, level in zip(excerpt.tokens, excerpt.values, excerpt.levels, strict=True):
            assert (value > study.evidence.theta) == (int(token[2:]) in PLANTED) == (level > 5)
    assert max(found.excerpts[0].values) == max(max(e.values) for e in found.excerpts)
    simulated = [found.intercept + found.slope * level for e in found.excerpts for level in e.levels]
    true = [value for e in found.excerpts for value in e.values]
    assert np.corrcoef(simulated, true)[0, 1] > 0.9
    assert np.abs(np.array(simulated) - true).mean() < 0.5


def test_what_says_the_same_everywhere_has_no_line(box, study):
    found = confirmed(box, study, NEVER).shown
    assert (found.slope, found.intercept) == (None, None)


def test_a_text_that_was_not_revealed(door):
    with pytest.raises((IndexError, BadInput)):
        door.call("which_tested", WhichTested(sentence=READABLE, tried=[Try(revealed=5, came_true=True)]))
