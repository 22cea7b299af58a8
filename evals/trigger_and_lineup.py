"""What an explanation is worth without its excerpts: texts made from it, and its neuron among nine others.

All of it by the lexical maker and the lexical reader, which cost nothing; `agent eval readers` asks people or an LLM.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np

from evals.readers.lineup import chosen_by, lineup_of
from evals.readers.trigger import Tried, tried
from evals.records import TriggerAndLineup
from tools.concepts.concepts import Concepts
from tools.concepts.sentences import english_sentences
from tools.making.maker import LexicalMaker
from tools.making.passages import random_passages
from tools.records.result import Unscored
from tools.study.study import Study

N_TEXTS = 10
"""Texts of each sort."""


def trigger_and_lineup(
    study: Study, explanation: str, concepts: Path | None, rng: np.random.Generator
) -> TriggerAndLineup:
    """Read the neuron on texts made from its explanation alone, and find it by that among nine others of its layer.

    Args:
        study: the neuron.
        explanation: one that the lexical reader can parse; else every part is Unscored.
        concepts: classes of the user's own that the explanation may name.
        rng: draws texts and the nine others.
    """
    maker, random = _maker(concepts), random_passages(english_sentences(), N_TEXTS, rng)
    made = maker.positives(explanation, N_TEXTS, rng), maker.near_misses(explanation, N_TEXTS, rng)
    fire, near, chance = (tried(study, texts) for texts in (*made, random))
    lineup = lineup_of(study, rng)
    simulator = study.simulations.simulator
    return TriggerAndLineup(
        n_positives=len(fire.texts), fire=_share(fire, fire.n_fire),
        n_near_misses=len(near.texts), silent=_share(near, len(near.texts) - near.n_fire),
        n_random=len(chance.texts), random=_share(chance, chance.n_fire),
        chosen=lineup if isinstance(lineup, Unscored) else chosen_by(simulator, explanation, lineup),
    )  # fmt: skip


def _share(texts: Tried, n: int) -> float | Unscored:
    if not texts.texts:
        return Unscored(reason=next(iter(texts.unscored), "there is no text"))
    return n / len(texts.texts)


@cache
def _maker(concepts: Path | None) -> LexicalMaker:
    return LexicalMaker(Concepts.load(concepts))
