"""Tools that score sentences on development text while the run goes on: rivals, and the matched null."""

from __future__ import annotations

import numpy as np
from pydantic import BaseModel, Field

from tools.bench import Bench
from tools.errors import BadInput
from tools.evidence.neighbours import similar_firing_rate
from tools.records.result import Interval, ScoreValue, Unscored
from tools.roles import AsksAnLLM
from tools.scoring.calibration import fit
from tools.scoring.metrics import Estimate, StratifiedSample
from tools.scoring.null import explanations_of
from tools.toolbox import Arguments, Outcome, Tool

PROTOCOL = "simulation, correlation over top, quantile and random excerpts"
MAX_NULL = 16
_NULL_SEED = 31


class Score(Arguments):
    """Sentences to score on development text, and one of them to which the others are compared."""

    sentences: list[str]
    reference: str | None = None


class Scored(BaseModel):
    """One sentence: its score, its paired gain over the reference, and its calibration (absent when unscored).

    `beside` is the reference's score on the excerpts on which both could be simulated: those of the gain.

    `merit` is what rivals are ranked by. Where all of the sample was simulated it is the score. Where some excerpts
    were, it is the score that the 30-token lookup has on the whole sample, plus what the sentence gains over it on
    those excerpts: a paired difference hangs less on which excerpts they are.
    """

    sentence: str
    score: ScoreValue | Unscored
    gain: Interval | None
    beside: float | None = None
    table: list[float]
    merit: float | None = None


class Scores(Outcome):
    """One entry per sentence, in the order given."""

    scores: list[Scored]


class Null(Arguments):
    """How many explanations of other neurons the matched null chooses among, by the explainer that writes them."""

    n: dict[str, int] = Field(min_length=1)


class NullChoice(Outcome):
    """The null's best sentence on this neuron's development text; None when none of them could be scored."""

    neurons: list[int]
    sentence: str | None
    n_scored: int


def measured(
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
    more = {"resampled": sample.resampled}
    return ScoreValue(
        value=interval.value, low=interval.low, high=interval.high, protocol=protocol, split=split,
        n_excerpts=len(sample) if n_excerpts is None else n_excerpts, n_unscored=n_unscored, **more,
    )  # fmt: skip


def correlated(
    bench: Bench, sentence: str, sample: StratifiedSample, split: str, protocol: str
) -> ScoreValue | Unscored:
    """The correlation of a sentence with the neuron on a sample, or on what of it the sentence is simulated on."""
    part = bench.on(sentence, sample)
    if isinstance(part, Unscored):
        return part
    return measured(part.sample.correlation(part.levels), part.sample, split, protocol, n_unscored=part.n_unscored)


def score_tools(bench: Bench) -> list[Tool[Score, Scores] | Tool[Null, NullChoice]]:
    """`score` and `null`, bound to one neuron."""
    evidence = bench.evidence

    def value_of(sentence: str, sample: StratifiedSample) -> float | None:
        levels = bench.levels(sentence, sample.readings.excerpts.tokens)
        found = levels if isinstance(levels, Unscored) else sample.correlation(levels)
        return None if isinstance(found, Unscored) else found.value

    def score(arguments: Score, rng: np.random.Generator) -> Scores:
        bench.prepare(arguments.sentences, bench.development)
        return Scores(scores=[scored(sentence, arguments.reference) for sentence in arguments.sentences])

    def scored(sentence: str, reference: str | None) -> Scored:
        sample = bench.development
        part = bench.on(sentence, sample)
        if isinstance(part, Unscored):
            return Scored(sentence=sentence, score=part, gain=None, table=[])
        found = part.sample.correlation(part.levels)
        mask = part.sample.readings.excerpts.mask
        gained, beside = compared(sentence, reference, sample)
        return Scored(
            sentence=sentence,
            score=measured(found, part.sample, "development", PROTOCOL, n_unscored=part.n_unscored),
            gain=gained,
            beside=beside,
            table=fit(
                part.levels[mask], part.sample.readings.values[mask] > evidence.theta, part.sample.token_importance
            ),
            merit=None if isinstance(found, Unscored) else merit(found, part.sample),
        )

    def compared(
        sentence: str, reference: str | None, sample: StratifiedSample
    ) -> tuple[Interval, float] | tuple[None, None]:
        both = None if reference is None else bench.both_on(sentence, reference, sample)
        if both is None or isinstance(both, Unscored):
            return None, None
        one, other = (part.sample.correlation(part.levels) for part in both)
        if isinstance(one, Unscored) or isinstance(other, Unscored):
            return None, None
        return one.minus(other), round(other.value, 6)

    def merit(found: Estimate, sample: StratifiedSample) -> float:
        listed = bench.lookup_sentence
        if sample is bench.development or listed is None:
            return round(found.value, 6)
        whole, here = value_of(listed, bench.development), value_of(listed, sample)
        return round(found.value if whole is None or here is None else whole + found.value - here, 6)

    def null(arguments: Null, rng: np.random.Generator) -> NullChoice:
        unknown = sorted(set(arguments.n) - {explainer.name for explainer in bench.explainers})
        if unknown:
            raise BadInput(f"there is no explainer {unknown[0]} in this run.")
        # The same neurons in every run: what must be beaten is no matter of chance, and what one run has learnt of
        # them, all others of the layer need not learn again.
        own = np.random.default_rng([evidence.neuron.layer, _NULL_SEED])
        waiting = similar_firing_rate(bench.scan, evidence.neuron.index, own)
        left = MAX_NULL
        asked: list[int] = []
        best, best_value, n_scored = None, -np.inf, 0
        size = bench.stratum_of(len(evidence.explore))
        for explainer in bench.explainers:
            wanted = min(arguments.n.get(explainer.name, 0), left) if explainer.has_null else 0
            most = len(waiting) if not isinstance(explainer, AsksAnLLM) else 2 * wanted  # a hopeless one costs too
            n_here, n_asked = 0, 0
            # An explanation that says the same of every token of this text is no try: the next neuron takes its place.
            while n_here < wanted and waiting and n_asked < most:
                now, waiting = waiting[: wanted - n_here], waiting[wanted - n_here :]
                asked += now
                n_asked += len(now)
                written = explanations_of(bench.scan, now, explainer, size)
                sentences = [sentence for sentence in written if bench.why_not(sentence) is None]
                bench.prepare(sentences, bench.development)
                for sentence in sentences:
                    result = scored(sentence, None)
                    if result.merit is None:
                        continue
                    n_here += 1
                    if result.merit > best_value:
                        best, best_value = sentence, result.merit
            n_scored, left = n_scored + n_here, left - n_here
        return NullChoice(neurons=asked, sentence=best, n_scored=n_scored)

    return [
        Tool("score", "Score sentences on development text.", Score, Scores, score),
        Tool("null", "The best of other neurons' explanations on this one.", Null, NullChoice, null, charged=False),
    ]
