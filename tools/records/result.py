"""What a run found: the content of result.json and of `agent explain --json`. Any change needs a new RESULT_VERSION.

Version 2 knows a label, examples, the reader and the predictor, and holds the explanation to its contract (see
`tools.readable.contract`). Results of version 1 are read as they are.

`Result` is what this program writes. `PartialResult` is what can be read of one that may come from elsewhere: every
field of it may be missing. A result that this program makes has no field that is not named here. One that it reads
may have more, as from a newer version: they are dropped, and stay in the file (see `tools.records.scores.Record`). The
JSON Schema of a result is published as `traces/result.schema.json`.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from tools.readable import contract
from tools.records.costs import Cost, LLMReport
from tools.records.coverage import Claim, Count, FoundMeaning
from tools.records.effects import CausalFindings
from tools.records.gated import AlwaysOn, OtherSide
from tools.records.neuron import NeuronId, neuron_of
from tools.records.predictions import PredictionScores, RegisteredPredictions
from tools.records.result_parts import (
    AnytimePoint,
    Baselines,
    Budget,
    Corpus,
    EarlierExplanation,
    Example,
    Gains,
    Level,
    LLMAccuracies,
    PanelRow,
    Predictor,
    Rival,
)
from tools.records.scores import (
    Compared,
    Interval,
    Measured,
    Record,
    ScoreValue,
    Unscored,
    as_far_as_readable,
    if_known,
)

__all__ = [
    "RESULT_VERSION",
    "AnytimePoint",
    "Baselines",
    "Budget",
    "Compared",
    "Corpus",
    "Cost",
    "EarlierExplanation",
    "Example",
    "Gains",
    "Interval",
    "LLMAccuracies",
    "Level",
    "Measured",
    "PanelRow",
    "PartialResult",
    "Predictor",
    "Result",
    "Rival",
    "ScoreValue",
    "StopReason",
    "Unscored",
    "Verdict",
]

RESULT_VERSION: Literal[2] = 2

Verdict = Literal["supported", "split", "unresolved", "noise", "dead"]

StopReason = Literal["plateau", "budget", "perfect", "rounds", "dead", "finished", "no answer", "person"]
"""Why a loop ends; `finished` and `no answer` are an LLM's that decides by itself."""


class PartialResult(Record):
    """What can be read of a result that may come from elsewhere; a field that cannot be read is None.

    Attributes:
        reads_its_own: whether the LLM that wrote the explanation also read it.
        reason: why that verdict, in words.
        words: how many the explanation has; 0 without one.
        theta: raw activation above which the neuron fires.
        status: whether the neuron is firing, sparse or dead on this corpus.
        n_tokens: how many tokens of the corpus were read.
        tool_calls: how many calls of tools, charged or not.
        always_on: of a neuron that is nearly always on; else absent.
        other_side: of a gated neuron, what its other side does; else absent.
        openai_top_random: correlation (-1 to 1) by OpenAI's protocol: 5 top and 5 random excerpts of the sealed fold.
        random_only: correlation (-1 to 1) on the random excerpts of the sealed fold alone.
        gains: the explanation's score less that of each baseline, the predictor and an earlier explanation: differences
            of correlations, -2 to 2.
        scores: scores besides correlation, by name; the `protocol` of each says its unit.
        sealed_fold: which fold of the sealed split was opened, from 0.
        sealed_opening: how many times one was opened for this neuron and corpus, this one counted.
        sealed_reused: whether an earlier run had opened this fold.
        null_tries: how many explanations of other neurons were scored for the null.
        null_from: how many of them came from where (rules, results, kept, asked).
        null_by_twins: how many of them were judged by their lexical twins.
        probe_skill: skill of registered predictions against base rate on the fixed probe set: 0 is base rate, 1
            perfect.
        registered: the registered predictions of the explanation, one by one.
        predictions: how right they were: `chosen`, the run's own experiments, and `probe`, the fixed probe set.
        anytime: what the run would have scored with less budget, by units of budget used.
        tests: carriers that bore the explanation out, by kind of test (predicted positive, predicted negative, minimal
            pair).
        asked: detection and fuzzing by an LLM; absent where none was asked.
        meanings: the unrelated meanings of the explanation; absent where it has one alone.
        previous: an earlier run's explanation on this run's fold; absent without one.
        optimism_gap: development score less sealed score: a difference of correlations, -2 to 2; absent where one of
            them is missing.
        written_by: the explainer that wrote the explanation, or `person`; absent where none did.
        causal: what the neuron does to the model's output; absent where nobody looked.
        claims: which parts of the explanation were ever put to the test; absent where that is not known.
        llm: what was asked of LLMs; absent where none was.
    """

    schema_version: int | None = None
    run_id: str | None = None
    model: str | None = None
    model_fingerprint: str | None = None
    neuron: str | None = None
    verdict: str | None = None
    label: str | None = None
    explanation: str | None = None
    examples: list[Example] | None = None
    reader: str | None = None
    predictor: Predictor | None = None
    stop_reason: str | None = None
    score: Measured | None = None
    development_score: Measured | None = None
    baselines: Baselines | None = None
    budget: Budget | None = None
    seconds: float | None = None
    cost: Cost | None = None
    rivals: list[Rival] | None = None
    explainer: str | None = None
    simulator: str | None = None
    variant: str | None = None
    seed: int | None = None
    corpus: Corpus | None = None
    trace: str | None = None

    reads_its_own: bool | None = if_known()
    reason: str | None = if_known()
    words: int | None = if_known()
    theta: float | None = if_known()
    status: str | None = if_known()
    n_tokens: int | None = if_known()
    tool_calls: int | None = if_known()
    always_on: AlwaysOn | None = if_known()
    other_side: OtherSide | None = if_known()
    openai_top_random: Measured | None = if_known()
    random_only: Measured | None = if_known()
    gains: Gains | None = if_known()
    scores: dict[str, PanelRow] | None = if_known()
    sealed_fold: int | None = if_known()
    sealed_opening: int | None = if_known()
    sealed_reused: bool | None = if_known()
    null_tries: int | None = if_known()
    null_from: dict[str, int] | None = if_known()
    null_by_twins: int | None = if_known()
    probe_skill: Measured | None = if_known()
    registered: RegisteredPredictions | None = if_known()
    predictions: dict[str, PredictionScores] | None = if_known()
    anytime: list[AnytimePoint] | None = if_known()
    tests: dict[str, Count] | None = if_known()
    asked: LLMAccuracies | None = if_known()
    meanings: list[FoundMeaning] | None = if_known()
    previous: EarlierExplanation | None = if_known()
    optimism_gap: float | None = if_known()
    written_by: str | None = if_known()
    causal: CausalFindings | None = if_known()
    claims: list[Claim] | None = if_known()
    llm: LLMReport | None = if_known()

    def known(self) -> dict[str, Any]:
        """What is not None, by name."""
        return {name: value for name in type(self).model_fields if (value := getattr(self, name)) is not None}

    @staticmethod
    def read(found: Any) -> PartialResult:
        """What can be read of plain JSON that should be a result, whatever it holds."""
        return as_far_as_readable(PartialResult, found)


class Result(PartialResult):
    """The outcome of explaining one neuron.

    Attributes:
        schema_version: the number of the format.
        run_id: which run.
        model: a name for people, which several models may have.
        model_fingerprint: says which model it was; null in results of older versions.
        neuron: as in L5N131, or L5N131- for its side below zero.
        verdict: what the run may claim.
        label: names in a few words (1 to 6) what the explanation says; null without one.
        explanation: one sentence of at most 25 words; null where there is none, as of a dead neuron.
        examples: at most five pieces of explore text.
        reader: who said what the explanation predicts (lexical, or openai:MODEL); null without one.
        predictor: the best machine-readable rule, for reference; null where none was found.
        stop_reason: why the loop ended.
        score: of the explanation on the sealed fold: correlation of simulated with true activations, -1 to 1.
        development_score: the same on development text, which drove the search; also a correlation, -1 to 1.
        baselines: what it must beat.
        budget: units of the toolbox that were allowed and used.
        seconds: of wall-clock time that the run took, with what was done before it was resumed.
        cost: of LLM calls, in tokens and US dollars.
        rivals: all hypotheses that competed, in the order in which they entered.
        explainer: who wrote hypotheses (rules, or openai:MODEL).
        simulator: who simulated them (lexical, or openai:MODEL).
        variant: the configuration of the agent.
        seed: of all that is drawn at random; a whole number.
        corpus: the text that the neuron was read on.
        trace: where the events of the run lie: a path.
    """

    schema_version: Literal[1, 2] = RESULT_VERSION
    run_id: str
    model: str
    neuron: str
    verdict: Verdict
    explanation: str | None
    examples: list[Example] = Field(default_factory=list, max_length=5)
    stop_reason: StopReason
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

    @property
    def neuron_id(self) -> NeuronId | None:
        """The neuron; None where its name is not one of a neuron."""
        return neuron_of(self.neuron)

    def with_more(self, more: PartialResult) -> Result:
        """The same, with all that `more` knows in the place of what was there."""
        return Result.model_validate({**dict(self), **more.known()})

    def to_json(self) -> dict[str, Any]:
        """The contract as plain JSON values; never NaN or an infinity."""
        return self.model_dump(mode="json")
