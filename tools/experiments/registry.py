"""Every generator of experiments, by the name under which a variant sets its quota."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from tools.experiments.candidates import Candidate, Setting
from tools.experiments.members import ELSEWHERE, SISTER, UNSEEN, other_contexts, sister_classes, unseen_members
from tools.experiments.minimal_pairs import minimal_pairs
from tools.experiments.neighbours import neighbours
from tools.experiments.real_sentences import REAL, real_sentences
from tools.experiments.retrieval import look_alikes, retrieval
from tools.experiments.sampled import sampled
from tools.experiments.truncation import truncation
from tools.experiments.vocabulary_sweep import vocabulary_sweep
from tools.experiments.written import written


@dataclass(frozen=True)
class Generator:
    """A way to make texts.

    Attributes:
        make: makes candidates, more than are wanted.
        quota: texts of a round, unless a variant says otherwise.
        trial: what a third of them try the leading rival on, where it is surest: that the neuron fires, that it is
            silent, or either.
    """

    make: Callable[[Setting, np.random.Generator], list[Candidate]]
    quota: int
    trial: Literal["fires", "silent", "either"]


GENERATORS = {
    UNSEEN: Generator(unseen_members, 13, "fires"),
    SISTER: Generator(sister_classes, 6, "silent"),
    ELSEWHERE: Generator(other_contexts, 4, "silent"),
    "minimal_pair": Generator(minimal_pairs, 10, "silent"),
    "truncation": Generator(truncation, 3, "either"),
    "vocabulary_sweep": Generator(vocabulary_sweep, 4, "fires"),
    "neighbours": Generator(neighbours, 2, "fires"),
    "retrieval": Generator(retrieval, 10, "fires"),
    "look_alike": Generator(look_alikes, 2, "silent"),
    "sampled": Generator(sampled, 2, "fires"),
    "written": Generator(written, 0, "either"),
    REAL: Generator(real_sentences, 8, "fires"),
}
"""In this order; a text that several of them make is the first one's. New ones come last: each draws from the stream
of its place."""

WITH_A_WRITER = {
    UNSEEN: 13, SISTER: 4, ELSEWHERE: 3, REAL: 6, "minimal_pair": 7, "truncation": 2, "vocabulary_sweep": 2,
    "neighbours": 1, "retrieval": 6, "look_alike": 2, "sampled": 2, "written": 16,
}  # fmt: skip
"""Texts of a round where an LLM writes some of them, unless a variant says otherwise."""
