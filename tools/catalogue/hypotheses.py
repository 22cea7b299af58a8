"""Tools that write hypotheses, and the one that says what is known at the start."""

from __future__ import annotations

from typing import Any

import numpy as np
from pydantic import BaseModel, Field

from tools.bench import Bench
from tools.toolbox import Arguments, Outcome, Tool


class Gather(Arguments):
    """Takes nothing."""


class Gathered(Outcome):
    """What is known at the start; `firing_rate` is the share of explore tokens above theta."""

    theta: float
    status: str
    n_explore: int
    n_probe: int
    n_development: int
    sealed_sizes: list[int]
    firing_rate: float


class Lookup(Arguments):
    """Takes nothing."""


class Propose(Arguments):
    """How many rivals to write."""

    n: int = Field(default=4, ge=1, le=4)


class Revise(Arguments):
    """`best`: the best sentences so far, best first; `n_revealed`: how many experiments are known."""

    best: list[str]
    n_revealed: int


class Proposed(BaseModel):
    """A sentence and the form of hypothesis it is."""

    form: str
    sentence: str


class Proposals(Outcome):
    """Hypotheses, in the order in which they were written."""

    proposals: list[Proposed]


def hypothesis_tools(bench: Bench) -> list[Tool[Any, Any]]:
    """`gather`, `lookup`, `propose` and `revise`, bound to one neuron."""
    evidence = bench.evidence

    def gather(_: Gather, rng: np.random.Generator) -> Gathered:
        mask = evidence.explore.excerpts.mask
        return Gathered(
            theta=round(evidence.theta, 6),
            status=evidence.status,
            n_explore=len(evidence.explore),
            n_probe=len(evidence.probe),
            n_development=len(evidence.development),
            sealed_sizes=evidence.sealed.sizes,
            firing_rate=round(float((evidence.explore.values[mask] > evidence.theta).mean()), 8),
        )

    def lookup(_: Lookup, rng: np.random.Generator) -> Proposals:
        sentence = bench.lookup_sentence
        return Proposals(proposals=[Proposed(form="token-lookup-30", sentence=sentence)] if sentence else [])

    def propose(arguments: Propose, rng: np.random.Generator) -> Proposals:
        found = bench.explainer.propose(evidence.explore, bench.stratum_of(len(evidence.explore)), rng, arguments.n)
        return Proposals(proposals=[Proposed(form=p.form, sentence=p.sentence) for p in found])

    def revise(arguments: Revise, rng: np.random.Generator) -> Proposals:
        size = bench.stratum_of(len(evidence.explore))
        revealed = bench.revealed[: arguments.n_revealed]
        found = bench.explainer.revise(evidence.explore, size, rng, revealed, arguments.best)
        return Proposals(proposals=[Proposed(form=p.form, sentence=p.sentence) for p in found])

    return [
        Tool("gather", "What is known of the neuron at the start.", Gather, Gathered, gather, charged=False),
        Tool("lookup", "The 30-token lookup that always competes.", Lookup, Proposals, lookup, charged=False),
        Tool("propose", "Write rival hypotheses from explore text.", Propose, Proposals, propose),
        Tool("revise", "Write new hypotheses from explore text and revealed experiments.", Revise, Proposals, revise),
    ]
