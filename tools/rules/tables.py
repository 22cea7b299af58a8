"""Tables of tokens as explainers: the baselines, run as agents of their own."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from tools.records.excerpts import ExploreActivations
from tools.records.hypothesis import Hypothesis
from tools.roles import Revealed
from tools.rules import lookup
from tools.rules.language import render
from tools.rules.lookup import FULL_LOOKUP, TokenMeans
from tools.rules.vocabulary import Vocabulary


class ListedTokens:
    """Implements `tools.roles.Explainer`: the 30-token lookup, and nothing else."""

    name = "token-lookup-30"
    has_null = False
    """A baseline is no explanation, so there is nothing that another neuron's list could be compared with."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.vocabulary = vocabulary
        self.fingerprint = hashlib.sha256(Path(lookup.__file__).read_bytes() + self.name.encode()).hexdigest()

    def propose(self, explore: ExploreActivations, size: int, rng: np.random.Generator, n: int) -> list[Hypothesis]:
        """The lookup; nothing when no token stands out."""
        rule = TokenMeans.of(explore, len(self.vocabulary)).listed(self.vocabulary.strings)
        return [Hypothesis(self.name, render(rule))] if rule.clauses else []

    def propose_one(self, explore: ExploreActivations, size: int, rng: np.random.Generator) -> Hypothesis | None:
        """The lookup; None when no token stands out."""
        found = self.propose(explore, size, rng, 1)
        return found[0] if found else None

    def revise(
        self,
        explore: ExploreActivations,
        size: int,
        rng: np.random.Generator,
        revealed: list[Revealed],
        best: list[str],
    ) -> list[Hypothesis]:
        """Nothing: a table of averages has no second thoughts."""
        return []


class AllTokens:
    """Implements `tools.roles.Explainer`: the full lookup, which nobody can read; for reference."""

    name = "token-lookup-full"
    fingerprint = "full"
    has_null = False
    """The sentence means another table for every neuron."""

    def propose(self, explore: ExploreActivations, size: int, rng: np.random.Generator, n: int) -> list[Hypothesis]:
        """The sentence that stands for the table."""
        return [Hypothesis(self.name, FULL_LOOKUP)]

    def propose_one(self, explore: ExploreActivations, size: int, rng: np.random.Generator) -> None:
        """None."""

    def revise(
        self,
        explore: ExploreActivations,
        size: int,
        rng: np.random.Generator,
        revealed: list[Revealed],
        best: list[str],
    ) -> list[Hypothesis]:
        """Nothing."""
        return []
