"""Texts on which the leading explanation may turn out wrong, as an LLM writes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from tools.free_text.asking import ask_each
from tools.free_text.experiments import most_informative
from tools.free_text.explainer import TEMPERATURE
from tools.free_text.token_strings import TokenStrings
from tools.llm.chat import ChatModel
from tools.prompts import writer
from tools.prompts.quoting import Scale
from tools.records.hypothesis import WrittenText
from tools.records.result import Unscored
from tools.roles import Revealed


class FreeTextWriter:
    """Implements `tools.roles.Writer`.

    Args:
        model: who is asked.
        texts: the subject model's tokens.
        scale: of the neuron's values, by which experiments are told.
    """

    def __init__(self, model: ChatModel, texts: TokenStrings, scale: Scale) -> None:
        self.model = model
        self.texts = texts
        self.scale = scale

    def write(
        self, best: Sequence[str], revealed: Sequence[Revealed], n: int, rng: np.random.Generator
    ) -> list[WrittenText] | Unscored:
        """Texts that should and should not fire by the first of `best`, the leading sentence and its rivals."""
        shown = most_informative(revealed, best, self.scale, self.texts)
        request = writer.request(best[0], best[1:], n, self.scale, shown)
        request = replace(request, temperature=TEMPERATURE, seed=int(rng.integers(2**31)))
        (found,) = ask_each(self.model, [request], lambda _, reply: writer.parse(reply.text), least_read=0)
        return found if isinstance(found, Unscored) else found[:n]
