"""Retrieval from probe: real text cut at the token that rivals disagree about, or that tries the leading one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tools.experiments.candidates import TIE, Candidate, Setting, nearest

N_RETRIEVED = 64
N_LIKE = 6
_LIKENESS_OF_NEIGHBOURS = 0.8


def retrieval(setting: Setting, rng: np.random.Generator) -> list[Candidate]:
    """Texts cut where rivals disagree most, and others cut where the leading rival says that the neuron must fire."""
    contested = _cuts(setting, setting.on_probe.disagreement, "retrieval", "rivals disagree", rng)
    sure = _cuts(setting, setting.on_probe.leader, "retrieval", "must fire for the leading rival", rng)
    return [*contested, *sure]


def look_alikes(setting: Setting, rng: np.random.Generator) -> list[Candidate]:
    """Texts that look as if the neuron fired there, cut where the leading rival says that it must not.

    A look-alike is a token at which the leading rival is surest of firing elsewhere; the same but for case and a
    leading space; or, less like it, a near one in the embedding.
    """
    probe, leader = setting.probe, setting.on_probe.leader
    surest = np.where(probe.mask, leader, -1)
    rows = np.argsort(-surest.max(1, initial=-1), kind="stable")[:N_RETRIEVED]
    positive = np.unique(probe.tokens[rows, surest[rows].argmax(1)]) if len(rows) else np.empty(0, np.int64)
    likeness = np.zeros(len(setting.vocabulary))
    likeness[nearest(setting.vocabulary, positive.tolist(), setting.seen, N_LIKE)] = _LIKENESS_OF_NEIGHBOURS
    strings = setting.vocabulary.strings
    folded = {strings[token].strip().lower() for token in positive}
    seen = np.flatnonzero(setting.seen)
    likeness[[token for token in seen if strings[token].strip().lower() in folded]] = 1
    said_silent = np.where(leader < 0.5, likeness[np.maximum(probe.tokens, 0)] * (1 - leader), 0)
    why = "looks alike and must not fire for the leading rival"
    return _cuts(setting, said_silent, "look_alike", why, rng)


def _cuts(
    setting: Setting, scores: NDArray[np.float64], generator: str, why: str, rng: np.random.Generator
) -> list[Candidate]:
    """Of the texts with the highest scores (random order among equals), each cut where its score is highest."""
    probe = setting.probe
    masked = np.where(probe.mask & (scores > 0), scores + TIE * rng.random(scores.shape), 0)
    best = masked.argmax(1)
    peak = masked[np.arange(len(probe)), best]
    return [
        Candidate(tuple(probe.tokens[row, : best[row] + 1].tolist()), generator, why, f"probe-{int(probe.ids[row])}")
        for row in np.argsort(-peak, kind="stable")[:N_RETRIEVED]
        if peak[row] > 0
    ]
