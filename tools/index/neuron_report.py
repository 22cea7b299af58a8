"""One neuron of an index as people and programs look at it: explore text only, values read again in float32."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tools.formats.neuron_explainer import ActivationRecord, NeuronRecord
from tools.formats.neuron_explainer import NeuronId as ExportedId
from tools.index.neuron import Distribution, distribution, quantile_entries, top_entries
from tools.index.shape import TOP
from tools.index.store import ActivationIndex
from tools.records.excerpts import Excerpts
from tools.records.neuron import NeuronId
from tools.subject.protocol import FloatArray, SubjectModel

N_RANDOM = 20


@dataclass(frozen=True)
class ReadExcerpt:
    """One excerpt: its document's name, its tokens' strings, and the raw float32 value at each."""

    document: str
    tokens: list[str]
    values: list[float]


@dataclass(frozen=True)
class NeuronReport:
    """A neuron of an index.

    Attributes:
        neuron: which.
        distribution: how its values are spread.
        top: excerpts with its largest values, best first.
        bins: excerpts drawn by their largest value: (least value of the bin, end, excerpts).
        random: excerpts of the shared random sample.
    """

    neuron: NeuronId
    distribution: Distribution
    top: list[ReadExcerpt]
    bins: list[tuple[float, float, list[ReadExcerpt]]]
    random: list[ReadExcerpt]

    def exported(self) -> NeuronRecord:
        """The same as OpenAI's record; where one bin ends and the next begins are its quantile boundaries."""
        about = self.distribution
        return NeuronRecord(
            neuron_id=ExportedId(layer_index=self.neuron.layer, neuron_index=self.neuron.index),
            random_sample=tuple(map(_record, self.random)),
            random_sample_by_quantile=tuple(tuple(map(_record, excerpts)) for _, _, excerpts in self.bins),
            quantile_boundaries=tuple(low for low, _, _ in self.bins[1:]),
            mean=about.mean,
            variance=about.variance,
            skewness=about.skewness,
            kurtosis=about.kurtosis,
            most_positive_activation_records=tuple(map(_record, self.top)),
        )


def _record(excerpt: ReadExcerpt) -> ActivationRecord:
    return ActivationRecord(tokens=tuple(excerpt.tokens), activations=tuple(excerpt.values))


def neuron_report(index: ActivationIndex, subject: SubjectModel, neuron: NeuronId, n_top: int = TOP) -> NeuronReport:
    """Look up a neuron, and read it again on what is to be shown.

    Raises:
        BadInput: the index is of another model, or has no such neuron.
        StorageError: a file of the index is damaged.
    """
    index.check_subject(subject)
    best = top_entries(index, neuron, "explore").rows
    bins = quantile_entries(index, neuron)
    drawn = np.array(index.sample_of("explore"))[:N_RANDOM]
    rows = np.unique(np.concatenate([best, drawn, *(entries.rows for _, _, entries in bins)]))
    excerpts = index.excerpts(rows)
    values = read_excerpts(subject, excerpts, neuron)
    names, strings = index.document_names, subject.tokenizer.token_strings()

    def read(row: int) -> ReadExcerpt:
        at = int(np.searchsorted(rows, row))
        n = int(excerpts.lengths[at])
        tokens = [strings[token] for token in excerpts.tokens[at, :n]]
        return ReadExcerpt(names[int(excerpts.documents[at])], tokens, [float(value) for value in values[at, :n]])

    def largest(row: int) -> float:
        at = int(np.searchsorted(rows, row))
        return float(values[at, : int(excerpts.lengths[at])].max())

    # what was bfloat16 may come in another order in float32
    best_first = sorted(best.tolist(), key=lambda row: (-largest(row), row))[: min(n_top, TOP)]
    return NeuronReport(
        neuron,
        distribution(index, neuron),
        [read(row) for row in best_first],
        [(low, end, [read(row) for row in entries.rows.tolist()]) for low, end, entries in bins],
        [read(row) for row in drawn.tolist()],
    )


def read_excerpts(subject: SubjectModel, excerpts: Excerpts, neuron: NeuronId) -> FloatArray:
    """A neuron's raw values on excerpts, float32 [n, width], 0 past the end."""
    inputs = subject.mlp_input(np.maximum(excerpts.tokens, 0), excerpts.lengths, neuron.layer)
    return subject.neuron_values(inputs, neuron.layer, neuron.index)


def bfloat16_error(
    subject: SubjectModel, neurons: list[NeuronId], found: list[tuple[Excerpts, NDArray[np.float32]]]
) -> dict[str, float]:
    """How far the largest values of excerpts in bfloat16 are from float32: median and maximum of the relative error.

    Args:
        subject: the model in float32.
        neurons: some.
        found: for each of them excerpts, and the largest value in each that the index holds.
    """
    errors = []
    for neuron, (excerpts, values) in zip(neurons, found, strict=True):
        exact = np.where(excerpts.mask, read_excerpts(subject, excerpts, neuron), -np.inf).max(1)
        errors.append(np.abs(values - exact) / np.maximum(np.abs(exact), 1e-6))
    every = np.concatenate(errors)
    return {
        "n_values": len(every),
        "median_relative_error": float(np.median(every)),
        "largest_relative_error": float(every.max()),
    }
