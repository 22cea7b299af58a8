"""Measurements with a known truth: is it recovered, and does our scorer rank it above false claims?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from evals.records import ScoredClaim, ScorerCheck
from tools.catalogue.scores import correlated, score_value
from tools.records.excerpts import Excerpts, SealedActivations
from tools.records.result import Measured, Unscored
from tools.scoring.sampling import scoring_sample, sealed_sample
from tools.study.study import Study
from tools.subject.planted import Function, PlantedFunction

RECOVERY = "agreement with the noiseless truth: correlation over top, quantile and random excerpts of the truth"
SCORER = "an explanation as its function, scored as usual: correlation over top, quantile and random excerpts"


def values_on(function: PlantedFunction, excerpts: Excerpts, strings: Sequence[str]) -> NDArray[np.float32]:
    """A function's values on excerpts, float32 [n, width], 0 past the end.

    Raises:
        BadInput: the function fails on one of them.
    """
    values = np.zeros(excerpts.tokens.shape, dtype=np.float32)
    for row, length in enumerate(excerpts.lengths):
        values[row, :length] = function.values([strings[token] for token in excerpts.tokens[row, :length]])
    return values


def recovery(study: Study, explanation: str | None, truth: PlantedFunction, fold: int) -> Measured:
    """How well an explanation agrees with the noiseless truth on a sealed fold, over firing and silent tokens.

    Args:
        study: the neuron, with the simulators for the explanation.
        explanation: None if the run found none.
        truth: the noiseless function.
        fold: the sealed fold of the run's confirmation; together with the neuron it decides which excerpts are drawn.

    Raises:
        BadInput: the function fails on one of the texts.
    """
    if explanation is None:
        return Unscored(reason="there is no explanation")
    excerpts = study.scan.corpus.sealed.open(fold)
    activations = SealedActivations(excerpts, values_on(truth, excerpts, study.vocabulary.strings))
    sample = sealed_sample(activations, study.stratum, study.evidence.neuron, fold)
    return correlated(study, explanation, sample, "sealed", RECOVERY)


def scorer_check(
    study: Study, truth: tuple[str, PlantedFunction | None], false: Sequence[tuple[str, PlantedFunction | None]]
) -> ScorerCheck:
    """Score the true and the false explanations of a planted neuron on its development text, as usual.

    A claim with a function is simulated by it, any other by the study's simulator.

    Raises:
        BadInput: a function fails on one of the texts.
    """
    size = study.stratum_of(len(study.evidence.development))
    sample = scoring_sample(study.evidence.development, size, np.random.default_rng(0))
    excerpts, strings = sample.activations.excerpts, study.vocabulary.strings

    def scored(sentence: str, function: PlantedFunction | None) -> ScoredClaim:
        levels = (
            values_on(function, excerpts, strings) if function else study.simulations.levels(sentence, excerpts.tokens)
        )
        found = levels if isinstance(levels, Unscored) else sample.correlation(levels)
        return ScoredClaim(sentence=sentence, score=score_value(found, sample, "development", SCORER))

    return ScorerCheck(true=scored(*truth), false=[scored(*claim) for claim in false])


def named(function: Function | None, name: str) -> PlantedFunction | None:
    """A function with a name for error messages."""
    return PlantedFunction(name, function) if function else None
