"""Texts that an explainer or a writer of counterexamples made up to put a hypothesis to the test."""

from __future__ import annotations

import hashlib

import numpy as np

from tools.experiments.candidates import Candidate, Setting


def written(setting: Setting, rng: np.random.Generator) -> list[Candidate]:
    """Each written text, whole: it ends at the token in question. Each is a carrier of its own.

    Of one that is too long the end is kept. A text that repeats 12 tokens of the corpus is left out: it may be one that
    stays sealed.
    """
    out = []
    found = setting.texts.ends_of([text.text for text in setting.written])
    for text, read in zip(setting.written, found, strict=True):
        if read is not None and setting.fresh(read.tokens) == len(read.tokens):
            name = f"written-{hashlib.sha256(text.text.encode()).hexdigest()[:12]}"
            purpose = f"written to predict level {text.level:g}"
            out.append(Candidate(read.tokens, "written", purpose, name, (read.ending,)))
    return out
