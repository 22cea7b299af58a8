"""The kinds of events: one small class each; `events.jsonl` has one event per line.

`at`, `seconds`, `cached` and `this_time` (which LLM replies came from the cache, and what that saved) are the only
clock fields, at any depth. Everything else is a function of the seed, the recorded tool results and a person's actions.
A change to any of these classes needs a new SCHEMA_VERSION.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import (
    Field,
    TypeAdapter,
    ValidationError,
    model_validator,
)
from pydantic_core import from_json

from tools.errors import StorageError
from tools.records.llm import LLMCall
from tools.records.result import PartialResult
from tools.records.scores import Score, as_far_as_readable, read_score
from traces.events.canonical import PARSED, Record, canonical
from traces.events.experiment import PlannedExperiment
from traces.events.recorded import FinalScores, RecordedSettings

SCHEMA_VERSION = 3
CLOCK_FIELDS = frozenset({"at", "seconds", "cached", "this_time"})


def without_clock(event: Event | dict[str, Any]) -> dict[str, Any]:
    """The event as a plain dict with every clock field left out, at any depth, so that two runs can be compared."""

    def strip(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: strip(item) for key, item in value.items() if key not in CLOCK_FIELDS}
        return [strip(item) for item in value] if isinstance(value, list) else value

    plain = event if isinstance(event, dict) else event.model_dump(mode="json")
    return {key: strip(value) for key, value in plain.items() if key not in CLOCK_FIELDS}


class BaseEvent(Record):
    """The fields of every event. The writer sets `seq` (0, 1, 2...) and `at` (UTC, ISO 8601)."""

    seq: int = -1
    at: str = ""


class CorpusName(Record):
    """Which text: its name and the SHA-256 (hex) of its content."""

    name: str
    fingerprint: str


class RunStarted(BaseEvent):
    """Everything that decides the run except the results of tool calls. `commit` is None outside a git checkout."""

    type: Literal["run_started"] = "run_started"
    schema_version: int = SCHEMA_VERSION
    run_id: str
    model: str
    neuron: str
    config: dict[str, Any]
    seed: int
    versions: dict[str, str]
    model_fingerprint: str
    corpus: CorpusName
    commit: str | None = None

    @cached_property
    def settings(self) -> RecordedSettings:
        """What this program looks up in `config`."""
        return as_far_as_readable(RecordedSettings, self.config)


class Stage(BaseEvent):
    """The loop entered a stage: gather, propose, design, predict, measure, judge, react, confirm or causal."""

    type: Literal["stage"] = "stage"
    stage: str
    round: int = 0


class Gathered(BaseEvent):
    """The evidence: the firing threshold theta (raw activation), whether the neuron fires, how much text there is."""

    type: Literal["gathered"] = "gathered"
    theta: float
    status: str
    n_explore_excerpts: int
    counts: dict[str, Any] = Field(default_factory=dict)


class CallError(Record):
    """Why a tool call gave no result: the kind of error and its message."""

    kind: str
    message: str


class ToolCall(BaseEvent):
    """One call through the toolbox, with its cost and its result, which a resumed run gets again.

    `budget_used` counts units over the whole run after this call; `seconds` is the duration of the call; `llm` are the
    LLM calls that the tool made.
    """

    type: Literal["tool_call"] = "tool_call"
    call_id: str
    tool: str
    arguments: dict[str, Any]
    outcome: Literal["ok", "error"]
    result: Any = None
    error: CallError | None = None
    texts: int = 0
    subject_tokens: int = 0
    units: int = 0
    charged: bool = True
    budget_used: int = 0
    seconds: float = 0.0
    llm: list[LLMCall] = Field(default_factory=list)


class HypothesisProposed(BaseEvent):
    """A rival entered the tournament. `origin` says who wrote it, `parent` which hypothesis it revises."""

    type: Literal["hypothesis_proposed"] = "hypothesis_proposed"
    hypothesis: str
    form: str
    sentence: str
    words: int
    parent: str | None = None
    round: int = 0
    origin: str = ""


class ExperimentsDesigned(BaseEvent):
    """The experiments of a round, before anything is known about them."""

    type: Literal["experiments_designed"] = "experiments_designed"
    round: int
    experiments: list[PlannedExperiment]


def predictions_sha256(predictions: Mapping[str, Sequence[float | None]]) -> str:
    """SHA-256 (hex) over the canonical JSON (sorted keys, no spaces) of the predictions."""
    return _sha256(canonical(predictions))


def _sha256(canonical_predictions: Mapping[str, Sequence[float | None]]) -> str:
    text = json.dumps(canonical_predictions, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


class PredictionsRegistered(BaseEvent):
    """Each rival's probability of firing for each experiment, in the order of `experiment_ids`, before any reading.

    None if a rival has no prediction because an LLM gave no usable reply. `sha256` is
    `predictions_sha256(predictions)`; it is filled in if left out, and a wrong one is refused.
    """

    type: Literal["predictions_registered"] = "predictions_registered"
    round: int
    experiment_ids: list[str]
    predictions: dict[str, list[float | None]]
    sha256: str = ""

    @model_validator(mode="after")
    def _check(self) -> PredictionsRegistered:
        for hypothesis, probabilities in self.predictions.items():
            if len(probabilities) != len(self.experiment_ids):
                raise ValueError(
                    f"{hypothesis} predicts {len(probabilities)} of {len(self.experiment_ids)} experiments: "
                    "every rival must predict every experiment"
                )
        digest = _sha256(self.predictions)
        if self.sha256 not in ("", digest):
            raise ValueError("the sha256 is not that of the predictions: they were changed after they were registered")
        object.__setattr__(self, "sha256", digest)
        return self


class ReadingsRevealed(BaseEvent):
    """What the neuron did: per experiment the raw activation (largest, or at its position) and whether it fired.

    Exploratory activations were not predicted and earn nobody evidence.
    """

    type: Literal["readings_revealed"] = "readings_revealed"
    round: int
    experiment_ids: list[str]
    values: list[float]
    fired: list[bool]
    exploratory: bool = False

    @model_validator(mode="after")
    def _check(self) -> ReadingsRevealed:
        if not len(self.experiment_ids) == len(self.values) == len(self.fired):
            raise ValueError("experiment_ids, values and fired must be equally long")
        return self


class BeliefUpdated(BaseEvent):
    """Belief (weights that sum to 1) per hypothesis after a round, and the log score (nats) that each earned in it."""

    type: Literal["belief_updated"] = "belief_updated"
    round: int
    beliefs: dict[str, float]
    log_scores: dict[str, float] = Field(default_factory=dict)


class PredictionsScored(BaseEvent):
    """How well a hypothesis predicted the neuron: log score, skill against base rate, calibration, sign accuracy.

    `experiments` is `chosen` (the run's own) or `probe` (the fixed set); `scores` as in
    `tools.records.predictions.PredictionScores`.
    """

    type: Literal["predictions_scored"] = "predictions_scored"
    hypothesis: str
    experiments: Literal["chosen", "probe"]
    scores: dict[str, Any]


class Scored(BaseEvent):
    """A score of one hypothesis or baseline: `{value, low, high, ...}`, or `{value: null, reason}`."""

    type: Literal["scored"] = "scored"
    hypothesis: str
    split: str
    protocol: str
    score: dict[str, Any]
    round: int = 0

    @cached_property
    def measured(self) -> Score:
        """The score as its type, whatever version wrote it."""
        return read_score(self.score)


class Decided(BaseEvent):
    """What the judge decided, and why; `narrow` and `widen` say how a word class of a rival was changed, `win` by which
    criterion a rival became the explanation."""

    type: Literal["decided"] = "decided"
    action: Literal["refine", "split", "merge", "drop", "stop", "narrow", "widen", "win"]
    reason: str
    hypothesis: str | None = None
    round: int = 0


class SealedOpened(BaseEvent):
    """A sealed fold was opened, as number `opening` (from 1) for this neuron and corpus."""

    type: Literal["sealed_opened"] = "sealed_opened"
    fold: int
    opening: int
    reused: bool


class Confirmed(BaseEvent):
    """The final scores, by name."""

    type: Literal["confirmed"] = "confirmed"
    scores: dict[str, Any]

    @cached_property
    def final(self) -> FinalScores:
        """The scores as their type, whatever version wrote them."""
        return FinalScores.read(self.scores)


class PersonActed(BaseEvent):
    """What a person did while the run was paused; it decides what follows, like a tool's result.

    Attributes:
        pause: the number of the pause point, among all those of the run.
        before: what the pause was before: a round of experiments, or the confirmation on a sealed fold.
        round: rounds begun so far.
        action: `drop` a hypothesis, `add` an explanation as a rival, `test` a text, add `budget`, ask for more
            `experiments`, `finish` the search, or `go` on.
        hypothesis: which one was dropped.
        text: the added explanation, or the tested text.
        units: of budget that were added.
    """

    type: Literal["person_acted"] = "person_acted"
    pause: int
    before: Literal["experiments", "confirm"]
    round: int
    action: Literal["drop", "add", "test", "budget", "experiments", "finish", "go"]
    hypothesis: str | None = None
    text: str | None = None
    units: int | None = None


class Note(BaseEvent):
    """Something worth knowing that does not change when the run is resumed; anything else belongs only on the
    screen.
    """

    type: Literal["note"] = "note"
    message: str
    level: Literal["info", "warning"] = "info"


class Finished(BaseEvent):
    """The run ended with a result (the content of result.json)."""

    type: Literal["finished"] = "finished"
    result: dict[str, Any]

    @cached_property
    def found(self) -> PartialResult:
        """What can be read of the result, whatever version wrote it."""
        return PartialResult.read(self.result)


class Interrupted(BaseEvent):
    """The user stopped the run; it can be resumed."""

    type: Literal["interrupted"] = "interrupted"
    reason: str


class Failed(BaseEvent):
    """The run ended with an error; it can be resumed."""

    type: Literal["failed"] = "failed"
    error: CallError


Event = Annotated[
    RunStarted
    | Stage
    | Gathered
    | ToolCall
    | HypothesisProposed
    | ExperimentsDesigned
    | PredictionsRegistered
    | ReadingsRevealed
    | BeliefUpdated
    | PredictionsScored
    | Scored
    | Decided
    | SealedOpened
    | Confirmed
    | PersonActed
    | Note
    | Finished
    | Interrupted
    | Failed,
    Field(discriminator="type"),
]

_ADAPTER: TypeAdapter[Event] = TypeAdapter(Event)
_TYPES: frozenset[str] = frozenset(cls.model_fields["type"].default for cls in BaseEvent.__subclasses__())


def event_to_line(event: Event) -> bytes:
    """One line of events.jsonl, newline included."""
    return json.dumps(event.model_dump(mode="json"), ensure_ascii=False, allow_nan=False).encode() + b"\n"


def _parsed(line: bytes) -> tuple[Any, dict[str, bool] | None]:
    """The JSON in a line, and its validation context."""
    try:
        return from_json(line, allow_inf_nan=False), PARSED
    except ValueError:
        return json.loads(line), None  # slower, but accepts what Python writes: NaN, lone surrogates, deep nesting


def event_from_line(line: bytes, where: str) -> Event:
    """The event in one line of events.jsonl; `where` (file and line number) goes into the errors.

    Raises:
        StorageError: it is damaged, or was written by a newer version of this program.
    """
    try:
        fields, context = _parsed(line)
    except ValueError as error:
        raise StorageError(f"{where} is damaged (not JSON): restore the file, or start a new run.") from error
    if not isinstance(fields, dict):
        raise StorageError(f"{where} is damaged (not an event): restore the file, or start a new run.")
    version = fields.get("schema_version")
    if fields.get("type") == "run_started" and isinstance(version, int) and version > SCHEMA_VERSION:
        raise StorageError(
            f"{where} has trace format {version}, but this program reads up to {SCHEMA_VERSION}: upgrade the program."
        )
    kind = fields.get("type")
    if isinstance(kind, str) and kind not in _TYPES:
        raise StorageError(f"{where} has an event of unknown type {kind!r}: a newer version of this program wrote it.")
    try:
        return _ADAPTER.validate_python(fields, context=context)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "type"
        raise StorageError(f"{where} is damaged ({field}: {first['msg']}): restore it, or start a new run.") from error
