"""Tools that show what the neuron does to the model's output, once the final score is in.

`claim_output` says, from weights and explore text alone, which tokens the neuron should push the model towards; it
stands in the trace before `causal_check` reads anything on the sealed fold.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from tools.errors import BadInput
from tools.evidence.neurons.peers import MIN_TEXTS, with_peers
from tools.records.effects import Beside, Push
from tools.records.excerpts import SealedActivations
from tools.records.result import ScoreValue, Unscored
from tools.scoring.causal import ablation_score, calibration, claim, push, times_its_like
from tools.scoring.metrics import StratifiedSample
from tools.scoring.sampling import sealed_sample
from tools.study.simulations import padded
from tools.study.study import Study
from tools.subject.protocol import SubjectModel
from tools.toolbox import Arguments, Outcome, Tool

MIN_EXCERPTS, MAX_EXCERPTS = 12, 30
_OPERATIONS = 26e9
"""What ablation may cost where fewer excerpts would do: half a second of one core."""
_PASSES = 3  # as it is, with the simulation, with the mean
_N_PEERS = 8
_N_RANKED = 10
_MIN_DOCUMENTS = 8


class ClaimOutput(Arguments):
    """How many tokens of each side of the output weights to list."""

    k: int = Field(default=_N_RANKED, ge=1, le=100)


class OutputClaim(Outcome):
    """What output weights alone say, and what is claimed of it; everything is absent where there are no weights.

    `claimed` are token ids that should become likelier when the neuron fires, `controls` tokens as frequent that
    should not; both are empty where `reason` says why nothing is claimed.
    """

    promoted: list[tuple[str, float]] = Field(default_factory=list)
    suppressed: list[tuple[str, float]] = Field(default_factory=list)
    claimed: list[int] = Field(default_factory=list)
    controls: list[int] = Field(default_factory=list)
    reason: str | None = None


class CausalCheck(Arguments):
    """The explanation (None where there is none), what is claimed of the output, and the sealed fold that is open."""

    sentence: str | None
    claimed: list[int]
    controls: list[int]
    fold: int


class CausalEvidence(Outcome):
    """The explanation put in the neuron's place, the neuron beside its like, and the claim about the output tested.

    `to_mean` and `to_simulation` are the divergences (nats a token) that the ablation score is made of.
    """

    ablation_score: ScoreValue | Unscored
    to_mean: float | None = None
    to_simulation: float | None = None
    beside_peers: Beside | Unscored
    push: Push | Unscored


def n_excerpts(subject: SubjectModel, layer: int, width: int) -> int:
    """On how many excerpts of `width` tokens ablation is affordable: 12 to 30, and a multiple of the three strata."""
    a_layer = subject.d_model * (4 * subject.d_model + 2 * subject.d_mlp)
    head = subject.d_model * subject.tokenizer.d_vocab
    weights = a_layer * (layer + 1) + _PASSES * (a_layer * (subject.n_layers - layer - 1) + head)
    n = int(_OPERATIONS / (2 * width * weights))
    return min(MAX_EXCERPTS, max(MIN_EXCERPTS, n)) // 3 * 3


def causal_tools(study: Study) -> list[Tool[ClaimOutput, OutputClaim] | Tool[CausalCheck, CausalEvidence]]:
    """`claim_output` and `causal_check`, bound to one neuron."""
    evidence, neuron, subject = study.evidence, study.evidence.neuron, study.subject
    n_affordable = n_excerpts(subject, neuron.layer, evidence.corpus.width)

    def claim_output(arguments: ClaimOutput, rng: np.random.Generator) -> OutputClaim:
        try:
            model = subject.interventions()
            weights = model.output_weights(neuron.layer, neuron.index)
            promoted, suppressed = (
                [(token, round(weight, 5)) for token, weight in side]
                for side in model.logit_effects(neuron.layer, neuron.index, arguments.k)
            )
        except BadInput as refused:
            return OutputClaim(reason=str(refused))
        found = claim(weights, study.simulations.token_means.counts)
        if isinstance(found, Unscored):
            return OutputClaim(promoted=promoted, suppressed=suppressed, reason=found.reason)
        return OutputClaim(promoted=promoted, suppressed=suppressed, claimed=found.tokens, controls=found.controls)

    def causal_check(arguments: CausalCheck, rng: np.random.Generator) -> CausalEvidence:
        fold = evidence.sealed.open(arguments.fold, study.ledger)
        try:
            score, to_mean, to_simulation = replaced(arguments.sentence, fold, arguments.fold)
            return CausalEvidence(
                ablation_score=score,
                to_mean=to_mean,
                to_simulation=to_simulation,
                beside_peers=beside_peers(rng),
                push=pushed(arguments.claimed, arguments.controls, fold, arguments.fold, rng),
            )
        except BadInput as refused:
            nothing = Unscored(reason=str(refused))
            return CausalEvidence(ablation_score=nothing, beside_peers=nothing, push=nothing)

    def replaced(
        sentence: str | None, fold: SealedActivations, number: int
    ) -> tuple[ScoreValue | Unscored, float | None, float | None]:
        if sentence is None:
            return Unscored(reason="there is no explanation to put in the neuron's place"), None, None
        known = study.simulations.on(sentence, study.development)
        whole = sealed_sample(fold, study.stratum, neuron, number)
        unseen = study.simulations.on(sentence, _share(whole, n_affordable // 3, fixed(number)))
        if isinstance(known, Unscored):
            return known, None, None
        if isinstance(unseen, Unscored):
            return unseen, None, None
        mask, values = known.sample.activations.excerpts.mask, known.sample.activations.values
        fitted = calibration(known.levels[mask], values[mask])
        if isinstance(fitted, Unscored):
            return fitted, None, None
        slope, intercept = fitted
        sample = unseen.sample
        simulated = (intercept + slope * unseen.levels).astype(np.float32)
        # The mean is that of the text that the simulation is fitted on: a simulation that knows nothing gets 0.
        mean = np.full_like(simulated, values[mask].mean())
        changed = subject.interventions().ablate(
            np.maximum(sample.activations.excerpts.tokens, 0), sample.activations.excerpts.lengths,
            neuron.layer, neuron.index, np.stack([simulated, mean]),
        )  # fmt: skip
        to_simulation, to_mean = (float(d[sample.activations.excerpts.mask].mean()) for d in changed)
        return ablation_score(sample, changed[0], changed[1]), round(to_mean, 9), round(to_simulation, 9)

    def fixed(number: int) -> np.random.Generator:
        """The same texts of a fold whoever asks, so that runs can be compared."""
        return np.random.default_rng([neuron.layer, neuron.index, number, 1])

    def beside_peers(rng: np.random.Generator) -> Beside | Unscored:
        own, peers = with_peers(study.scan, neuron.index, _N_PEERS, n_affordable // 4, rng)
        if len(own.texts) < MIN_TEXTS or len(peers) < MIN_TEXTS:
            return Unscored(reason="the neuron fires too rarely to be compared with others that fire like it")
        everyone = [own, *peers]
        tokens, lengths = padded([text for one in everyone for text in one.texts])
        of = np.repeat(np.arange(len(everyone)), [len(one.texts) for one in everyone])
        effect = subject.interventions().ablate_last(
            np.maximum(tokens, 0), lengths, neuron.layer, np.array([one.neuron for one in everyone])[of],
            np.array([one.mean for one in everyone], dtype=np.float32)[of], np.empty(0, dtype=np.int64),
        )  # fmt: skip
        each = [effect.divergence[of == i] for i in range(len(everyone))]
        means = [round(float(divergences.mean()), 9) for divergences in each]
        return Beside(
            divergence=means[0],
            peers={one.neuron: mean for one, mean in zip(peers, means[1:], strict=True)},
            times=times_its_like(each[0], each[1:], rng),
            above=sum(means[0] > mean for mean in means[1:]),
        )

    def pushed(
        claimed: list[int], controls: list[int], fold: SealedActivations, number: int, rng: np.random.Generator
    ) -> Push | Unscored:
        if not claimed or not controls:
            return Unscored(reason="nothing is claimed of the output")
        rows, ends = _firing_tokens(fold, evidence.theta, n_affordable, fixed(number))
        if len(rows) < _MIN_DOCUMENTS:
            return Unscored(reason=f"the neuron fires in only {len(rows)} documents of the sealed fold")
        drawn = evidence.explore.take(evidence.explore.drawn)
        mean = float(drawn.values[drawn.excerpts.mask].mean())
        effect = subject.interventions().ablate_last(
            np.maximum(fold.excerpts.tokens[rows], 0), ends + 1, neuron.layer, np.full(len(rows), neuron.index),
            np.full(len(rows), mean, dtype=np.float32), np.array([*claimed, *controls]),
        )  # fmt: skip
        is_claimed = np.arange(len(claimed) + len(controls)) < len(claimed)
        return push(effect.before - effect.after, is_claimed, rng)

    return [
        Tool(
            "claim_output",
            "Which tokens the neuron's output weights say it pushes the model towards.",
            ClaimOutput,
            OutputClaim,
            claim_output,
            charged=False,
        ),
        Tool(
            "causal_check",
            "What the model's output does on a sealed fold when the neuron is replaced.",
            CausalCheck,
            CausalEvidence,
            causal_check,
            charged=False,
        ),
    ]


def _share(sample: StratifiedSample, n: int, rng: np.random.Generator) -> StratifiedSample:
    """`n` excerpts of each stratum of a sealed sample, drawn at random."""
    labels = np.array(sample.strata)
    rows = np.concatenate(
        [np.sort(rng.permutation(np.flatnonzero(labels == stratum))[:n]) for stratum in dict.fromkeys(sample.strata)]
    )
    part = sample.activations
    activations = SealedActivations(*part.columns(rows))
    return StratifiedSample.draw(activations, [sample.strata[row] for row in rows], rng)


def _firing_tokens(
    fold: SealedActivations, theta: float, n: int, rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Up to `n` random tokens on which the neuron fires, one a document: rows of the fold, and positions."""
    rows, positions = np.nonzero((fold.values > theta) & fold.excerpts.mask)
    order = rng.permutation(len(rows))
    _, first = np.unique(fold.excerpts.documents[rows[order]], return_index=True)
    kept = order[np.sort(first)[:n]]
    return rows[kept], positions[kept]
