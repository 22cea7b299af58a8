"""Tools that score sentences: on development text while the run goes on, on a sealed fold once at its end."""

from __future__ import annotations

import numpy as np
from pydantic import BaseModel, Field

from tools.bench import Bench
from tools.evidence.neighbours import similar_firing_rate
from tools.records.excerpts import SealedReadings
from tools.records.result import Interval, ScoreValue, Unscored
from tools.scoring.calibration import fit
from tools.scoring.metrics import Estimate, StratifiedSample
from tools.scoring.null import explanations_of
from tools.scoring.panel import PROTOCOLS, Panel
from tools.scoring.sampling import only, sealed_sample, top_and_random_sample
from tools.toolbox import Arguments, Outcome, Tool

PROTOCOL = "simulation, correlation over top, quantile and random excerpts"
MAX_NULL = 16


class Score(Arguments):
    """Sentences to score on development text, and one of them to which the others are compared."""

    sentences: list[str]
    reference: str | None = None


class Scored(BaseModel):
    """One sentence: its score, its paired gain over the reference, and its calibration (absent when unscored)."""

    sentence: str
    score: ScoreValue | Unscored
    gain: Interval | None
    table: list[float]


class Scores(Outcome):
    """One entry per sentence, in the order given."""

    scores: list[Scored]


class Null(Arguments):
    """How many explanations of other neurons the matched null chooses among."""

    n: int


class NullChoice(Outcome):
    """The null's best sentence on this neuron's development text; None when none of them could be scored."""

    neurons: list[int]
    sentence: str | None
    n_scored: int


class Confirm(Arguments):
    """The explanation, the null's sentence and an earlier run's explanation if there are any, and the fold to open.

    `leaders` are the sentences that led on the way, for the score that the run would have had at each budget.
    """

    sentence: str
    null: str | None
    previous: str | None = None
    leaders: list[str] = Field(default_factory=list)
    fold: int


class Confirmation(Outcome):
    """Final scores on one sealed fold.

    `gains` are paired differences of the explanation to each baseline. `scores` are those besides correlation, by name
    (`tools.scoring.panel.PROTOCOLS`), each for the explanation, `token_lookup_30` and `null`.
    """

    score: ScoreValue | Unscored
    openai_top_random: ScoreValue | Unscored
    random_only: ScoreValue | Unscored
    baselines: dict[str, Interval | Unscored]
    gains: dict[str, Interval | Unscored]
    previous: ScoreValue | Unscored | None = None
    leaders: list[ScoreValue | Unscored] = Field(default_factory=list)
    scores: dict[str, dict[str, ScoreValue | Unscored]] = Field(default_factory=dict)


def measured(
    result: Estimate | Unscored, sample: StratifiedSample, split: str, protocol: str, n_excerpts: int | None = None
) -> ScoreValue | Unscored:
    """A score with everything that a reader of the number needs; `n_excerpts` where not all of the sample counted."""
    if isinstance(result, Unscored):
        return result
    interval = result.interval()
    more = {"resampled": sample.resampled}
    return ScoreValue(
        value=interval.value, low=interval.low, high=interval.high, protocol=protocol, split=split,
        n_excerpts=len(sample) if n_excerpts is None else n_excerpts, n_unscored=0, **more,
    )  # fmt: skip


def _tokens_of(sample: StratifiedSample) -> np.ndarray[tuple[int, int], np.dtype[np.int32]]:
    return sample.readings.excerpts.tokens


def score_tools(bench: Bench) -> list[Tool[Score, Scores] | Tool[Null, NullChoice] | Tool[Confirm, Confirmation]]:
    """`score`, `null` and `confirm`, bound to one neuron."""
    evidence = bench.evidence

    def correlate(sentence: str, sample: StratifiedSample) -> Estimate | Unscored:
        levels = bench.levels(sentence, _tokens_of(sample))
        return levels if isinstance(levels, Unscored) else sample.correlation(levels)

    def besides(
        sentences: dict[str, str | None], sample: StratifiedSample, fold: int
    ) -> dict[str, dict[str, ScoreValue | Unscored]]:
        neuron = evidence.neuron
        panel = Panel(bench.development, sample, evidence.theta, (neuron.layer, neuron.index, fold, 1))
        found: dict[str, dict[str, ScoreValue | Unscored]] = {name: {} for name in PROTOCOLS}
        for whose, sentence in sentences.items():
            for name, result in of_sentence(panel, sentence).items():
                found[name][whose] = measured(result, sample, "sealed", PROTOCOLS[name], panel.n_excerpts(name))
        return found

    def of_sentence(panel: Panel, sentence: str | None) -> dict[str, Estimate | Unscored]:
        if sentence is None:
            return dict.fromkeys(PROTOCOLS, Unscored(reason="there is no sentence to score"))
        fitted = bench.levels(sentence, _tokens_of(panel.development))
        levels = bench.levels(sentence, _tokens_of(panel.sample))
        if isinstance(fitted, Unscored):
            return dict.fromkeys(PROTOCOLS, fitted)
        if isinstance(levels, Unscored):
            return dict.fromkeys(PROTOCOLS, levels)
        return panel.scores(fitted, levels)

    def score(arguments: Score, rng: np.random.Generator) -> Scores:
        sample = bench.development
        mask = sample.readings.excerpts.mask
        fired = sample.readings.values[mask] > evidence.theta
        reference = correlate(arguments.reference, sample) if arguments.reference is not None else None
        out = []
        for sentence in arguments.sentences:
            levels = bench.levels(sentence, _tokens_of(sample))
            result = levels if isinstance(levels, Unscored) else sample.correlation(levels)
            table = [] if isinstance(levels, Unscored) else fit(levels[mask], fired)
            known = isinstance(reference, Estimate) and isinstance(result, Estimate)
            gain = result.minus(reference) if known else None  # type: ignore[union-attr, arg-type]
            out.append(
                Scored(
                    sentence=sentence, score=measured(result, sample, "development", PROTOCOL), gain=gain, table=table
                )
            )
        return Scores(scores=out)

    def null(arguments: Null, rng: np.random.Generator) -> NullChoice:
        wanted = min(arguments.n, MAX_NULL)
        waiting = similar_firing_rate(bench.scan, evidence.neuron.index, rng) if bench.explainer.has_null else []
        asked: list[int] = []
        best, best_value, n_scored = None, -np.inf, 0
        size = bench.stratum_of(len(evidence.explore))
        # An explanation that says the same of every token of this text is no try: the next neuron takes its place.
        while n_scored < wanted and waiting:
            now, waiting = waiting[: wanted - n_scored], waiting[wanted - n_scored :]
            asked += now
            for sentence in explanations_of(bench.scan, now, bench.explainer, size):
                result = correlate(sentence, bench.development)
                if isinstance(result, Unscored):
                    continue
                n_scored += 1
                if result.value > best_value:
                    best, best_value = sentence, result.value
        return NullChoice(neurons=asked, sentence=best, n_scored=n_scored)

    def confirm(arguments: Confirm, rng: np.random.Generator) -> Confirmation:
        fold: SealedReadings = evidence.sealed.open(arguments.fold, bench.ledger)
        sample = sealed_sample(fold, bench.stratum, evidence.neuron, arguments.fold)
        winner = correlate(arguments.sentence, sample)
        tokens = _tokens_of(sample)
        listed = bench.lookup_sentence
        series: dict[str, Estimate | Unscored] = {
            "token_lookup_30": correlate(listed, sample) if listed else Unscored(reason="no token stands out"),
            "token_lookup_full": sample.correlation(bench.token_means.full(tokens)),
            "null": correlate(arguments.null, sample) if arguments.null else Unscored(reason="no null could be scored"),
        }
        before = correlate(arguments.previous, sample) if arguments.previous else None
        gains: dict[str, Interval | Unscored] = {}
        for name, other in (series | ({"previous": before} if before else {})).items():
            if isinstance(winner, Unscored):
                gains[name] = winner
            else:
                gains[name] = other if isinstance(other, Unscored) else winner.minus(other)
        five = top_and_random_sample(fold, 5, rng)
        random = only(sample, "random", rng)
        return Confirmation(
            score=measured(winner, sample, "sealed", PROTOCOL),
            openai_top_random=measured(
                correlate(arguments.sentence, five), five, "sealed", "OpenAI top-and-random, 5 + 5 excerpts"
            ),
            random_only=measured(correlate(arguments.sentence, random), random, "sealed", "random excerpts only"),
            baselines={name: o if isinstance(o, Unscored) else o.interval() for name, o in series.items()},
            gains=gains,
            previous=measured(before, sample, "sealed", PROTOCOL) if before else None,
            leaders=[measured(correlate(s, sample), sample, "sealed", PROTOCOL) for s in arguments.leaders],
            scores=besides(
                {"explanation": arguments.sentence, "token_lookup_30": listed, "null": arguments.null},
                sample,
                arguments.fold,
            ),
        )

    return [
        Tool("score", "Score sentences on development text.", Score, Scores, score),
        Tool("null", "The best of other neurons' explanations on this one.", Null, NullChoice, null, charged=False),
        Tool("confirm", "Final scores on one sealed fold.", Confirm, Confirmation, confirm, charged=False),
    ]
