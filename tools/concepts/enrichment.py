"""Which classes a neuron fires on: picked on one half of explore text, and measured on the other.

A class is worth naming when knowing that a word belongs to it says much about the neuron's value there. Of some 2,700
classes some fit any half of a text by luck, so what is told of one comes from the half that had no say in picking it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tools.concepts.concepts import Concepts
from tools.concepts.words import TokenText
from tools.records.excerpts import ExploreActivations

MIN_WORDS = 3
"""Distinct words of a class that each half must have: with fewer, naming the class says no more than listing them."""

_PICKED = 60
_N_EXAMPLES = 5


@dataclass(frozen=True)
class Enriched:
    """A class and a neuron, on the half of explore text that did not pick the class.

    Attributes:
        name: of the class.
        correlation: of membership with the neuron's largest value on a word, over all words of that half.
        fires_in: share of the class's words on which the neuron fires.
        covers: share of the words on which it fires that are of the class.
        n_words: how many words of the class there are, repeats included; `n_distinct` without them.
        unseen: share of its distinct words on which it fires that the other half did not have at all.
        examples: words of the class on which it fires, the most frequent first.
    """

    name: str
    correlation: float
    fires_in: float
    covers: float
    n_words: int
    n_distinct: int
    unseen: float
    examples: list[str]


@dataclass
class WordCounts:
    """The words of some documents: how often each occurs, the sum of the values on it, and how often it fires.

    The value on a word is the neuron's largest on its tokens.
    """

    count: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    total: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    fires: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    squares: float = 0.0

    def add(self, word: str, value: float, fires: bool) -> None:
        """Count a word once more."""
        self.count[word] += 1
        self.total[word] += value
        self.fires[word] += fires
        self.squares += value * value


def counted(explore: ExploreActivations, theta: float, strings: Sequence[str]) -> tuple[WordCounts, WordCounts]:
    """The words of explore text in documents of odd number, which pick, and in those of even number, which tell.

    Args:
        explore: what the neuron does on explore text.
        theta: the value above which it fires.
        strings: of the model's tokens.
    """
    picking, telling = WordCounts(), WordCounts()
    for row in explore.drawn:
        ids = explore.excerpts.tokens[row, : explore.excerpts.lengths[row]]
        values = explore.values[row]
        half = picking if explore.excerpts.documents[row] % 2 else telling
        for word in TokenText([strings[i] for i in ids]).words():
            value = float(values[word.first : word.last + 1].max())
            half.add(word.key, value, value > theta)
    return picking, telling


def enriched(halves: tuple[WordCounts, WordCounts], concepts: Concepts, n: int = 12) -> tuple[list[Enriched], float]:
    """The `n` classes that say most of a neuron, best first, and the share of words on which it fires.

    Args:
        halves: the words of explore text, as `counted` gives them.
        concepts: the classes.
        n: how many to tell.
    """
    picking, telling = halves
    words = sorted(picking.count.keys() | telling.count.keys())
    members: dict[str, list[int]] = {}
    for number, key in enumerate(words):
        for name in concepts.classes_of(key):
            members.setdefault(name, []).append(number)
    arrays = [_columns(half, words) for half in (picking, telling)]
    rows = {name: np.array(numbers) for name, numbers in members.items()}
    picked = sorted(rows, key=lambda name: -_correlation(arrays[0], picking.squares, rows[name]))[:_PICKED]
    found = [
        _told(name, rows[name], words, arrays, telling.squares)
        for name in picked
        if all((count[rows[name]] > 0).sum() >= MIN_WORDS for count, *_ in arrays)
    ]
    n_words = max(1, sum(telling.count.values()))

    def order(one: Enriched) -> tuple[float, float, str]:
        """Of two that say as much, the smaller class says more."""
        return -one.correlation, concepts.get(one.name).n_members or np.inf, one.name

    best = sorted((one for one in found if one.correlation > 0), key=order)
    return best[:n], sum(telling.fires.values()) / n_words


_Columns = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]


def _columns(half: WordCounts, words: list[str]) -> _Columns:
    count, total, fires = (
        np.array([column.get(word, 0.0) for word in words]) for column in (half.count, half.total, half.fires)
    )
    return count, total, fires


def _correlation(columns: _Columns, squares: float, rows: NDArray[np.int64]) -> float:
    """Of membership with the value, over all words of a half."""
    count, total, _ = columns
    n, inside = count.sum(), count[rows].sum()
    mean = total.sum() / max(n, 1)
    spread = (squares - n * mean**2) * inside * (1 - inside / max(n, 1))
    return float((total[rows].sum() - inside * mean) / np.sqrt(spread)) if spread > 0 else 0.0


def _told(name: str, rows: NDArray[np.int64], words: list[str], arrays: list[_Columns], squares: float) -> Enriched:
    (seen, *_), (count, _, fires) = arrays
    here = rows[count[rows] > 0]
    firing = here[fires[here] > 0]
    order = firing[np.argsort(-fires[firing], kind="stable")][:_N_EXAMPLES]
    return Enriched(
        name=name,
        correlation=round(_correlation(arrays[1], squares, rows), 4),
        fires_in=round(float(fires[here].sum() / count[here].sum()), 4),
        covers=round(float(fires[here].sum() / max(1.0, fires.sum())), 4),
        n_words=int(count[here].sum()),
        n_distinct=len(here),
        unseen=round(float((seen[firing] == 0).mean()), 4) if len(firing) else 0.0,
        examples=[words[at] for at in order],
    )
