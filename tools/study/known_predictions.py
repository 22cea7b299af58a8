"""What explanations say of experiments beside what they registered before the neuron was read.

An author is shown it. It is no evidence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from tools.records.result import Unscored
from tools.roles import Revealed, TriedRival
from tools.study.simulations import Simulations, padded


def with_known_predictions(
    simulations: Simulations, revealed: Sequence[Revealed], sentences: Sequence[str], told: Sequence[TriedRival] = ()
) -> list[Revealed]:
    """Experiments with levels of explanations that were not asked about them.

    What an exact explanation predicts is certain at any time, and an author has said what his explanation predicts of
    his own texts.

    Args:
        simulations: of the neuron.
        revealed: the experiments.
        sentences: the explanations.
        told: some of them with the texts of their authors.
    """
    if not revealed:
        return []
    tokens, lengths = padded([one.tokens for one in revealed])
    ends = np.arange(len(revealed)), lengths - 1
    known: list[dict[str, float]] = [{} for _ in revealed]
    for sentence in filter(simulations.is_exact, sentences):
        levels = simulations.levels(sentence, tokens)
        if not isinstance(levels, Unscored):
            for of_one, level in zip(known, levels[ends], strict=True):
                of_one[sentence] = round(float(level), 1)
    own = {rival.sentence: {text.text.strip(): text.level for text in rival.texts} for rival in told}
    for of_one, one in zip(known, revealed, strict=True):
        text = "".join(simulations.vocabulary.strings[token] for token in one.tokens).strip()
        of_one |= {sentence: texts[text] for sentence, texts in own.items() if text in texts}
    return [replace(one, levels=_filled(one.levels, found)) for one, found in zip(revealed, known, strict=True)]


def _filled(
    levels: Sequence[tuple[str, float | None]], known: dict[str, float]
) -> tuple[tuple[str, float | None], ...]:
    registered = {sentence: level for sentence, level in levels if level is not None}
    return tuple((known | registered).items())
