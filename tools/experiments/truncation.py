"""Truncated context: how far back does the neuron look? The same last token, with less and less before it."""

from __future__ import annotations

import numpy as np

from tools.experiments.candidates import Candidate, Setting, edit

KEPT = (1, 2, 4, 8, 16, 32)


def truncation(setting: Setting, rng: np.random.Generator) -> list[Candidate]:
    """Of each carrier the last 1, 2, 4, ... tokens, as long as that is less than all."""
    return [
        edit(carrier.tokens[-keep:], "truncation", f"only the last {keep} of {len(carrier.tokens)} tokens", carrier)
        for carrier in setting.carriers
        for keep in KEPT
        if keep < len(carrier.tokens)
    ]
