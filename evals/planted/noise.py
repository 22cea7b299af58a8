"""Noise that is a function of the text: the same preceding tokens always give the same value, others independent ones.

It makes noisy versions of neurons with a meaning, and neurons with nothing to find: with values that no statement about
text predicts, and dead ones.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from evals.planted.claims import QUIET, Function, Planted

Floats = NDArray[np.float64]
_QUARTER = 16
_MOST_TREND = 0.15

_GOLDEN = 0x9E3779B97F4A7C15
_MASK = (1 << 64) - 1
_MIX = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))
_SHIFTS = (np.uint64(30), np.uint64(27), np.uint64(31))
_HALF = np.uint64(32)


def noisy(planted: Planted, level: float, seed: int = 0) -> Planted:
    """The same neuron with Gaussian noise at every token, of standard deviation `level` (a firing neuron reads 1).

    For one neuron and seed, the noise at different levels differs only in scale.
    """
    plain, key = planted.function, _key(planted.name, seed)

    def function(tokens: list[str]) -> list[float]:
        noise = _as_list(level * normals(tokens, key))
        return [value + extra for value, extra in zip(plain(tokens), noise, strict=True)]

    name = f"{planted.name}+noise{level:g}" + (f"-{seed}" if seed else "")
    return replace(planted, name=name, function=function, noise=level)


def _key(name: str, seed: int) -> np.uint64:
    return np.uint64((crc32(name.encode()) + 1) * _GOLDEN + seed * 0xD1342543DE82EF95 & _MASK)


def uniforms(tokens: list[str], key: np.uint64) -> tuple[Floats, Floats]:
    """Two independent numbers in (0, 1) for each token, each [n]: functions of the tokens up to there and the key."""
    prefix = 0
    prefixes = []
    for number, token in enumerate(tokens, 1):
        prefix = crc32(token.encode("utf-8", "surrogatepass") + b"\0", prefix)
        prefixes.append(prefix | number << 32)
    mixed = np.array(prefixes, dtype=np.uint64) ^ key
    for multiplier, shift in zip(_MIX, _SHIFTS[:2], strict=True):  # the finaliser of SplitMix64
        mixed = (mixed ^ (mixed >> shift)) * multiplier
    mixed ^= mixed >> _SHIFTS[2]
    one, two = mixed >> _HALF, mixed & np.uint64(0xFFFFFFFF)
    return (one.astype(np.float64) + 0.5) / 2.0**32, (two.astype(np.float64) + 0.5) / 2.0**32


def normals(tokens: list[str], key: np.uint64) -> Floats:
    """A standard normal number for each token, [n]."""
    one, two = uniforms(tokens, key)
    return np.asarray(np.sqrt(-2 * np.log(one)) * np.cos(2 * np.pi * two), dtype=np.float64)


def _as_list(values: Floats) -> list[float]:
    listed: list[float] = values.tolist()
    return listed


def dense(seed: int) -> Function:
    """Values at every token, cut at zero like GELU; scale 0.2 to 2 and the share above zero go by seed."""
    rng = np.random.default_rng([1, seed])
    scale, shift = 0.2 * 10 ** rng.random(), rng.uniform(-1, 0.5)
    key = _key("dense", seed)

    def function(tokens: list[str]) -> list[float]:
        raw = scale * (normals(tokens, key) + shift)
        return _as_list(np.where(raw > 0, raw, np.maximum(0.1 * raw, -0.17)))

    return function


def sparse(seed: int) -> Function:
    """0.5 to 1.5 on single tokens, 0.3 % to 3 % of all by seed."""
    rate = 0.003 * 10 ** np.random.default_rng([2, seed]).random()
    key = _key("sparse", seed)

    def function(tokens: list[str]) -> list[float]:
        one, two = uniforms(tokens, key)
        return _as_list(np.where(one < rate, 0.5 + two, QUIET))

    return function


def bursty(seed: int) -> Function:
    """0.5 to 1.5 on runs of 3 to 8 tokens that begin anywhere, at 0.2 % to 1 % of tokens by seed."""
    rate = 0.002 * 5 ** np.random.default_rng([3, seed]).random()
    key = _key("bursty", seed)

    def function(tokens: list[str]) -> list[float]:
        one, two = uniforms(tokens, key)
        values = np.full(len(tokens), QUIET)
        for start in np.flatnonzero(one < rate):
            burst = slice(start, start + 3 + int(6 * two[start]))
            values[burst] = 0.5 + two[burst]
        return _as_list(values)

    return function


def by_position(seed: int) -> Function:
    """Values by position alone, the same for every text; after 64 positions they begin again.

    Every other seed gives values at all positions, the rest at 4 to 16 of the 64. Each quarter holds the same values
    in another order, drawn again until no "among the first N" correlates with them by 0.15 or more.
    """
    rng = np.random.default_rng([4, seed])
    if seed % 2 == 0:
        raw = rng.normal(size=_QUARTER)
        pool = np.where(raw > 0, raw, 0.1 * raw)
    else:
        pool = np.where(np.arange(_QUARTER) < rng.integers(1, 5), 1.0, QUIET)
    table = _shuffled_quarters(pool, rng)
    while _trend(table) >= _MOST_TREND:
        table = _shuffled_quarters(pool, rng)
    values = _as_list(table)
    return lambda tokens: [values[position % len(values)] for position in range(len(tokens))]


def _shuffled_quarters(pool: Floats, rng: np.random.Generator) -> Floats:
    return np.concatenate([rng.permutation(pool) for _ in range(4)])


def _trend(table: Floats) -> float:
    """The largest correlation, by size, of the values with being among the first N positions, over N."""
    n = np.arange(1, len(table))
    sums = np.cumsum(table - table.mean())[:-1]
    return float(np.abs(sums / np.sqrt(n * (len(table) - n)) / table.std()).max())


def _constant(value: float) -> Function:
    return lambda tokens: [value] * len(tokens)


def _scaled(function: Function, factor: float, most: float) -> Function:
    return lambda tokens: [min(most, factor * value) for value in function(tokens)]


DEAD: tuple[Function, ...] = (
    _constant(0.0),
    _constant(-0.02),
    _constant(-0.15),
    _constant(0.05),
    _constant(0.09),
    _scaled(dense(101), 0.01, 0.09),
    _scaled(dense(102), 0.03, 0.09),
    _scaled(sparse(103), 0.05, 0.09),
    _scaled(bursty(104), 0.05, 0.09),
    _scaled(by_position(105), 0.03, 0.09),
)
"""Never above 0.1, the least at which anything counts as firing."""

SHAPES: dict[str, Callable[[int], Function]] = {
    "noise-dense": dense,
    "noise-sparse": sparse,
    "noise-bursty": bursty,
    "noise-position": by_position,
}
DRAWS = 24


def nothing() -> list[Planted]:
    """The neurons with nothing to find: 24 draws of each shape of noise, and the dead."""
    made = [
        Planted(f"{shape}-{seed:02d}", shape, draw(seed), None, (), "hard")
        for shape, draw in SHAPES.items()
        for seed in range(DRAWS)
    ]
    dead = [Planted(f"dead-{number:02d}", "dead", function, None, (), "easy") for number, function in enumerate(DEAD)]
    return made + dead
