"""Text that readable rules are learnt from: a neuron's values by token, weighted, in folds of whole documents.

What a kind of words explains is measured on held-out documents: its strength is fitted on four folds and tested on the
fifth. A word that stands in one document alone so earns nothing, and a class earns what all its words say together.
"""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from tools.readable.word_texts import WordTexts

N_FOLDS = 5
SHRINKAGE = 20.0
"""Shrinkage: each strength is fitted as if so many more tokens had the overall mean activation."""

RIDGE = 5.0
"""The same for items that are fitted together: less, or two that say nearly the same would seem worth more than one."""

DOUBT = 0.7
"""Standard errors, over folds, taken off what is explained: what a few documents alone speak for is doubted."""

FIRING = 0.2
"""Share of firing, yes or no, in what is to be explained; the rest is how much. A person asks first when it fires."""

_DENSE = 64

Vector = NDArray[np.float64]
Sums = NDArray[np.float64]
Tokens = NDArray[np.int64]


class Sample:
    """One neuron on some texts.

    Args:
        texts: cut into words.
        values: raw activations, [n_tokens].
        weights: of the tokens, [n_tokens]; those without weight are left out.
        documents: the document of each token, [n_tokens].
        theta: the neuron fires above this value.
        rng: deals documents out to folds.
    """

    def __init__(
        self, texts: WordTexts, values: NDArray[np.floating], weights: NDArray[np.floating],
        documents: NDArray[np.int32], theta: float, rng: np.random.Generator,
    ) -> None:  # fmt: skip
        self.texts = texts
        self.counted: Tokens = np.flatnonzero(weights > 0)
        self.n = len(self.counted)
        self.weight = weights.astype(np.float64) / float(weights.sum())
        self.values: Vector = values.astype(np.float64)
        self._theta = theta
        self._spreads = self._spread(self.values), self._spread(self.values > theta)
        wanted = self.wanted(self.values)
        self.target: Vector = (wanted - float(self.weight @ wanted)) / max(self._spread(wanted), 1e-12)
        names, where = np.unique(documents, return_inverse=True)
        self.fold = (rng.permutation(len(names)) % N_FOLDS)[where.reshape(-1)]
        self.key = texts.key[texts.word_of]
        self.n_keys = len(texts.keys)
        self._shrunk = SHRINKAGE / max(self.n, 1)
        self._by_key = self.fold * self.n_keys + self.key

    def wanted(self, values: Vector) -> Vector:
        """What is to be explained of raw activations: how much, and whether the neuron fires."""
        of_values, of_firing = self._spreads
        if of_firing < 1e-12 or of_values < 1e-12:
            return values
        return np.asarray((1 - FIRING) * values / of_values + FIRING * (values > self._theta) / of_firing)

    def _spread(self, values: NDArray[np.floating] | NDArray[np.bool_]) -> float:
        """Standard deviation over the text at large."""
        mean = float(self.weight @ values)
        return float(np.sqrt(max(float(self.weight @ (values.astype(np.float64) - mean) ** 2), 0.0)))

    def by_fold(self, values: Vector, tokens: NDArray[np.int64] | None = None) -> Vector:
        """Sums of values over each fold, [N_FOLDS]; of some tokens alone where they are named."""
        fold = self.fold if tokens is None else self.fold[tokens]
        return np.bincount(fold, weights=values, minlength=N_FOLDS).astype(np.float64)

    def holding(self, column: NDArray[np.floating] | NDArray[np.bool_]) -> Tokens:
        """The tokens that count and on which a column is not 0."""
        return np.asarray(self.counted[column[self.counted] != 0])

    def by_key(self, values: Vector, tokens: Tokens) -> Sums:
        """Sums of the values of some tokens over each fold and key, [N_FOLDS, n_keys]."""
        at = self._by_key[tokens]
        return self._folded(at, values)

    def by_key_before(self, values: Vector, tokens: Tokens, before: NDArray[np.int64]) -> Sums:
        """The same over the keys of earlier words; `before` is that of every token, -1 for none."""
        known = before[tokens] >= 0
        tokens = tokens[known]
        at = self.fold[tokens] * self.n_keys + self.texts.key[before[tokens]]
        return self._folded(at, values[known])

    def _folded(self, at: NDArray[np.int64], values: Vector) -> Sums:
        summed = np.bincount(at, weights=values, minlength=N_FOLDS * self.n_keys)
        return np.asarray(summed.reshape(N_FOLDS, -1), dtype=np.float64)

    def by_row(self, rows: sparse.csr_matrix, both: tuple[Vector, Vector], tokens: Tokens) -> tuple[Sums, Sums]:
        """Sums of two values over each fold and where rows hold, [N_FOLDS, n_rows], of a matrix of tokens and rows."""
        folds = np.zeros((len(tokens), 2 * N_FOLDS))
        for at, values in enumerate(both):
            folds[np.arange(len(tokens)), self.fold[tokens] + at * N_FOLDS] = values
        some = rows if len(tokens) == rows.shape[0] else rows[tokens]
        summed = np.asarray(some.T @ folds).T
        return summed[:N_FOLDS], summed[N_FOLDS:]

    def gains(self, sums: Sums, weights: Sums) -> Vector:
        """What single columns explain, out of fold: of sums of weighted residual and of weight, [N_FOLDS, n] each."""
        others, theirs = sums.sum(0) - sums, weights.sum(0) - weights
        strength = np.maximum(others, 0) / (theirs + self._shrunk)
        spread = weights * (1 - np.minimum(weights.sum(0), 0.9))
        return doubted(2 * strength * sums - strength**2 * spread)

    def gains_of_squares(self, sums: Sums, squares: Sums) -> Vector:
        """The same of columns that are not 0 or 1: `squares` are the weighted sums of their squares."""
        others, theirs = sums.sum(0) - sums, squares.sum(0) - squares
        strength = np.maximum(others, 0) / (theirs + self._shrunk)
        return doubted(2 * strength * sums - strength**2 * squares)


def doubted(gains: Sums) -> Vector:
    """Gains by fold, [N_FOLDS, n], summed up, less a part of the standard error of that sum."""
    return np.asarray(gains.sum(0) - DOUBT * np.sqrt(N_FOLDS) * gains.std(0, ddof=1))


class Gram:
    """Products of columns with each other and with the target, by fold; grows column by column."""

    def __init__(self, sample: Sample) -> None:
        self._sample = sample
        self._whole: dict[int, Vector] = {}
        self._known: dict[int, tuple[NDArray[np.int64], Vector]] = {}
        self._products: dict[tuple[int, int], Vector] = {}
        self._totals: dict[int, tuple[Vector, Vector]] = {}
        self._weight = sample.by_fold(sample.weight)
        self._target = sample.by_fold(sample.weight * sample.target)

    def add(self, name: int, column: NDArray[np.float32]) -> None:
        """Make a column known under a number."""
        if name in self._known:
            return
        sample = self._sample
        where = sample.holding(column)
        values = column[where].astype(np.float64)
        weighted = values * sample.weight[where]
        self._known[name] = where, values
        self._totals[name] = sample.by_fold(weighted, where), sample.by_fold(weighted * sample.target[where], where)

    def _product(self, one: int, other: int) -> Vector:
        pair = (one, other) if one <= other else (other, one)
        if pair not in self._products:
            where, values = self._known[pair[1]]
            product = values * self._dense(pair[0])[where]
            self._products[pair] = self._sample.by_fold(product * self._sample.weight[where], where)
        return self._products[pair]

    def _dense(self, name: int) -> Vector:
        if name not in self._whole:
            while len(self._whole) > _DENSE:
                self._whole.pop(next(iter(self._whole)))
            where, values = self._known[name]
            self._whole[name] = np.zeros(len(self._sample.weight))
            self._whole[name][where] = values
        return self._whole[name]

    def _system(self, names: tuple[int, ...]) -> tuple[Sums, Sums]:
        n = len(names) + 1
        products = np.zeros((N_FOLDS, n, n))
        targets = np.zeros((N_FOLDS, n))
        products[:, 0, 0], targets[:, 0] = self._weight, self._target
        for i, name in enumerate(names, 1):
            products[:, 0, i] = products[:, i, 0] = self._totals[name][0]
            targets[:, i] = self._totals[name][1]
            for j in range(1, i + 1):
                products[:, i, j] = products[:, j, i] = self._product(name, names[j - 1])
        return products, targets

    def are_alike(self, names: tuple[int, ...], least: float) -> bool:
        """Whether two of the columns have a cosine of at least `least`, or one is empty."""
        sizes = {name: float(self._product(name, name).sum()) for name in names}
        return min(sizes.values(), default=1.0) <= 0 or any(
            float(self._product(one, other).sum()) > least * np.sqrt(sizes[one] * sizes[other])
            for one, other in itertools.combinations(names, 2)
        )

    def explained(self, names: tuple[int, ...]) -> Vector:
        """Share of the variance that columns explain in each fold, by strengths fitted on the others, [N_FOLDS]."""
        products, targets = self._system(names)
        ridge = np.eye(len(names) + 1) * (RIDGE / self._sample.n)
        ridge[0, 0] = 1e-9
        others = products.sum(0) - products + ridge
        strengths = np.linalg.solve(others, (targets.sum(0) - targets)[..., None])[..., 0]
        own = np.einsum("fi,fij,fj->f", strengths, products, strengths)
        return np.asarray(2 * (strengths * targets).sum(1) - own)

    def residual(self, names: tuple[int, ...]) -> Vector:
        """What columns fitted together leave of the target, [n_tokens]."""
        if not names:
            return self._sample.target
        products, targets = self._system(names)
        ridge = np.eye(len(names) + 1) * (RIDGE / self._sample.n)
        ridge[0, 0] = 1e-9
        strengths = np.linalg.solve(products.sum(0) + ridge, targets.sum(0))
        out: Vector = self._sample.target - strengths[0]
        for name, strength in zip(names, strengths[1:], strict=True):
            where, values = self._known[name]
            out[where] -= strength * values
        return out
