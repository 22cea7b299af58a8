"""Who reads where no person and no LLM does: what simulates sentences here, asked one after another."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tools.bench import Bench
from tools.records.result import Unscored
from tools.roles import Simulator
from tools.rules.explainer import RulesSimulator


@dataclass(frozen=True)
class FirstThatReads:
    """Implements `tools.roles.Simulator`: the first of several that can read a sentence."""

    simulators: tuple[Simulator, ...]

    @property
    def name(self) -> str:
        """All of their names."""
        return " or ".join(dict.fromkeys(one.name for one in self.simulators))

    def simulate(self, sentence: str, tokens: NDArray[np.int32]) -> NDArray[np.float32] | Unscored:
        """Predicted levels; the reason of the first where none can read the sentence."""
        refused: Unscored | None = None
        for one in self.simulators:
            found = one.simulate(sentence, tokens)
            if not isinstance(found, Unscored):
                return found
            refused = refused or found
        return refused or Unscored(reason="nobody is there to read")


def embedded(bench: Bench) -> Simulator:
    """What reads the explanations of a run, and lists of tokens, at no cost."""
    return FirstThatReads((bench.simulator, RulesSimulator(bench.vocabulary)))
