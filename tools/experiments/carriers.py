"""Real text in which something is changed: prefixes of explore excerpts that end where the neuron fires."""

from __future__ import annotations

import hashlib
from collections.abc import Set
from dataclasses import dataclass

import numpy as np

from tools.experiments.text_edits import Text, Texts
from tools.records.excerpts import ExploreActivations

N_CARRIERS = 32
MIN_CARRIERS = 6
NEAR_PEAK = 0.9


@dataclass(frozen=True)
class Carrier:
    """The beginning of an excerpt, up to a word at which something is known of the neuron.

    Attributes:
        text: of at least one word, which is its end.
        value: the raw value at the last token.
        name: names the excerpt.
        is_found_by_value: whether a trace can tell from name and value where the excerpt was cut, and so show what an
            edit changed.
    """

    text: Text
    value: float
    name: str
    is_found_by_value: bool = True

    @property
    def last(self) -> int:
        """The number of its last word."""
        return len(self.text.words) - 1

    @property
    def word(self) -> str:
        """The last word, at the end of which the neuron was read."""
        return self.text.words[-1].text


def draw_carriers(
    explore: ExploreActivations, theta: float, texts: Texts, used: Set[str], known: Set[tuple[str, ...]]
) -> list[Carrier]:
    """Prefixes of explore excerpts, of those that fire and were not used before.

    They end with a whole word; in the middle of one only where the neuron fires at no end of a word of the excerpt, and
    then the piece counts as the word. At most 32, and at most half of what is left (but six), so that a neuron that
    fires seldom has texts for later rounds too. Where none is left that fires, those with the highest values. No two
    end with the same five words.

    Which ones is no matter of chance: they go by the hash of their number, so that all runs of a neuron begin alike.

    Args:
        explore: what the neuron does.
        theta: the raw value above which it fires.
        texts: of the model.
        used: names of excerpts that were carriers before.
        known: endings of texts that were read before.
    """
    mask = explore.excerpts.mask
    values = np.where(mask, explore.values, -np.inf)
    at_ends = np.where(texts.ends_words(explore.excerpts.tokens), values, -np.inf)
    whole = at_ends.max(1, initial=-np.inf) > theta
    values = np.where(whole[:, None], at_ends, values)
    peak = values.max(1, initial=-np.inf)
    names = [f"explore-{i}" for i in explore.excerpts.ids.tolist()]
    left = [row for row in range(len(explore)) if names[row] not in used]
    firing = [row for row in left if peak[row] > theta]
    n = min(N_CARRIERS, max(MIN_CARRIERS, len(firing) // 2), len(firing)) if firing else MIN_CARRIERS
    order = sorted(firing, key=lambda row: lot(names[row])) or sorted(left, key=lambda row: -peak[row])
    out: list[Carrier] = []
    endings = set(known)
    while order and len(out) < n:
        now, order = order[: 2 * n], order[2 * n :]
        ends = [_end(values[row], theta, names[row]) for row in now]
        cut = [tuple(explore.excerpts.tokens[row, : end + 1].tolist()) for row, end in zip(now, ends, strict=True)]
        for row, end, text in zip(now, ends, texts.read(cut), strict=True):
            if text is None or not text.ends_with_word or text.ending in endings or len(out) == n:
                continue
            endings.add(text.ending)
            out.append(Carrier(text, float(explore.values[row, end]), names[row]))
    return out


def _end(values: np.ndarray[tuple[int], np.dtype[np.float32]], theta: float, name: str) -> int:
    """One of the places near the peak: a neuron that fires in most places would else give nothing but beginnings."""
    top = values.max()
    near = np.flatnonzero((values > theta) & (values >= NEAR_PEAK * top) if top > theta else values == top)
    return int(near[int(lot(name), 16) % len(near)])


def lot(name: str) -> str:
    """Decides order, and is the same in every run."""
    return hashlib.sha256(name.encode()).hexdigest()
