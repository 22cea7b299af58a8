"""The roles that an explanation needs: one writes hypotheses, one says what a sentence predicts, one writes texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from tools.records.excerpts import ExploreActivations
from tools.records.hypothesis import Hypothesis, WrittenText
from tools.records.result import Unscored


@dataclass(frozen=True)
class Revealed:
    """An experiment whose reading is known.

    Attributes:
        tokens: the ids.
        value: the raw value at the last one.
        fired: whether that is above theta.
        predicted: what the rivals had said, as (sentence, probability of firing); None where one had said nothing.
        generator: what made the text.
        about: the item of a rule that it was made to test, as it stands in a sentence; empty where there is none.
        levels: the levels 0 to 10 that rivals had predicted, as (sentence, level); empty where nobody is told of them.
    """

    tokens: tuple[int, ...]
    value: float
    fired: bool = False
    predicted: tuple[tuple[str, float | None], ...] = ()
    generator: str = ""
    about: str = ""
    levels: tuple[tuple[str, float | None], ...] = ()

    def __post_init__(self) -> None:
        # A checkpoint gives lists back.
        object.__setattr__(self, "tokens", tuple(self.tokens))
        object.__setattr__(self, "predicted", tuple((sentence, p) for sentence, p in self.predicted))
        object.__setattr__(self, "levels", tuple((sentence, level) for sentence, level in self.levels))


NOT_SIMULATED = "not simulated yet"
"""The fate of a rival without a score that no LLM was asked to simulate so far."""


class TriedRival(BaseModel):
    """A rival that was tried.

    Attributes:
        sentence: what it says.
        score: its correlation with the neuron on text that its author does not see; None where it has none.
        fate: what became of it, in a few words that quote no such text; empty while it competes.
        texts: what its author predicted of texts of his own.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    sentence: str
    score: float | None = None
    fate: str = ""
    texts: tuple[WrittenText, ...] = ()


class Explainer(Protocol):
    """Writes hypotheses about one neuron. It sees explore text and revealed experiments, and nothing else."""

    @property
    def name(self) -> str:
        """How a result calls it."""

    @property
    def fingerprint(self) -> str:
        """SHA-256 (hex) of whatever decides what it would say."""

    @property
    def has_null(self) -> bool:
        """Whether what it says of one neuron can be tried on another, as a matched null needs."""

    def propose(self, explore: ExploreActivations, size: int, rng: np.random.Generator, n: int) -> list[Hypothesis]:
        """At most `n` rivals of different form; when `n` is 1, the one that this explainer would bet on.

        Args:
            explore: what the neuron does on explore text.
            size: excerpts per stratum to learn from.
            rng: draws the excerpts.
            n: how many.
        """

    def propose_one(self, explore: ExploreActivations, size: int, rng: np.random.Generator) -> Hypothesis | None:
        """The one hypothesis that this explainer would bet on; what matched nulls are made of. None: it has none."""

    def revise(
        self,
        explore: ExploreActivations,
        size: int,
        rng: np.random.Generator,
        revealed: list[Revealed],
        best: list[str],
    ) -> list[Hypothesis]:
        """New hypotheses in the light of revealed experiments and of the best sentences so far."""


@runtime_checkable
class AsksAnLLM(Protocol):
    """An explainer that asks an LLM, about many neurons at once; replies are cached by question."""

    def propose_each(
        self, neurons: Sequence[tuple[ExploreActivations, np.random.Generator]], size: int
    ) -> list[Hypothesis | None]:
        """What `propose_one` would say of each."""

    def revise_among(
        self,
        explore: ExploreActivations,
        rng: np.random.Generator,
        revealed: Sequence[Revealed],
        best: Sequence[TriedRival],
        others: Sequence[TriedRival],
        predicted: Mapping[str, NDArray[np.bool_]] | None = None,
    ) -> list[Hypothesis]:
        """What `revise` does, knowing how good the best are, and whatever else was tried; and of those of the best of
        which it is known, at which tokens of explore text, [n, pos], they predict firing."""

    def drain_left_out(self) -> list[str]:
        """Why hypotheses cannot be used that were written for the run's neuron since this was last asked."""


class TwinWriter(Protocol):
    """Makes exact rules of sentences in free words."""

    def twins(
        self,
        sentences: Sequence[tuple[str, tuple[str, ...]]],
        explore: ExploreActivations,
        size: int,
        rng: np.random.Generator,
    ) -> list[str | None]:
        """For each sentence the best rule of the words and classes that it speaks of; None where there is none.

        Args:
            sentences: each with words by which excerpts that it claims can be found.
            explore: what the neuron does on explore text.
            size: excerpts per stratum to learn from.
            rng: as in `Explainer.propose`.
        """

    def covers(self, sentence: str, words: Sequence[str]) -> float:
        """Share of some words on which the kinds of words in one of its rules hold."""


class Simulator(Protocol):
    """Says what a sentence of its language predicts, token by token; certain, and at no cost."""

    @property
    def name(self) -> str:
        """How a result calls it."""

    def simulate(self, sentence: str, tokens: NDArray[np.int32]) -> NDArray[np.float32] | Unscored:
        """Predicted levels, float32 [n, pos] in 0..10, for tokens int32 [n, pos] with -1 past the end."""


@dataclass(frozen=True)
class Simulation:
    """What a sentence predicts on excerpts, as far as it could be found out.

    Attributes:
        levels: float32 [n, pos] in 0..10; rows in `unscored` hold nothing of meaning.
        unscored: why a row has no levels, by row.
    """

    levels: NDArray[np.float32]
    unscored: dict[int, str] = field(default_factory=dict)


class WordSimulator(Protocol):
    """Says what a sentence in anybody's words predicts. It costs something, and may fail on a text."""

    @property
    def name(self) -> str:
        """How a result calls it."""

    def simulate(self, sentence: str, tokens: NDArray[np.int32]) -> Simulation:
        """Predicted levels for tokens int32 [n, pos] with -1 past the end."""

    def simulate_each(self, wanted: Sequence[tuple[str, NDArray[np.int32]]]) -> list[Simulation]:
        """What `simulate` says of each, asked all at once; it remembers what it was asked before."""

    def at_ends(self, sentence: str, texts: Sequence[tuple[int, ...]]) -> list[float | Unscored]:
        """The predicted level, 0 to 10, at the last token of each text of token ids."""

    def at_ends_each(self, wanted: Sequence[tuple[str, Sequence[tuple[int, ...]]]]) -> list[list[float | Unscored]]:
        """What `at_ends` says of each, asked all at once; it remembers what it was asked before."""


class Writer(Protocol):
    """Writes texts that tell whether a sentence holds."""

    def write(
        self, best: Sequence[str], revealed: Sequence[Revealed], n: int, rng: np.random.Generator
    ) -> list[WrittenText] | Unscored:
        """Texts that should and should not fire by the first of `best`, the leading sentence and its rivals."""


class Detector(Protocol):
    """Asks whether a sentence picks out the excerpts on which the neuron fires, and the tokens within them.

    Both give one answer a case, `Unscored` where there is none.
    """

    @property
    def name(self) -> str:
        """How a result calls it."""

    def detect(self, sentence: str, texts: Sequence[tuple[int, ...]]) -> list[bool | Unscored]:
        """Does the neuron fire somewhere in each text of token ids?"""

    def fuzz(self, sentence: str, marked: Sequence[tuple[tuple[int, ...], Sequence[bool]]]) -> list[bool | Unscored]:
        """Are the marked tokens of each text those on which the neuron fires?"""


@dataclass(frozen=True)
class MadeText:
    """A text that somebody made from a sentence alone, which may end anywhere.

    Attributes:
        text: as it is read.
        words: the words in it that are meant, where the maker says so: those that the sentence is about, or that look
            like it.
    """

    text: str
    words: tuple[str, ...] = ()


class TextMaker(Protocol):
    """Makes texts from a sentence alone: it sees no evidence, no experiment and no model."""

    @property
    def name(self) -> str:
        """How a table calls it."""

    def positives(self, sentence: str, n: int, rng: np.random.Generator) -> list[MadeText] | Unscored:
        """At most `n` texts in which the neuron must fire somewhere, if the sentence is right."""

    def near_misses(self, sentence: str, n: int, rng: np.random.Generator) -> list[MadeText] | Unscored:
        """At most `n` texts that look like those, and in which it must stay silent, if the sentence is right."""
