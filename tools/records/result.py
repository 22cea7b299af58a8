"""What a run found: the content of result.json and of `agent explain --json`. Any change needs a new RESULT_VERSION.

Version 2 knows a label, examples, the reader and the predictor, and holds the explanation to its contract (see
`tools.readable.contract`). Results of version 1 are read as they are.

Fields beyond the contract are allowed on a score and on the result, and are kept, provided that JSON can say them.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from tools.readable import contract

RESULT_VERSION: Literal[2] = 2

Verdict = Literal["supported", "split", "unresolved", "noise", "dead"]
Level = Literal["top", "middle", "weak"]


class _Closed(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class _Open(BaseModel):
    model_config = ConfigDict(frozen=True, extra="allow", allow_inf_nan=False)

    @model_validator(mode="after")
    def _extras_are_json(self) -> _Open:
        for name, value in (self.__pydantic_extra__ or {}).items():
            plain = value.model_dump(mode="json") if isinstance(value, BaseModel) else value
            try:
                json.dumps(plain, allow_nan=False)
            except (TypeError, ValueError) as error:
                raise ValueError(f"{name} cannot be written as JSON: {error}") from error
        return self


class Interval(_Open):
    """A score with the bounds of its 95 % interval."""

    value: float
    low: float
    high: float


class ScoreValue(Interval):
    """A score, how it was measured, and on how many excerpts; `n_unscored` more could not be scored."""

    protocol: str
    split: str
    n_excerpts: int
    n_unscored: int = 0


class Unscored(_Open):
    """A score that could not be had, and why."""

    value: None = None
    reason: str = Field(min_length=1)


Measured = ScoreValue | Unscored
Compared = Interval | Unscored


class Baselines(_Open):
    """What an explanation must beat, on the same excerpts."""

    token_lookup_30: Compared
    token_lookup_full: Compared
    null: Compared


class Budget(_Closed):
    """Units of the toolbox: what was allowed (None: no limit) and what was used."""

    limit: Annotated[int, Field(ge=1)] | None
    used: Annotated[int, Field(ge=0)]
    unit: str = "tool call of at most 64 texts or 4096 subject tokens"


class Cost(_Closed):
    """What LLM calls cost: tokens in and out, and US dollars where the price is known."""

    tokens: int = 0
    usd: float | None = 0.0


class Rival(_Open):
    """A hypothesis that competed; `status` is how it ended (winner, survived, dropped, ...)."""

    explanation: str
    score: Measured | Interval
    status: str


class Corpus(_Closed):
    """Which text: its name and the SHA-256 (hex) of its content."""

    name: str
    fingerprint: str


class Example(_Closed):
    """A piece of explore text, token by token: the raw values, and where the neuron fires.

    `level` says which of its firing this is like; `document` is the document's number in the corpus.
    """

    level: Level
    document: int
    tokens: list[str]
    values: list[float]
    fires: list[bool]

    @model_validator(mode="after")
    def _is_of_one_length(self) -> Example:
        if not len(self.tokens) == len(self.values) == len(self.fires):
            raise ValueError("an example has as many values and marks as tokens")
        return self


class Predictor(_Closed):
    """The best machine-readable rule of any form: how much of the neuron local text can predict. For reference."""

    sentence: str
    score: Measured
    development_score: Measured


class Result(_Open):
    """The outcome of explaining one neuron. `explanation` is None where there is none (a dead neuron).

    `label` names in a few words what the explanation says; `reader` is who said what it predicts (`lexical`, or
    `openai:MODEL`). Both are None without an explanation.

    `model` is a name for people, which several models may have; `model_fingerprint` says which one it was, and is None
    in results of older versions.
    """

    schema_version: Literal[1, 2] = RESULT_VERSION
    run_id: str
    model: str
    model_fingerprint: str | None = None
    neuron: str
    verdict: Verdict
    label: str | None = None
    explanation: str | None
    examples: list[Example] = Field(default_factory=list, max_length=5)
    reader: str | None = None
    predictor: Predictor | None = None
    stop_reason: str
    score: Measured
    development_score: Measured
    baselines: Baselines
    budget: Budget
    seconds: float
    cost: Cost = Cost()
    rivals: list[Rival]
    explainer: str
    simulator: str
    variant: str
    seed: int
    corpus: Corpus
    trace: str

    @model_validator(mode="after")
    def _keeps_the_contract(self) -> Result:
        if self.schema_version == 1 or self.explanation is None:
            return self
        if (reason := contract.why_not(self.explanation)) is not None:
            raise ValueError(f"{self.explanation!r} is no explanation: {reason}")
        n = contract.n_words(self.label or "")
        if not 1 <= n <= contract.MAX_LABEL_WORDS:
            raise ValueError(f"a label has 1 to {contract.MAX_LABEL_WORDS} words, and {self.label!r} has {n}")
        if not self.reader:
            raise ValueError("an explanation comes with who read it")
        return self

    def to_json(self) -> dict[str, Any]:
        """The contract as plain JSON values; never NaN or an infinity."""
        return self.model_dump(mode="json")
