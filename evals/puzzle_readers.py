"""Readers of puzzles: the program's lexical reader, or the LLM that a variant names."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from agent.setup.config import RunConfig
from tools.concepts.concepts import Concepts
from tools.embedded import EmbeddedReader
from tools.free_text.simulator import FreeTextSimulator
from tools.free_text.token_strings import TokenStrings
from tools.llm.endpoint import Endpoint
from tools.llm.meter import LIMIT_REACHED, Account, Metered
from tools.llm.prices import price_within
from tools.records.result import Cost, Unscored
from tools.roles import Simulation
from tools.rules.vocabulary import Vocabulary


class PuzzleReader(Protocol):
    """Simulates explanations of a puzzle without knowing which one is true."""

    @property
    def name(self) -> str:
        """Its name in tables."""

    @property
    def n_requests(self) -> int:
        """Requests to an LLM so far."""

    @property
    def cost(self) -> Cost:
        """Of these."""

    def read(self, sentences: Sequence[str], tokens: NDArray[np.int32]) -> list[Simulation | Unscored]:
        """What each explanation predicts on tokens int32 [n, pos] with -1 past the end."""


MakeReader = Callable[[Sequence[str]], PuzzleReader]
"""Makes a reader from the token strings of a puzzle by id."""


class LexicalPuzzleReader:
    """Implements `PuzzleReader` with the lexical reader, at no cost.

    Args:
        strings: token strings of a puzzle; no two are treated as more alike than others.
        concepts: a file with the user's word classes.
    """

    n_requests = 0
    cost = Cost()

    def __init__(self, strings: Sequence[str], concepts: Path | None = None) -> None:
        vocabulary = Vocabulary(list(strings), np.eye(len(strings), dtype=np.float32))
        self._reader = EmbeddedReader(vocabulary, _concepts(concepts))

    @property
    def name(self) -> str:
        """Its name in tables."""
        return self._reader.name

    def read(self, sentences: Sequence[str], tokens: NDArray[np.int32]) -> list[Simulation | Unscored]:
        """See `PuzzleReader.read`."""
        found = [self._reader.simulate(sentence, tokens) for sentence in sentences]
        return [levels if isinstance(levels, Unscored) else Simulation(levels) for levels in found]


class LLMPuzzleReader:
    """Implements `PuzzleReader` with an LLM: every explanation is a separate question.

    Args:
        model: the LLM, with its limits.
        strings: token strings of a puzzle.
        config: how it simulates.
    """

    def __init__(self, model: Metered, strings: Sequence[str], config: RunConfig) -> None:
        self._model = model
        self._n_requests = 0
        self._simulator = FreeTextSimulator(model, TokenStrings(strings), config.simulation, config.excerpts_per_call)

    @property
    def name(self) -> str:
        """Its name in tables."""
        return self._simulator.name

    @property
    def n_requests(self) -> int:
        """Requests so far; as with the cost, cached replies count, and requests that a limit prevented do not."""
        self._n_requests += sum(not (call.error or "").startswith(LIMIT_REACHED) for call in self._model.drain())
        return self._n_requests

    @property
    def cost(self) -> Cost:
        """Of these."""
        return self._model.account.cost()

    def read(self, sentences: Sequence[str], tokens: NDArray[np.int32]) -> list[Simulation | Unscored]:
        """See `PuzzleReader.read`. An explanation without levels on any text is Unscored."""
        found = self._simulator.simulate_each([(sentence, tokens) for sentence in sentences])
        return [
            Unscored(reason=next(iter(one.unscored.values()))) if len(one.unscored) == len(tokens) else one
            for one in found
        ]


def reader_maker(config: RunConfig) -> MakeReader:
    """The reader for a variant: the LLM that it names as its simulator, else the lexical reader."""

    def make(strings: Sequence[str]) -> PuzzleReader:
        if config.simulator_llm is None:
            return LexicalPuzzleReader(strings, config.concepts)
        return LLMPuzzleReader(_metered(config, config.simulator_llm), strings, config)

    return make


def _metered(config: RunConfig, model: str) -> Metered:
    """An LLM with the limits of a variant, which apply to each puzzle.

    Raises:
        BadInput: the URL cannot be used, or a limit on money cannot be kept because the price is unknown.
        LLMNotAvailable: there is no key where one is needed.
    """
    endpoint = Endpoint.open(model, config.llm)
    price = price_within(endpoint.where.url, model, config.max_usd)
    return Metered(endpoint, price, Account(config.max_tokens, config.max_usd, share=1.0))


def check_reader(config: RunConfig) -> None:
    """Check early that a variant's reader can be asked at all.

    Raises:
        BadInput, LLMNotAvailable: it cannot.
    """
    if config.simulator_llm is not None:
        _metered(config, config.simulator_llm)


@cache
def _concepts(extra: Path | None) -> Concepts:
    return Concepts.load(extra)
