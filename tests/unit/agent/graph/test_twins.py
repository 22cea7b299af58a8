"""What is asked of an LLM about sentences in free words: which of them may be let go before they are read in full."""

from types import SimpleNamespace
from typing import Any

import pytest

from agent.graph.nodes.propose import claimants, told, tried
from agent.graph.nodes.twins import compare_twins, to_score
from agent.graph.state import PERSON
from tools.catalogue.scores import DevelopmentScore
from tools.records.hypothesis import Hypothesis
from tools.records.result import ScoreValue, Unscored
from tools.roles import NOT_SIMULATED


def asked(policy: str = "tournament") -> Any:
    """What is scored when a rule leads, and an LLM's sentence and two of a person's are new."""
    rule = Hypothesis("mixed", "Fires on months.", name="H1", merit=0.5)
    new = [
        Hypothesis("meaning", "names of months", name="H2", origin="openai:M"),
        Hypothesis("own words", "words for times", name="H3", origin="user"),
        Hypothesis("own words", "words for dates", name="H4", origin=PERSON),
    ]
    run = SimpleNamespace(
        hypotheses={h.name: h for h in (rule, *new)}, twins={}, unread=set(), over_twins=0.0, competing=lambda: [rule],
        study=SimpleNamespace(simulations=SimpleNamespace(is_exact=lambda sentence: sentence == rule.sentence)),
        config=SimpleNamespace(policy=policy),
    )  # fmt: skip
    return to_score(run, new, [rule, *new], None)  # type: ignore[arg-type]


def test_what_a_person_entered_is_read_in_full() -> None:
    """Only an LLM's sentence may be let go after its first excerpts."""
    found = asked()
    assert found.new == ["names of months"]
    assert found.leading == ["Fires on months."]
    assert {"words for times", "words for dates"} < set(found.sentences)


@pytest.mark.parametrize(("policy", "new"), [("tournament", 1), ("react", 0)])
def test_an_llm_that_picks_the_tools_is_told_whole_scores(policy: str, new: int) -> None:
    assert len(asked(policy).new) == new


def value(score: float) -> ScoreValue:
    return ScoreValue(
        value=score, low=score, high=score, protocol="p", split="development", n_excerpts=12, n_unscored=0
    )


def rivals() -> Any:
    """Three rules, the second the best, and two sentences of an LLM, one without a score."""
    rules = [
        Hypothesis("r", f"Fires on rule {i}.", name=f"H{i}", merit=m, by="rules", score=value(m), table=[0.5])
        for i, m in ((1, 0.3), (2, 0.5), (3, 0.4))
    ]
    free = [
        Hypothesis("m", "scored", name="H4", merit=0.2, by="openai:M", score=value(0.2), table=[0.5]),
        Hypothesis("m", "unscored", name="H5", by="openai:M", score=Unscored(reason="a secret text"), table=[0.5]),
    ]
    every = {h.name: h for h in (*rules, *free)}
    return SimpleNamespace(
        hypotheses=every, ranked=lambda: [every[name] for name in ("H5", "H2", "H3", "H1", "H4")],
        competing=lambda: list(every.values()), twins={}, unread=set(), over_twins=0.0, part_read={},
        study=SimpleNamespace(
            explainer=SimpleNamespace(name="openai:M"),
            simulations=SimpleNamespace(is_exact=lambda sentence: sentence.startswith("Fires")),
        ),
    )  # fmt: skip


def test_an_llm_is_told_of_the_best_by_their_scores() -> None:
    """Not by belief; one without a score is last, and the reason, which may quote text, is told to nobody."""
    found = told(rivals(), ["unscored", "Fires on rule 1.", "Fires on rule 2."])
    assert [(one.sentence, one.score) for one in found] == [
        ("Fires on rule 2.", 0.5), ("Fires on rule 1.", 0.3), ("unscored", None),
    ]  # fmt: skip
    assert "secret" not in repr(found)


def test_a_score_of_a_twin_is_not_told_as_that_of_its_explanation() -> None:
    run = rivals()
    run.unread = {"H4"}
    (found,) = told(run, ["scored"])
    assert found.score is None
    assert found.fate == NOT_SIMULATED


def test_of_others_it_is_told_of_few_and_of_its_own_above_all() -> None:
    run = rivals()
    for i in range(20):
        run.hypotheses[f"H{6 + i}"] = Hypothesis("r", f"Fires on {i}.", name=f"H{6 + i}", merit=i / 100, by="rules")
    found = [one.sentence for one in tried(run, ["Fires on rule 2."])]
    assert len(found) == 8
    assert {"scored", "unscored", "Fires on rule 1.", "Fires on rule 3.", "Fires on 19."} < set(found)


def test_of_the_rules_only_the_best_draws_excerpts_that_cost_something() -> None:
    assert [one.sentence for one in claimants(rivals())] == ["Fires on rule 2.", "scored", "unscored"]


def test_what_lost_is_told_of_without_names_that_nobody_knows() -> None:
    run, dropped = rivals(), {}
    run.drop = lambda name, reason, round_, fate="": dropped.update({name: (reason, fate)})
    entries = [
        DevelopmentScore(sentence="scored", score=value(0.2), gain=None, table=[], behind="Fires on rule 2."),
        DevelopmentScore(sentence="unscored", score=Unscored(reason="unread"), gain=None, table=[], behind="scored"),
    ]
    compare_twins(run, {one.sentence: one for one in entries}, 1)
    assert all("H" in reason for reason, _ in dropped.values())
    assert not any("H" in fate for _, fate in dropped.values())
    assert dropped["H4"][1] == "clearly below the leader on the 12 excerpts read of it"
