"""Scoring on some of the excerpts of a sample, where simulating costs something or fails on a text.

Whatever is compared is compared on the same excerpts.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.typing import NDArray

from tools.records.excerpts import Activations
from tools.records.result import Unscored
from tools.roles import Simulation
from tools.scoring.chances import Chances, of_fixed_size, pareto_draw
from tools.scoring.metrics import StratifiedSample

LEAST_SHARE = 0.5
"""With fewer of the excerpts of a stratum, those that are left are no fair sample: there is no score."""

_LEAST_SPREAD = 0.25
"""The least spread of an excerpt, as a share of the mean spread. It keeps importance weights small where the neuron
hardly varies."""

_SEED = 61


@dataclass(frozen=True)
class SimulatedSample:
    """A sentence simulated on excerpts of a sample.

    Attributes:
        sample: the excerpts on which it was simulated.
        levels: predicted levels there, float32 [len(sample), pos].
        rows: which of the whole sample they are.
        n_unscored: excerpts that were asked about and could not be simulated.
    """

    sample: StratifiedSample
    levels: NDArray[np.float32]
    rows: NDArray[np.int64]
    n_unscored: int = 0


def thin_rows(sample: StratifiedSample, n: int) -> NDArray[np.int64]:
    """About `n` rows of a sample, as many of each stratum, by `chances_of_excerpts`; the same ones whoever asks."""
    if n >= len(sample):
        return np.arange(len(sample))
    lots = np.random.default_rng(_SEED).random(len(sample))
    chances = chances_of_excerpts(sample, n)
    labels = np.array(sample.strata)
    own = [np.flatnonzero(labels == name) for name in dict.fromkeys(sample.strata)]
    return np.sort(np.concatenate([rows[pareto_draw(chances[rows], lots[rows])] for rows in own]))


def chances_of_excerpts(sample: StratifiedSample, n: int) -> Chances:
    """The chance of each excerpt of a sample to be among its `thin_rows`, [len(sample)].

    Within a stratum, excerpts in which the neuron varies more have a higher chance, since the correlation rests on
    them. One excerpt drawn this way tells as much as 1.4 drawn with equal chances (`benchmarks/drawn_excerpts.py`).
    """
    excerpts, values = sample.activations.excerpts, sample.activations.values
    spread = np.where(excerpts.mask, values - values[excerpts.mask].mean(), 0)
    weights = np.sqrt((spread.astype(np.float64) ** 2).sum(axis=1))
    weights = np.maximum(weights, max(_LEAST_SPREAD * float(weights.mean()), 1e-12))
    labels = np.array(sample.strata)
    chances = np.zeros(len(sample))
    for name in dict.fromkeys(sample.strata):
        chances[labels == name] = of_fixed_size(weights[labels == name], _share(sample, n))
    return chances


def first_rows(
    sample: StratifiedSample,
    rows: NDArray[np.int64],
    share: float,
    importance: NDArray[np.float64],
    is_claimed: NDArray[np.bool_],
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """About a share of some rows of a sample, drawn at random within each stratum, the same ones whoever asks; and how
    many excerpts each one of the whole sample stands for, as one of these.

    Args:
        sample: the whole.
        rows: of which some are taken.
        share: of them. Those that are claimed have twice the chance of the others.
        importance: how many excerpts each one of the whole sample stands for, as one of `rows`.
        is_claimed: of the whole sample.
    """
    rng = np.random.default_rng([_SEED, 1])
    lots = rng.random(len(sample))[rows]
    claimed = is_claimed[rows]
    each = share * len(rows) / max(len(rows) + claimed.sum(), 1)
    labels = np.array([sample.strata[row] for row in rows])
    counts = importance.copy()
    picked = []
    for label in dict.fromkeys(labels.tolist()):
        for which, chance in ((~claimed, each), (claimed, 2 * each)):
            own = (labels == label) & which
            group = rows[own][np.argsort(lots[own], kind="stable")]
            taken = group[: max(1, ceil(chance * len(group)))]
            counts[taken] *= len(group) / max(len(taken), 1)
            picked.append(taken)
    return np.sort(np.concatenate(picked)) if picked else rows, counts


def _share(sample: StratifiedSample, n: int) -> int:
    """How many of `n` rows each stratum gets."""
    return -(-n // max(len(set(sample.strata)), 1))


def part_of(
    sample: StratifiedSample, rows: NDArray[np.int64], importance: NDArray[np.float64] | None = None
) -> StratifiedSample:
    """The excerpts at `rows` as a sample of their own, with resamples that depend on nothing but the rows.

    `importance` says how many excerpts each one of the whole sample stands for; None where all count the same.
    """
    if len(rows) == len(sample):
        return sample
    activations: Activations = Activations(*sample.activations.columns(rows))
    rng = np.random.default_rng([_SEED, *rows.tolist()])
    counts = None if importance is None else importance[rows]
    return StratifiedSample.draw(activations, [sample.strata[row] for row in rows], rng, counts)


def simulated_part(
    sample: StratifiedSample,
    rows: NDArray[np.int64],
    simulation: Simulation,
    importance: NDArray[np.float64] | None = None,
) -> SimulatedSample | Unscored:
    """What of `rows` was simulated.

    Args:
        sample: the whole.
        rows: of the sample, those that were asked about.
        simulation: one row for each of them.
        importance: see `part_of`.
    """
    known = np.array([i for i in range(len(rows)) if i not in simulation.unscored], dtype=np.int64)
    failed = len(rows) - len(known)
    if too_few(sample, rows, rows[known]):
        why, _ = Counter(simulation.unscored.values()).most_common(1)[0] if simulation.unscored else ("no excerpts", 0)
        return Unscored(reason=f"{failed} of {len(rows)} excerpts could not be simulated, most often because: {why}")
    return SimulatedSample(part_of(sample, rows[known], importance), simulation.levels[known], rows[known], failed)


def too_few(sample: StratifiedSample, asked: NDArray[np.int64], known: NDArray[np.int64]) -> bool:
    """Whether what is known of the rows that were asked about is less than half of any stratum, or nothing at all."""
    wanted, got = (Counter(sample.strata[row] for row in rows.tolist()) for rows in (asked, known))
    return not len(known) or any(got[stratum] < LEAST_SHARE * n for stratum, n in wanted.items())
