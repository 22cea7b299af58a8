"""Which excerpts of explore text an LLM is shown: few, since every one costs, and of every kind."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tools.evidence.sample import stratified_rows
from tools.free_text.texts import TokenTexts
from tools.prompts.evidence import Shown
from tools.records.excerpts import ExploreReadings

N_TOP, N_QUANTILE, N_RANDOM, N_NEAR_MISSES = 6, 4, 2, 4
AROUND = 24
"""Tokens of an excerpt that are shown: those before the one that matters, and a few after it."""

_AFTER = 4
_FROM_TOP = 4
"""The top excerpts that are shown are drawn from so many times as many, so that another seed sees others."""


@dataclass(frozen=True)
class Exhibits:
    """Excerpts of explore text with raw values."""

    top: tuple[Shown, ...]
    quantile: tuple[Shown, ...]
    random: tuple[Shown, ...]
    near_misses: tuple[Shown, ...]

    @classmethod
    def draw(cls, explore: ExploreReadings, texts: TokenTexts, rng: np.random.Generator) -> Exhibits:
        """Top, quantile and random excerpts, and near misses: a token that fires elsewhere, silent."""
        mask = explore.excerpts.mask
        n_pool = _FROM_TOP * N_TOP
        rows, strata = stratified_rows(explore.values, mask, n_pool, N_QUANTILE, N_RANDOM, rng, explore.sought)
        by = {name: rows[[i for i, label in enumerate(strata) if label == name]] for name in dict.fromkeys(strata)}
        top = by.get("top", np.arange(0))
        # The very top always, the rest from what is nearly as high: a neuron's ten highest texts may be of one kind.
        kept = np.concatenate([top[: N_TOP // 2], np.sort(rng.permutation(top[N_TOP // 2 :])[: N_TOP - N_TOP // 2])])

        def shown(of: NDArray[np.int64]) -> tuple[Shown, ...]:
            return tuple(_window(explore, texts, int(row), _peak(explore, int(row))) for row in of)

        return cls(
            top=shown(kept.astype(np.int64)),
            quantile=shown(by.get("quantile", np.arange(0))),
            random=shown(by.get("random", np.arange(0))),
            near_misses=_near_misses(explore, texts, kept.astype(np.int64), rng),
        )


def _peak(explore: ExploreReadings, row: int) -> int:
    return int(np.where(explore.excerpts.mask[row], explore.values[row], -np.inf).argmax())


def _window(explore: ExploreReadings, texts: TokenTexts, row: int, at: int) -> Shown:
    length = int(explore.excerpts.lengths[row])
    last = min(length, at + 1 + _AFTER)
    first = max(0, last - AROUND)
    tokens = explore.excerpts.tokens[row, first:last]
    return Shown(texts.of(tokens), tuple(float(value) for value in explore.values[row, first:last]))


def _near_misses(
    explore: ExploreReadings, texts: TokenTexts, top: NDArray[np.int64], rng: np.random.Generator
) -> tuple[Shown, ...]:
    """Texts that end at a token on which the neuron fires at the top, and is silent there."""
    tokens, values = explore.excerpts.tokens, explore.values
    fired = np.unique([tokens[row, _peak(explore, int(row))] for row in top]) if len(top) else np.arange(0)
    highest = float(max((values[row].max() for row in top), default=0.0))
    silent = np.isin(tokens, fired) & explore.excerpts.mask & (values <= max(0.0, 0.05 * highest))
    rows, positions = np.nonzero(silent)
    out = []
    for i in rng.permutation(len(rows))[:N_NEAR_MISSES]:
        row, at = int(rows[i]), int(positions[i])
        first = max(0, at + 1 - AROUND)
        out.append(
            Shown(texts.of(tokens[row, first : at + 1]), tuple(float(value) for value in values[row, first : at + 1]))
        )
    return tuple(out)
