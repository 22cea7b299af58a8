"""From predicted levels to probabilities of firing: a table that always rises, and never says that anything is certain.

What a level means is known beforehand, from many neurons (`levels.json`, made by `benchmarks/learn_levels.py`): by how
much the log odds of firing rise from each level to the next, and how far that differs from one explanation to another.
A table starts there and moves as far as its own evidence is worth. A few excerpts bend it a little; thousands of tokens
make it what they say. The order of levels is kept: level 6 for one text and level 2 for another predict that the first
is likelier to fire, however few observations calibrate the levels.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from functools import cache
from importlib import resources

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

LOWEST, HIGHEST = 0.02, 0.98
KNOTS = np.arange(11, dtype=np.float64)

Floats = NDArray[np.float64]

_LEAST_BASE = 0.005
_SURELY_RARE = 1e-4


@dataclass(frozen=True)
class LevelPrior:
    """What is known of levels before an explanation was seen.

    Attributes:
        rises: log odds of firing from each level to the next, ten of them, all positive.
        silent: log odds at level 0 above those of the base rate.
        offset_spread: standard deviation of what is added to all log odds.
        slope_spread: of the log of what all rises are multiplied by.
        step_spread: of the log of what each rise is multiplied by besides.
    """

    rises: tuple[float, ...]
    silent: float
    offset_spread: float
    slope_spread: float
    step_spread: float

    @classmethod
    def from_json(cls, text: str) -> LevelPrior:
        """Inverse of `to_json`."""
        plain = json.loads(text)
        return cls(**plain | {"rises": tuple(plain["rises"])})

    def to_json(self) -> str:
        """As it is shipped."""
        return json.dumps(asdict(self), indent=1) + "\n"

    def log_odds(self, base: float) -> Floats:
        """At levels 0 to 10, where `base` of all tokens fire."""
        climbed: Floats = np.concatenate([[0.0], np.cumsum(self.rises)])
        return climbed + self.silent + float(np.log(base / (1 - base)))


@cache
def shipped() -> LevelPrior:
    """The prior that comes with the program."""
    return LevelPrior.from_json(resources.files("tools.scoring").joinpath("levels.json").read_text("utf-8"))


def prior(base: float) -> Floats:
    """Probability of firing at levels 0 to 10 before anything was seen: about the base rate at 0, and rising.

    So what a sentence says can be put to the test where its evidence is too thin to calibrate it.
    """
    return _chances(shipped().log_odds(_kept(base)))


def fit(levels: NDArray[np.float32], fired: NDArray[np.bool_], counts: Floats | None = None) -> list[float]:
    """Probability of firing at levels 0, 1, ..., 10; always rising, within 0.02-0.98.

    Args:
        levels: predicted levels in 0..10, flat.
        fired: whether the neuron fired, flat.
        counts: how many tokens each one stands for; None where all count the same.
    """
    return _squeezed(_chances(_fitted(levels, fired, counts)))


def fit_balanced(levels: NDArray[np.float32], fired: NDArray[np.bool_], counts: Floats | None = None) -> list[float]:
    """The same for tokens drawn such that half of them fire: odds as they would be with that base rate."""
    share = float(np.average(fired, weights=counts)) if len(fired) else 0.0
    base = min(max(share, _SURELY_RARE), 1 - _SURELY_RARE)
    return _squeezed(_chances(_fitted(levels, fired, counts) - np.log(base / (1 - base))))


def posterior(n: Floats, n_fired: Floats, known: LevelPrior) -> tuple[Floats, Floats]:
    """Log odds at levels 0 to 10 that are likeliest, and by how much they moved from the prior.

    Args:
        n: tokens at each level, [11].
        n_fired: those of them on which the neuron fired, [11].
        known: the prior.

    Returns:
        log odds [11]; and what the offset, the slope and the ten steps moved by, [12], zero without evidence.
    """
    start = known.log_odds(_kept(float(n_fired.sum() / n.sum()) if n.sum() else 0.0))
    rises = np.array(known.rises)
    spread = np.array([known.offset_spread, known.slope_spread, *[known.step_spread] * len(rises)])

    def odds_of(moved: Floats) -> tuple[Floats, Floats]:
        bent = rises * np.exp(moved[1] + moved[2:])
        return start[0] + moved[0] + np.concatenate([[0.0], np.cumsum(bent)]), bent

    def loss(moved: Floats) -> tuple[float, Floats]:
        odds, bent = odds_of(moved)
        value = float((n * np.logaddexp(0, odds) - n_fired * odds).sum() + ((moved / spread) ** 2).sum() / 2)
        pull = n * _chances(odds) - n_fired
        by_step = bent * np.cumsum(pull[::-1])[::-1][1:]
        return value, np.concatenate([[pull.sum(), by_step.sum()], by_step]) + moved / spread**2

    found = minimize(loss, np.zeros(len(rises) + 2), jac=True, method="BFGS", options={"gtol": 1e-7})
    return odds_of(found.x)[0], np.asarray(found.x, dtype=np.float64)


def counted(
    levels: NDArray[np.float32], fired: NDArray[np.bool_], counts: Floats | None = None
) -> tuple[Floats, Floats]:
    """Tokens at each level 0 to 10, and those on which the neuron fired, [11] both. What tokens stand for is scaled, so
    that they are as many as there are tokens: that is what was seen."""
    nearest = np.rint(levels).astype(np.int64)
    share = np.ones(len(nearest)) if counts is None or not len(counts) else counts / counts.mean()
    n, n_fired = (np.bincount(nearest, weights=weights, minlength=11) for weights in (share, share * fired))
    return n.astype(np.float64), n_fired.astype(np.float64)


def probabilities(table: list[float], levels: NDArray[np.float32] | np.float32) -> Floats:
    """The table read between its knots, same shape as `levels`."""
    return np.asarray(np.interp(levels, KNOTS, np.array(table)), dtype=np.float64)


def _fitted(levels: NDArray[np.float32], fired: NDArray[np.bool_], counts: Floats | None) -> Floats:
    return posterior(*counted(levels, fired, counts), shipped())[0]


def _kept(base: float) -> float:
    return min(max(base, _LEAST_BASE), 1 - _LEAST_BASE)


def _chances(log_odds: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-np.clip(log_odds, -30, 30))))


def _squeezed(chances: Floats) -> list[float]:
    """Into 0.02-0.98, and not cut off there: two levels are never the same."""
    return [round(float(p), 6) for p in LOWEST + (HIGHEST - LOWEST) * chances]
