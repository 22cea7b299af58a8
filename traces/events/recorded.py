"""What this program looks up in the free parts of events, of any version: settings, final scores, a tool's result."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from tools.records.scores import Interval, ReadScore, Record, Score, Unscored, as_far_as_readable, read_score
from tools.records.simulated_excerpts import SimulatedExcerpts


class RecordedSettings(Record):
    """Settings of a run; None where its version had no such setting.

    Attributes:
        variant: which way of deciding.
        explainer: who writes hypotheses.
        simulator: who simulates them.
        budget: units of the toolbox; None also for no limit.
        policy: who decides.
        planted: functions of text that act as neurons.
        concepts: the file of the user's own word classes.
    """

    variant: str | None = None
    explainer: str | None = None
    simulator: str | None = None
    budget: int | None = None
    policy: str | None = None
    planted: list[str] = Field(default_factory=list)
    concepts: str | None = None


class Fingerprinted(Record):
    """A model, a corpus or an index that a run read; the fingerprint (hex) says which it was."""

    fingerprint: str | None = None


class RecordedRun(Record):
    """What this program looks up in a run.json; None where the run had not got there, or its version does not say.

    Attributes:
        config: the settings.
        model: that was explained.
        corpus: that it was read on.
        index: that the evidence came from.
    """

    config: Annotated[RecordedSettings, BeforeValidator(partial(as_far_as_readable, RecordedSettings))] = (
        RecordedSettings()
    )
    model: Fingerprinted | None = None
    corpus: Fingerprinted | None = None
    index: Fingerprinted | None = None


class FinalScores(Record):
    """The scores of a `confirmed` event: see `tools.catalogue.confirmation.Confirmation`.

    Attributes:
        score: of the explanation.
        openai_top_random: by OpenAI's protocol.
        random_only: on the random excerpts alone.
        baselines: by name.
        gains: of the explanation over each of them, by name.
        predictor: of the predictor.
        previous: of an earlier run's explanation.
        leaders: of those that led on the way.
        scores: those besides correlation, by name, each for the explanation and some baselines.
        others: what only other versions have, by name, with its scores as scores.
    """

    score: ReadScore | None = None
    openai_top_random: ReadScore | None = None
    random_only: ReadScore | None = None
    baselines: dict[str, ReadScore] = Field(default_factory=dict)
    gains: dict[str, ReadScore] = Field(default_factory=dict)
    predictor: ReadScore | None = None
    previous: ReadScore | None = None
    leaders: list[ReadScore] = Field(default_factory=list)
    scores: dict[str, dict[str, ReadScore]] = Field(default_factory=dict)
    others: dict[str, Any] = Field(default_factory=dict)

    @classmethod
    def read(cls, found: dict[str, Any]) -> FinalScores:
        """From the JSON of any version."""
        others = {name: _with_scores(value) for name, value in found.items() if name not in cls.model_fields}
        return as_far_as_readable(cls, {**found, "others": others})

    def by_name(self) -> dict[str, Score]:
        """All of them: `sealed`, then `baseline.null`, `gain.null`, `detection.explanation` and so on."""
        parts = {
            "sealed": self.score, "openai_top_random": self.openai_top_random, "random_only": self.random_only,
            "baseline": self.baselines, "gain": self.gains, "predictor": self.predictor, "previous": self.previous,
            **self.scores, **self.others,
        }  # fmt: skip
        return dict(_named(parts, ""))


def _with_scores(value: Any) -> Any:
    if isinstance(value, list):
        return [_with_scores(one) for one in value]
    if not isinstance(value, dict):
        return value
    return read_score(value) if "value" in value else {name: _with_scores(one) for name, one in value.items()}


def _named(value: Any, name: str) -> Iterator[tuple[str, Score]]:
    if isinstance(value, Interval | Unscored):
        yield name, value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _named(inner, f"{name}.{key}" if name else key)


class DesignArguments(Record):
    """The arguments of `design_experiments`: how many texts of each generator the round wanted."""

    quotas: dict[str, int] = Field(default_factory=dict)


class ReadResult(Record):
    """The result of a tool that reads the neuron: per text the raw activation at each of its tokens."""

    values: list[list[float]] = Field(default_factory=list)


class ThinkResult(Record):
    """The result of `think`: what an LLM said, and the calls that it asked for, as it wrote them.

    A call is (the endpoint's id, name of the tool, arguments).
    """

    said: str | None = None
    raw: list[tuple[str, str, str]] = Field(default_factory=list)


class ConfirmArguments(Record):
    """The arguments of `confirm`: the explanation, an earlier run's if there is one, and the fold to open."""

    sentence: str | None = None
    previous: str | None = None
    fold: int | None = None


class ConfirmResult(Record):
    """The result of `confirm`, as far as no other event has it: sealed excerpts token by token."""

    shown: SimulatedExcerpts = Field(default_factory=SimulatedExcerpts)


class SentenceTable(Record):
    """An explanation, and its probabilities of firing (0 to 1) at levels 0 to 10 where they are known."""

    sentence: str | None = None
    table: Annotated[list[float], Field(min_length=11, max_length=11)] | None = None


class ScoreResult(Record):
    """The result of `score`, as far as no other event has it."""

    scores: list[SentenceTable] = Field(default_factory=list)
