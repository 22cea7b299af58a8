"""Learns and simulates rules of the machine language, which predict well and are not readable: the predictor."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from tools.errors import BadInput
from tools.evidence.neurons import sample
from tools.records.excerpts import ExploreActivations
from tools.records.hypothesis import Hypothesis
from tools.records.result import Unscored
from tools.roles import Revealed
from tools.rules.clauses import Rule
from tools.rules.directions import Directions, Effort, direction_of
from tools.rules.language import parse, render
from tools.rules.learn import NOTHING, PRICE_PER_WORD, Form, Learner
from tools.rules.simulate import Batch
from tools.rules.vocabulary import Vocabulary
from tools.scoring import sampling
from tools.scoring.pearson import pearson
from tools.scoring.sampling import explore_weights, learning_sample

FORMS = ("mixed", "directions", "context", "tokens")
"""What rules may be like, the richest first; "directions" adds up directions of the embedding."""

AT_FIRST = Effort(n_rows=15_000, n_candidates=2_048, n_tried=12)
AGAIN = Effort(n_rows=25_000, n_candidates=4_096, n_tried=24)
"""How hard directions are looked for at first, and in a revision."""

EXCHANGES = 8
"""How often a revision takes tokens out of a sum of directions and looks for better ones, at most."""

FAINT_SHARE = 0.3
"""Share of the price at which a faint signal is looked for where nothing is worth the full price."""

FAINT_CERTAINTY = 5.0
"""Standard errors by which a faint rule must correlate on the explore text that it was not learnt from."""


REVEALED_SHARE = 0.1
"""Weight of all revealed experiments together, beside 1 for each of the three strata."""

_REVISED = 2
"""A sum of directions is revised when it is among so many of the best."""


class RulesExplainer:
    """Implements `tools.roles.Explainer` by rules that are learnt clause by clause or as sums of directions.

    Args:
        vocabulary: the subject model's.
        neighbourhoods: whether tokens may be named by closeness in the subject model's embedding.
    """

    name = "rules"
    has_null = True

    def __init__(self, vocabulary: Vocabulary, neighbourhoods: bool = True) -> None:
        self.vocabulary = vocabulary
        self.neighbourhoods = neighbourhoods

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 (hex) over numpy's version and all source that decides what is learnt."""
        digest = hashlib.sha256(f"{np.__version__} {self.neighbourhoods}".encode())
        for path in [*sorted(Path(__file__).parent.glob("*.py")), *map(Path, (sampling.__file__, sample.__file__))]:
            digest.update(path.read_bytes())
        return digest.hexdigest()

    def propose(self, explore: ExploreActivations, size: int, rng: np.random.Generator, n: int = 4) -> list[Hypothesis]:
        """Rules of the `n` richest forms; forms that find nothing to say are left out.

        Of one form: the one of the two richest that fits what it was learnt from better.
        """
        drawn = _Sample.of(explore, size, rng)
        learner = drawn.learner(self.vocabulary, self.neighbourhoods)
        found = self._learnt(FORMS[: max(n, 2)], drawn, learner, rng)
        if n == 1:
            found = [max(found, key=lambda one: learner.correlation(one[1]))]
        if not any(rule.clauses for _, rule in found):
            found = [("mixed", self._faint(learner, explore, drawn.excerpts))]
        return _proposals(found)

    def propose_one(self, explore: ExploreActivations, size: int, rng: np.random.Generator) -> Hypothesis | None:
        """The rule that one would bet on; None where there is nothing to say."""
        return next(iter(self.propose(explore, size, rng, 1)), None)

    def _learnt(
        self, forms: Sequence[str], drawn: _Sample, learner: Learner, rng: np.random.Generator
    ) -> list[tuple[str, Rule]]:
        found: list[tuple[str, Rule]] = []
        for form in forms:
            if form != "directions":
                found.append((form, self._learn(learner, cast(Form, form))))
            elif self.neighbourhoods:
                directions = Directions(drawn.tokens, drawn.values, drawn.weights, self.vocabulary, rng, AT_FIRST)
                found.append((form, directions.learn()))
        return found

    def _learn(self, learner: Learner, form: Form, start: Rule = NOTHING, price: float = PRICE_PER_WORD) -> Rule:
        return learner.learn(form, start, price=price)

    def _faint(self, learner: Learner, explore: ExploreActivations, learnt: NDArray[np.int32]) -> Rule:
        """What is said of a neuron whose signal is faint, if it holds on explore text that it was not learnt from."""
        rule = self._learn(learner, "mixed", price=FAINT_SHARE * PRICE_PER_WORD)
        unseen = ~np.isin(explore.excerpts.ids, learnt)
        tokens, values = explore.excerpts.tokens[unseen], explore.values[unseen]
        if not rule.clauses or len(tokens) == 0:
            return Rule(())
        mask = tokens >= 0
        levels, values = Batch(tokens, self.vocabulary).levels(rule)[mask].astype(np.float64), values[mask]
        correlation = pearson(levels, values)
        certain = correlation is not None and correlation * np.sqrt(len(levels)) > FAINT_CERTAINTY
        return rule if certain else Rule(())

    def revise(
        self,
        explore: ExploreActivations,
        size: int,
        rng: np.random.Generator,
        revealed: list[Revealed],
        best: list[str],
    ) -> list[Hypothesis]:
        """Rules learnt on more text and the revealed experiments.

        The better of the two best that adds up directions has the tokens exchanged that say least. Where something
        else leads, one rule is learnt from nothing on other excerpts, and one is grown from the leader.
        """
        found: list[tuple[str, Rule]] = []
        rules = [parse(sentence) for sentence in best[:_REVISED]]
        summed = next((rule for rule in rules if any(map(direction_of, rule.clauses))), None)
        if summed is not None:
            found.append(("better directions", self._exchanged(summed, explore, size, rng, revealed)))
        if summed is None or rules[0] is not summed:
            drawn = _Sample.of(explore, size, rng).with_revealed(revealed)
            learner = drawn.learner(self.vocabulary, self.neighbourhoods)
            core = [clause for clause in rules[0].clauses if clause.strength > 0 and clause.token][:3] if rules else []
            found += [
                ("mixed, other excerpts", self._learn(learner, "mixed")),
                ("grown from the best", self._learn(learner, "mixed", start=Rule(tuple(core)))),
            ]
        return _proposals(found)

    def _exchanged(
        self,
        rule: Rule,
        explore: ExploreActivations,
        size: int,
        rng: np.random.Generator,
        revealed: list[Revealed],
    ) -> Rule:
        drawn = _Sample.whole(explore, size).with_revealed(revealed)
        named = [name for clause in rule.clauses if (found := direction_of(clause)) for name in found[1].named]
        learner = Directions(drawn.tokens, drawn.values, drawn.weights, self.vocabulary, rng, AGAIN, named)
        return learner.learn(rule, EXCHANGES)


@dataclass(frozen=True)
class _Sample:
    """Text that is learnt from: tokens int32 [n, pos], values and weights of the tokens, ids of the excerpts."""

    tokens: NDArray[np.int32]
    values: NDArray[np.float32]
    weights: NDArray[np.float64]
    excerpts: NDArray[np.int32]

    @classmethod
    def of(cls, explore: ExploreActivations, size: int, rng: np.random.Generator) -> _Sample:
        """Some of the excerpts of every stratum."""
        drawn, weights = learning_sample(explore, size, rng)
        tokens = drawn.excerpts.tokens
        return cls(tokens, drawn.values, np.broadcast_to(weights[:, None], tokens.shape), drawn.excerpts.ids)

    @classmethod
    def whole(cls, explore: ExploreActivations, size: int) -> _Sample:
        """All explore text."""
        tokens = explore.excerpts.tokens
        weights = np.broadcast_to(explore_weights(explore, size)[:, None], tokens.shape)
        # A third and two thirds there; here, as where excerpts are drawn, 1 for each of the three strata.
        return cls(tokens, explore.values, 3 * weights, explore.excerpts.ids)

    def with_revealed(self, revealed: list[Revealed]) -> _Sample:
        """The same and the last tokens of experiments, which alone were predicted and read."""
        if not revealed:
            return self
        width = self.tokens.shape[1]
        tokens = np.full((len(revealed), width), -1, dtype=np.int32)
        values = np.zeros((len(revealed), width), dtype=np.float32)
        weights = np.zeros((len(revealed), width))
        for row, experiment in enumerate(revealed):
            n = len(experiment.tokens)
            tokens[row, :n] = experiment.tokens
            values[row, n - 1] = experiment.value
            # An excerpt's weight counts once for each of its tokens, that of an experiment at its last alone.
            weights[row, n - 1] = width * REVEALED_SHARE / len(revealed)
        return _Sample(
            np.concatenate([self.tokens, tokens]),
            np.concatenate([self.values, values]),
            np.concatenate([self.weights, weights]),
            self.excerpts,
        )

    def learner(self, vocabulary: Vocabulary, neighbourhoods: bool) -> Learner:
        """A learner of rules of several forms."""
        return Learner(self.tokens, self.values, self.weights, vocabulary, neighbourhoods)


class RulesSimulator:
    """Implements `tools.roles.Simulator`: the parsed sentence is what is simulated."""

    name = "rules"

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.vocabulary = vocabulary

    def simulate(self, sentence: str, tokens: NDArray[np.int32]) -> NDArray[np.float32] | Unscored:
        """Levels of the rule that the sentence means; `Unscored` when it is not of the rule language."""
        try:
            return Batch(tokens, self.vocabulary).levels(parse(sentence))
        except BadInput as error:
            return Unscored(reason=str(error))


def _proposals(rules: list[tuple[str, Rule]]) -> list[Hypothesis]:
    found: dict[str, Hypothesis] = {}
    for form, rule in rules:
        if rule.clauses:
            found.setdefault(render(rule), Hypothesis(form, render(rule)))
    return list(found.values())
