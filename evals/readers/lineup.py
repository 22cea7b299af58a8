"""Discrimination: which neuron does an explanation describe, among ten of a layer that fire about as often?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from evals.readers.correlations import rank_correlation
from evals.readers.dealing import dealt
from evals.readers.sentences import Sentence
from evals.records import Outcome, Record
from tools.errors import BadInput
from tools.evidence.neurons.same_layer import development_activations, similar_firing_rate
from tools.evidence.neurons.sample import stratified_rows
from tools.prompts.quoting import marked
from tools.records.excerpts import DevelopmentActivations
from tools.records.result import Unscored
from tools.roles import Simulator
from tools.study.study import Study

N_OTHERS = 9
N_TOP, N_RANDOM = 3, 2
LETTERS = "ABCDEFGHIJ"
CHANCE = 1 / (N_OTHERS + 1)

_TASK = """\
You get sentences, each of which says when one neuron of a language model fires, and with each ten neurons, A to J. Of
every neuron you see some texts in which it fires most, and some drawn at random; the tokens on which it fires stand
between << and >>. Say for each sentence which of its ten neurons it is about: the one that fires where the sentence
says so and is silent elsewhere. Where a sentence quotes tokens, ␣ stands for a space.

Judge by reading: use no program, and nothing but this packet.

Write a file answers-{packet}.json: {{"1": "C", "2": "A", ...}}, a letter for the number of each sentence. A sentence
that is left out counts as not answered; where you cannot tell, guess.
"""


@dataclass(frozen=True)
class Candidate:
    """A neuron in a lineup, on a few development excerpts.

    Attributes:
        index: in its layer.
        activations: the excerpts.
        theta: what it fires above.
    """

    index: int
    activations: DevelopmentActivations
    theta: float


@dataclass(frozen=True)
class Lineup:
    """Ten neurons in random order; `target` is the place of the described one."""

    candidates: tuple[Candidate, ...]
    target: int


def lineup_of(study: Study, rng: np.random.Generator) -> Lineup | Unscored:
    """The neuron and nine others of its layer: those of 64 drawn ones with the closest firing rates.

    All are shown on the shared development text, without any excerpts that were sought out for one neuron: the three
    excerpts with the largest values, and two random ones.
    """
    neuron = study.evidence.neuron
    others = similar_firing_rate(study.scan, neuron.index, rng)[:N_OTHERS]
    if len(others) < N_OTHERS:
        return Unscored(reason=f"only {len(others)} other neurons of the layer fire")
    candidates = []
    for index in (neuron.index, *others):
        activations, theta = development_activations(study.scan, index)
        candidates.append(Candidate(index, _few(activations, rng), theta))
    order = rng.permutation(len(candidates))
    return Lineup(tuple(candidates[i] for i in order), int(np.flatnonzero(order == 0)[0]))


def _few(activations: DevelopmentActivations, rng: np.random.Generator) -> DevelopmentActivations:
    mask = activations.excerpts.mask
    rows, _ = stratified_rows(activations.values, mask, N_TOP, 0, N_RANDOM, rng, activations.sought)
    return activations.take(rows)


def chosen_by(simulator: Simulator, sentence: str, lineup: Lineup) -> Outcome | Unscored:
    """The neuron that a simulator chooses: the one with the highest rank correlation of levels and values.

    Ranks, since neurons have different scales; values below 0 count as silence. If the levels are constant on another
    neuron's excerpts, the explanation says nothing about that neuron, and the correlation counts as 0.
    """
    fits = []
    for place, candidate in enumerate(lineup.candidates):
        excerpts = candidate.activations.excerpts
        levels = simulator.simulate(sentence, excerpts.tokens)
        if isinstance(levels, Unscored):
            return levels
        values = np.maximum(candidate.activations.values[excerpts.mask], 0).astype(np.float64)
        fit = rank_correlation(np.asarray(levels)[excerpts.mask].astype(np.float64), values)
        if isinstance(fit, Unscored) and place == lineup.target:
            return "constant"
        fits.append(0.0 if isinstance(fit, Unscored) else round(fit, 9))
    if fits[lineup.target] < max(fits):
        return "wrong"
    return "right" if fits.count(max(fits)) == 1 else "tied"


class MarkedExcerpt(Record):
    """A text and the tokens on which the neuron fires."""

    tokens: list[str]
    fires: list[bool]


class LineupItem(Record):
    """An explanation and ten neurons; `answer` is the letter of the described one."""

    neuron: str
    kind: str
    sentence: str
    answer: str
    neurons: list[list[MarkedExcerpt]]


class LineupPacket(Record):
    """The packet of one reader; its items are numbered from 1."""

    name: str
    items: list[LineupItem]


class LineupKey(Record):
    """The key, which no reader sees. `left_out` counts unreadable runs and those with too few neighbours, by reason."""

    task: Literal["lineups"] = "lineups"
    schema_version: Literal[1] = 1
    left_out: dict[str, int]
    packets: list[LineupPacket]


def lineup_items(
    neuron: str, sentences: Sequence[Sentence], lineup: Lineup, strings: Sequence[str]
) -> list[LineupItem]:
    """The same lineup for each explanation of a neuron."""
    neurons = [_shown(candidate, strings) for candidate in lineup.candidates]
    answer = LETTERS[lineup.target]
    return [
        LineupItem(neuron=neuron, kind=one.kind, sentence=one.text, answer=answer, neurons=neurons)
        for one in sentences
    ]  # fmt: skip


def _shown(candidate: Candidate, strings: Sequence[str]) -> list[MarkedExcerpt]:
    excerpts, values = candidate.activations.excerpts, candidate.activations.values
    return [
        MarkedExcerpt(
            tokens=[strings[token] for token in tokens[:length]],
            fires=[bool(value > candidate.theta) for value in row[:length]],
        )
        for tokens, length, row in zip(excerpts.tokens, excerpts.lengths, values, strict=True)
    ]


def make_lineup_key(
    by_neuron: Sequence[Sequence[LineupItem]], left_out: Mapping[str, int], n_kinds: int, n_readers: int | None
) -> LineupKey:
    """Deal lineups over packets, so that no reader sees two explanations of a neuron.

    Raises:
        BadInput: there are fewer readers than kinds, or no lineup.
    """
    if not by_neuron:
        raise BadInput("no neuron has nine others of its layer for a lineup.")
    packets = dealt(by_neuron, n_kinds, n_readers or n_kinds)
    return LineupKey(
        left_out=dict(left_out),
        packets=[LineupPacket(name=f"{i:02}", items=items) for i, items in enumerate(packets, 1)],
    )


def lineup_text(packet: LineupPacket) -> str:
    """The text of a packet."""
    parts = [_TASK.format(packet=packet.name)]
    for number, item in enumerate(packet.items, 1):
        parts.append(f"\n##### SENTENCE {number}\n{' '.join(item.sentence.split())}\n")
        for letter, neuron in zip(LETTERS, item.neurons, strict=False):
            parts.append(f"-- sentence {number} neuron {letter}:")
            parts += [marked(excerpt.tokens, excerpt.fires) for excerpt in neuron]
    return "\n".join(parts) + "\n"
