"""Which parts of an explanation were put to the test, and sealed excerpts token by token."""

from types import SimpleNamespace

import numpy as np
import pytest
from test_catalogue import NEVER, PLANTED, TRUTH, bench, box, scan  # noqa: F401
from traces_samples import sample_result

from agent.nodes.claims import claims
from agent.state import Hypothesis
from tools.catalogue.claims import Claims, Try, WhichTested
from tools.catalogue.confirmation import Confirm
from tools.catalogue.shown import N_SHOWN
from tools.errors import BadInput
from tools.records.result import Result
from tools.roles import Revealed
from tools.scoring.lookup import FULL_LOOKUP
from tools.scoring.skill import Registered

SENTENCE = "Fires on `␣w3`, `␣w4`, `␣w5` (10); right after `␣w9` (4)."


def reveal(bench, *texts):  # noqa: F811
    bench.revealed += [Revealed(text, 0.0, False, ()) for text in texts]


def counted(found):
    return {(claim.clause, claim.token): (claim.right, claim.wrong) for claim in found.claims}


def test_each_clause_and_each_listed_token(box, bench):  # noqa: F811
    reveal(bench, (1, 3), (3, 1), (1, 4), (9, 20), (9, 4), (20, 3))
    tried = [Try(revealed=i, came_true=i not in (2, 4)) for i in range(6)]
    found = box.call("which_tested", WhichTested(sentence=SENTENCE, tried=tried))
    on, after = "on `␣w3`, `␣w4`, `␣w5` (10)", "right after `␣w9` (4)"
    assert counted(found) == {
        (on, None): (2, 2),  # only what stands at the end of a text is tested
        (on, " w3"): (2, 0),
        (on, " w4"): (0, 2),
        (on, " w5"): (0, 0),  # never tested
        (after, None): (1, 1),
    }
    assert [claim.token for claim in found.claims] == [None, " w3", " w4", " w5", None]


def test_texts_of_the_fixed_probe_set(box, bench):  # noqa: F811
    ends = [text[-1] for _, text in bench.fixed_probe]
    tried = [Try(probe=i, came_true=True) for i in range(len(ends))]
    found = box.call("which_tested", WhichTested(sentence=TRUTH, tried=tried))
    assert found.claims[0].right == sum(end in PLANTED for end in ends) > 0
    assert {c.token: c.right for c in found.claims[1:]} == {f" w{t}": ends.count(t) for t in PLANTED}


@pytest.mark.parametrize("sentence", ["It likes verbs.", FULL_LOOKUP])
def test_a_sentence_without_clauses_has_no_parts(sentence, box, bench):  # noqa: F811
    reveal(bench, (1, 3))
    found = box.call("which_tested", WhichTested(sentence=sentence, tried=[Try(revealed=0, came_true=True)]))
    assert found.claims == []


def run_node(run):
    claims({"round": 1, "stop": None}, SimpleNamespace(context=run))


def test_the_node_asks_about_all_that_was_registered():
    """Chosen experiments by their number among all revealed ones, probes by their number in the fixed set."""
    winner = Hypothesis("H1", "rules", TRUTH)
    winner.record, winner.revealed = (
        [Registered(0.9, True, "c"), Registered(0.9, False, "c"), Registered(0.1, False, "c")],
        [4, 0, 2],
    )
    winner.on_probe, winner.probed = [Registered(0.5, True, "c"), Registered(0.49, True, "c")], [7, 1]
    asked = []

    def call(name, arguments):
        asked.append((name, arguments))
        return Claims(claims=[])

    fake = SimpleNamespace(call=call, n_calls=17)
    result = Result.model_validate(sample_result() | {"explanation": TRUTH})
    run = SimpleNamespace(hypotheses={"H1": winner}, result=result, toolbox=fake)
    run_node(run)
    ((name, arguments),) = asked
    assert name == "which_tested"
    assert arguments == WhichTested(
        sentence=TRUTH,
        tried=[
            Try(revealed=4, came_true=True), Try(revealed=0, came_true=False), Try(revealed=2, came_true=True),
            Try(probe=7, came_true=True), Try(probe=1, came_true=False),
        ],
    )  # fmt: skip
    assert run.result.to_json()["claims"] == []
    assert run.result.to_json()["tool_calls"] == 17


@pytest.mark.parametrize("explanation", [None, TRUTH])
def test_the_node_asks_nothing_where_nothing_was_tested(explanation):
    winner = Hypothesis("H1", "rules", TRUTH)
    run = SimpleNamespace(
        hypotheses={"H1": winner}, result=SimpleNamespace(explanation=explanation), toolbox=SimpleNamespace()
    )
    before = run.result
    run_node(run)
    assert run.result is before


def confirmed(box, bench, sentence):  # noqa: F811
    bench.ledger.record_opening(0)
    return box.call("confirm", Confirm(sentence=sentence, null=None, previous=None, leaders=[sentence], fold=0))


def test_sealed_excerpts_token_by_token(box, bench):  # noqa: F811
    found = confirmed(box, bench, TRUTH).shown
    strata = [excerpt.stratum for excerpt in found.excerpts]
    assert strata == [s for s in ("top", "quantile", "random") for _ in range(strata.count(s))]
    assert all(1 <= strata.count(stratum) <= N_SHOWN for stratum in set(strata))
    for excerpt in found.excerpts:
        assert len(excerpt.tokens) == len(excerpt.values) == len(excerpt.levels) > 0
        for token, value, level in zip(excerpt.tokens, excerpt.values, excerpt.levels, strict=True):
            assert (value > bench.evidence.theta) == (int(token[2:]) in PLANTED) == (level > 5)
    assert max(found.excerpts[0].values) == max(max(e.values) for e in found.excerpts)
    simulated = [found.intercept + found.slope * level for e in found.excerpts for level in e.levels]
    true = [value for e in found.excerpts for value in e.values]
    assert np.corrcoef(simulated, true)[0, 1] > 0.9
    assert np.abs(np.array(simulated) - true).mean() < 0.5


def test_what_says_the_same_everywhere_has_no_line(box, bench):  # noqa: F811
    found = confirmed(box, bench, NEVER).shown
    assert (found.slope, found.intercept) == (None, None)


def test_a_text_that_was_not_revealed(box):  # noqa: F811
    with pytest.raises((IndexError, BadInput)):
        box.call("which_tested", WhichTested(sentence=TRUTH, tried=[Try(revealed=5, came_true=True)]))
