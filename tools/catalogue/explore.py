"""Tools that look things up in explore text: where a word stands, and where the neuron fires most.

Explore text is what whoever writes hypotheses may see; none of it is evidence.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from tools.concepts.words import words_of
from tools.study.study import Study
from tools.toolbox import Arguments, Outcome, Tool

BEFORE, AFTER = 14, 3
"""Tokens around the one that matters."""


class FindWord(Arguments):
    """A word or a few of them, and how many of the places to show, from the highest value to the lowest."""

    word: str = Field(min_length=1, max_length=60)
    n: int = Field(default=12, ge=1, le=32)


class TopExcerpts(Arguments):
    """How many excerpts, and how many of the highest to pass over: those that were shown before."""

    n: int = Field(default=10, ge=1, le=20)
    skip: int = Field(default=0, ge=0, le=1000)


class Passage(BaseModel):
    """A stretch of explore text with the raw value at each token; `value` is the one that it is about."""

    value: float
    tokens: list[str]
    values: list[float]


class Passages(Outcome):
    """Some passages, the highest value first; `n` there are in all, and in `n_fired` of them the neuron fires."""

    n: int
    n_fired: int
    places: list[Passage]


def explore_tools(study: Study) -> list[Tool[Any, Any]]:
    """`find_word` and `top_excerpts`, bound to one neuron."""
    strings = study.vocabulary.strings

    def find_word(arguments: FindWord, rng: np.random.Generator) -> Passages:
        explore = study.evidence.explore
        sought = [word.text.lower() for word in words_of([arguments.word])]
        found: list[tuple[float, int, int]] = []
        for row in range(len(explore) if sought else 0):
            words = words_of(
                [strings[token] for token in explore.excerpts.tokens[row, : explore.excerpts.lengths[row]]]
            )
            lowered = [word.text.lower() for word in words]
            for i in range(len(words) - len(sought) + 1):
                if lowered[i : i + len(sought)] == sought:
                    first, last = words[i].first, words[i + len(sought) - 1].last
                    at = first + int(explore.values[row, first : last + 1].argmax())
                    found.append((float(explore.values[row, at]), row, at))
        return passages(found, arguments.n, everywhere=True)

    def top_excerpts(arguments: TopExcerpts, rng: np.random.Generator) -> Passages:
        explore = study.evidence.explore
        values = np.where(explore.excerpts.mask, explore.values, -np.inf)
        peaks = [(float(values[row, at]), row, int(at)) for row, at in enumerate(values.argmax(1))]
        ranked = sorted(peaks, key=lambda one: (-one[0], one[1]))
        left = ranked[arguments.skip :]
        return passages(left, arguments.n, everywhere=False)

    def passages(found: list[tuple[float, int, int]], n: int, *, everywhere: bool) -> Passages:
        """Some of the places: the first ones, or at even steps through all of them."""
        ranked = sorted(found, key=lambda one: (-one[0], one[1], one[2]))
        steps = np.linspace(0, max(0, len(ranked) - 1), min(n, len(ranked))).round().astype(int)
        chosen = [ranked[i] for i in steps] if everywhere else ranked[:n]
        return Passages(
            n=len(ranked),
            n_fired=sum(value > study.evidence.theta for value, _, _ in ranked),
            places=[Passage(value=round(value, 3), **around(row, at)) for value, row, at in chosen],
        )

    def around(row: int, at: int) -> dict[str, Any]:
        explore = study.evidence.explore
        first = max(0, at - BEFORE)
        last = min(int(explore.excerpts.lengths[row]), at + 1 + AFTER)
        values: NDArray[np.float32] = explore.values[row, first:last]
        return {
            "tokens": [strings[token] for token in explore.excerpts.tokens[row, first:last]],
            "values": [round(float(value), 3) for value in values],
        }

    return [
        Tool(
            "find_word", "Where a word stands in explore text, however it is cut and written, with the values there.",
            FindWord, Passages, find_word,
        ),
        Tool("top_excerpts", "More of explore text on which it fires most.", TopExcerpts, Passages, top_excerpts),
    ]  # fmt: skip
