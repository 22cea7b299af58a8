"""Every generator of experiments, by the name under which a variant sets its quota."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from tools.experiments.candidates import Candidate, Setting
from tools.experiments.minimal_pairs import minimal_pairs
from tools.experiments.neighbours import neighbours
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
    "minimal_pair": Generator(minimal_pairs, 16, "silent"),
    "truncation": Generator(truncation, 6, "either"),
    "vocabulary_sweep": Generator(vocabulary_sweep, 10, "fires"),
    "neighbours": Generator(neighbours, 6, "fires"),
    "retrieval": Generator(retrieval, 16, "fires"),
    "look_alike": Generator(look_alikes, 4, "silent"),
    "sampled": Generator(sampled, 6, "fires"),
    "written": Generator(written, 0, "either"),
}
"""In this order; a text that several of them make is the first one's."""

WITH_A_WRITER = {
    "minimal_pair": 14, "truncation": 4, "vocabulary_sweep": 6, "neighbours": 4, "retrieval": 12, "look_alike": 4,
    "sampled": 4, "written": 16,
}  # fmt: skip
"""Texts of a round where an LLM writes some of them, unless a variant says otherwise."""
