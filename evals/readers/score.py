"""Scores of readers: the correlation of their answers with the neurons, beside the claimed scores."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

import numpy as np

from evals.readers.answers import Answer, levels_in, read_answers, said_on
from evals.readers.correlations import CONSTANT, Floats, Mean, correlation, mean_over
from evals.readers.packets import Excerpt, Item, Key
from evals.records import Record
from tools.records.result import Unscored

Correlated = float | Unscored


class Reading(Record):
    """An explanation and its reader's score.

    Attributes:
        neuron, kind, sentence, claimed: see `evals.readers.packets.Item`.
        packet: its packet.
        reader: the name of the reader; may be empty.
        r: correlation of the reader's levels with the neuron's values, silence as 0, over all tokens of all texts.
        own: the same for the explanation's own simulation.
    """

    neuron: str
    kind: str
    packet: str
    reader: str
    sentence: str
    claimed: float | None
    r: Correlated
    own: Correlated

    @property
    def counted(self) -> float | None:
        """`r` as it enters a mean: 0 if the reader gave the same level at every token; None without an answer."""
        return _counted(self.r)


class KindSummary(Record):
    """One kind of explanation over neurons. A constant answer counts as 0; a missing one does not count.

    Attributes:
        n_neurons: with this kind of explanation.
        n_read: of these, with an answer; `n_constant` of them the same at every token.
        unscored: the others, by reason.
        reader: mean of the reader's correlation.
        own: mean of the own simulation's, over the neurons that have one.
        claimed: mean of the claimed scores, over neurons that were read.
        gap: reader's correlation minus claimed score, over those with both.
    """

    kind: str
    n_neurons: int
    n_read: int
    n_constant: int
    unscored: dict[str, int]
    reader: Mean
    own: Mean
    claimed: Mean
    gap: Mean


class PairSummary(Record):
    """The reader's correlation for one kind minus that for another, over the neurons with both."""

    a: str
    b: str
    difference: Mean


class Scores(Record):
    """All scores. `left_out` counts unreadable runs, by reason."""

    readings: list[Reading]
    kinds: list[KindSummary]
    pairs: list[PairSummary]
    left_out: dict[str, int]


def scores(folder: Path, key: Key, rng: np.random.Generator) -> Scores:
    """Score all answers in a folder of packets.

    Args:
        folder: where the answers lie.
        key: of the packets.
        rng: draws the resamples of the intervals.

    Raises:
        BadInput: an answer cannot be used; the message says which and why.
        StorageError: a file cannot be read.
    """
    readings: list[Reading] = []
    for packet in key.packets:
        given = read_answers(folder, packet.name)
        reader, answers = ("", {}) if given is None else (given[0], levels_in(folder, packet, given[1]))
        readings += [
            _reading(item, packet.name, reader, answers.get(number)) for number, item in enumerate(packet.items, 1)
        ]
    kinds = list(dict.fromkeys(reading.kind for reading in sorted(readings, key=lambda r: r.kind != "explanation")))
    by_kind = {kind: [reading for reading in readings if reading.kind == kind] for kind in kinds}
    return Scores(
        readings=sorted(readings, key=lambda reading: (kinds.index(reading.kind), reading.neuron)),
        kinds=[_summary(kind, own, rng) for kind, own in by_kind.items()],
        pairs=[_pair(by_kind[a], by_kind[b], rng) for a, b in combinations(kinds, 2)],
        left_out=key.left_out,
    )


def did(excerpts: Sequence[Excerpt]) -> Floats:
    """The neuron's values at all tokens of all texts, silence as 0."""
    values: Floats = np.concatenate([np.array(one.values, dtype=np.float64) for one in excerpts])
    return values.clip(min=0.0)


def _reading(item: Item, packet: str, reader: str, answer: Answer | None) -> Reading:
    true = did(item.excerpts)
    said = said_on(item.excerpts, answer)
    simulated = [one.levels for one in item.excerpts if one.levels is not None]
    own: Correlated = Unscored(reason="nothing simulates it")
    if len(simulated) == len(item.excerpts):
        own = _rounded(correlation(np.concatenate([np.array(one, dtype=np.float64) for one in simulated]), true))
    return Reading(
        neuron=item.neuron, kind=item.kind, packet=packet, reader=reader, sentence=item.sentence, claimed=item.claimed,
        r=said if isinstance(said, Unscored) else _rounded(correlation(said, true)), own=own,
    )  # fmt: skip


def _rounded(value: Correlated) -> Correlated:
    return value if isinstance(value, Unscored) else round(value, 6)


def _counted(value: Correlated) -> float | None:
    if isinstance(value, Unscored):
        return 0.0 if value.reason == CONSTANT else None
    return value


def _summary(kind: str, readings: Sequence[Reading], rng: np.random.Generator) -> KindSummary:
    read = [(reading, value) for reading in readings if (value := reading.counted) is not None]
    unscored = (r.r.reason for r in readings if r.counted is None and isinstance(r.r, Unscored))
    return KindSummary(
        kind=kind, n_neurons=len(readings), n_read=len(read),
        n_constant=sum(isinstance(reading.r, Unscored) for reading, _ in read), unscored=dict(Counter(unscored)),
        reader=mean_over((value for _, value in read), rng),
        own=mean_over((value for reading, _ in read if (value := _counted(reading.own)) is not None), rng),
        claimed=mean_over((reading.claimed for reading, _ in read if reading.claimed is not None), rng),
        gap=mean_over((value - reading.claimed for reading, value in read if reading.claimed is not None), rng),
    )  # fmt: skip


def _pair(ours: Sequence[Reading], theirs: Sequence[Reading], rng: np.random.Generator) -> PairSummary:
    other = {reading.neuron: reading.counted for reading in theirs}
    both = [
        value - against
        for reading in ours
        if (value := reading.counted) is not None and (against := other.get(reading.neuron)) is not None
    ]
    return PairSummary(a=ours[0].kind, b=theirs[0].kind, difference=mean_over(both, rng))
