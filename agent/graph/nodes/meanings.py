"""Splits a hypothesis into unrelated meanings, each with its share of the firing and its own tests."""

from __future__ import annotations

from collections.abc import Sequence

from agent.graph.state import Investigation
from agent.graph.verdict import stands
from tools.catalogue.meanings import FoundMeanings, Meanings, TriedExperiment
from tools.records.coverage import FoundMeaning
from tools.records.hypothesis import Hypothesis


def meanings_of(run: Investigation, hypothesis: Hypothesis) -> list[FoundMeaning]:
    """The unrelated meanings of a hypothesis with a fifth of the firing or more, tested by what it had registered."""
    if not hypothesis.table:
        return []
    tried = [
        TriedExperiment(revealed=number, probability=p.probability, carrier=str(p.carrier), before=p.value_before)
        for number, p in zip(hypothesis.record.chosen_numbers, hypothesis.record.chosen, strict=True)
    ]
    found: FoundMeanings = run.toolbox.call(
        "meanings", Meanings(sentence=hypothesis.sentence, table=hypothesis.table, tried=tried)
    )
    return found.meanings


def is_split(found: Sequence[FoundMeaning]) -> bool:
    """Whether all of several meanings have passed enough tests of their own."""
    return len(found) > 1 and all(map(stands, found))


def n_own_tests(found: Sequence[FoundMeaning]) -> int:
    """Tests of single meanings, all together."""
    counts = [count for meaning in found for count in (meaning.predicted_positive, meaning.minimal_pair)]
    return sum(count.passed + count.failed for count in counts)
