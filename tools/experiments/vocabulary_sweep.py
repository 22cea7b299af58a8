"""Vocabulary sweeps: other last tokens in real contexts in which the neuron fires."""

from __future__ import annotations

import numpy as np

from tools.experiments.candidates import Candidate, Setting, edit
from tools.rules.language import quote

N_EACH = 6
N_DISPUTED = 24


def vocabulary_sweep(setting: Setting, rng: np.random.Generator) -> list[Candidate]:
    """In each carrier six tokens of each kind: any tokens of the text, tokens that fire elsewhere, and tokens about
    which rivals disagree when they stand alone.
    """
    strings = setting.vocabulary.strings
    seen = np.flatnonzero(setting.seen)
    tokens = setting.explore.excerpts.tokens
    fired = np.unique(tokens[(setting.explore.values > setting.theta) & setting.explore.excerpts.mask])
    alone = setting.believe(seen[:, None].astype(np.int32)).disagreement[:, 0]
    # Random order among equals: most tokens are named by nobody.
    disputed = seen[np.lexsort((rng.random(len(seen)), -alone))][:N_DISPUTED]
    out: list[Candidate] = []
    for carrier in setting.carriers:
        last = int(carrier.tokens[-1])
        drawn = [rng.permutation(pool)[:N_EACH].tolist() for pool in (disputed, fired, seen)]
        for token in dict.fromkeys(t for some in drawn for t in some if t != last):
            changed = np.append(carrier.tokens[:-1], np.int32(token))
            purpose = f"{quote(strings[token])} where {quote(strings[last])} fired"
            out.append(edit(changed, "vocabulary_sweep", purpose, carrier))
    return out
