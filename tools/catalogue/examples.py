"""The tool that picks a few excerpts for whoever reads the result."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from tools.evidence.neurons.examples import examples_of
from tools.records.result import Example
from tools.study.study import Study
from tools.toolbox import Arguments, Outcome, Tool


class ShowExamples(Arguments):
    """Takes nothing."""


class ShownExamples(Outcome):
    """Excerpts of explore text, the strongest first."""

    examples: list[Example] = Field(default_factory=list)


def example_tools(study: Study) -> list[Tool[ShowExamples, ShownExamples]]:
    """`examples`, bound to one neuron."""
    evidence = study.evidence

    def examples(_: ShowExamples, rng: np.random.Generator) -> ShownExamples:
        return ShownExamples(examples=examples_of(evidence.explore, evidence.theta, study.vocabulary.strings))

    return [Tool("examples", "Excerpts on which it fires.", ShowExamples, ShownExamples, examples, charged=False)]
