"""What is known of one neuron before an agent starts: how much of it may be seen is a matter of types."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from tools.errors import BadInput
from tools.evidence.neurons.scan import LayerScan, _part_values, excerpts_of
from tools.evidence.splits.split_corpus import N_FOLDS, PARTS, SealedTexts, SplitCorpus
from tools.records.excerpts import DevelopmentActivations, Excerpts, ExploreActivations, SealedActivations
from tools.records.gated import AlwaysOn
from tools.records.neuron import NeuronId
from tools.subject.protocol import FloatArray

Status = Literal["firing", "sparse", "dead"]

THETA_SHARE = 0.3
THETA_PERCENTILE = 99.99
MIN_THETA = 0.1
MIN_FIRING_DOCUMENTS = 20


class Ledger(Protocol):
    """Counts the openings of the sealed split."""

    def record_opening(self, fold: int) -> int:
        """Note that `fold` is about to be opened; returns how often it was opened before."""


class SealedSplit:
    """One neuron on the sealed split, closed: values come out of it when a fold is opened, not before."""

    def __init__(self, activations: _PartActivations, corpus: SplitCorpus) -> None:
        self._activations = activations
        self._corpus = corpus

    @property
    def n_folds(self) -> int:
        """Number of folds."""
        return self._corpus.sealed.n_folds

    @property
    def sizes(self) -> list[int]:
        """Excerpts in each fold."""
        return self._corpus.sealed.sizes

    def open(self, fold: int, ledger: Ledger) -> SealedActivations:
        """Readings of one fold, numbered from 0, once the ledger has recorded the opening.

        Raises:
            BadInput: there is no such fold.
        """
        if not 0 <= fold < self.n_folds:
            raise BadInput(f"there is no sealed fold {fold}: they are numbered 0 to {self.n_folds - 1}.")
        ledger.record_opening(fold)
        return SealedActivations(*self._activations.of(f"sealed-{fold}"))


@dataclass(frozen=True)
class NeuronEvidence:
    """One neuron on one corpus.

    Attributes:
        neuron: layer and index.
        theta: the raw value above which the neuron fires: 0.3 times the 99.99th percentile on explore, at least 0.1.
        status: "firing" when it goes above theta in at least 20 documents of each split (the sealed folds count as one
            split), "dead" when it does in none, else "sparse".
        explore: shown to the explainer.
        probe: texts only; how the neuron behaves on them is found out by experiments.
        development: drives the loop through scores.
        sealed: opened at the end, fold by fold.
        corpus: all texts above.
        always_on: set where the neuron is nearly always on, and values say how far it falls below its rest.
    """

    neuron: NeuronId
    theta: float
    status: Status
    explore: ExploreActivations
    probe: Excerpts
    development: DevelopmentActivations
    sealed: SealedSplit
    corpus: SplitCorpus
    always_on: AlwaysOn | None = None


def threshold(values: FloatArray) -> float:
    """Theta for a neuron's values on explore text: 0.3 times their 99.99th percentile, at least 0.1."""
    return max(MIN_THETA, THETA_SHARE * float(np.percentile(values, THETA_PERCENTILE)))


def neuron_evidence(
    scan: LayerScan, neuron: NeuronId, sought: Mapping[str, Excerpts] | None = None, always_on: AlwaysOn | None = None
) -> NeuronEvidence:
    """Evidence of a neuron of the scanned layer.

    Args:
        scan: the layer on its corpus; its model says which side of the neuron is meant.
        neuron: which.
        sought: by part ("explore", "sealed-0" and so on), texts that are not in the scan's corpus and in which, an
            activation index says, the neuron has its largest values of all. They are read now, and stand after the
            others. The threshold is taken without them.
        always_on: what the scan's model was told of a neuron that is nearly always on.

    Raises:
        BadInput: the layer has no such neuron.
    """
    index = neuron.index
    if neuron.layer != scan.layer or not 0 <= index < scan.subject.d_mlp:
        raise BadInput(
            f"there is no neuron {neuron} in layer {scan.layer} of {scan.subject.name}: "
            f"they are numbered 0 to {scan.subject.d_mlp - 1}."
        )
    activations = _PartActivations(scan, index, sought or {})
    corpus = activations.corpus
    explore = ExploreActivations(*activations.of("explore"))
    development = DevelopmentActivations(*activations.of("development"))
    drawn = explore.drawn
    theta = threshold(explore.values[drawn][explore.excerpts.mask[drawn]])

    counts = {part: _firing_documents(*activations.of(part)[:2], theta) for part in PARTS}
    sealed = [counts.pop(f"sealed-{fold}") for fold in range(N_FOLDS)]
    together = sum(firing for firing, _ in sealed), sum(n for _, n in sealed)
    return NeuronEvidence(
        neuron=neuron,
        theta=theta,
        status=_status([*counts.values(), together]),
        explore=explore,
        probe=corpus.probe,
        development=development,
        sealed=SealedSplit(activations, corpus),
        corpus=corpus,
        always_on=always_on,
    )


class _PartActivations:
    """One neuron on every part: the scan's texts, and then those that were sought out."""

    def __init__(self, scan: LayerScan, index: int, sought: Mapping[str, Excerpts]) -> None:
        self._scan, self._index = scan, index
        self._sought = {part: texts for part, texts in sought.items() if len(texts)}
        self._found = self._read()
        self.corpus = self._joined_corpus() if self._sought else scan.corpus

    def _read(self) -> dict[str, FloatArray]:
        """Values on the texts sought out, all read at once."""
        if not self._sought:
            return {}
        subject, layer = self._scan.subject, self._scan.layer
        tokens = np.maximum(np.concatenate([texts.tokens for texts in self._sought.values()]), 0)
        lengths = np.concatenate([texts.lengths for texts in self._sought.values()])
        values = subject.neuron_values(subject.mlp_input(tokens, lengths, layer), layer, self._index)
        ends = np.cumsum([len(texts) for texts in self._sought.values()])[:-1]
        return dict(zip(self._sought, np.split(values, ends), strict=True))

    def _joined_corpus(self) -> SplitCorpus:
        corpus = self._scan.corpus

        def joined(part: str) -> Excerpts:
            own = excerpts_of(corpus, part)
            return own.followed_by(self._sought[part]) if part in self._sought else own

        return replace(
            corpus,
            explore=joined("explore"),
            probe=joined("probe"),
            development=joined("development"),
            sealed=SealedTexts([joined(f"sealed-{fold}") for fold in range(N_FOLDS)]),
        )

    def of(self, part: str) -> tuple[Excerpts, FloatArray, NDArray[np.bool_] | None]:
        """Texts, values, and which texts were sought out."""
        texts, values = excerpts_of(self.corpus, part), _part_values(self._scan, part, self._index)
        if part not in self._found:
            return texts, values, None
        return texts, np.concatenate([values, self._found[part]]), np.arange(len(texts)) >= len(values)


def _firing_documents(excerpts: Excerpts, values: FloatArray, theta: float) -> tuple[int, int]:
    """(documents in which the neuron fires, documents)."""
    fires = (values > theta).any(axis=1)
    return len(np.unique(excerpts.documents[fires])), len(np.unique(excerpts.documents))


def _status(firing_and_all: list[tuple[int, int]]) -> Status:
    if all(firing == 0 for firing, _ in firing_and_all):
        return "dead"
    enough = all(firing >= MIN_FIRING_DOCUMENTS for firing, _ in firing_and_all)
    return "firing" if enough else "sparse"
