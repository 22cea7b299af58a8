"""Excerpts that competing explanations say must fire, where only some of a sample can be simulated.

What is true of something rare is silent on nearly every excerpt, and so *constant* on the few that are paid for. Some
are therefore drawn by what is claimed. The score still estimates what all of the sample would give: every excerpt has a
known chance of being drawn, and counts as many times as there are excerpts that it stands for, one over its chance
(Horvitz and Thompson). An excerpt is in

- the part drawn by what happened, with chance b (see `tools.scoring.subsampling.chances_of_excerpts`);
- the part that each claimant draws, with chances c_1, c_2, ..., all independently: 1 - (1 - b) (1 - c_1) ... in all.

A claimant draws a number of excerpts that is fixed and not left to chance, as far as it claims so many. There an
excerpt's chance rises with how strongly it is claimed, and doubles where another claims nothing. A claimant's lots
depend on nothing but its sentence, so that who comes later finds most of the excerpts that were asked about before.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tools.concepts.words import words_of
from tools.scoring.chances import of_fixed_size, pareto_draw
from tools.scoring.metrics import StratifiedSample
from tools.scoring.subsampling import chances_of_excerpts, thin_rows

Claims = NDArray[np.float64]

LEAST_CLAIM = 0.5
"""Of the strongest that a sentence predicts anywhere: less is no claim that the neuron fires."""

EACH = 4
"""Excerpts that a claimant who costs something to simulate draws. With fewer on which it predicts anything, the
interval does not exist: of three, all are absent from one resample in twenty."""

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


@dataclass(frozen=True)
class Claimant:
    """A sentence by whose claims some of the excerpts are drawn.

    Attributes:
        sentence: what it says.
        words: words and short pieces of text by which excerpts that it claims can be found; its author named them.
    """

    sentence: str
    words: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "words", tuple(self.words))  # a checkpoint gives lists back


def n_of_claimants(n: int, costly: Sequence[bool]) -> list[int]:
    """How many excerpts each claimant draws where `n` can be simulated: those that cost something four, the others
    what then is left of a third, and at least one."""
    dear = sum(costly)
    left = max(0, n // 3 - EACH * dear)
    each = max(1, left // max(1, len(costly) - dear))
    return [EACH if one else each for one in costly]


def claims_of_levels(levels: NDArray[np.float32], mask: NDArray[np.bool_]) -> Claims:
    """How strongly a sentence claims that the neuron fires somewhere in each excerpt, 0 to 1, from levels [n, pos]."""
    highest = np.where(mask, levels, 0).max(1, initial=0).astype(np.float64)
    top = highest.max(initial=0)
    share = highest / top if top > 0 else np.zeros(len(highest))
    return np.where(share >= LEAST_CLAIM, share, 0)


def claims_of_words(claimant: Claimant, texts: Sequence[str]) -> Claims:
    """The same of a sentence that costs something to simulate: 1 where an excerpt has one of the words that its author
    named; else, where none of them stands anywhere, where it has a word of the sentence, or one that begins alike."""
    named = _having(claimant.words, texts)
    return named if named.any() else _having_words_of(claimant.sentence, texts)


def _having(words: Sequence[str], texts: Sequence[str]) -> Claims:
    """1 where a text has one of `words` as whole words, however written; spaces count as any white space."""
    pieces = [r"\s+".join(map(re.escape, word.split())) for word in words if word.strip()]
    if not pieces:
        return np.zeros(len(texts))
    # A piece of punctuation may stand anywhere; what begins or ends in a letter begins or ends a word.
    edged = [
        (r"\b" if piece.split()[0][0].isalnum() else "") + pattern + (r"\b" if piece.rstrip()[-1].isalnum() else "")
        for piece, pattern in zip([word for word in words if word.strip()], pieces, strict=True)
    ]
    found = re.compile("|".join(edged), re.IGNORECASE)
    return np.array([float(found.search(text) is not None) for text in texts])


def _having_words_of(sentence: str, texts: Sequence[str]) -> Claims:
    """1 where a text has what the sentence quotes, as it stands, or begins like one of its words that say something."""
    quoted = {word.text.lower() for piece in _QUOTED.split(sentence)[1::2] for word in words_of([piece])}
    spoken = {word.text.lower() for word in words_of([sentence])}
    told = {word[:_STEM] for word in spoken if len(word) >= _SHORTEST and word.isalpha() and word not in _PLAIN}
    out = np.zeros(len(texts))
    for row, text in enumerate(texts):
        words = {word.text.lower() for word in words_of([text])}
        out[row] = bool(words & quoted) or any(word[:_STEM] in told for word in words if len(word) >= _SHORTEST)
    return out


def chances_of(claims: Claims, n: Sequence[int]) -> NDArray[np.float64]:
    """The chance of each excerpt to be among those that a claimant draws, [n_claimants, n_excerpts].

    Args:
        claims: 0 to 1, [n_claimants, n_excerpts].
        n: how many each claimant draws; all that it claims where those are fewer.
    """
    disputed = claims * np.where((claims == 0).any(0), 2.0, 1.0)
    return np.stack([of_fixed_size(own, size) for own, size in zip(disputed, n, strict=True)])


def drawn(chances: NDArray[np.float64], claimant: Claimant) -> NDArray[np.int64]:
    """The rows that a claimant draws: as many as its chances sum to."""
    seed = int.from_bytes(hashlib.sha256(claimant.sentence.encode("utf-8", "replace")).digest()[:8])
    lots = np.random.default_rng([seed, len(chances)]).random(len(chances))
    return pareto_draw(chances, lots)


def rows_with_claimed(
    sample: StratifiedSample, n: int, claimants: Sequence[Claimant], claims: Claims, costly: Sequence[bool]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """About `n` rows of a sample, some of them drawn by what is claimed, and how many excerpts each one of the whole
    sample stands for, [len(sample)]. Without a claim all are drawn by what happened.

    At least half of `n` are drawn by what happened: with more than a few claimants there are more than `n` in all.

    Args:
        sample: the whole.
        n: how many can be simulated.
        claimants: whose claims count.
        claims: 0 to 1, [n_claimants, n_excerpts].
        costly: of each claimant, whether it costs something to simulate.
    """
    speaking = [k for k, own in enumerate(claims) if own.any()]
    if n >= len(sample) or not speaking:
        return thin_rows(sample, n), 1 / chances_of_excerpts(sample, n)
    sizes = n_of_claimants(n, [costly[k] for k in speaking])
    chances = chances_of(claims[speaking], sizes)
    n_base = max(1, n - sum(sizes), -(-n // 2))
    picked = [drawn(own, claimants[k]) for k, own in zip(speaking, chances, strict=True)]
    rows = np.unique(np.concatenate([thin_rows(sample, n_base), *picked]))
    return rows, 1 / (1 - (1 - chances_of_excerpts(sample, n_base)) * np.prod(1 - chances, axis=0))
