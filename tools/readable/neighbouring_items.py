"""Other kinds of words that an item may be about: a part of its class, a wider one, or its words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from tools.readable.learn import Learner
from tools.readable.rule import Item, Kind, Like, Named, Quoted

_INSIDE = 0.8
"""Share of a class's words in the text that must belong to another for it to be a part of that."""

_TRIED = 6
_MOST_QUOTED = 3


def neighbours(item: Item, learner: Learner) -> Iterator[Item]:
    """The item with its kind of words narrowed and widened, the best on explore text first."""
    if not isinstance(item.kind, Named | Like):
        return
    features = learner.features
    held = features.knowledge.by_key(item.kind, features.texts) >= 0.5
    if not held.any():
        return
    sizes = np.asarray(features.members.sum(axis=1)).reshape(-1)
    both = np.asarray(features.members @ held.astype(np.float32)).reshape(-1)
    narrower = (both >= _INSIDE * sizes) & (sizes < held.sum())
    wider = (both >= _INSIDE * held.sum()) & (sizes > held.sum())
    for some in (narrower, wider):
        kinds: list[Kind] = [features.kinds[at] for at in np.flatnonzero(some)]
        options = [replace(item, kind=kind) for kind in kinds if kind != item.kind]
        yield from sorted(options, key=lambda one: -learner.alone(one))[:_TRIED]
    words = learner.words_that_fire(item)[:_MOST_QUOTED]
    for n in range(1, len(words) + 1):
        yield replace(item, kind=Quoted(tuple(sorted(words[:n]))))
