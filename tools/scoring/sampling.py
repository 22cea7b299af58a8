"""Which excerpts of a split an explanation is scored on, and the matching weighted sample to learn from.

The share of a split that counts as *top* is the same everywhere, so that what is learnt on explore and chosen on
development is about the same mix of text as what the sealed fold asks for.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from tools.evidence.neurons.sample import stratified_rows
from tools.records.excerpts import Activations, DevelopmentActivations, ExploreActivations, SealedActivations
from tools.records.neuron import NeuronId
from tools.scoring.metrics import StratifiedSample

STRATUM_SHARE = 0.075
"""Share of a split in each of the strata top, quantile and random."""

MIN_STRATUM, MAX_STRATUM = 67, 400
"""3 x 67 makes the 201 excerpts that a final score needs at least; more than 1,200 add nothing but time."""

Scoreable = TypeVar("Scoreable", DevelopmentActivations, SealedActivations)


def stratum_size(n_excerpts: int, smallest_fold: int) -> int:
    """Excerpts per stratum in a split of `n_excerpts`, given the size of the smallest sealed fold."""
    share = max(STRATUM_SHARE, min(1 / 3, MIN_STRATUM / max(smallest_fold, 1)))
    return int(min(MAX_STRATUM, max(1, round(share * n_excerpts))))


def scoring_sample(activations: Scoreable, size: int, rng: np.random.Generator) -> StratifiedSample:
    """`size` excerpts each of top, quantile and random, with resamples drawn."""
    rows, strata = stratified_rows(
        activations.values, activations.excerpts.mask, size, size, size, rng, activations.sought
    )
    return StratifiedSample.draw(activations.take(rows), list(strata), rng)


def sealed_sample(fold: SealedActivations, size: int, neuron: NeuronId, number: int) -> StratifiedSample:
    """The excerpts of a sealed fold on which every explanation of a neuron is scored.

    They depend on neuron and fold alone, so that scores of different runs can be compared excerpt by excerpt.
    """
    return scoring_sample(fold, size, np.random.default_rng([neuron.layer, neuron.index, number]))


def top_and_random_sample(activations: Scoreable, n: int, rng: np.random.Generator) -> StratifiedSample:
    """OpenAI's protocol "top-and-random": the n top-activating excerpts and n random ones."""
    rows, strata = stratified_rows(activations.values, activations.excerpts.mask, n, 0, n, rng, activations.sought)
    return StratifiedSample.draw(activations.take(rows), list(strata), rng)


def only(sample: StratifiedSample, stratum: str, rng: np.random.Generator) -> StratifiedSample:
    """The part of a sample that lies in one stratum."""
    rows = np.array([i for i, label in enumerate(sample.strata) if label == stratum], dtype=np.int64)
    part = sample.activations
    taken: Activations = Activations(*part.columns(rows))
    return StratifiedSample.draw(taken, [stratum] * len(rows), rng, sample.counts_of(rows))


def learning_sample(
    explore: ExploreActivations, size: int, rng: np.random.Generator
) -> tuple[ExploreActivations, NDArray[np.float64]]:
    """Explore excerpts and a weight for each, such that the three strata weigh the same; twice as many random ones."""
    rows, strata = stratified_rows(explore.values, explore.excerpts.mask, size, size, 2 * size, rng, explore.sought)
    labels = np.array(strata)
    weights = np.array([1 / float((labels == label).sum()) for label in strata])
    return explore.take(rows), weights


def explore_weights(explore: ExploreActivations, size: int) -> NDArray[np.float64]:
    """A weight for each explore excerpt, such that all of them stand for the three strata: a third for the top ones."""
    maxima = np.where(explore.excerpts.mask, explore.values, -np.inf).max(axis=1, initial=-np.inf)
    top = np.argsort(-maxima, kind="stable")[:size]
    if len(top) == len(maxima):
        return np.full(len(maxima), 1 / max(len(maxima), 1))
    weights = np.full(len(maxima), (2 / 3) / (len(maxima) - len(top)))
    weights[top] = (1 / 3) / max(len(top), 1)
    return weights
