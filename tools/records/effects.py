"""What the neuron does to the model's output: the causal evidence of a result."""

from __future__ import annotations

from pydantic import Field

from tools.records.scores import Interval, Measured, Record, ScoreValue, Unscored

MIN_PUSH = 0.01
"""Nats by which the claimed tokens must surely become likelier beside the controls: one per cent."""

MIN_AHEAD = 0.9
"""Share of controls that a claimed token must gain more than. Any few tokens gain on any others in one of two cases:
without this, a third of claims made of another neuron's tokens would hold; with it, one in a hundred."""


class Push(ScoreValue):
    """By how much claimed tokens gain on their controls.

    Attributes:
        value: nats that claimed tokens gain, on average.
        low: lower bound of the 95 % interval, in nats.
        high: upper bound of the 95 % interval, in nats.
        ahead: share (0 to 1) of pairs of a claimed token and a control in which the claimed one gains more.
    """

    ahead: float

    @property
    def holds(self) -> bool:
        """Whether the claim is borne out: surely by one per cent, and by more than nine in ten controls gain."""
        return self.low >= MIN_PUSH and self.ahead >= MIN_AHEAD


class Beside(Record):
    """The neuron set to its mean where it fires, beside the same for neurons of the layer that fire like it.

    Divergences are Jensen-Shannon, in nats, of the next token's distribution, averaged over texts that end where the
    neuron in question fires.

    Attributes:
        divergence: of the neuron, in nats.
        peers: of each neuron that fires like it, in nats, by its index in the layer.
        times: the neuron's divergence over the median peer's; a ratio.
        above: how many peers' divergence it exceeds.
    """

    divergence: float
    peers: dict[int, float]
    times: Interval | Unscored
    above: int


class OutputWeights(Record):
    """What the neuron's output weights say.

    Attributes:
        promoted: the tokens with the largest output weights, each with its weight (logit per unit of raw activation).
        suppressed: the tokens with the smallest, likewise.
    """

    promoted: list[tuple[str, float]] = Field(default_factory=list)
    suppressed: list[tuple[str, float]] = Field(default_factory=list)


class OutputEvidence(OutputWeights):
    """What the output weights say, what was claimed of it beforehand, and how that stood the test.

    Attributes:
        claimed: tokens that should become likelier where the neuron fires; empty where nothing was claimed.
        test: by how much they did, in nats.
        holds: whether the claim was borne out.
        sentence: what may be said of the output; null where the claim was not borne out.
    """

    claimed: list[str] = Field(default_factory=list)
    test: Push | Unscored
    holds: bool
    sentence: str | None = None


class CausalFindings(Record):
    """What ablations on the sealed fold showed.

    Attributes:
        ablation_score: the explanation in the neuron's place: 1 is what the neuron itself would get, 0 its mean.
        to_mean: divergence with the neuron set to its mean, in nats a token; null where it was not measured.
        to_simulation: the same, in nats a token, with the neuron set to what the explanation simulates.
        beside_peers: the neuron beside others of its layer.
        output: which tokens it makes likelier.
    """

    ablation_score: Measured
    to_mean: float | None = None
    to_simulation: float | None = None
    beside_peers: Beside | Unscored
    output: OutputEvidence
