"""Hypotheses in free words, as an LLM writes them from explore text and revealed experiments."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from tools.concepts.concepts import Concepts
from tools.errors import NothingWritten
from tools.free_text.asking import ask_each
from tools.free_text.excerpts import unexplained
from tools.free_text.experiments import most_informative
from tools.free_text.findings import Known, excerpts, findings, scale_of
from tools.free_text.simulator import each_of, unless_all_unread
from tools.free_text.token_strings import TokenStrings
from tools.llm.chat import ChatModel, ChatReply, ChatRequest
from tools.prompts import explainer, mender, reviser
from tools.prompts.hypothesis_format import WrittenHypothesis
from tools.readable.contract import why_not_free
from tools.records.excerpts import ExploreActivations
from tools.records.hypothesis import Hypothesis
from tools.records.result import Unscored
from tools.roles import Revealed, TriedRival

TEMPERATURE = 0.7
"""Rivals should differ, and so should the runs of different seeds."""

N_REVISED = 2


class FreeTextExplainer:
    """Implements `tools.roles.Explainer` and `tools.roles.AsksAnLLM`.

    Args:
        model: who is asked.
        texts: the subject model's tokens.
        concepts: the classes of words of which those are told that the neuron prefers.
        seed: of the run.
        known: of the run's own neuron; None where nothing is known beside explore text.
        endpoint: where it is asked: models of one name may differ.
    """

    has_null = True

    def __init__(
        self,
        model: ChatModel,
        texts: TokenStrings,
        concepts: Concepts,
        seed: int,
        known: Known | None = None,
        endpoint: str = "",
    ) -> None:
        self.model = model
        self.texts = texts
        self.concepts = concepts
        self.seed = seed
        self.known = known
        self.endpoint = endpoint
        self._left_out: list[str] = []

    @property
    def name(self) -> str:
        """As a result calls it."""
        return self.model.name

    @property
    def fingerprint(self) -> str:
        """SHA-256 (hex) over the LLM, where it is, and the version of the prompt."""
        prompts = f"{explainer.PROMPT} {explainer.SHORT_PROMPT}"
        return hashlib.sha256(f"{self.endpoint} {self.model.name} {prompts}".encode()).hexdigest()

    def propose(self, explore: ExploreActivations, size: int, rng: np.random.Generator, n: int) -> list[Hypothesis]:
        """At most `n` rivals of different form.

        Raises:
            NothingWritten: there was no reply, or none that could be read.
        """
        request = self._question(explore, rng, n)
        (found,) = ask_each(self.model, [request], lambda _, reply: explainer.parse(reply.text), least_read=0)
        if isinstance(found, Unscored):
            raise NothingWritten(found.reason)
        self._left_out += found.dropped
        return self._proposals(found.written[:n])

    def propose_one(self, explore: ExploreActivations, size: int, rng: np.random.Generator) -> Hypothesis | None:
        """The one that it would bet on; None where there is no reply that can be read."""
        return self.propose_each([(explore, rng)], size)[0]

    def propose_each(
        self, neurons: Sequence[tuple[ExploreActivations, np.random.Generator]], size: int
    ) -> list[Hypothesis | None]:
        """The one that it would bet on for each of several neurons, asked all at once, in short."""
        requests = [
            self._seeded(explainer.short_request(findings(explore, self.texts, self.concepts, rng, self.known)))
            for explore, rng in neurons
        ]
        found = ask_each(self.model, requests, lambda _, reply: explainer.parse_short(reply.text))
        written = iter(self._proposals([one for one in found if not isinstance(one, Unscored)]))
        return [None if isinstance(one, Unscored) else next(written) for one in found]

    def revise(
        self,
        explore: ExploreActivations,
        size: int,
        rng: np.random.Generator,
        revealed: list[Revealed],
        best: list[str],
    ) -> list[Hypothesis]:
        """Hypotheses in the light of what was found out, counterexamples first.

        Raises:
            NothingWritten: there was no reply, or none that could be read.
        """
        return self.revise_among(explore, rng, revealed, [TriedRival(sentence=one) for one in best], [])

    def revise_among(
        self,
        explore: ExploreActivations,
        rng: np.random.Generator,
        revealed: Sequence[Revealed],
        best: Sequence[TriedRival],
        others: Sequence[TriedRival],
        predicted: Mapping[str, NDArray[np.bool_]] | None = None,
    ) -> list[Hypothesis]:
        """Hypotheses in the light of what was found out, what tells rivals apart first, of whatever was tried, and of
        the firings of explore text that none of the best predicts of which `predicted` tells.

        Raises:
            NothingWritten: there was no reply, or none that could be read.
        """
        scale = scale_of(explore, self.known)
        shown = most_informative(revealed, [one.sentence for one in best], scale, self.texts)
        evidence = excerpts(explore, self.texts, rng, scale)
        if predicted:
            anywhere = np.logical_or.reduce(list(predicted.values()))
            evidence = replace(
                evidence,
                unexplained=unexplained(explore, self.texts, anywhere, scale.theta, evidence.top[: reviser.TOP_BESIDE]),
                checked=tuple(i for i, one in enumerate(best, 1) if one.sentence in predicted),
            )
        request = self._seeded(reviser.request(best, others, shown, evidence, N_REVISED))
        (found,) = ask_each(self.model, [request], lambda _, reply: reviser.parse(reply.text), least_read=0)
        if isinstance(found, Unscored):
            raise NothingWritten(found.reason)
        self._left_out += found.dropped
        return self._proposals(found.written[:N_REVISED])

    def drain_left_out(self) -> list[str]:
        """Why hypotheses cannot be used that were written for the run's neuron since this was last asked."""
        reasons, self._left_out = self._left_out, []
        return reasons

    def _question(self, explore: ExploreActivations, rng: np.random.Generator, n: int) -> ChatRequest:
        evidence = findings(explore, self.texts, self.concepts, rng, self.known)
        return self._seeded(explainer.request(evidence, n))

    def _seeded(self, request: ChatRequest) -> ChatRequest:
        return replace(request, temperature=TEMPERATURE, seed=self.seed % 2**31)

    def _proposals(self, written: Sequence[WrittenHypothesis]) -> list[Hypothesis]:
        """What was written, where it broke the rules of an explanation as it was said anew; asked once, of all.

        What breaks them still stays as it is: whoever lets hypotheses compete refuses it, and says why.
        """
        said = [one.explanation for one in written]
        broken = {i: why for i, sentence in enumerate(said) if (why := why_not_free(sentence)) is not None}
        if broken:
            request = self._seeded(mender.request([(said[i], why) for i, why in broken.items()]))

            def read(_: int, reply: ChatReply) -> list[str | Unscored] | Unscored:
                return unless_all_unread(mender.parse(reply.text, len(broken)))

            (found,) = ask_each(self.model, [request], read)
            for i, anew in zip(broken, each_of(found, len(broken)), strict=True):
                if not isinstance(anew, Unscored) and why_not_free(anew) is None:
                    said[i] = anew
        return [
            Hypothesis(one.form, sentence, texts=one.texts, label=one.label, words=one.words)
            for one, sentence in zip(written, said, strict=True)
        ]
