"""What an LLM is told of a neuron: excerpts, words and kinds of words of explore text, and what else is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tools.concepts.concepts import Concepts
from tools.concepts.enrichment import WordCounts, counted, enriched
from tools.evidence.neurons.neuron import threshold
from tools.free_text.excerpts import ShownExcerpts
from tools.free_text.token_strings import TokenStrings
from tools.prompts.findings import ClassRow, Evidence, WordRow
from tools.prompts.quoting import Scale
from tools.records.excerpts import ExploreActivations

N_WORDS, N_CLASSES = 16, 8

_SHRINK = 2.0
"""A word's mean counts as if it had been seen so many times more, with the mean of all words."""

_TIMES_MORE = 3.0
"""A kind of words is told of when the neuron fires on two of it, and so many times more often than on any word."""

_N_CANDIDATES = 24


@dataclass(frozen=True)
class Known:
    """What is known of a run's own neuron beside explore text.

    Attributes:
        explore: its activations, by which it is recognised.
        theta: what it fires above.
        notes: such as what its other side does, and which tokens it promotes; a line each.
    """

    explore: ExploreActivations
    theta: float
    notes: tuple[str, ...] = ()


def scale_of(explore: ExploreActivations, known: Known | None) -> Scale:
    """How the raw values of a neuron are told."""
    drawn = explore.take(explore.drawn)
    values = drawn.values[drawn.excerpts.mask]
    theta = known.theta if known is not None and known.explore is explore else threshold(values)
    firing = values[values > theta]
    typical, share = (float(np.median(firing)), len(firing) / len(values)) if len(firing) else (None, None)
    return Scale(float(explore.values.max(initial=0.0)), theta, typical, share)


def findings(
    explore: ExploreActivations, texts: TokenStrings, concepts: Concepts, rng: np.random.Generator, known: Known | None
) -> Evidence:
    """All that an explainer is told."""
    scale = scale_of(explore, known)
    halves = counted(explore, scale.theta, texts.strings)
    kinds, share = enriched(halves, concepts, _N_CANDIDATES)
    shown = excerpts(explore, texts, rng, scale)
    return Evidence(
        scale=scale,
        share=share,
        top=shown.top,
        weaker=shown.weaker,
        pairs=shown.pairs,
        random=shown.random,
        words=_words(halves, scale),
        classes=tuple(
            ClassRow(kind.name, kind.fires_in, kind.covers, tuple(kind.examples[:3]))
            for kind in kinds
            if kind.fires_in >= _TIMES_MORE * share and len(kind.examples) > 1
        )[:N_CLASSES],
        notes=known.notes if known is not None and known.explore is explore else (),
    )


def excerpts(explore: ExploreActivations, texts: TokenStrings, rng: np.random.Generator, scale: Scale) -> Evidence:
    """Excerpts alone."""
    shown = ShownExcerpts.draw(explore, texts, rng, scale.theta)
    pairs = tuple(zip(shown.firing, shown.near_misses, strict=True))
    return Evidence(scale, top=shown.top, weaker=shown.quantile, pairs=pairs, random=shown.random)


def _words(halves: Sequence[WordCounts], scale: Scale) -> tuple[WordRow, ...]:
    """The words on which the neuron's value is highest above the mean of all, counted by how often they occur."""
    keys = sorted({key for half in halves for key in half.count})
    n, total, fires = (
        np.array([sum(column.get(key, 0.0) for column in columns) for key in keys])
        for columns in zip(*((half.count, half.total, half.fires) for half in halves), strict=True)
    )
    if not keys:
        return ()
    mean = total.sum() / n.sum()
    above = (total - n * mean) / (n + _SHRINK)
    order = np.argsort(-np.where((above > 0) & (fires > 0), n * above**2, 0.0), kind="stable")[:N_WORDS]
    return tuple(
        WordRow(keys[i], int(n[i]), scale.level(float(total[i] / n[i])), float(fires[i] / n[i]))
        for i in order
        if above[i] > 0 and fires[i] > 0
    )
