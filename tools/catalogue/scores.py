"""The tool that scores sentences on development text while the run goes on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from pydantic import BaseModel, Field

from tools.records.result import Interval, ScoreValue, Unscored
from tools.scoring.calibration import fit
from tools.scoring.metrics import Estimate, Series, StratifiedSample
from tools.scoring.subsampling import SimulatedSample
from tools.study.study import Study
from tools.toolbox import Arguments, Outcome, Tool

MARGIN = 0.1
"""By how much (in correlation) a simulation may beat its lexical twin, although none did so far."""

CLEARLY = 0.05
"""An explanation has lost if the upper bound of its gain is below minus this. The margin allows for the optimism of the
leader's score, by which it was selected."""

HARDLY = 0.2
"""An explanation that beats the leader in fewer than this share of resamples of the first excerpts is simulated no
further."""

AGREES = 0.7
"""The least correlation of a simulation and its twin, on development text, at which the twin stands in for it."""

PROTOCOL = "simulation, correlation over top, quantile and random excerpts"


class Score(Arguments):
    """Explanations to score on development text.

    Simulations by an LLM cost something, so each of `new` is simulated on a few excerpts first. An explanation that is
    clearly below the best of `leading` there has lost. It is simulated no further if it is hardly better than that, or
    silent where its author's words stand, until experiments put it ahead; nor if its lexical twin says nearly the same.
    The others are simulated on the other excerpts too. One that lost draws no excerpts for the others.

    Attributes:
        sentences: the explanations.
        reference: the one that all are compared with; None for no comparison.
        twins: explanations in free text that no LLM has simulated yet, each with its lexical twin, or None without
            one. If the twin is clearly below the best of `leading`, the explanation is not simulated at all.
        leading: those that lead so far.
        merits: the known merits of those of `leading` that only an LLM can simulate, so that they are not simulated
            again beside a newcomer that loses.
        over_twins: by how much simulations beat their twins so far, at most.
        none_read: whether no explanation with a twin was simulated yet: `over_twins` is unknown, and none is left out.
        new: newcomers in free text.
    """

    sentences: list[str]
    reference: str | None = None
    twins: dict[str, str | None] = Field(default_factory=dict)
    leading: list[str] = Field(default_factory=list)
    merits: dict[str, float] = Field(default_factory=dict)
    over_twins: float = Field(default=0.0, ge=0)
    none_read: bool = False
    new: list[str] = Field(default_factory=list)


class DevelopmentScore(BaseModel):
    """One sentence: its score, its paired gain over the reference, and its calibration (absent when unscored).

    `beside` is the reference's score on the excerpts of the gain, on which both could be simulated.

    `merit` is what rivals are ranked by. Where all of the sample was simulated it is the score. Where some excerpts
    were, it is the score that the 30-token lookup has on the whole sample, plus what the sentence gains over it on
    those excerpts: a paired difference has less sampling variance. It has least where the two predict nearly the same,
    so a twin that agrees with the simulation takes the lookup's place. `part_read`: only the first excerpts were
    simulated, because the twin agrees there, or because it can hardly win.

    Of a sentence in free words with a twin, `agreement` is the correlation of what both say on those excerpts, and
    `over_twin` how much higher its merit is. `behind` is the sentence that it is clearly below on the excerpts that
    were read of it; or that its twin is below, where it was passed over for that and has no score.
    """

    sentence: str
    score: ScoreValue | Unscored
    gain: Interval | None
    beside: float | None = None
    table: list[float]
    merit: float | None = None
    agreement: float | None = None
    over_twin: float | None = None
    behind: str | None = None
    part_read: bool = False


class Scores(Outcome):
    """One entry per sentence, in the order given."""

    scores: list[DevelopmentScore]


def score_value(
    result: Estimate | Unscored,
    sample: StratifiedSample,
    split: str,
    protocol: str,
    n_excerpts: int | None = None,
    n_unscored: int = 0,
) -> ScoreValue | Unscored:
    """A score with everything that a reader of the number needs.

    Args:
        result: what was found.
        sample: on which excerpts.
        split: of which split they are.
        protocol: how it was measured.
        n_excerpts: where not all of the sample counted.
        n_unscored: excerpts that could not be scored, and are none of the sample.
    """
    if isinstance(result, Unscored):
        return result
    interval = result.interval()
    return ScoreValue(
        value=interval.value, low=interval.low, high=interval.high, protocol=protocol, split=split,
        n_excerpts=len(sample) if n_excerpts is None else n_excerpts, n_unscored=n_unscored,
        resampled=sample.resampled,
    )  # fmt: skip


def correlated(
    study: Study, sentence: str, sample: StratifiedSample, split: str, protocol: str
) -> ScoreValue | Unscored:
    """The correlation of a sentence with the neuron on a sample, or on what of it the sentence is simulated on."""
    part = study.simulations.on(sentence, sample)
    if isinstance(part, Unscored):
        return part
    return score_value(part.sample.correlation(part.levels), part.sample, split, protocol, n_unscored=part.n_unscored)


def development_score(study: Study, sentence: str, reference: str | None = None) -> DevelopmentScore:
    """A sentence on development text, as `DevelopmentScore` says."""
    part = study.simulations.on(sentence, study.development)
    if isinstance(part, Unscored):
        return DevelopmentScore(sentence=sentence, score=part, gain=None, table=[])
    return _scored(study, sentence, part, *compared(study, sentence, reference))


def _scored(
    study: Study, sentence: str, part: SimulatedSample, gained: Interval | None, beside: float | None
) -> DevelopmentScore:
    found = part.sample.correlation(part.levels)
    mask = part.sample.activations.excerpts.mask
    return DevelopmentScore(
        sentence=sentence,
        score=score_value(found, part.sample, "development", PROTOCOL, n_unscored=part.n_unscored),
        gain=gained,
        beside=beside,
        table=fit(
            part.levels[mask], part.sample.activations.values[mask] > study.evidence.theta, part.sample.token_importance
        ),
        merit=None if isinstance(found, Unscored) else _merit(study, sentence, found, part.sample),
        part_read=sentence in study.simulations.part_read,
    )


def compared(study: Study, sentence: str, reference: str | None) -> tuple[Interval, float] | tuple[None, None]:
    """What a sentence gains over another on development text, and the other's score there; None where that is not
    known."""
    both = None if reference is None else study.simulations.both_on(sentence, reference, study.development)
    if both is None or isinstance(both, Unscored):
        return None, None
    one, other = (part.sample.correlation(part.levels) for part in both)
    if isinstance(one, Unscored) or isinstance(other, Unscored):
        return None, None
    return one.minus(other), round(other.value, 6)


def _merit(study: Study, sentence: str, found: Estimate, sample: StratifiedSample) -> float:
    beside = study.simulations.part_read.get(sentence) or study.lookup_sentence
    if sample is study.development or beside is None:
        return round(found.value, 6)
    whole, here = _value_of(study, beside, study.development), _value_of(study, beside, sample)
    return round(found.value if whole is None or here is None else whole + found.value - here, 6)


def _value_of(study: Study, sentence: str, sample: StratifiedSample) -> float | None:
    levels = study.simulations.levels(sentence, sample.activations.excerpts.tokens)
    found = levels if isinstance(levels, Unscored) else sample.correlation(levels)
    return None if isinstance(found, Unscored) else found.value


def score_tools(study: Study) -> list[Tool[Score, Scores]]:
    """`score`, and the same for what is read when the loop is over, which no unit need be left for; bound to one
    neuron."""

    def score(arguments: Score, rng: np.random.Generator) -> Scores:
        for sentence in set(arguments.sentences) - set(arguments.new):  # it leads now
            if study.simulations.part_read.get(sentence, "") is None:
                del study.simulations.part_read[sentence]
        behind = _passed_over(study, arguments)
        lost = _lost(study, arguments, [one for one in arguments.new if one not in behind])
        left = [sentence for sentence in arguments.sentences if sentence not in behind and sentence not in lost]
        study.simulations.claimants = tuple(
            one for one in study.simulations.claimants if one.sentence not in behind and one.sentence not in lost
        )
        study.simulations.prepare(left, study.development)

        def scored(sentence: str) -> DevelopmentScore:
            if sentence in behind:
                return _unread(sentence, behind[sentence])
            if sentence in lost:
                return _over_twin(study, lost[sentence], arguments.twins.get(sentence))
            return _beside_twin(
                study, development_score(study, sentence, arguments.reference), arguments.twins.get(sentence)
            )

        return Scores(scores=[scored(sentence) for sentence in arguments.sentences])

    about = "Score sentences on development text"
    return [
        Tool("score", f"{about}.", Score, Scores, score),
        Tool("score_finalists", f"{about} when the loop is over.", Score, Scores, score, charged=False),
    ]


def _unread(sentence: str, best: str) -> DevelopmentScore:
    why = "it was not read, since its lexical twin is clearly below another explanation on development text"
    return DevelopmentScore(sentence=sentence, score=Unscored(reason=why), gain=None, table=[], behind=best)


def _best_of(study: Study, arguments: Score) -> tuple[str, float] | None:
    """The best of those that lead, and its merit; None without any."""
    merits = {
        sentence: arguments.merits[sentence] if sentence in arguments.merits else _merit_of(study, sentence)
        for sentence in arguments.leading
    }
    return max(merits.items(), key=lambda one: one[1], default=None)


def _lost(study: Study, arguments: Score, new: list[str]) -> dict[str, DevelopmentScore]:
    """Sentences that cannot win any more, each with its score on the excerpts that were read of it until then."""
    racing = [sentence for sentence in new if not study.simulations.is_exact(sentence)]
    if study.simulations.word_simulator is None or not racing or (best := _best_of(study, arguments)) is None:
        return {}
    out: dict[str, DevelopmentScore] = {}
    for first in (True, False):
        racing = [
            sentence for sentence in racing if sentence not in out and sentence not in study.simulations.part_read
        ]
        study.simulations.prepare(racing, study.development, first)
        for sentence in racing:
            gain = _gain(study, sentence, best[0], first)
            if gain is not None and gain.interval().high < -CLEARLY:
                out[sentence] = _scored(study, sentence, gain.part, None, None).model_copy(update={"behind": best[0]})
            elif first:
                _settle(study, sentence, arguments.twins.get(sentence))
                is_weak = (
                    study.simulations.is_silent_where_it_claims(sentence, study.development)
                    if gain is None
                    else gain.chance < HARDLY
                )
                if is_weak and sentence not in study.simulations.part_read:
                    study.simulations.part_read[sentence] = None
    return out


def _settle(study: Study, sentence: str, twin: str | None) -> None:
    """Read no more of a sentence than its first excerpts where its twin says nearly the same there, and they tell: of
    what is rare they may hold too little."""
    part = study.simulations.on_first(sentence, study.development)
    if twin is None or isinstance(part, Unscored) or isinstance(part.sample.correlation(part.levels), Unscored):
        return
    agreement = _agreement(study, part, twin)
    if agreement is not None and agreement >= AGREES:
        study.simulations.part_read[sentence] = twin


@dataclass(frozen=True)
class _Gain:
    """What a sentence gains over another on the part of it that was read."""

    part: SimulatedSample
    own: Estimate
    other: Estimate

    def interval(self) -> Interval:
        return self.own.minus(self.other)

    @property
    def chance(self) -> float:
        """The share of resamples in which it is the better one."""
        return float(np.mean(self.own.replicates > self.other.replicates))


def _gain(study: Study, sentence: str, best: str, first: bool) -> _Gain | None:
    """None if the gain cannot be computed: missing evidence does not eliminate an explanation."""
    part = (study.simulations.on_first if first else study.simulations.on)(sentence, study.development)
    if isinstance(part, Unscored):
        return None
    theirs = study.simulations.on_rows(best, part, study.development)
    if isinstance(theirs, Unscored):
        return None
    own, other = (one.sample.correlation(one.levels) for one in (part, theirs))
    return None if isinstance(own, Unscored) or isinstance(other, Unscored) else _Gain(part, own, other)


def _passed_over(study: Study, arguments: Score) -> dict[str, str]:
    """Explanations that are not worth simulating, each with the leader that its twin is clearly below.

    The twin must be below by more than any simulation has beaten its twin so far.
    """
    twins = {sentence: twin for sentence, twin in arguments.twins.items() if twin is not None}
    leading = _best_of(study, arguments) if twins and not arguments.none_read else None
    if leading is None:
        return {}
    best, merit = leading
    margin = max(MARGIN, arguments.over_twins)

    def highest_gain(twin: str) -> float:
        gain = compared(study, twin, best)[0]
        return _merit_of(study, twin) - merit if gain is None else gain.high

    return {sentence: best for sentence, twin in twins.items() if highest_gain(twin) + margin < 0}


def _merit_of(study: Study, sentence: str) -> float:
    found = development_score(study, sentence).merit
    return 0.0 if found is None else found


def _beside_twin(study: Study, found: DevelopmentScore, twin: str | None) -> DevelopmentScore:
    part = study.simulations.on(found.sentence, study.development) if twin is not None else None
    if twin is None or part is None or isinstance(part, Unscored) or found.merit is None:
        return found
    agreement = _agreement(study, part, twin)
    return _over_twin(study, found.model_copy(update={"agreement": agreement}), twin)


def _agreement(study: Study, part: SimulatedSample, twin: str) -> float | None:
    """The correlation of what was read and what a twin says on the same excerpts."""
    other = study.simulations.on_rows(twin, part, study.development)
    if isinstance(other, Unscored):
        return None
    said, also = (part.sample.tokens_of(levels) for levels in (part.levels, other.levels))
    return _correlation(said, also, part.sample.token_importance)


def _over_twin(study: Study, found: DevelopmentScore, twin: str | None) -> DevelopmentScore:
    if twin is None or found.merit is None:
        return found
    return found.model_copy(update={"over_twin": round(found.merit - _merit_of(study, twin), 6)})


def _correlation(one: Series, other: Series, weights: Series) -> float | None:
    """Of two series, each place as often as it counts; None where one of them is constant."""
    table = np.cov(np.stack([one, other]), aweights=weights)
    spread = float(np.sqrt(table[0, 0] * table[1, 1]))
    return round(float(table[0, 1]) / spread, 6) if spread > 0 else None
