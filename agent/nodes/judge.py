"""The judge: applies the policy to what is on record."""

from __future__ import annotations

from typing import Literal

from langgraph.runtime import Runtime
from langgraph.types import Command

from agent import policy
from agent.nodes.propose import ROUND_COST, TEST_COST
from agent.state import BASE_RATE, LOOKUP, Investigation, LoopState
from traces.events import Decided, Stage


def judge(state: LoopState, runtime: Runtime[Investigation]) -> Command[Literal["design", "confirm"]]:
    """Drop what is refuted, then stop or go on; a winner that was never tested is tested before the end."""
    run, round_ = runtime.context, state["round"]
    run.trace.emit(Stage(stage="judge", round=round_))
    scores = {h.name: h.score for h in run.competing()}
    for name, reason in policy.to_drop(run.beliefs, scores, frozenset({BASE_RATE, LOOKUP})):
        run.drop(name, reason, round_)
    best = run.note_leader()
    standing = policy.Standing(
        best.score, run.gain, round_, run.config.patience, run.config.max_rounds, run.toolbox.left,
        ROUND_COST + TEST_COST,
    )  # fmt: skip
    stop = policy.should_stop(standing)
    if stop:
        run.trace.emit(Decided(action="stop", reason=f"{stop[0]}: {stop[1]}", hypothesis=best.name, round=round_))
        last = stop[0] == "rounds" or policy.is_tested(best.tests())
        if last or run.toolbox.left < TEST_COST:
            return Command(goto="confirm", update={"stop": stop[0]})
        # What was written in the last round has predicted nothing yet: it is tested once before it is claimed.
        return Command(goto="design", update={"stop": stop[0], "round": round_ + 1})
    reason = f"{best.name} leads on development text; another round may tell rivals apart"
    run.trace.emit(Decided(action="refine", reason=reason, hypothesis=best.name, round=round_))
    return Command(goto="design", update={"round": round_ + 1})
