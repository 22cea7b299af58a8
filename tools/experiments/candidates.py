"""Texts that could tell rivals apart, from three generators. Nothing here looks at what the neuron does on them.

An experiment is a run of tokens, and the question is always the same: does the neuron fire at the last one? All texts
cut from one excerpt share a carrier, because sixteen edits of one sentence are not sixteen witnesses.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tools.records.excerpts import Excerpts, ExploreReadings
from tools.rules.language import quote
from tools.rules.vocabulary import Vocabulary

Generator = Literal["minimal_pair", "vocabulary_sweep", "retrieval"]

N_CARRIERS = 24
N_SWEEP_CARRIERS = 10
N_SWEEP_TOKENS = 24
N_NEIGHBOURS = 12
N_RETRIEVED = 160


@dataclass(frozen=True)
class Candidate:
    """A text that could be read; the neuron's value at its last token is what is predicted.

    Attributes:
        tokens: the ids, BOS left out.
        generator: how it was made.
        purpose: what was changed, or why it was retrieved, in a few words.
        carrier: names the excerpt it was cut from.
        original: the raw value at the last token before the change, for edits of explore text.
    """

    tokens: tuple[int, ...]
    generator: Generator
    purpose: str
    carrier: str
    original: float | None = None


@dataclass(frozen=True)
class _Carrier:
    tokens: NDArray[np.int32]
    value: float
    name: str


def _firing_carriers(explore: ExploreReadings, theta: float, n: int, rng: np.random.Generator) -> list[_Carrier]:
    """Prefixes of explore excerpts that end where the neuron fires most, drawn at random over excerpts that fire."""
    peak = explore.values.max(1)
    firing = np.flatnonzero(peak > theta)
    if not len(firing):
        firing = np.argsort(-peak, kind="stable")[:n]
    rows = np.sort(rng.choice(firing, size=min(n, len(firing)), replace=False))
    out = []
    for row in rows:
        at = int(explore.values[row].argmax())
        tokens = explore.excerpts.tokens[row, : at + 1]
        out.append(_Carrier(tokens, float(explore.values[row, at]), f"explore-{int(explore.excerpts.ids[row])}"))
    return out


def minimal_pairs(
    explore: ExploreReadings, theta: float, vocabulary: Vocabulary, rng: np.random.Generator
) -> list[Candidate]:
    """One-token changes of texts on which the neuron fires: swap, delete, mask; and context cut short."""
    strings = vocabulary.strings
    common, counts = np.unique(explore.excerpts.tokens[explore.excerpts.mask], return_counts=True)
    commonest = int(common[counts.argmax()])
    out: list[Candidate] = []

    def add(tokens: NDArray[np.int32], purpose: str, carrier: _Carrier) -> None:
        made = tuple(int(t) for t in tokens)
        out.append(Candidate(made, "minimal_pair", purpose, carrier.name, round(carrier.value, 5)))

    for carrier in _firing_carriers(explore, theta, N_CARRIERS, rng):
        tokens = carrier.tokens
        last = int(tokens[-1])
        near = np.argsort(-(vocabulary.directions[common] @ vocabulary.directions[last]), kind="stable")[
            1 : N_NEIGHBOURS + 1
        ]
        for token in [int(common[rng.choice(near)]), int(common[rng.choice(near)]), int(rng.choice(common))]:
            if token != last:
                swapped = tokens.copy()
                swapped[-1] = token
                add(swapped, f"swap {quote(strings[last])} for {quote(strings[token])}", carrier)
        for back in range(1, min(7, len(tokens))):
            at = len(tokens) - 1 - back
            gone = int(tokens[at])
            action = int(rng.integers(3))
            if action == 0:
                add(np.delete(tokens, at), f"delete {quote(strings[gone])}, {back} back", carrier)
                continue
            # To mask is to write the commonest token of all text there; to swap, any token of it.
            token = int(rng.choice(common)) if action == 1 else commonest
            if token != gone:
                changed = tokens.copy()
                changed[at] = token
                verb = "swap" if action == 1 else "mask"
                add(changed, f"{verb} {quote(strings[gone])}, {back} back, for {quote(strings[token])}", carrier)
        for keep in (1, 2, 4, 8):
            if keep < len(tokens):
                add(tokens[-keep:], f"only the last {keep} of {len(tokens)} tokens", carrier)
    return out


def vocabulary_sweep(
    explore: ExploreReadings, theta: float, vocabulary: Vocabulary, rng: np.random.Generator
) -> list[Candidate]:
    """Other last tokens in real contexts: neighbours of tokens that fire, and tokens drawn from the text."""
    tokens, values = explore.excerpts.tokens, explore.values
    common = np.unique(tokens[explore.excerpts.mask])
    fired = tokens[(values > theta) & explore.excerpts.mask]
    centre = vocabulary.directions[np.unique(fired) if len(fired) else common[:1]].mean(0)
    close = common[np.argsort(-(vocabulary.directions[common] @ centre), kind="stable")[:200]]
    out: list[Candidate] = []
    for carrier in _firing_carriers(explore, theta, N_SWEEP_CARRIERS, rng):
        near = rng.choice(close, size=min(N_SWEEP_TOKENS // 2, len(close)), replace=False)
        anywhere = rng.choice(common, size=min(N_SWEEP_TOKENS // 2, len(common)), replace=False)
        for token in dict.fromkeys(int(t) for t in [*near, *anywhere]):
            made = (*(int(t) for t in carrier.tokens[:-1]), token)
            purpose = (
                f"{quote(vocabulary.strings[token])} where {quote(vocabulary.strings[int(carrier.tokens[-1])])} fired"
            )
            out.append(Candidate(made, "vocabulary_sweep", purpose, carrier.name, round(carrier.value, 5)))
    return out


def retrieval(probe: Excerpts, disagreement: NDArray[np.float32], leader: NDArray[np.float32]) -> list[Candidate]:
    """Probe texts cut where rivals disagree, where the leading rival must fire, and at look-alikes that must not.

    A look-alike is a token at which the leader is sure of firing in one text, in another where it says silence.

    Args:
        probe: the pool.
        disagreement: how much believed rivals disagree at each token, [n, pos].
        leader: the leading rival's probability of firing at each token, [n, pos].
    """
    out: list[Candidate] = []
    taken: set[int] = set()
    inside = np.where(probe.mask, leader, -1)
    surest = np.argsort(-inside.max(1), kind="stable")[:N_RETRIEVED]
    positive = np.unique(probe.tokens[surest, inside[surest].argmax(1)])
    alike = np.where(np.isin(probe.tokens, positive), 1 - leader, -1)
    questions = (
        ("rivals disagree", disagreement),
        ("must fire for the leading rival", leader),
        ("looks alike and must not fire for the leading rival", alike),
    )
    for why, scores in questions:
        masked = np.where(probe.mask, scores, -1)
        best = masked.argmax(1)
        order = np.argsort(-masked[np.arange(len(probe)), best], kind="stable")
        for row in order[: N_RETRIEVED // len(questions)]:
            if int(row) not in taken and masked[row, best[row]] >= 0:
                taken.add(int(row))
                cut = tuple(int(t) for t in probe.tokens[row, : best[row] + 1])
                out.append(Candidate(cut, "retrieval", why, f"probe-{int(probe.ids[row])}"))
    return out
