"""How well local context can predict a neuron: the ceiling for an explanation's score.

Gradient-boosted trees on the last 8 tokens, trained on explore text only. Trees cannot split on tens of thousands of
identities, so each token becomes the neuron's mean value where that token stood so many tokens back, and a few
coordinates of its embedding. The means are out-of-fold: a row's own part of the explore text does not enter them, so
that a rare token looks as uncertain in training as on new text.

An under-fitted ceiling flatters the agent. So the full token lookup is one of the features, and if it beats the trees
on a sample, its score is the ceiling there.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tools.records.excerpts import Excerpts, ExploreActivations
from tools.records.result import Unscored
from tools.rules.lookup import SHRINKAGE, TokenMeans
from tools.scoring.metrics import Estimate, StratifiedSample
from tools.scoring.sampling import STRATUM_SHARE

N_BACK = 8
N_FOLDS = 10
N_ROWS = 40_000
"""The most explore tokens to train on: all 200,000 gave 0.003 more in 2.4 x the time."""

_SEED = 0
_SAMPLE = N_FOLDS  # the fold of rows to predict: it has no explore text, so none is left out
_CONTEXT_SHRINKAGE = 8.0
_RUN_SHRINKAGE = 2.0
_RIDGE = 300.0
_N_COORDINATES, _N_CONTEXT_COORDINATES = 16, 4
_FLOOR = 0.2
_N_BINS = 255
_TREES = {
    "max_iter": 300,
    "learning_rate": 0.05,
    "max_leaf_nodes": 31,
    "min_samples_leaf": 60,
    "l2_regularization": 10.0,
    "max_features": 0.3,
    "early_stopping": False,
    "random_state": _SEED,
}

Floats = NDArray[np.float64]
Columns = NDArray[np.float32]
Ints = NDArray[np.int64]


def ceiling(
    explore: ExploreActivations,
    embeddings: NDArray[np.float32],
    samples: Sequence[StratifiedSample],
    means: TokenMeans,
) -> list[Estimate | Unscored]:
    """The correlation that a model of the last 8 tokens reaches on each sample.

    The higher score of the trees and of the full lookup on the same sample; so never below the lookup, and if the two
    are close, the larger of two noisy numbers. Deterministic; one thread; about 6 s for 200,000 tokens.

    Args:
        explore: the training text.
        embeddings: of the subject model, [d_vocab, d_model].
        samples: the texts to predict; never trained on.
        means: the token means of `explore`.
    """
    values = explore.values[explore.excerpts.mask].astype(np.float64)
    if values.size == 0 or values.max() == values.min():
        return [Unscored(reason="the neuron is constant on explore text, so there is nothing to learn")] * len(samples)
    rng = np.random.default_rng(_SEED)
    excerpts = [explore.excerpts, *(sample.activations.excerpts for sample in samples)]
    context = np.concatenate([_last_tokens(part) for part in excerpts])
    folds = np.concatenate([_folds_of(explore.excerpts, rng), np.full(len(context) - len(values), _SAMPLE)])
    columns = _features(context, values, folds, embeddings)
    predicted = _boosted(columns, values, _shares(explore), rng)

    found: list[Estimate | Unscored] = []
    for sample in samples:
        mask = sample.activations.excerpts.mask
        levels = np.zeros(mask.shape, dtype=np.float32)
        levels[mask], predicted = np.split(predicted, [int(mask.sum())])
        trees = sample.correlation(levels)
        lookup = sample.correlation(means.full(sample.activations.excerpts.tokens))
        found.append(_better(trees, lookup))
    return found


def _better(trees: Estimate | Unscored, lookup: Estimate | Unscored) -> Estimate | Unscored:
    if isinstance(lookup, Unscored) or (isinstance(trees, Estimate) and trees.value >= lookup.value):
        return trees
    return lookup


def _last_tokens(excerpts: Excerpts) -> Ints:
    """The token and the 7 before it, for each token of the excerpts, [n_tokens, 8]; -1 before an excerpt's start."""
    n, width = excerpts.tokens.shape
    context = np.full((n, width, N_BACK), -1, dtype=np.int64)
    for back in range(min(N_BACK, width)):
        context[:, back:, back] = excerpts.tokens[:, : width - back]
    return context[excerpts.mask]


def _folds_of(excerpts: Excerpts, rng: np.random.Generator) -> Ints:
    """A fold for each token of the excerpts, assigned by document."""
    documents, number = np.unique(excerpts.documents, return_inverse=True)
    folds = rng.permutation(len(documents)) % N_FOLDS
    return np.repeat(folds[number], excerpts.lengths)


def _features(context: Ints, values: Floats, folds: Ints, embeddings: NDArray[np.float32]) -> Columns:
    """The features of each row, [n, n_features]; NaN where there is no token.

    The first len(values) rows of `context` [n, 8] are explore text; the first column is the full lookup.
    """
    n_explore, d_vocab = len(values), len(embeddings)
    overall = float(values.mean())
    off, counts = _held_out_means(context[:, 0], values - overall, folds, SHRINKAGE)
    lookup = overall + off
    residual = values - lookup[:n_explore]
    before = [_held_out_means(context[:, back], residual, folds, _CONTEXT_SHRINKAGE)[0] for back in range(1, N_BACK)]
    pair = np.where(context[:, 1] < 0, -1, context[:, 1] * d_vocab + context[:, 0])
    off, _ = _held_out_means(pair, residual, folds, _RUN_SHRINKAGE)
    absent = context < 0
    known = np.where(absent[:, 1:].T, 0, np.stack(before))
    repeated = context[:, 1:] == context[:, :1]
    coordinates = _coordinates(embeddings, context[:n_explore, 0])
    present = np.where(absent[..., None], 0, coordinates[context])
    near = np.where(absent[..., None], np.nan, present)
    columns = [
        lookup,
        np.log1p(counts),
        *before,
        known.sum(axis=0),
        known.max(axis=0),
        lookup + off,
        lookup + _held_out_linear(present.reshape(len(context), -1), residual, folds),
        np.where(repeated.any(axis=1), repeated.argmax(axis=1), np.nan),
        *near[:, 0].T,
        *near[:, 1:, :_N_CONTEXT_COORDINATES].reshape(len(context), -1).T,
    ]
    return np.stack(columns, axis=1, dtype=np.float32)


def _held_out_means(codes: Ints, values: Floats, folds: Ints, shrinkage: float) -> tuple[Floats, Floats]:
    """For each row the mean of `values` over the explore rows of other folds with its code, shrunk towards 0, and
    their count; the mean is NaN where the code is negative."""
    n_explore = len(values)
    distinct, code = np.unique(codes, return_inverse=True)
    own = code * (N_FOLDS + 1) + folds
    n_own = len(distinct) * (N_FOLDS + 1)

    def elsewhere(weights: Floats | None) -> Floats:
        by_fold = np.bincount(own[:n_explore], weights, minlength=n_own).astype(np.float64)
        everywhere = by_fold.reshape(-1, N_FOLDS + 1).sum(axis=1)
        left: Floats = everywhere[code] - by_fold[own]
        return left

    counts = elsewhere(None)
    return np.where(codes < 0, np.nan, elsewhere(values) / (counts + shrinkage)), counts


def _held_out_linear(inputs: Columns, values: Floats, folds: Ints) -> Floats:
    """For each row of `inputs` [n, k] the prediction of a ridge regression trained on the explore rows of other
    folds.
    """
    inputs = np.concatenate([inputs, np.ones((len(inputs), 1), dtype=np.float32)], axis=1)
    parts = [
        (inputs[: len(values)][own], values[own]) for own in (folds[: len(values)] == f for f in range(N_FOLDS + 1))
    ]
    squares = np.stack([(x.T @ x).astype(np.float64) for x, _ in parts])
    products = np.stack([x.T @ y for x, y in parts])
    squares, products = squares.sum(axis=0) - squares, products.sum(axis=0) - products
    weights = np.linalg.solve(squares + _RIDGE * np.eye(inputs.shape[1]), products[..., None])[..., 0]
    predicted = np.empty(len(inputs))
    for fold in range(N_FOLDS + 1):
        predicted[folds == fold] = inputs[folds == fold] @ weights[fold]
    return predicted


def _coordinates(embeddings: NDArray[np.float32], seen: Ints) -> Columns:
    """The first principal coordinates of every token's embedding, fitted and scaled to unit variance on the tokens
    seen.
    """
    tokens = np.unique(seen)
    centred = embeddings.astype(np.float64) - embeddings[tokens].mean(axis=0, dtype=np.float64)
    variances, axes = np.linalg.eigh(centred[tokens].T @ centred[tokens] / len(tokens))
    largest = slice(None, -1 - _N_COORDINATES, -1)
    scale = np.sqrt(np.maximum(variances[largest], 1e-12))
    coordinates: Columns = (centred @ axes[:, largest] / scale).astype(np.float32)
    return coordinates


def _boosted(columns: Columns, values: Floats, shares: Floats, rng: np.random.Generator) -> Floats:
    """The trees' prediction for the rows after the first len(values), on which they are trained."""
    from sklearn.ensemble import HistGradientBoostingRegressor  # type: ignore[import-untyped, unused-ignore]
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped, unused-ignore]

    rows, weights = _drawn_rows(np.abs(values - columns[: len(values), 0]), shares, rng)
    # With weighted rows the regressor's own binning would take most of the time: it searches for each of 255 bounds.
    bounds = [_bin_bounds(column) for column in columns[rows].T]
    binned = np.stack([_binned(c, b) for c, b in zip(columns.T, bounds, strict=True)], axis=1)
    with threadpool_limits(limits=1, user_api="openmp"):
        trees = HistGradientBoostingRegressor(**_TREES).fit(binned[rows], values[rows], sample_weight=weights)
        predicted: Floats = trees.predict(binned[len(values) :])
    return predicted


def _shares(explore: ExploreActivations) -> Floats:
    """The weight of each explore token: a third in total for the top excerpts, as in the score."""
    maxima = np.where(explore.excerpts.mask, explore.values, -np.inf).max(axis=1)
    n_top = max(1, round(STRATUM_SHARE * len(explore)))
    shares = np.full(len(explore), (2 / 3) / max(1, len(explore) - n_top))
    shares[np.argsort(-maxima, kind="stable")[:n_top]] = (1 / 3) / n_top
    return np.repeat(shares, explore.excerpts.lengths)


def _drawn_rows(off: Floats, shares: Floats, rng: np.random.Generator) -> tuple[Ints, Floats]:
    """About N_ROWS of the explore rows at most, with weights of mean 1 under which they represent all rows.

    Most tokens are silent, as the lookup predicts; rows are more likely to be drawn where it is more `off`.
    """
    pull = np.sqrt(shares) * (off + _FLOOR * off.mean())
    chance = np.minimum(1, N_ROWS * pull / pull.sum()) if len(off) > N_ROWS else np.ones(len(off))
    rows = np.flatnonzero(rng.random(len(off)) < chance)
    weights = shares[rows] / chance[rows]
    return rows, weights / weights.mean()


def _bin_bounds(column: Columns) -> Columns:
    known = column[~np.isnan(column)]
    return np.unique(np.quantile(known, np.arange(1, _N_BINS) / _N_BINS)) if known.size else known


def _binned(column: Columns, bounds: Columns) -> Columns:
    return np.where(np.isnan(column), np.nan, np.searchsorted(bounds, column)).astype(np.float32)
