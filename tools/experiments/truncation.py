"""Truncated context: how far back does the neuron look? The same last word, with less and less before it."""

from __future__ import annotations

import numpy as np

from tools.experiments.candidates import Candidate, Setting, edit
from tools.experiments.text_edits import Text

KEPT = (1, 2, 4, 8, 16, 32)
"""Words."""


def truncation(setting: Setting, rng: np.random.Generator) -> list[Candidate]:
    """Of each carrier the last 1, 2, 4, ... words, as long as that is less than all; from the start of a sentence on,
    where one is near."""
    out = []
    for carrier in setting.carriers:
        n = len(carrier.text.words)
        starts = dict.fromkeys(_start(carrier.text, n - keep) for keep in KEPT if keep < n)
        for start in starts:
            text = setting.texts.from_word(carrier.text, start)
            if text is not None and len(text.tokens) < len(carrier.text.tokens):
                purpose = f"only the last {n - start} of {n} words"
                out.append(edit(text, 0, "truncation", purpose, carrier))
    return out


def _start(text: Text, at: int) -> int:
    """The word at which to begin: `at`, or the nearest start of a sentence within a quarter of what is left."""
    reach = (len(text.words) - at) // 4
    near = [i for i in range(max(1, at - reach), at + reach + 1) if text.starts_sentence(i)]
    return min(near, key=lambda i: abs(i - at), default=at)
