"""The node `causal`, after the confirmation: what the neuron does to the model's output."""

from __future__ import annotations

from typing import Any

from langgraph.runtime import Runtime

from agent.graph.state import Context, Investigation, LoopState
from tools.catalogue.causal import CausalCheck, CausalEvidence, ClaimOutput, OutputClaim
from tools.records.result import Result, Unscored
from tools.rules.language import quote
from tools.scoring.causal import Push
from traces.events.kinds import Stage


def causal(state: LoopState, runtime: Runtime[Context]) -> dict[str, Any]:
    """Claim which tokens the neuron promotes, then ablate it on the sealed fold that is open, and add what was found.

    The verdict does not depend on it.
    """
    run = Investigation.at(state, runtime.context)
    if not run.config.causal or run.result is None:
        return {}
    run.trace.emit(Stage(stage="causal", round=run.round))
    claim: OutputClaim = run.toolbox.call("claim_output", ClaimOutput())
    found: CausalEvidence = run.toolbox.call(
        "causal_check",
        CausalCheck(
            sentence=run.result.explanation,
            claimed=claim.claimed,
            controls=claim.controls,
            fold=(run.result.model_extra or {})["sealed_fold"],
        ),
    )
    strings = run.bench.vocabulary.strings
    claimed = [strings[token] for token in claim.claimed]
    push = found.push if claim.reason is None else Unscored(reason=claim.reason)
    held = isinstance(push, Push) and push.holds
    evidence = {
        **found.model_dump(mode="json", exclude={"push"}),
        "output": {
            **claim.model_dump(mode="json", include={"promoted", "suppressed"}),
            "claimed": claimed,
            "test": push.model_dump(mode="json"),
            "holds": held,
            "sentence": f"It pushes the model towards {', '.join(map(quote, claimed))}." if held else None,
        },
    }
    more = {"causal": evidence, "tool_calls": run.toolbox.n_calls}
    return run.update(result=Result.model_validate({**dict(run.result), **more}))
