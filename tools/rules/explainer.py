"""The embedded explainer and simulator: they learn and read sentences of the rule language. No network, no key."""

from __future__ import annotations

import hashlib
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tools.errors import BadInput
from tools.evidence import sample
from tools.records.excerpts import EXCERPT_TOKENS, ExploreReadings
from tools.records.result import Unscored
from tools.roles import Proposal, Revealed
from tools.rules.clauses import Rule
from tools.rules.language import parse, render
from tools.rules.learn import PRICE_PER_WORD, Form, Learner
from tools.rules.simulate import Batch
from tools.rules.vocabulary import Vocabulary
from tools.scoring import sampling
from tools.scoring.sampling import learning_sample

FORMS: tuple[Form, ...] = ("tokens", "neighbourhoods", "context", "mixed")

RICHEST_FIRST: tuple[Form, ...] = ("mixed", "context", "tokens", "neighbourhoods")

PRICES: dict[Form, float] = dict.fromkeys(FORMS, PRICE_PER_WORD) | {"neighbourhoods": PRICE_PER_WORD / 2}
"""Price of a word by form; a neighbourhood needs more words to be named than a token does."""

FAINT_SHARE = 0.3
"""Share of the price at which a faint signal is looked for where nothing is worth the full price."""

FAINT_CERTAINTY = 5.0
"""Standard errors by which a faint rule must correlate on the explore text that it was not learnt from."""

REVEALED_SHARE = 0.1
"""Weight of all revealed experiments together, beside 1 for each of the three strata."""


class RulesExplainer:
    """Implements `tools.roles.Explainer` by greedy rule learning.

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

    def propose(self, explore: ExploreReadings, size: int, rng: np.random.Generator, n: int = 4) -> list[Proposal]:
        """Rules of the `n` richest forms; forms that find nothing to say are left out."""
        learner = self._learner(explore, size, rng, [])
        forms = [form for form in FORMS if form in RICHEST_FIRST[:n]]
        if not self.neighbourhoods:
            forms = [form for form in forms if form != "neighbourhoods"]
        found: list[tuple[str, Rule]] = [(form, learner.learn(form, price=PRICES[form])) for form in forms]
        if not any(rule.clauses for _, rule in found) and "mixed" in forms:
            found = [("mixed", self._faint(learner, explore))]
        return _proposals(found)

    def propose_one(self, explore: ExploreReadings, size: int, rng: np.random.Generator) -> Proposal:
        """The rule of the richest form alone."""
        learner = self._learner(explore, size, rng, [])
        rule = learner.learn("mixed")
        return Proposal("mixed", render(rule if rule.clauses else self._faint(learner, explore)))

    def _faint(self, learner: Learner, explore: ExploreReadings) -> Rule:
        """What is said of a neuron whose signal is faint, if it holds on explore text that it was not learnt from."""
        rule = learner.learn("mixed", price=FAINT_SHARE * PRICE_PER_WORD)
        unseen = ~np.isin(explore.excerpts.ids, learner.excerpts)
        tokens, values = explore.excerpts.tokens[unseen], explore.values[unseen]
        if not rule.clauses or len(tokens) == 0:
            return Rule(())
        mask = tokens >= 0
        levels, values = Batch(tokens, self.vocabulary).levels(rule)[mask].astype(np.float64), values[mask]
        spread = float(levels.std() * values.std())
        if spread < 1e-9:
            return Rule(())
        correlation = float(np.mean((levels - levels.mean()) * (values - values.mean()))) / spread
        return rule if correlation * np.sqrt(len(levels)) > FAINT_CERTAINTY else Rule(())

    def revise(
        self, explore: ExploreReadings, size: int, rng: np.random.Generator, revealed: list[Revealed], best: list[str]
    ) -> list[Proposal]:
        """Rules learnt on other excerpts and the revealed experiments: one from nothing, one grown from the best."""
        learner = self._learner(explore, size, rng, revealed)
        core = [clause for clause in parse(best[0]).clauses if clause.strength > 0 and clause.token][:3] if best else []
        return _proposals(
            [
                ("mixed, other excerpts", learner.learn("mixed")),
                ("grown from the best", learner.learn("mixed", start=Rule(tuple(core)))),
            ]
        )

    def _learner(
        self, explore: ExploreReadings, size: int, rng: np.random.Generator, revealed: list[Revealed]
    ) -> Learner:
        drawn, weights = learning_sample(explore, size, rng)
        tokens, values = drawn.excerpts.tokens, drawn.values
        per_token = np.broadcast_to(weights[:, None], tokens.shape)
        if revealed:
            extra_tokens = np.full((len(revealed), EXCERPT_TOKENS), -1, dtype=np.int32)
            extra_values = np.zeros((len(revealed), EXCERPT_TOKENS), dtype=np.float32)
            extra_weights = np.zeros((len(revealed), EXCERPT_TOKENS))
            for row, experiment in enumerate(revealed):
                n = len(experiment.tokens)
                extra_tokens[row, :n] = experiment.tokens
                extra_values[row, n - 1] = experiment.value
                # Only the last token was predicted and read; the mean weight of a token times 64 is an excerpt's.
                extra_weights[row, n - 1] = EXCERPT_TOKENS * REVEALED_SHARE / len(revealed)
            tokens, values = np.concatenate([tokens, extra_tokens]), np.concatenate([values, extra_values])
            per_token = np.concatenate([per_token, extra_weights])
        return Learner(tokens, values, per_token, self.vocabulary, self.neighbourhoods, drawn.excerpts.ids)


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


def _proposals(rules: list[tuple[str, Rule]]) -> list[Proposal]:
    found: dict[str, Proposal] = {}
    for form, rule in rules:
        if rule.clauses:
            found.setdefault(render(rule), Proposal(form, render(rule)))
    return list(found.values())
