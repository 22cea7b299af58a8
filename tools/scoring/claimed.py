"""Excerpts that competing explanations say must fire, where only some of a sample can be simulated.

What is true of something rare is silent on nearly every excerpt, and so *constant* on the few that are paid for. Some
are therefore drawn by what is claimed. The score still estimates what all of the sample would give: every excerpt has a
known chance of being drawn, and counts as many times as there are excerpts that it stands for, one over its chance
(Horvitz and Thompson). An excerpt is in

- the part drawn by what happened, with chance m / n of its stratum (m drawn of n, see `tools.scoring.parts.thin_rows`);
- the part drawn by what is claimed, with chance c, independently: 1 - (1 - m / n) (1 - c) in all.

Each claimant has the same number of excerpts to expect, and there an excerpt's chance rises with how strongly it claims
it, and doubles where another claims nothing. The lots are drawn once per sample, so that who comes later finds most of
the excerpts that were asked about before.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tools.concepts.words import words_of
from tools.scoring.metrics import StratifiedSample
from tools.scoring.parts import stratum_shares, thin_rows

Claims = NDArray[np.float64]

LEAST_CLAIM = 0.5
"""Of the strongest that a sentence predicts anywhere: less is no claim that the neuron fires."""

_SEED = 67
_STEM, _SHORTEST = 5, 4
_QUOTED = re.compile(r"[\"“”*`]")
_PLAIN = frozenset(
    [
        "that", "this", "with", "when", "where", "which", "such", "like", "than", "then", "them", "they", "from",
        "into", "about", "after", "before", "only", "words", "word", "token", "tokens", "text", "texts", "neuron",
        "fires", "fire", "firing", "especially", "often", "other", "also", "related", "used", "usually", "followed",
        "following", "context", "contexts", "phrases", "phrase", "names", "name", "terms", "term", "including",
        "begin", "start", "ends", "letter", "letters"
    ]
)  # fmt: skip
"""Words that say nothing of what the neuron fires on."""


def n_claimed(n: int) -> int:
    """Of `n` excerpts that can be simulated, those to draw by what is claimed."""
    return max(2, n // 3)


def claims_of_levels(levels: NDArray[np.float32], mask: NDArray[np.bool_]) -> Claims:
    """How strongly a sentence claims that the neuron fires somewhere in each excerpt, 0 to 1, from levels [n, pos]."""
    highest = np.where(mask, levels, 0).max(1, initial=0).astype(np.float64)
    top = highest.max(initial=0)
    share = highest / top if top > 0 else np.zeros(len(highest))
    return np.where(share >= LEAST_CLAIM, share, 0)


def claims_of_words(sentence: str, texts: Sequence[str]) -> Claims:
    """The same of a sentence that costs something to simulate: 1 where an excerpt has a word of it, or one that begins
    alike. What it quotes counts as it stands; of the rest, words that say something."""
    quoted = {word.text.lower() for piece in _QUOTED.split(sentence)[1::2] for word in words_of([piece])}
    spoken = {word.text.lower() for word in words_of([sentence])}
    told = {word[:_STEM] for word in spoken if len(word) >= _SHORTEST and word.isalpha() and word not in _PLAIN}
    out = np.zeros(len(texts))
    for row, text in enumerate(texts):
        words = {word.text.lower() for word in words_of([text])}
        out[row] = bool(words & quoted) or any(word[:_STEM] in told for word in words if len(word) >= _SHORTEST)
    return out


def chances_of(claims: Claims, n: float) -> NDArray[np.float64]:
    """The chance of each excerpt to be drawn by what is claimed, so that about `n` are.

    Args:
        claims: 0 to 1, [n_claimants, n_excerpts].
        n: how many to draw, shared out evenly among those who claim anything.
    """
    speaking = claims[claims.any(1)] if len(claims) else claims
    if not len(speaking):
        return np.zeros(claims.shape[1])
    disputed = speaking * np.where((speaking == 0).any(0), 2.0, 1.0)
    each = np.minimum(1.0, (n / len(speaking)) * disputed / disputed.sum(1, keepdims=True))
    return np.asarray(1 - np.prod(1 - each, axis=0))


def rows_with_claimed(
    sample: StratifiedSample, n: int, claims: Claims
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """About `n` rows of a sample, a third of them drawn by what is claimed, and how many excerpts each one of the whole
    sample stands for, [len(sample)]. Without a claim all are drawn by what happened, and count the same."""
    chances = chances_of(claims, n_claimed(n)) if len(claims) else np.zeros(len(sample))
    if n >= len(sample) or not chances.any():
        return thin_rows(sample, n), np.ones(len(sample))
    n_base = max(1, n - n_claimed(n))
    base = thin_rows(sample, n_base)
    lots = np.random.default_rng([_SEED, len(sample)]).random(len(sample))
    rows = np.union1d(base, np.flatnonzero(lots < chances))
    return rows, 1 / (1 - (1 - stratum_shares(sample, n_base)) * (1 - chances))
