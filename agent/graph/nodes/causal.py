"""The node `causal`, after the confirmation: what the neuron does to the model's output."""

from __future__ import annotations

from typing import Any

from langgraph.runtime import Runtime

from agent.graph.state import Context, Investigation, LoopState
from tools.catalogue.causal import CausalCheck, CausalEvidence, ClaimOutput, OutputClaim
from tools.records.effects import CausalFindings, OutputEvidence, Push
from tools.records.result import PartialResult, Unscored
from tools.rules.language import quote
from traces.events.kinds import Stage


def causal(state: LoopState, runtime: Runtime[Context]) -> dict[str, Any]:
    """Claim which tokens the neuron promotes, then ablate it on the sealed fold that is open, and add what was found.

    The verdict does not depend on it.
    """
    run = Investigation.at(state, runtime.context)
    if not run.config.causal or run.result is None or run.result.sealed_fold is None:
        return {}
    run.trace.emit(Stage(stage="causal", round=run.round))
    if run.result.sealed_opening is not None:  # counted by the node before, which may have been in another context
        run.openings.count(run.result.sealed_fold, run.result.sealed_opening)
    claim: OutputClaim = run.toolbox.call("claim_output", ClaimOutput())
    found: CausalEvidence = run.toolbox.call(
        "causal_check",
        CausalCheck(
            sentence=run.result.explanation,
            claimed=claim.claimed,
            controls=claim.controls,
            fold=run.result.sealed_fold,
        ),
    )
    strings = run.study.vocabulary.strings
    claimed = [strings[token] for token in claim.claimed]
    push = found.push if claim.reason is None else Unscored(reason=claim.reason)
    held = isinstance(push, Push) and push.holds
    evidence = CausalFindings(
        ablation_score=found.ablation_score,
        to_mean=found.to_mean,
        to_simulation=found.to_simulation,
        beside_peers=found.beside_peers,
        output=OutputEvidence(
            promoted=claim.promoted,
            suppressed=claim.suppressed,
            claimed=claimed,
            test=push,
            holds=held,
            sentence=f"It pushes the model towards {', '.join(map(quote, claimed))}." if held else None,
        ),
    )
    more = PartialResult(causal=evidence, tool_calls=run.toolbox.n_calls)
    return run.update(result=run.result.with_more(more))
