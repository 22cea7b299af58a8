"""The tool that scores the explanation on a sealed fold, once, beside everything that it must beat."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pydantic import Field

from tools.catalogue.scores import PROTOCOL, correlated, score_value
from tools.catalogue.sealed_sample import simulated_excerpts
from tools.records.excerpts import SealedActivations
from tools.records.result import Baselines, Gains, Interval, PanelRow, ScoreValue, Unscored
from tools.records.simulated_excerpts import SimulatedExcerpts
from tools.rules.lookup import FULL_LOOKUP
from tools.scoring.metrics import Estimate, StratifiedSample
from tools.scoring.panel import PROTOCOLS, Panel
from tools.scoring.sampling import only, sealed_sample, top_and_random_sample
from tools.scoring.subsampling import SimulatedSample
from tools.study.study import Study
from tools.toolbox import Arguments, Outcome, Tool


class Confirm(Arguments):
    """The explanation, the null's and the predictor's sentence and an earlier run's explanation if there are any, and
    the fold to open.

    `leaders` are the sentences that led on the way, for the score that the run would have had at each budget.
    """

    sentence: str
    null: str | None
    predictor: str | None = None
    previous: str | None = None
    leaders: list[str] = Field(default_factory=list)
    fold: int


class Confirmation(Outcome):
    """Final scores on one sealed fold.

    Where simulating costs something, everything is measured on the same excerpts: those on which the explanation, the
    null's and an earlier run's were all simulated. So scores and `gains`, paired differences of the explanation to each
    baseline, add up; one that could not be simulated on those excerpts has neither. `scores` are those besides
    correlation, by name (`tools.scoring.panel.PROTOCOLS`), each for the explanation, `token_lookup_30` and `null`.
    `shown` are some of the excerpts token by token, for whoever wants to look.
    """

    score: ScoreValue | Unscored
    openai_top_random: ScoreValue | Unscored
    random_only: ScoreValue | Unscored
    baselines: Baselines
    gains: Gains
    predictor: ScoreValue | Unscored | None = None
    previous: ScoreValue | Unscored | None = None
    leaders: list[ScoreValue | Unscored] = Field(default_factory=list)
    scores: dict[str, PanelRow] = Field(default_factory=dict)
    shown: SimulatedExcerpts = Field(default_factory=SimulatedExcerpts)


class _Sealed:
    """One opened fold, and the explanation on it."""

    def __init__(self, study: Study, sample: StratifiedSample, sentence: str, others: Sequence[str]) -> None:
        self.study = study
        self.sample = sample
        self.sentence = sentence
        self.part = study.simulations.shared_part(sentence, others, sample)
        self.estimate = self._estimate(self.part)

    @staticmethod
    def _estimate(part: SimulatedSample | Unscored) -> Estimate | Unscored:
        return part if isinstance(part, Unscored) else part.sample.correlation(part.levels)

    def score(self) -> ScoreValue | Unscored:
        """Of the explanation."""
        if isinstance(self.part, Unscored):
            return self.part
        return score_value(self.estimate, self.part.sample, "sealed", PROTOCOL, n_unscored=self.part.n_unscored)

    def beside(self, other: str | None, why_none: str) -> tuple[Interval | Unscored, Interval | Unscored]:
        """Another sentence's score on the excerpts of the explanation, and the explanation's gain over it."""
        if other is None:
            nothing = Unscored(reason=why_none)
            return nothing, self.estimate if isinstance(self.estimate, Unscored) else nothing
        own, theirs = self.estimate, self._estimate(self._simulated(other, self.sample))
        value = theirs if isinstance(theirs, Unscored) else theirs.interval()
        if isinstance(own, Unscored):
            return value, own
        return value, theirs if isinstance(theirs, Unscored) else own.minus(theirs)

    def reference(self, other: str) -> ScoreValue | Unscored:
        """The full score of another sentence on the excerpts of the explanation."""
        part = self._simulated(other, self.sample)
        if isinstance(part, Unscored):
            return part
        return score_value(self._estimate(part), part.sample, "sealed", PROTOCOL)

    def _simulated(self, sentence: str, sample: StratifiedSample) -> SimulatedSample | Unscored:
        """On the excerpts on which the explanation was simulated, where that is free, else on the sentence's own."""
        own = self.part if sample is self.sample else self.study.simulations.on(self.sentence, sample)
        if sentence == self.sentence:
            return own
        if isinstance(own, Unscored) or (sample is not self.sample and not self.study.simulations.is_exact(sentence)):
            return self.study.simulations.on(sentence, sample)
        return self.study.simulations.on_rows(sentence, own, sample)

    def random_only(self, rng: np.random.Generator) -> ScoreValue | Unscored:
        """The explanation on the random excerpts alone."""
        if isinstance(self.part, Unscored):
            return self.part
        rows = np.array([label == "random" for label in self.part.sample.strata])
        random = only(self.part.sample, "random", rng)
        score = random.correlation(self.part.levels[rows])
        missing = self.part.n_unscored  # of all strata: which excerpts they are is not told here
        return score_value(score, random, "sealed", "random excerpts only", n_unscored=missing)

    def panel(self, sentence: str | None, seed: tuple[int, ...]) -> dict[str, ScoreValue | Unscored]:
        """The scores besides correlation of the explanation, or of another sentence on the same excerpts."""
        if sentence is None:
            return dict.fromkeys(PROTOCOLS, Unscored(reason="there is no sentence to score"))
        if sentence != self.sentence and not self.study.simulations.is_exact(sentence):
            reason = "it was read on sealed text alone: to read it on development text too would decide nothing"
            return dict.fromkeys(PROTOCOLS, Unscored(reason=reason))
        fitted, seen = (self._simulated(sentence, sample) for sample in (self.study.development, self.sample))
        if isinstance(fitted, Unscored):
            return dict.fromkeys(PROTOCOLS, fitted)
        if isinstance(seen, Unscored):
            return dict.fromkeys(PROTOCOLS, seen)
        panel = Panel(fitted.sample, seen.sample, self.study.evidence.theta, seed)
        return {
            name: score_value(
                result, seen.sample, "sealed", PROTOCOLS[name], panel.n_excerpts(name), n_unscored=seen.n_unscored
            )
            for name, result in panel.scores(fitted.levels, seen.levels).items()
        }


def confirmation_tools(study: Study) -> list[Tool[Confirm, Confirmation]]:
    """`confirm`, bound to one neuron."""
    evidence = study.evidence

    def confirm(arguments: Confirm, rng: np.random.Generator) -> Confirmation:
        fold: SealedActivations = evidence.sealed.open(arguments.fold, study.ledger)
        sample = sealed_sample(fold, study.stratum, evidence.neuron, arguments.fold)
        beside = [one for one in (arguments.null, arguments.previous) if one]
        sealed = _Sealed(study, sample, arguments.sentence, beside)
        others = {
            "token_lookup_30": (study.lookup_sentence, "no token stands out"),
            "token_lookup_full": (FULL_LOOKUP, ""),
            "null": (arguments.null, "no null could be scored"),
        }
        found = {name: sealed.beside(*other) for name, other in others.items()}
        gains = {name: gain for name, (_, gain) in found.items()}
        if arguments.previous:
            gains["previous"] = sealed.beside(arguments.previous, "")[1]
        if arguments.predictor:
            gains["predictor"] = sealed.beside(arguments.predictor, "")[1]
        five = top_and_random_sample(fold, 5, rng)
        top_random = correlated(study, arguments.sentence, five, "sealed", "OpenAI top-and-random, 5 + 5 excerpts")
        seed = evidence.neuron.layer, evidence.neuron.index, arguments.fold, 1
        panels = {
            "explanation": sealed.panel(arguments.sentence, seed),
            "token_lookup_30": sealed.panel(study.lookup_sentence, seed),
            "null": sealed.panel(arguments.null, seed),
        }
        return Confirmation(
            score=sealed.score(),
            openai_top_random=top_random,
            random_only=sealed.random_only(rng),
            baselines=Baselines(**{name: value for name, (value, _) in found.items()}),
            gains=Gains(**gains),
            predictor=sealed.reference(arguments.predictor) if arguments.predictor else None,
            previous=sealed.reference(arguments.previous) if arguments.previous else None,
            leaders=[led(sealed, sentence) for sentence in arguments.leaders],
            scores={name: PanelRow(**{whose: panel[name] for whose, panel in panels.items()}) for name in PROTOCOLS},
            shown=simulated_excerpts(study, arguments.sentence, sealed.part),
        )

    def led(sealed: _Sealed, sentence: str) -> ScoreValue | Unscored:
        if sentence == sealed.sentence:
            return sealed.score()
        if not study.simulations.is_exact(sentence):
            return Unscored(
                reason="it led for a while and did not win, and simulating it on sealed text costs something"
            )
        return correlated(study, sentence, sealed.sample, "sealed", PROTOCOL)

    return [Tool("confirm", "Final scores on one sealed fold.", Confirm, Confirmation, confirm, charged=False)]
