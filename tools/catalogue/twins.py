"""The tool that finds the lexical twins of explanations in free text: the exact rules nearest to them."""

from __future__ import annotations

import numpy as np
from pydantic import BaseModel

from tools.study.study import Study
from tools.toolbox import Arguments, Outcome, Tool


class InFreeWords(BaseModel):
    """A sentence, and the words by which its author says that excerpts which it claims can be found."""

    sentence: str
    words: list[str]


class FindTwins(Arguments):
    """Sentences that only an LLM can read."""

    sentences: list[InFreeWords]


class FoundTwins(Outcome):
    """The twin of each sentence; None where nothing that it speaks of goes with the neuron."""

    twins: list[str | None]


def twin_tools(study: Study) -> list[Tool[FindTwins, FoundTwins]]:
    """`find_twins`, bound to one neuron."""

    def find(arguments: FindTwins, rng: np.random.Generator) -> FoundTwins:
        return FoundTwins(twins=study.twins_of([(one.sentence, tuple(one.words)) for one in arguments.sentences], rng))

    return [
        Tool("find_twins", "Exact rules of what sentences speak of.", FindTwins, FoundTwins, find, charged=False),
    ]
