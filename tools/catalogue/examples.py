"""The tool that picks a few excerpts for whoever reads the result: where the neuron fires most, as it mostly does, and
barely."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pydantic import Field

from tools.records.excerpts import ExploreActivations
from tools.records.result import Example, Level
from tools.study.study import Study
from tools.toolbox import Arguments, Outcome, Tool

BEFORE, AFTER = 22, 9
"""Tokens around the one on which the neuron fires most."""

_WANTED: tuple[tuple[Level, int], ...] = (("top", 2), ("middle", 2), ("weak", 1))


class ShowExamples(Arguments):
    """Takes nothing."""


class ShownExamples(Outcome):
    """Excerpts of explore text, the strongest first."""

    examples: list[Example] = Field(default_factory=list)


def example_tools(study: Study) -> list[Tool[ShowExamples, ShownExamples]]:
    """`examples`, bound to one neuron."""
    evidence = study.evidence

    def examples(_: ShowExamples, rng: np.random.Generator) -> ShownExamples:
        return ShownExamples(examples=examples_of(evidence.explore, evidence.theta, study.vocabulary.strings))

    return [Tool("examples", "Excerpts on which it fires.", ShowExamples, ShownExamples, examples, charged=False)]


def examples_of(explore: ExploreActivations, theta: float, strings: Sequence[str]) -> list[Example]:
    """At most five excerpts, the strongest first, from distinct documents and on distinct words where there are such.

    Args:
        explore: what the neuron does on explore text.
        theta: it fires above this.
        strings: the model's tokens by id.
    """
    peaks = np.where(explore.excerpts.mask, explore.values, -np.inf).max(1, initial=-np.inf)
    order = np.argsort(-peaks, kind="stable")
    firing = [int(row) for row in order if peaks[row] > theta]
    at = {row: int(np.argmax(np.where(explore.excerpts.mask[row], explore.values[row], -np.inf))) for row in firing}
    words = {row: strings[int(explore.excerpts.tokens[row, at[row]])].strip().lower() for row in firing}
    documents: set[int] = set()
    met: set[str] = set()
    taken: dict[int, Level] = {}
    for level, n in _WANTED:
        for _ in range(n):
            waiting = [row for row in _by_nearness(firing, level) if row not in taken]
            apart = [row for row in waiting if int(explore.excerpts.documents[row]) not in documents]
            best = next((row for row in apart if words[row] not in met), next(iter(apart or waiting), None))
            if best is None:
                break
            taken[best] = level
            documents.add(int(explore.excerpts.documents[best]))
            met.add(words[best])
    return [_shown(explore, row, at[row], taken[row], theta, strings) for row in firing if row in taken]


def _by_nearness(firing: list[int], level: Level) -> list[int]:
    """The rows of a part of the ranks, the nearest to what the level means first."""
    n = len(firing)
    quarter = -(-n // 4)
    match level:
        case "top":
            return firing[:quarter]
        case "weak":
            return firing[n - quarter :][::-1]
        case "middle":
            ranks = range(quarter, n - quarter)
            return [firing[rank] for rank in sorted(ranks, key=lambda rank: (abs(rank - n // 2), rank))]


def _shown(
    explore: ExploreActivations, row: int, at: int, level: Level, theta: float, strings: Sequence[str]
) -> Example:
    start, end = max(0, at - BEFORE), min(int(explore.excerpts.lengths[row]), at + AFTER + 1)
    values = [round(float(value), 4) for value in explore.values[row, start:end]]
    return Example(
        level=level,
        document=int(explore.excerpts.documents[row]),
        tokens=[strings[int(token)] for token in explore.excerpts.tokens[row, start:end]],
        values=values,
        fires=[bool(value > theta) for value in explore.values[row, start:end]],
    )
