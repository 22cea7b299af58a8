"""Hypotheses in free words, as an LLM writes them from explore text and revealed experiments."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from tools.errors import NothingWritten
from tools.free_text.asking import ask_each
from tools.free_text.exhibits import Exhibits
from tools.free_text.telling import telling
from tools.free_text.texts import TokenTexts
from tools.llm.chat import ChatModel, ChatRequest
from tools.prompts import explainer, reviser
from tools.prompts.written import Hypotheses
from tools.records.excerpts import ExploreReadings
from tools.records.result import Unscored
from tools.roles import Proposal, Revealed

TEMPERATURE = 0.7
"""Rivals should differ, and so should the runs of different seeds."""

N_REVISED = 2


class FreeTextExplainer:
    """Implements `tools.roles.Explainer` and `tools.roles.AsksAnLLM`.

    Args:
        model: who is asked.
        texts: the subject model's tokens.
        seed: of the run.
    """

    has_null = True

    def __init__(self, model: ChatModel, texts: TokenTexts, seed: int) -> None:
        self.model = model
        self.texts = texts
        self.seed = seed

    @property
    def name(self) -> str:
        """As a result calls it."""
        return self.model.name

    @property
    def fingerprint(self) -> str:
        """SHA-256 (hex) over the LLM and the version of the prompt."""
        return hashlib.sha256(f"{self.model.name} {explainer.PROMPT}".encode()).hexdigest()

    def propose(self, explore: ExploreReadings, size: int, rng: np.random.Generator, n: int) -> list[Proposal]:
        """At most `n` rivals of different form.

        Raises:
            NothingWritten: there was no reply, or none that could be read.
        """
        request = self._question(explore, rng, n)
        (found,) = ask_each(self.model, [request], lambda _, reply: explainer.parse(reply.text), least_read=0)
        if isinstance(found, Unscored):
            raise NothingWritten(found.reason)
        return _proposals(found)[:n]

    def propose_one(self, explore: ExploreReadings, size: int, rng: np.random.Generator) -> Proposal | None:
        """The one that it would bet on; None where there is no reply that can be read."""
        return self.propose_each([(explore, rng)], size)[0]

    def propose_each(
        self, neurons: Sequence[tuple[ExploreReadings, np.random.Generator]], size: int
    ) -> list[Proposal | None]:
        """The one that it would bet on for each of several neurons, asked all at once."""
        requests = [self._question(explore, rng, 1) for explore, rng in neurons]
        found = ask_each(self.model, requests, lambda _, reply: explainer.parse(reply.text))
        return [None if isinstance(one, Unscored) else _proposals(one)[0] for one in found]

    def revise(
        self, explore: ExploreReadings, size: int, rng: np.random.Generator, revealed: list[Revealed], best: list[str]
    ) -> list[Proposal]:
        """Hypotheses in the light of what was found out, counterexamples first.

        Raises:
            NothingWritten: there was no reply, or none that could be read.
        """
        exhibits = Exhibits.draw(explore, self.texts, rng)
        shown = telling(revealed, best, explore, self.texts)
        request = self._seeded(reviser.request(best, shown, [*exhibits.top, *exhibits.near_misses], N_REVISED))
        (found,) = ask_each(self.model, [request], lambda _, reply: reviser.parse(reply.text), least_read=0)
        if isinstance(found, Unscored):
            raise NothingWritten(found.reason)
        return _proposals(found)[:N_REVISED]

    def _question(self, explore: ExploreReadings, rng: np.random.Generator, n: int) -> ChatRequest:
        exhibits = Exhibits.draw(explore, self.texts, rng)
        return self._seeded(
            explainer.request(exhibits.top, exhibits.quantile, exhibits.random, exhibits.near_misses, n)
        )

    def _seeded(self, request: ChatRequest) -> ChatRequest:
        return replace(request, temperature=TEMPERATURE, seed=self.seed % 2**31)


def _proposals(found: Hypotheses) -> list[Proposal]:
    return [Proposal(one.form, one.explanation, one.texts, words=one.words) for one in found.written]
