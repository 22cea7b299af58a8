"""How good a rule is, by explore text and by the experiments that were revealed, less the price of its words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tools.readable.contract import n_words
from tools.readable.learn import Learner
from tools.readable.reader import LexicalReader
from tools.readable.rule import Rule
from tools.readable.screen import PRICE
from tools.roles import Revealed

REVEALED_SHARE = 0.15
"""Weight of all experiments together, beside 1 for explore text: a few dozen words count for as much as they should."""


class Merit:
    """Judges rules for one neuron.

    Args:
        learner: knows explore text.
        reader: reads the experiments' texts.
        revealed: the experiments, each of which counts at its last token.
    """

    def __init__(self, learner: Learner, reader: LexicalReader, revealed: Sequence[Revealed]) -> None:
        self._learner = learner
        self._reader = reader
        sample = learner.sample
        self._n = len(revealed)
        share = REVEALED_SHARE if revealed else 0.0
        values = np.array([max(one.value, 0.0) for one in revealed])
        self._weight = np.concatenate([sample.weight * (1 - share), np.full(self._n, share / max(self._n, 1))])
        target = sample.wanted(np.concatenate([sample.values, values]))
        target = target - self._weight @ target
        self._target = target / max(float(np.sqrt(self._weight @ target**2)), 1e-12)
        lengths = [len(one.tokens) for one in revealed]
        self._tokens = np.full((self._n, max(lengths, default=1)), -1, dtype=np.int32)
        for row, one in enumerate(revealed):
            self._tokens[row, : len(one.tokens)] = one.tokens
        self._ends = np.array(lengths, dtype=np.int64) - 1

    def of(self, rule: Rule) -> float:
        """Share of the variance that the rule explains, less its price."""
        levels = self._learner.levels(rule)
        if self._n:
            there = self._reader.levels(rule, self._tokens)[np.arange(self._n), self._ends]
            levels = np.concatenate([levels, there])
        mean = float(self._weight @ levels)
        spread = float(self._weight @ (levels - mean) ** 2)
        if spread < 1e-12:
            return 0.0
        along = float((self._weight * self._target) @ levels)
        return max(along, 0.0) ** 2 / spread - PRICE * n_words(self._reader.language.render(rule))
