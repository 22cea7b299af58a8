"""The causal evidence of a result in words."""

from __future__ import annotations

from collections.abc import Iterator

from tools.records.effects import Beside, CausalFindings, OutputEvidence
from tools.records.result import Unscored
from traces.text.formatting import score_text, visible

_N_SHOWN = 8


def causal_lines(causal: CausalFindings) -> Iterator[str]:
    """At most three sentences: the explanation in the neuron's place, the neuron beside its peers, its output
    weights.
    """
    score, beside, output = causal.ablation_score, causal.beside_peers, causal.output
    reasons = {part.reason if isinstance(part, Unscored) else None for part in (score, beside, output.test)}
    if len(reasons) == 1 and None not in reasons:
        yield f"causal evidence: {score_text(score)}"
        return
    yield f"ablation score (the explanation in the neuron's place): {score_text(score)}"
    if isinstance(beside, Beside):
        yield (
            f"where it fires, ablating it changes the output {score_text(beside.times)} times as much as the median of "
            f"{len(beside.peers)} neurons that fire like it"
        )
    else:
        yield f"beside neurons that fire like it: {score_text(beside)}"
    yield _output(output)


def _output(output: OutputEvidence) -> str:
    test = output.test
    if output.holds:
        return f"{output.sentence} Where it fires they gain {score_text(test)} nats on tokens as frequent."
    if isinstance(test, Unscored):
        return f"its output effect is unknown: {score_text(test)}"
    tokens = _listed(output.claimed)
    return f"that it pushes the model towards {tokens} did not hold: {score_text(test)} nats beside tokens as frequent"


def causal_details(causal: CausalFindings) -> Iterator[str]:
    """The figures behind those sentences: divergences, peers, and the output weights."""
    if causal.to_mean is not None and causal.to_simulation is not None:
        yield (
            f"divergence {causal.to_simulation:.2e} nats a token with the explanation in its place, "
            f"{causal.to_mean:.2e} with its mean"
        )
    beside = causal.beside_peers
    if isinstance(beside, Beside) and beside.peers:
        peers = ", ".join(f"{name} {value:.2e}" for name, value in beside.peers.items())
        yield f"set to its mean where it fires: {beside.divergence:.2e} nats; other neurons of the layer: {peers}"
    output = causal.output
    for side, pairs in (("favour", output.promoted), ("disfavour", output.suppressed)):
        if pairs:
            yield f"output weights {side} {_listed([token for token, _ in pairs[:_N_SHOWN]])}"


def _listed(tokens: list[str]) -> str:
    return ", ".join(f"`{visible(token).replace(' ', '␣')}`" for token in tokens)
