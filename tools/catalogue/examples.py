"""The tool that picks a few excerpts for whoever reads the result."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from tools.bench import Bench
from tools.evidence.examples import examples_of
from tools.records.result import Example
from tools.toolbox import Arguments, Outcome, Tool


class ShowExamples(Arguments):
    """Takes nothing."""


class ShownExamples(Outcome):
    """Excerpts of explore text, the strongest first."""

    examples: list[Example] = Field(default_factory=list)


def example_tools(bench: Bench) -> list[Tool[ShowExamples, ShownExamples]]:
    """`examples`, bound to one neuron."""
    evidence = bench.evidence

    def examples(_: ShowExamples, rng: np.random.Generator) -> ShownExamples:
        return ShownExamples(examples=examples_of(evidence.explore, evidence.theta, bench.vocabulary.strings))

    return [Tool("examples", "Excerpts on which it fires.", ShowExamples, ShownExamples, examples, charged=False)]
