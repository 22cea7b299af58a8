"""What is asked of an LLM about sentences in free words: which of them may be let go before they are read in full."""

from types import SimpleNamespace
from typing import Any

import pytest

from agent.graph.nodes.twins import to_score
from agent.graph.state import PERSON, Hypothesis


def asked(policy: str = "tournament") -> Any:
    """What is scored when a rule leads, and an LLM's sentence and two of a person's are new."""
    rule = Hypothesis("H1", "mixed", "Fires on months.", merit=0.5)
    new = [
        Hypothesis("H2", "meaning", "names of months", origin="openai:M"),
        Hypothesis("H3", "own words", "words for times", origin="user"),
        Hypothesis("H4", "own words", "words for dates", origin=PERSON),
    ]
    run = SimpleNamespace(
        hypotheses={h.name: h for h in (rule, *new)}, twins={}, over_twins=0.0, competing=lambda: [rule],
        bench=SimpleNamespace(is_exact=lambda sentence: sentence == rule.sentence),
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
