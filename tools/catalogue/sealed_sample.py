"""Some of the sealed excerpts behind the final score, token by token: what the neuron did beside what was predicted."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tools.records.result import Unscored
from tools.records.simulated_excerpts import SimulatedExcerpt, SimulatedExcerpts
from tools.scoring.causal import calibration
from tools.scoring.subsampling import SimulatedSample
from tools.study.study import Study

N_SHOWN = 4
"""Excerpts of each stratum."""


def simulated_excerpts(study: Study, sentence: str, part: SimulatedSample | Unscored) -> SimulatedExcerpts:
    """Of each stratum the excerpts at even steps through it, from its first to its last; none without a simulation.

    Args:
        study: the neuron.
        sentence: the explanation.
        part: the sealed excerpts on which it was simulated, and its levels there.
    """
    if isinstance(part, Unscored):
        return SimulatedExcerpts()
    labels = np.array(part.sample.strata)
    rows = [
        int(row)
        for stratum in dict.fromkeys(part.sample.strata)
        for row in _spread(np.flatnonzero(labels == stratum).tolist())
    ]
    excerpts, values, strings = (
        part.sample.activations.excerpts,
        part.sample.activations.values,
        study.vocabulary.strings,
    )
    shown = [
        SimulatedExcerpt(
            stratum=part.sample.strata[row],
            excerpt=int(excerpts.ids[row]),
            tokens=[strings[token] for token in excerpts.tokens[row, :length]],
            values=[round(float(v), 4) for v in values[row, :length]],
            levels=[round(float(v), 3) for v in part.levels[row, :length]],
        )
        for row in rows
        for length in [int(excerpts.lengths[row])]
    ]
    slope, intercept = _line(study, sentence) or (None, None)
    return SimulatedExcerpts(excerpts=shown, slope=slope, intercept=intercept)


def _spread(rows: Sequence[int]) -> list[int]:
    steps = np.linspace(0, len(rows) - 1, min(N_SHOWN, len(rows)))
    return [rows[round(float(step))] for step in steps]


def _line(study: Study, sentence: str) -> tuple[float, float] | None:
    known = study.simulations.on(sentence, study.development)
    if isinstance(known, Unscored):
        return None
    mask = known.sample.activations.excerpts.mask
    fitted = calibration(known.levels[mask], known.sample.activations.values[mask])
    return None if isinstance(fitted, Unscored) else (round(fitted[0], 6), round(fitted[1], 6))
