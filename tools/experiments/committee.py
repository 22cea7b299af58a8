"""Query by committee: what believed rivals say of a text, before anyone has read the neuron on it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from tools.scoring.calibration import probabilities
from tools.study.simulations import Simulations

Probabilities = NDArray[np.float64]


class Member(BaseModel):
    """A rival in the committee: the sentence that predicts for it, its belief and its calibration.

    It is no `tools.records.hypothesis.Hypothesis`, since its twin may speak for it and a trace keeps just these fields.

    Attributes:
        sentence: of the rival, or of the twin that stands in for it.
        belief: in the rival.
        table: probabilities of firing at levels 0 to 10.
    """

    sentence: str
    belief: float
    table: list[float]


@dataclass(frozen=True)
class Believed:
    """What rivals say of the tokens of some texts, all [n, pos].

    Attributes:
        disagreement: how much they disagree; see the function of that name.
        leader: the leading rival's probability of firing.
    """

    disagreement: Probabilities
    leader: Probabilities


class Committee:
    """Rivals in their order, and which of them leads.

    Args:
        simulations: what sentences predict on the neuron's excerpts.
        members: at least one.
        leader: the number of the one that must be tried hardest.
    """

    def __init__(self, simulations: Simulations, members: list[Member], leader: int) -> None:
        self._simulations = simulations
        self._members = members
        self._leader = leader
        self._beliefs = np.array([member.belief for member in members])

    def say(self, tokens: NDArray[np.int32]) -> Probabilities:
        """Probabilities of firing, [n_members, n, pos].

        Raises:
            BadInput: a sentence cannot be simulated.
        """
        return np.stack(
            [probabilities(r.table, self._simulations.certain_levels(r.sentence, tokens)) for r in self._members]
        )

    def say_at_ends(self, tokens: NDArray[np.int32], lengths: NDArray[np.int64]) -> Probabilities:
        """Probabilities of firing at the last token of each text, [n_members, n].

        Raises:
            BadInput: a sentence cannot be simulated.
        """
        ends = np.arange(len(tokens)), lengths - 1
        return np.stack(
            [probabilities(r.table, self._simulations.certain_levels(r.sentence, tokens)[ends]) for r in self._members]
        )

    def say_of_probe(self) -> Probabilities:
        """The same of the probe pool, [n_members, n, width].

        Raises:
            BadInput: a sentence cannot be simulated.
        """
        return np.stack([probabilities(r.table, self._simulations.probe_levels(r.sentence)) for r in self._members])

    def believed(self, said: Probabilities) -> Believed:
        """What `said` [n_members, ...] comes to."""
        return Believed(disagreement(said, self._beliefs), said[self._leader])


def disagreement(said: Probabilities, beliefs: Probabilities) -> Probabilities:
    """sum_ij w_i w_j |p_i - p_j| over pairs of rivals, for each text.

    Args:
        said: probabilities of firing, [n_members, ...].
        beliefs: weights that sum to 1, [n_rivals].
    """
    total = np.zeros(said.shape[1:])
    for i in range(len(beliefs)):
        for j in range(i):
            total += 2 * beliefs[i] * beliefs[j] * np.abs(said[i] - said[j])
    return total
