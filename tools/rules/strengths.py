"""Whole-number strengths by coordinate descent on the weighted correlation of what a rule then predicts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float32]

LARGEST = 10
"""The largest strength."""

LEAST_GAIN = 1e-4
"""Correlation that a step must gain."""

_SWEEPS = 4
_STEPS = (-3, -1, 1, 3)


@dataclass(frozen=True)
class Strengths:
    """What is fitted.

    Attributes:
        columns: how far each clause holds, [n_clauses, n]; the last clause holds everywhere.
        weight: of each position, [n], adding up to 1.
        target: what is to be predicted, [n], of weighted mean 0 and variance 1.
    """

    columns: Vector
    weight: Vector
    target: Vector

    @classmethod
    def of(cls, columns: Vector, weight: Vector, target: Vector) -> Strengths:
        """The same with all positions at which no clause but the last holds made one."""
        some = columns[:-1].any(axis=0)
        silent = ~some
        rest = float(weight[silent].sum())
        mean = float(weight[silent] @ target[silent]) / rest if rest > 0 else 0.0
        nothing = np.append(np.zeros(len(columns) - 1), 1).astype(np.float32)
        return cls(
            np.ascontiguousarray(np.concatenate([columns[:, some], nothing[:, None]], axis=1)),
            np.append(weight[some], np.float32(rest)),
            np.append(target[some], np.float32(mean)),
        )

    def best(self, starts: list[NDArray[np.float64]]) -> tuple[Vector, float]:
        """Whole strengths and their correlation, from the best of some starts [n_clauses], rounded and cut to 10.

        A start is the better, the less it says of everywhere.
        """
        whole = [np.clip(np.rint(start), -LARGEST, LARGEST) for start in starts]
        start = max(whole, key=lambda s: self._correlation(s.astype(np.float32) @ self.columns) - LEAST_GAIN * s[-1])
        return self._descend(start)

    def _descend(self, start: NDArray[np.float64]) -> tuple[Vector, float]:
        strengths, columns = start.astype(np.float32), self.columns
        total = strengths @ columns
        best = self._correlation(total)
        for _ in range(_SWEEPS):
            improved = False
            for k in range(len(strengths)):
                for step in _STEPS:
                    value = float(np.clip(strengths[k] + step, -LARGEST, LARGEST))
                    if value == strengths[k]:
                        continue
                    trial = total + (value - strengths[k]) * columns[k]
                    score = self._correlation(trial)
                    if score > best + LEAST_GAIN:
                        total, best, improved = trial, score, True
                        strengths[k] = value
            if not improved:
                break
        return strengths, best

    def _correlation(self, total: Vector) -> float:
        """Of the sum, cut to 0-10, with the target; -1, the worst, where the sum says the same of all."""
        levels = np.clip(total, 0, 10)
        levels -= self.weight @ levels
        covariance, variance = float(self.weight @ (levels * self.target)), float(self.weight @ levels**2)
        return covariance / np.sqrt(variance) if variance > 1e-9 else -1.0
