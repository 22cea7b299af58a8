"""Texts that an LLM makes from a sentence alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tools.free_text.asking import ask_each
from tools.free_text.explainer import TEMPERATURE
from tools.llm.chat import ChatModel
from tools.prompts import maker
from tools.records.result import Unscored
from tools.roles import MadeText


class FreeTextMaker:
    """Implements `tools.roles.TextMaker`.

    Args:
        model: who is asked.
    """

    def __init__(self, model: ChatModel) -> None:
        self.model = model

    @property
    def name(self) -> str:
        """As a table calls it."""
        return self.model.name

    def positives(self, sentence: str, n: int, rng: np.random.Generator) -> list[MadeText] | Unscored:
        """At most `n` texts in which the neuron must fire somewhere."""
        return self._made(sentence, n, rng, near_misses=False)

    def near_misses(self, sentence: str, n: int, rng: np.random.Generator) -> list[MadeText] | Unscored:
        """At most `n` texts that look like those, and in which it must stay silent."""
        return self._made(sentence, n, rng, near_misses=True)

    def _made(self, sentence: str, n: int, rng: np.random.Generator, *, near_misses: bool) -> list[MadeText] | Unscored:
        request = maker.request(sentence, n, near_misses)
        request = replace(request, temperature=TEMPERATURE, seed=int(rng.integers(2**31)))
        (found,) = ask_each(self.model, [request], lambda _, reply: maker.parse(reply.text), least_read=0)
        return found if isinstance(found, Unscored) else found[:n]
