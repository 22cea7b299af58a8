"""What is known of one neuron before an agent starts: how much of it may be seen is a matter of types."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

from tools.errors import BadInput
from tools.evidence.scan import LayerScan, _part_values
from tools.evidence.splits import N_FOLDS
from tools.records.excerpts import DevelopmentReadings, Excerpts, ExploreReadings, SealedReadings
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
    """One neuron on the sealed split, closed. What it holds is computed when a fold is opened, not before."""

    def __init__(self, scan: LayerScan, index: int) -> None:
        self._scan = scan
        self._index = index

    @property
    def n_folds(self) -> int:
        """Number of folds."""
        return self._scan.corpus.sealed.n_folds

    @property
    def sizes(self) -> list[int]:
        """Excerpts in each fold."""
        return self._scan.corpus.sealed.sizes

    def open(self, fold: int, ledger: Ledger) -> SealedReadings:
        """Readings of one fold, numbered from 0, once the ledger has recorded the opening.

        Raises:
            BadInput: there is no such fold.
        """
        if not 0 <= fold < self.n_folds:
            raise BadInput(f"there is no sealed fold {fold}: they are numbered 0 to {self.n_folds - 1}.")
        ledger.record_opening(fold)
        return SealedReadings(
            self._scan.corpus.sealed.open(fold), _part_values(self._scan, f"sealed-{fold}", self._index)
        )


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
    """

    neuron: NeuronId
    theta: float
    status: Status
    explore: ExploreReadings
    probe: Excerpts
    development: DevelopmentReadings
    sealed: SealedSplit


def neuron_evidence(scan: LayerScan, index: int) -> NeuronEvidence:
    """Evidence of neuron `index` of the scanned layer.

    Raises:
        BadInput: the layer has no such neuron.
    """
    if not 0 <= index < scan.subject.d_mlp:
        raise BadInput(
            f"there is no neuron {index} in layer {scan.layer} of {scan.subject.name}: "
            f"they are numbered 0 to {scan.subject.d_mlp - 1}."
        )
    corpus = scan.corpus
    explore = ExploreReadings(corpus.explore, _part_values(scan, "explore", index))
    development = DevelopmentReadings(corpus.development, _part_values(scan, "development", index))
    peak = float(np.percentile(explore.values[corpus.explore.mask], THETA_PERCENTILE))
    theta = max(MIN_THETA, THETA_SHARE * peak)

    sealed = [
        _firing_documents(corpus.sealed.open(fold), _part_values(scan, f"sealed-{fold}", index), theta)
        for fold in range(N_FOLDS)
    ]
    firing_and_all = [
        _firing_documents(corpus.explore, explore.values, theta),
        _firing_documents(corpus.probe, _part_values(scan, "probe", index), theta),
        _firing_documents(corpus.development, development.values, theta),
        (sum(firing for firing, _ in sealed), sum(n for _, n in sealed)),
    ]
    return NeuronEvidence(
        neuron=NeuronId(scan.layer, index),
        theta=theta,
        status=_status(firing_and_all),
        explore=explore,
        probe=corpus.probe,
        development=development,
        sealed=SealedSplit(scan, index),
    )


def _firing_documents(excerpts: Excerpts, values: FloatArray, theta: float) -> tuple[int, int]:
    """(documents in which the neuron fires, documents)."""
    fires = (values > theta).any(axis=1)
    return len(np.unique(excerpts.documents[fires])), len(np.unique(excerpts.documents))


def _status(firing_and_all: list[tuple[int, int]]) -> Status:
    if all(firing == 0 for firing, _ in firing_and_all):
        return "dead"
    enough = all(firing >= MIN_FIRING_DOCUMENTS for firing, _ in firing_and_all)
    return "firing" if enough else "sparse"
