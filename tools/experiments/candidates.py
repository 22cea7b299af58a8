"""What a generator of experiments has to work with, and what it makes. Nothing here tells what the neuron does on text
that was not read yet.

An experiment is a run of tokens, and the question is always the same: does the neuron fire at the last one? All texts
cut from one excerpt share a carrier, because sixteen edits of one sentence are not sixteen witnesses.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from tools.experiments.carriers import Carrier
from tools.experiments.rivals import Believed
from tools.records.excerpts import Excerpts, ExploreReadings
from tools.roles import WrittenText
from tools.rules.vocabulary import Vocabulary

Tokens: TypeAlias = tuple[int, ...]

TIE = 1e-9
"""Noise that breaks ties between scores in 0-1 and nothing else: the first of equals would stand early in its text."""


@dataclass(frozen=True)
class Candidate:
    """A text that could be read; the neuron's value at its last token is what is predicted.

    Attributes:
        tokens: the ids, BOS left out.
        generator: how it was made.
        purpose: what was changed, or why it was retrieved, in a few words.
        carrier: names the excerpt or the sampled text that it was cut from.
        original: the raw value at the last token before the change, for edits of explore text.
    """

    tokens: Tokens
    generator: str
    purpose: str
    carrier: str
    original: float | None = None


def edit(tokens: NDArray[np.int32], generator: str, purpose: str, carrier: Carrier) -> Candidate:
    """A candidate that is a changed text of explore."""
    return Candidate(tuple(tokens.tolist()), generator, purpose, carrier.name, round(carrier.value, 5))


@dataclass(frozen=True)
class Setting:
    """What generators work with in one round.

    Attributes:
        explore: what the neuron does on explore text.
        theta: the raw value above which it fires.
        carriers: explore text to change, none of it used before in the run.
        probe: the excerpts that were not used before in the run; texts only.
        on_probe: what the rivals say of them, [n, width].
        vocabulary: the subject model's tokens.
        named: token ids that rivals name, the most believed rival's first.
        believe: what the rivals say of token texts, int32 [n, pos] with -1 past the end.
        sample: from the subject model, a text for each prompt of token ids, which goes on for so many tokens; each is
            the prompt's length as it is read back, and the text's token ids, of which there are none where none came.
        fresh: how many tokens of a text can be had before it repeats 12 tokens of the corpus.
        written: texts that somebody wrote to be read.
        encode: token ids of a text, at most as many as an excerpt has, its end kept.
    """

    explore: ExploreReadings
    theta: float
    carriers: list[Carrier]
    probe: Excerpts
    on_probe: Believed
    vocabulary: Vocabulary
    named: list[int]
    believe: Callable[[NDArray[np.int32]], Believed]
    sample: Callable[[Sequence[Tokens], int, np.random.Generator], list[tuple[int, Tokens]]]
    fresh: Callable[[Tokens], int]
    written: list[WrittenText] = field(default_factory=list)
    encode: Callable[[str], Tokens] = lambda _: ()

    @cached_property
    def seen(self) -> NDArray[np.bool_]:
        """Which tokens occur in explore or probe text, [d_vocab]."""
        out = np.zeros(len(self.vocabulary), dtype=bool)
        for excerpts in (self.explore.excerpts, self.probe):
            out[excerpts.tokens[excerpts.mask]] = True
        return out

    @cached_property
    def silent(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Rows and positions of explore text at which the neuron is silent; every position when it never is."""
        mask = self.explore.excerpts.mask
        is_silent = mask & (self.explore.values <= self.theta)
        rows, positions = np.nonzero(is_silent if is_silent.any() else mask)
        return rows, positions

    def silent_token(self, back: int, rng: np.random.Generator) -> int:
        """The token `back` before (0: at) a random position at which the neuron is silent, or the text's first one.

        Where a neuron fires nearly everywhere this finds what silences it; else it is any token of ordinary text.
        """
        rows, positions = self.silent
        at = int(rng.integers(len(rows)))
        return int(self.explore.excerpts.tokens[rows[at], max(int(positions[at]) - back, 0)])


def nearest(vocabulary: Vocabulary, tokens: list[int], among: NDArray[np.bool_], n: int) -> NDArray[np.int64]:
    """The `n` tokens of `among` [d_vocab] that are nearest to each token in the embedding, [len(tokens), at most n].

    The nearest come first; a token is no neighbour of itself.
    """
    there = np.flatnonzero(among)
    n = min(n, len(there) - 1)
    if n < 1 or not tokens:
        return np.empty((len(tokens), 0), dtype=np.int64)
    cosine = vocabulary.directions[tokens] @ vocabulary.directions.T
    cosine[:, ~among] = -np.inf
    cosine[np.arange(len(tokens)), tokens] = -np.inf
    best = np.argpartition(-cosine, n - 1, axis=1)[:, :n]
    order = np.argsort(-np.take_along_axis(cosine, best, 1), axis=1, kind="stable")
    return np.take_along_axis(best, order, 1)
