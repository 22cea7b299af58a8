"""Every generator of experiments, by the name under which a variant sets its quota. A new one is one entry here."""

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
from tools.scoring.log_score import MINIMAL_PAIR


@dataclass(frozen=True)
class Generator:
    """A way to make texts.

    Of the texts that a round takes from it, half are those on which rivals disagree most, a quarter are drawn, and a
    quarter are those on which the leading rival is surest of `leader_says`. Choose what a good explanation should say
    of texts made this way: `fires` where the neuron should still fire (other members of a class), so that silence
    refutes; `silent` where the change should silence it (a word swapped), so that firing refutes; `either` where both
    are to be expected.

    Attributes:
        make: makes candidates, more than are wanted; what it makes twice, or was read before, is left out for it.
        quota: texts of a round, unless a variant says otherwise. Those of all generators add up to a unit of budget.
        leader_says: what the leading rival is surest of, see above.
        quota_with_writer: the same where an LLM writes texts too; None for as many. These also add up to a unit.
        needs_rules: whether it asks about what readable rules claim; it is left out where nobody here reads them.
    """

    make: Callable[[Setting, np.random.Generator], list[Candidate]]
    quota: int
    leader_says: Literal["fires", "silent", "either"]
    quota_with_writer: int | None = None
    needs_rules: bool = False


GENERATORS = {
    UNSEEN: Generator(unseen_members, 13, "fires", needs_rules=True),
    SISTER: Generator(sister_classes, 6, "silent", quota_with_writer=4, needs_rules=True),
    ELSEWHERE: Generator(other_contexts, 4, "silent", quota_with_writer=3, needs_rules=True),
    MINIMAL_PAIR: Generator(minimal_pairs, 10, "silent", quota_with_writer=7),
    "truncation": Generator(truncation, 3, "either", quota_with_writer=2),
    "vocabulary_sweep": Generator(vocabulary_sweep, 4, "fires", quota_with_writer=2),
    "neighbours": Generator(neighbours, 2, "fires", quota_with_writer=1),
    "retrieval": Generator(retrieval, 10, "fires", quota_with_writer=6),
    "look_alike": Generator(look_alikes, 2, "silent"),
    "sampled": Generator(sampled, 2, "fires"),
    "written": Generator(written, 0, "either", quota_with_writer=16),
    REAL: Generator(real_sentences, 8, "fires", quota_with_writer=6, needs_rules=True),
}
"""In this order; a text that several of them make is the first one's. New ones come last: each draws from the stream
of its place."""

QUOTAS_WITH_WRITER = {
    name: one.quota if one.quota_with_writer is None else one.quota_with_writer for name, one in GENERATORS.items()
}
"""Texts of a round where an LLM writes some of them, unless a variant says otherwise."""
