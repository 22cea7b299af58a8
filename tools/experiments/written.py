"""Texts that an explainer or a writer of counterexamples made up to put a hypothesis to the test."""

from __future__ import annotations

import hashlib

import numpy as np

from tools.experiments.candidates import Candidate, Setting


def written(setting: Setting, rng: np.random.Generator) -> list[Candidate]:
    """Each written text, whole: it ends at the token in question. Each is a carrier of its own.

    A text that repeats 12 tokens of the corpus is left out: it may be one that stays sealed.
    """
    out = []
    for text in setting.written:
        tokens = setting.encode(text.text)
        if tokens and setting.fresh(tokens) == len(tokens):
            name = f"written-{hashlib.sha256(text.text.encode()).hexdigest()[:12]}"
            out.append(Candidate(tokens, "written", f"written to predict level {text.level:g}", name))
    return out
