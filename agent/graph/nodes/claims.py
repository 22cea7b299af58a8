"""The node `claims`, the last one: which parts of the explanation were tested."""

from __future__ import annotations

from typing import Any

from langgraph.runtime import Runtime

from agent.graph.state import Context, Investigation, LoopState
from tools.catalogue.claims import Claims, Try, WhichTested
from tools.records.result import PartialResult


def claims(state: LoopState, runtime: Runtime[Context]) -> dict[str, Any]:
    """Add to the result each part of the explanation with what became of its tests; the verdict does not depend on it.

    At the end, because a call draws from a generator that knows its number: nothing else is to depend on this one.
    """
    run = Investigation.at(state, runtime.context)
    assert run.result is not None
    winner = next((h for h in run.hypotheses.values() if h.sentence == run.result.explanation), None)
    if winner is None:
        return {}
    tried = [
        Try(revealed=number, came_true=(p.probability >= 0.5) == p.fired)
        for number, p in zip(winner.record.chosen_numbers, winner.record.chosen, strict=True)
    ] + [
        Try(probe=number, came_true=(p.probability >= 0.5) == p.fired)
        for number, p in zip(winner.record.probe_numbers, winner.record.probe, strict=True)
    ]
    if not tried:
        return {}
    found: Claims = run.toolbox.call("which_tested", WhichTested(sentence=winner.sentence, tried=tried))
    more = PartialResult(claims=found.claims, tool_calls=run.toolbox.n_calls)
    return run.update(result=run.result.with_more(more))
