"""Vocabulary sweeps: other last words in real contexts in which the neuron fires."""

from __future__ import annotations

import numpy as np

from tools.experiments.candidates import Candidate, Setting
from tools.experiments.carriers import Carrier
from tools.rules.language import quote

N_EACH = 4
N_DISPUTED = 24
N_ASKED = 512
"""Words about which rivals are asked."""


def vocabulary_sweep(setting: Setting, rng: np.random.Generator) -> list[Candidate]:
    """In each carrier four words of each kind: words that rivals name, words about which rivals disagree when they
    stand alone, words that fire elsewhere, and any words of the text.
    """
    disputed = _disputed(setting, rng)
    pools = (setting.named, disputed, setting.words.fired, setting.words.all)
    wanted: list[tuple[Carrier, int, str | None, str]] = []
    for carrier in setting.carriers:
        drawn = [_some(pool, rng) for pool in pools]
        wanted += [
            (carrier, carrier.last, word, f"{quote(word)} where {quote(carrier.word)} fired")
            for word in dict.fromkeys(word for some in drawn for word in some)
            if word != carrier.word
        ]
    return setting.changed("vocabulary_sweep", wanted)


def _disputed(setting: Setting, rng: np.random.Generator) -> list[str]:
    """The words that rivals disagree about most, in random order among equals: most words are named by nobody."""
    words = [str(word) for word in rng.permutation(setting.words.all)[:N_ASKED]]
    known = [(word, text) for word, text in zip(words, setting.texts.encode([f" {w}" for w in words]), strict=True)]
    alone = [(word, text.tokens) for word, text in known if text is not None]
    if not alone:
        return []
    width = max(len(tokens) for _, tokens in alone)
    tokens = np.full((len(alone), width), -1, dtype=np.int32)
    for row, (_, text) in enumerate(alone):
        tokens[row, : len(text)] = text
    said = setting.believe(tokens).disagreement[np.arange(len(alone)), (tokens >= 0).sum(1) - 1]
    order = np.lexsort((rng.random(len(alone)), -said))[:N_DISPUTED]
    return [alone[i][0] for i in order]


def _some(pool: list[str], rng: np.random.Generator) -> list[str]:
    if len(pool) <= N_EACH:
        return list(pool)
    return [pool[i] for i in rng.choice(len(pool), size=N_EACH, replace=False)]
