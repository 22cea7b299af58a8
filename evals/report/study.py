"""The data of a report: the results of one or several evaluations of a suite, and their summaries."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from evals.differences import Comparison
from evals.metrics import GROUPS, Group, by_cluster, clusters_of, value_of
from evals.records import CellResult, Manifest, NeuronRecord
from evals.statistics import mean_by_neuron, mean_interval
from evals.summaries import VariantSummary
from tools.records.result import Compared, Measured, ScoreValue


@dataclass(frozen=True)
class Study:
    """The results to show.

    Attributes:
        manifests: of each evaluation.
        cells: all results; `variant` is a label that is unique over the evaluations, `trace` a path from here.
        neurons: by name.
        summaries: as `agent eval compare` says them.
        comparisons: the same, all metrics one after another.
        without_experiments: labels of variants that run no experiments.
    """

    manifests: Sequence[Manifest]
    cells: Sequence[CellResult]
    neurons: dict[str, NeuronRecord]
    summaries: Sequence[VariantSummary]
    comparisons: Sequence[Comparison]
    without_experiments: Collection[str] = ()

    @property
    def variants(self) -> list[str]:
        """The labels, in the order of display and colours."""
        return list(dict.fromkeys(cell.variant for cell in self.cells))

    @property
    def whole(self) -> list[CellResult]:
        """Results from the whole text; those from half of it are for stability only."""
        return [cell for cell in self.cells if cell.half is None]

    @property
    def to_find(self) -> list[CellResult]:
        """Results on neurons with something to find; on puzzles in a suite that has nothing else."""
        found = [cell for cell in self.whole if cell.kind in ("real", "truth")]
        return found or [cell for cell in self.whole if cell.kind == "puzzle"]

    @property
    def by_group(self) -> dict[Group, Study]:
        """The groups with something to find, each a study of its own; puzzles only where there is nothing else."""
        groups = dict.fromkeys(GROUPS[cell.kind] for cell in self.to_find)
        return {group: replace(self, cells=[c for c in self.cells if GROUPS[c.kind] == group]) for group in groups}

    @cached_property
    def clusters(self) -> dict[str, str]:
        """Of each neuron, by name."""
        return clusters_of(self.neurons.values())

    def by_variant(self, cells: Iterable[CellResult]) -> Iterator[tuple[int, str, list[CellResult]]]:
        """(number, label, its cells), of variants that have any."""
        grouped = defaultdict(list)
        for cell in cells:
            grouped[cell.variant].append(cell)
        for index, variant in enumerate(self.variants):
            if grouped[variant]:
                yield index, variant, grouped[variant]


def value(cell: CellResult, metric: str) -> float | None:
    """The number of a metric (a key of summaries.METRICS) on a cell that has one."""
    found = value_of(cell, metric)
    return found if isinstance(found, float) else None


def neurons_in(cells: Iterable[CellResult]) -> int:
    """How many neurons the cells are about."""
    return len({cell.neuron for cell in cells})


def neuron_means(pairs: Iterable[tuple[CellResult, float | None]]) -> dict[str, float]:
    """The mean over seeds by neuron, of those numbers that exist; neurons without any are left out."""
    return mean_by_neuron((cell.neuron, number) for cell, number in pairs if number is not None)


def metric_means(cells: Iterable[CellResult], metric: str) -> dict[str, float]:
    """`neuron_means` of a metric."""
    return neuron_means((cell, value(cell, metric)) for cell in cells)


def metric_interval(
    cells: Iterable[CellResult], metric: str, clusters: Mapping[str, str], rng: np.random.Generator
) -> Compared:
    """The mean over neurons of the mean over seeds, with its interval; neurons of one cluster count once."""
    return mean_interval(by_cluster(cells, metric, clusters).values(), rng)


def basis(scores: Iterable[Measured | None]) -> str:
    """Split, number of excerpts and protocol: the end of a caption's sentence."""
    found = [score for score in scores if isinstance(score, ScoreValue)]
    if not found:
        return "no score exists"
    sizes = sorted({score.n_excerpts for score in found})
    excerpts = f"{sizes[0]:,}" if len(sizes) == 1 else f"{sizes[0]:,} to {sizes[-1]:,}"
    splits = " and ".join(sorted({score.split for score in found}))
    protocols = "; ".join(sorted({score.protocol for score in found}))
    return f"{splits} split, {excerpts} excerpts a neuron, protocol: {protocols}"
