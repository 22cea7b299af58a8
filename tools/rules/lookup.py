"""The baselines that any readable explanation must beat: tables of tokens.

`token_lookup_30` lists the 30 tokens with the largest n_t * (mean_t - mean)^2 on all explore text, their means shrunk
towards the overall mean and quantised to 0-10 like an explanation's levels; every other token gets one common level.
`token_lookup_full` gives every token its own shrunk mean: strong, unreadable, for reference.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tools.records.excerpts import ExploreActivations
from tools.rules.clauses import Clause, Listed, Rule

N_LISTED = 30

FULL_LOOKUP = "Each token fires as it does on average on explore text (a table of all tokens)."
"""What the full lookup says; the study knows the table that it stands for."""

SHRINKAGE = 4.0
"""A token's mean counts as if this many more of its readings had been the overall mean."""


@dataclass(frozen=True)
class TokenMeans:
    """Counts, shrunk means (raw activation) and their overall mean over all explore text; both arrays [d_vocab]."""

    counts: NDArray[np.int64]
    means: NDArray[np.float64]
    overall: float

    @classmethod
    def of(cls, explore: ExploreActivations, d_vocab: int) -> TokenMeans:
        """Average a neuron's values by token."""
        tokens = explore.excerpts.tokens[explore.excerpts.mask]
        values = explore.values[explore.excerpts.mask].astype(np.float64)
        counts = np.bincount(tokens, minlength=d_vocab)
        sums = np.bincount(tokens, weights=values, minlength=d_vocab)
        overall = float(values.mean())
        return cls(counts, (sums + SHRINKAGE * overall) / (counts + SHRINKAGE), overall)

    def full(self, tokens: NDArray[np.int32]) -> NDArray[np.float32]:
        """The full lookup's prediction, raw activation, float32 [n, pos]."""
        return self.means[np.maximum(tokens, 0)].astype(np.float32)

    def levels(self, tokens: NDArray[np.int32]) -> NDArray[np.float32]:
        """The full lookup's prediction on the scale of levels, 0 to 10, float32 [n, pos]; correlates as `full` does."""
        low, high = float(self.means.min()), float(self.means.max())
        return ((self.full(tokens) - low) * (10 / max(high - low, 1e-12))).astype(np.float32)

    def listed(self, strings: list[str], n: int = N_LISTED) -> Rule:
        """The lookup of `n` tokens as a rule; without a clause when no token stands out."""
        pull = self.counts * (self.means - self.overall) ** 2
        order = np.argsort(-pull, kind="stable")[:n]
        order = order[pull[order] > 0]
        top = float(self.means[order].max(initial=0))
        if top <= 0:
            return Rule(())
        others = np.ones(len(self.means), dtype=bool)
        others[order] = False
        n_others = int(self.counts[others].sum())
        rest = float((self.counts[others] * self.means[others]).sum() / n_others) if n_others else 0.0
        common = int(np.clip(np.rint(10 * rest / top), 0, 10))
        levels = np.clip(np.rint(10 * self.means[order] / top), 0, 10).astype(int)
        clauses = []
        for level in range(10, -1, -1):
            tokens = tuple(strings[token] for token in order[levels == level])
            if tokens and level != common:
                clauses.append(Clause(level - common, Listed(tokens)))
        if common:
            clauses.append(Clause(common))
        return Rule(tuple(clauses))
