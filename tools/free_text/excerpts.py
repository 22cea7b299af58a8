"""Which excerpts of explore text an LLM is shown: short, since every token costs, and of every kind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from tools.evidence.neurons.neuron import threshold
from tools.free_text.token_strings import TokenStrings
from tools.prompts.quoting import WEAK_FROM, Shown
from tools.records.excerpts import ExploreActivations

N_TOP, N_WEAKER, N_WEAK, N_RANDOM, N_PAIRS = 20, 4, 2, 3, 6
N_UNEXPLAINED = 6

_BEFORE, _AFTER = 13, 3
"""Tokens that are shown on each side of a firing: what comes after it the neuron does not know."""

_LONG_BEFORE = 30
"""The same before the strongest firings: what a neuron answers to may stand a sentence earlier."""

_SURROUNDED = 6
"""Of the strongest firings so many are shown with that much before them."""

_LONGEST_PIECE = 5
"""Tokens of a word, past which no beginning is sought: in some scripts no space parts words."""

_SILENT_TOKENS = 16
_OF_THE_VERY_TOP = 8
_POOL = 60
"""The rest of the top is drawn from so many rows, so that another seed sees others."""

_SAME_TOKEN = 3
"""Top contexts of one token, while there are others."""

_CONTEXT = 4
"""Tokens that a silent word must have before it, so that the silence is not for want of them."""


@dataclass(frozen=True)
class ShownExcerpts:
    """Excerpts of explore text with raw values.

    Attributes:
        top: cut around the neuron's strongest firings.
        quantile: cut around weaker firings over their whole range, and around weak activations.
        random: text drawn at random.
        firing: texts that end at a whole word on which it fires.
        near_misses: for each of them, one that ends at the same word, silent there.
    """

    top: tuple[Shown, ...]
    quantile: tuple[Shown, ...]
    random: tuple[Shown, ...]
    firing: tuple[Shown, ...]
    near_misses: tuple[Shown, ...]

    @classmethod
    def draw(
        cls, explore: ExploreActivations, texts: TokenStrings, rng: np.random.Generator, theta: float | None = None
    ) -> ShownExcerpts:
        """Excerpts of every kind; `theta` is what the neuron fires above, found from these activations if not given."""
        drawn = explore.take(explore.drawn)
        if theta is None:
            theta = threshold(drawn.values[drawn.excerpts.mask])
        masked = np.where(explore.excerpts.mask, explore.values, -np.inf)
        peaks, at = masked.max(axis=1, initial=-np.inf), masked.argmax(axis=1)
        order = np.argsort(-peaks, kind="stable")
        fires = order[peaks[order] > theta]
        pool = fires[:_POOL]
        rest = rng.permutation(pool[_OF_THE_VERY_TOP:])
        top = _unlike(np.concatenate([pool[:_OF_THE_VERY_TOP], rest]), explore.excerpts.tokens[order, at[order]], order)
        top = top[np.argsort(-peaks[top], kind="stable")]

        fair = np.isin(order, explore.drawn) & ~np.isin(order, top)
        weaker = order[fair & (peaks[order] > theta)]
        weaker = weaker[np.unique(np.linspace(0, len(weaker) - 1, N_WEAKER).astype(int))] if len(weaker) else weaker
        weak = order[fair & (peaks[order] <= theta) & (peaks[order] > WEAK_FROM * theta)]
        weak = np.sort(rng.permutation(weak)[:N_WEAK])
        others = np.setdiff1d(explore.drawn, np.concatenate([top, weaker, weak]))
        random = np.sort(rng.permutation(others)[:N_RANDOM])
        pairs = _pairs(explore, theta, whole_words(explore, texts), rng)

        def around(rows: NDArray[np.int64], before: int = _BEFORE) -> tuple[Shown, ...]:
            return tuple(_window(explore, texts, int(row), int(at[row]), before, _AFTER) for row in rows)

        def ending(places: Iterable[tuple[int, int]]) -> tuple[Shown, ...]:
            return tuple(_window(explore, texts, row, position, _BEFORE, 0) for row, position in places)

        return cls(
            top=around(top[:_SURROUNDED], _LONG_BEFORE) + around(top[_SURROUNDED:]),
            quantile=around(np.concatenate([weaker, weak])),
            random=tuple(_window(explore, texts, int(row), 0, 0, _SILENT_TOKENS) for row in random),
            firing=ending(firing for firing, _ in pairs),
            near_misses=ending(silent for _, silent in pairs),
        )


def unexplained(
    explore: ExploreActivations,
    texts: TokenStrings,
    predicted: NDArray[np.bool_],
    theta: float,
    beside: Sequence[Shown] = (),
) -> tuple[Shown, ...]:
    """The strongest firings at tokens of which nothing is predicted, cut around them; few of one token.

    Args:
        explore: the neuron's excerpts.
        texts: the tokens as strings.
        predicted: at which tokens explanations say that it fires, [n, pos].
        theta: what the neuron fires above.
        beside: contexts that are shown anyway.
    """
    left = np.where(explore.excerpts.mask & ~predicted, explore.values, -np.inf)
    peaks, at = left.max(axis=1, initial=-np.inf), left.argmax(axis=1)
    order = np.argsort(-peaks, kind="stable")
    rows = _unlike(order[peaks[order] > theta][:_POOL], explore.excerpts.tokens[order, at[order]], order)
    windows = (_window(explore, texts, int(row), int(at[row]), _BEFORE, _AFTER) for row in rows)
    return tuple(islice((one for one in windows if not any(_is_end_of(one, other) for other in beside)), N_UNEXPLAINED))


def _is_end_of(one: Shown, other: Shown) -> bool:
    n = len(one.tokens)
    return (other.tokens[-n:], other.values[-n:]) == (one.tokens, one.values)


def _unlike(rows: NDArray[np.int64], tokens: NDArray[np.int32], order: NDArray[np.int64]) -> NDArray[np.int64]:
    """The first rows, few of which peak on one token; where that leaves too few, more of the same."""
    token_of = dict(zip(order.tolist(), tokens.tolist(), strict=True))
    seen: Counter[int] = Counter()
    first: list[int] = []
    later: list[int] = []
    for row in rows.tolist():
        seen[token_of[row]] += 1
        (first if seen[token_of[row]] <= _SAME_TOKEN else later).append(row)
    return np.array([*first, *later][:N_TOP], dtype=np.int64)


def _window(explore: ExploreActivations, texts: TokenStrings, row: int, at: int, before: int, after: int) -> Shown:
    first, last = max(0, at - before), min(int(explore.excerpts.lengths[row]), at + 1 + after)
    strings = texts.of(explore.excerpts.tokens[row, :last])
    for start in range(first, min(first + _LONGEST_PIECE, at) if first else first):
        # A text that begins within a word would be read as another word.
        if not (strings[start][:1].isalnum() and strings[start - 1][-1:].isalnum()):
            first = start
            break
    return Shown(strings[first:], tuple(float(value) for value in explore.values[row, first:last]))


def whole_words(explore: ExploreActivations, texts: TokenStrings) -> NDArray[np.bool_]:
    """Which tokens are whole words or marks, [n, pos]: of pieces nobody can say that two are the same word."""
    begins = np.array([string[:1].isalnum() for string in texts.strings])
    ends = np.array([string[-1:].isalnum() for string in texts.strings])
    tokens, inside = explore.excerpts.tokens, explore.excerpts.mask
    joined = np.zeros(tokens.shape, dtype=bool)
    joined[:, :-1] = inside[:, 1:] & ends[tokens[:, :-1]] & begins[tokens[:, 1:]]  # a token and the next one
    goes_on = np.zeros_like(joined)
    goes_on[:, 1:] = joined[:, :-1]
    return inside & ~joined & ~goes_on


def _pairs(
    explore: ExploreActivations, theta: float, whole: NDArray[np.bool_], rng: np.random.Generator
) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """Places (row, position) where a word fires and where the same one is silent: of those that fire most in all."""
    tokens, values, mask = explore.excerpts.tokens, explore.values, explore.excerpts.mask
    fires = mask & whole & (values > theta)
    fires[:, :_CONTEXT] = False
    silent = mask & whole & (values <= WEAK_FROM * theta)
    silent[:, :_CONTEXT] = False
    total = np.bincount(tokens[fires], weights=values[fires], minlength=1)
    both = np.intersect1d(tokens[fires], tokens[silent])
    out = []
    for token in both[np.argsort(-total[both], kind="stable")][:N_PAIRS] if len(both) else []:
        firing, still = (np.argwhere(which & (tokens == token)) for which in (fires, silent))
        one, other = (places[rng.integers(len(places))] for places in (firing, still))
        out.append(((int(one[0]), int(one[1])), (int(other[0]), int(other[1]))))
    return out
