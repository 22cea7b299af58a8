"""What a result is made of: baselines, gains, rivals, examples and the other parts of `tools.records.result.Result`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from tools.records.predictions import PredictionScores
from tools.records.scores import Compared, Interval, Measured, Record, if_known

Level = Literal["top", "middle", "weak"]


class Baselines(Record):
    """What an explanation must beat, on the same excerpts; each a correlation of simulated with true activations.

    Attributes:
        token_lookup_30: a table of 30 tokens, as long as an explanation.
        token_lookup_full: a table of all tokens, which nobody could read; for reference.
        null: the best of as many explanations of other neurons as this run tried.
    """

    token_lookup_30: Compared
    token_lookup_full: Compared
    null: Compared

    def by_name(self) -> dict[str, Compared]:
        """Each of them."""
        names = ("token_lookup_30", "token_lookup_full", "null")
        return {name: getattr(self, name) for name in names}


class Gains(Record):
    """An explanation's score less that of others on the same excerpts, in pairs: differences of correlations.

    Attributes:
        token_lookup_30: over the table of 30 tokens.
        token_lookup_full: over the table of all tokens.
        null: over the null.
        previous: over an earlier run's explanation; absent without one.
        predictor: over the predictor; absent without one.
    """

    token_lookup_30: Compared | None = if_known()
    token_lookup_full: Compared | None = if_known()
    null: Compared | None = if_known()
    previous: Compared | None = if_known()
    predictor: Compared | None = if_known()

    def by_name(self) -> dict[str, Compared]:
        """Those that are known."""
        return {name: gain for name in Gains.model_fields if (gain := getattr(self, name)) is not None}


class Budget(Record):
    """What the run could spend on tool calls.

    Attributes:
        limit: units allowed; null for no limit.
        used: units used.
        unit: what a unit is.
    """

    limit: Annotated[int, Field(ge=1)] | None
    used: Annotated[int, Field(ge=0)]
    unit: str = "tool call of at most 64 texts or 4096 subject tokens"


# `tools.records.hypothesis.Hypothesis` as a result publishes it: the schema fixes this name, the fields and the text.
class Rival(Record):
    """A hypothesis that competed.

    Attributes:
        explanation: its sentence.
        score: correlation on development text, -1 to 1.
        status: how it ended: winner, survived, dropped or merged.
        name: such as H3, or that of a baseline that is always there.
        form: what kind of hypothesis it is.
        predictions: how right its registered predictions were: `chosen`, the run's own experiments, and `probe`, the
            fixed probe set.
        origin: who added it, where a person did while the run was paused; else absent.
    """

    explanation: str
    score: Measured | Interval
    status: str
    name: str | None = if_known()
    form: str | None = if_known()
    predictions: dict[str, PredictionScores] | None = if_known()
    origin: str | None = if_known()


class Corpus(Record):
    """Which text.

    Attributes:
        name: for people.
        fingerprint: SHA-256 (hex) of its content.
    """

    name: str
    fingerprint: str


class Example(Record):
    """A piece of explore text, token by token.

    Attributes:
        level: which of the neuron's firing this is like: its top, the middle, or weak.
        document: the document's number in the corpus, from 0.
        tokens: the tokens' strings.
        values: raw activations, one a token.
        fires: whether each is above the firing threshold.
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


class Predictor(Record):
    """The best machine-readable rule of any form: how much of the neuron local text can predict. For reference.

    Attributes:
        sentence: the rule.
        score: correlation on the sealed fold, -1 to 1.
        development_score: correlation on development text, -1 to 1.
    """

    sentence: str
    score: Measured
    development_score: Measured


class PanelRow(Record):
    """One of the scores besides correlation, on the same excerpts.

    Attributes:
        explanation: of the explanation.
        token_lookup_30: of the table of 30 tokens.
        null: of the null.
    """

    explanation: Measured
    token_lookup_30: Measured
    null: Measured


class EarlierExplanation(Record):
    """What an earlier run on the same neuron and corpus had found, scored on this run's sealed fold.

    Attributes:
        run_id: the earlier run.
        explanation: its sentence.
        score: of that sentence on this run's fold: a correlation, -1 to 1.
    """

    run_id: str
    explanation: str
    score: Measured


class LLMAccuracies(Record):
    """An LLM's answers on sealed excerpts, as balanced accuracies: 0.5 for one who knows nothing, 1 at best.

    Attributes:
        detection: it says in which excerpts the neuron fires.
        fuzzing: it says whether the marked tokens are the firing ones.
    """

    detection: Measured
    fuzzing: Measured


class AnytimePoint(Record):
    """Who led at that moment, scored on development text then and on the sealed fold at the end.

    Attributes:
        used: units of budget that were used.
        development: the leader's score on development text, as it was then: a correlation, -1 to 1.
        sealed: the leader's score on the sealed fold: a correlation, -1 to 1.
    """

    used: int
    development: Measured
    sealed: Measured
