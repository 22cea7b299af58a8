"""What is asked of an LLM about sentences in free words: which of them may be let go before they are read in full."""

from types import SimpleNamespace
from typing import Any

import pytest

from agent.graph.nodes.twins import to_score
from agent.graph.state import PERSON
from tools.records.hypothesis import Hypothesis


def asked(policy: str = "tournament") -> Any:
    """What is scored when a rule leads, and an LLM's sentence and two of a person's are new."""
    rule = Hypothesis("mixed", "Fires on months.", name="H1", merit=0.5)
    new = [
        Hypothesis("meaning", "names of months", name="H2", origin="openai:M"),
        Hypothesis("own words", "words for times", name="H3", origin="user"),
        Hypothesis("own words", "words for dates", name="H4", origin=PERSON),
    ]
    run = SimpleNamespace(
        hypotheses={h.name: h for h in (rule, *new)}, twins={}, over_twins=0.0, competing=lambda: [rule],
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
