"""Retrieval from probe: real text cut at the word that rivals disagree about, or that tries the leading one."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

from tools.experiments.candidates import TIE, Candidate, Setting, nearest

N_RETRIEVED = 64
N_LIKE = 6
MIN_WHOLE = 8
"""Texts that can be cut after a word; with fewer, rivals speak of something within words."""

_LIKENESS_OF_NEIGHBOURS = 0.8

CLAIMED = "the leading rival says that it fires, drawn among all such"


def retrieval(setting: Setting, rng: np.random.Generator) -> list[Candidate]:
    """Texts cut where rivals disagree most, others where the leading rival says that the neuron must fire, and others
    drawn among all in which it says so, however surely."""
    contested = _cuts(setting, setting.on_probe.disagreement, "retrieval", "rivals disagree", rng)
    sure = _cuts(setting, setting.on_probe.leader, "retrieval", "must fire for the leading rival", rng)
    return [*contested, *sure, *_claimed(setting, rng)]


def _claimed(setting: Setting, rng: np.random.Generator) -> list[Candidate]:
    """By the hash of their number: no matter of chance, nor of how sure anybody is."""
    says = (setting.on_probe.leader >= 0.5) & setting.probe.mask
    ranks = np.array([_rank(f"probe-{i}") for i in setting.probe.ids.tolist()])
    return _cuts(setting, says * ranks[:, None] if len(ranks) else np.zeros(says.shape), "retrieval", CLAIMED, rng)


def _rank(name: str) -> float:
    """Within 0.5 to 1, so that noise breaks no tie."""
    return 0.5 + int(hashlib.sha256(name.encode()).hexdigest()[:8], 16) / 2**33


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
    seen = np.zeros(len(setting.vocabulary), dtype=bool)
    seen[probe.tokens[probe.mask]] = True
    likeness[nearest(setting.vocabulary, positive.tolist(), seen, N_LIKE)] = _LIKENESS_OF_NEIGHBOURS
    strings = setting.vocabulary.strings
    folded = {strings[token].strip().lower() for token in positive}
    likeness[[token for token in np.flatnonzero(seen) if strings[token].strip().lower() in folded]] = 1
    said_silent = np.where(leader < 0.5, likeness[np.maximum(probe.tokens, 0)] * (1 - leader), 0)
    why = "looks alike and must not fire for the leading rival"
    return _cuts(setting, said_silent, "look_alike", why, rng)


def _cuts(
    setting: Setting, scores: NDArray[np.float64], generator: str, why: str, rng: np.random.Generator
) -> list[Candidate]:
    """Cut the texts with the highest scores (ties in random order) where the score is highest: after a whole word, or
    anywhere if hardly any end of a word has a score."""
    probe = setting.probe
    masked = np.where(probe.mask & (scores > 0), scores + TIE * rng.random(scores.shape), 0)
    at_ends = np.where(setting.probe_ends, masked, 0)
    whole = int((at_ends.max(1, initial=0) > 0).sum()) >= min(MIN_WHOLE, int((masked.max(1, initial=0) > 0).sum()))
    masked = at_ends if whole else masked
    best = masked.argmax(1) if masked.shape[1] else np.zeros(len(probe), np.int64)
    peak = masked[np.arange(len(probe)), best]
    rows = [row for row in np.argsort(-peak, kind="stable")[:N_RETRIEVED].tolist() if peak[row] > 0]
    found = setting.texts.cut([(probe.tokens[row, : probe.lengths[row]], int(best[row]) + 1) for row in rows], whole)
    return [
        Candidate(text.tokens, generator, why, f"probe-{int(probe.ids[row])}", (text.ending,))
        for row, text in zip(rows, found, strict=True)
        if text is not None
    ]
