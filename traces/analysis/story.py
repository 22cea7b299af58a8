"""A trace, finished or not, grouped by hypothesis and by round."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationError

from tools.errors import StorageError
from tools.records.effects import OutputWeights
from tools.records.result import PartialResult
from tools.records.scores import Score, Unscored, as_far_as_readable
from tools.records.simulated_excerpts import SimulatedExcerpts
from tools.scoring.log_score import Order, earned, earned_by_order, order_of
from traces.events.experiment import PlannedExperiment, TextChange
from traces.events.kinds import (
    Decided,
    Event,
    HypothesisProposed,
    PersonActed,
    RunStarted,
    SealedOpened,
    ToolCall,
)
from traces.events.recorded import ConfirmResult, DesignArguments, FinalScores, ReadResult
from traces.events.runs import is_session
from traces.events.store import is_being_written, load_trace

_BEFORE = "-before"
"""Suffix of an experiment's name in a prediction about the original of its text."""


@dataclass
class Trial:
    """One experiment: what each rival predicted (probability of firing), what the neuron did (raw activation).

    Attributes:
        value: the scored activation: at the experiment's position, or the largest.
        values: at each of the experiment's tokens; None if the trace does not say.
        predicted_before: what each rival predicted for the text that this one was made from.
        share: of one unit of evidence: 1 over the texts of the round that were cut from the same carrier.
        theta: the raw value above which the neuron fires.
    """

    experiment: PlannedExperiment
    predicted: dict[str, float] = field(default_factory=dict)
    value: float | None = None
    values: list[float] | None = None
    fired: bool | None = None
    exploratory: bool = False
    predicted_before: dict[str, float] = field(default_factory=dict)
    share: float = 1.0
    theta: float = 0.0

    @property
    def change(self) -> TextChange | None:
        """How the text was made from another; None if it was not, or if an older trace does not say."""
        return self.experiment.expectations.change

    @property
    def disagreement(self) -> float:
        """How far the rivals' predictions lie apart, 0 to 1."""
        return max(self.predicted.values()) - min(self.predicted.values()) if self.predicted else 0.0

    def was_wrong(self, hypothesis: str) -> bool:
        """Whether a rival expected the other outcome."""
        return self.fired is not None and (self.predicted[hypothesis] >= 0.5) != self.fired

    @property
    def order(self) -> Order | None:
        """For a text scored by the order of activations before and after a change: the order that was observed."""
        known = self.experiment.expectations
        if known.scored_by != "order" or known.before_the_change is None or self.value is None:
            return None
        return order_of(known.before_the_change, self.value, self.theta)

    def log_score(self, hypothesis: str) -> float | None:
        """The evidence that a rival earned here: its share of the log probability that it gave to the outcome, in nats;
        None before the reading, or without a prediction."""
        p, before = self.predicted.get(hypothesis), self.predicted_before.get(hypothesis)
        if p is None or self.fired is None or self.exploratory:
            return None
        if (order := self.order) is None:
            return self.share * earned(p, self.fired)
        return None if before is None else self.share * earned_by_order(before, p, order)


@dataclass
class Round:
    """One turn of the loop; `quotas` are the texts that it wanted of each generator, empty where nobody says."""

    number: int
    quotas: dict[str, int] = field(default_factory=dict)
    experiments: dict[str, Trial] = field(default_factory=dict)
    beliefs: dict[str, float] = field(default_factory=dict)
    decisions: list[Decided] = field(default_factory=list)

    @property
    def without_text(self) -> list[str]:
        """Generators that the round wanted texts of, and that made none which was new."""
        made = {trial.experiment.generator for trial in self.experiments.values()}
        return [name for name, wanted in self.quotas.items() if wanted and name not in made]


@dataclass
class Story:
    """The content of one neuron's trace.

    Attributes:
        state: `finished`, `running`, `interrupted`, `failed`, `damaged`, or `closed` for a session of `agent mcp`.
        result: the content of result.json, as far as it can be read; empty until the run has finished.
        has_result: whether the run has finished with one.
        scores: per hypothesis or baseline and split, the last score.
        acted: what a person did while the run was paused.
        trouble: one sentence per error, interruption or warning.
        confirmed: the final scores; None before sealed text was scored.
        shown: sealed excerpts token by token; none in older traces.
        output: what the output weights say; None if not asked.
    """

    path: Path
    state: str
    truncated: bool = False
    started: RunStarted | None = None
    theta: float | None = None
    status: str = ""
    ended_at: str = ""
    result: PartialResult = field(default_factory=PartialResult)
    has_result: bool = False
    hypotheses: dict[str, HypothesisProposed] = field(default_factory=dict)
    scores: dict[tuple[str, str], Score] = field(default_factory=dict)
    dropped: dict[str, str] = field(default_factory=dict)
    beliefs: dict[str, float] = field(default_factory=dict)
    rounds: dict[int, Round] = field(default_factory=dict)
    opened: SealedOpened | None = None
    confirmed: FinalScores | None = None
    calls: list[ToolCall] = field(default_factory=list)
    acted: list[PersonActed] = field(default_factory=list)
    trouble: list[str] = field(default_factory=list)
    shown: SimulatedExcerpts = field(default_factory=SimulatedExcerpts)
    output: OutputWeights | None = None
    _last_read: list[list[float]] = field(default_factory=list)
    _wanted: dict[str, int] = field(default_factory=dict)

    @property
    def budget_used(self) -> int:
        """Units charged so far."""
        return self.calls[-1].budget_used if self.calls else 0

    @property
    def stop_reason(self) -> str:
        """Why the loop stopped, empty while it has not."""
        stops = [d.reason for r in self.rounds.values() for d in r.decisions if d.action == "stop"]
        return self.result.stop_reason or (stops[-1] if stops else "")

    def round(self, number: int) -> Round:
        """The round of that number, created if it is new."""
        return self.rounds.setdefault(number, Round(number))


def read_story(path: Path) -> Story:
    """Read the trace at `path`; the story of a trace that is damaged in the middle says so and nothing else."""
    try:
        trace = load_trace(path)
    except StorageError as error:
        return Story(path, "damaged", trouble=[str(error)])
    story = Story(path, _state(trace.events, path), truncated=trace.truncated)
    for event in trace.events:
        _tell(story, event)
    if trace.truncated and story.state != "running":
        story.trouble.append("the last line is half-written and left out: the run was stopped in mid-write")
    return story


def _state(events: list[Event], path: Path) -> str:
    last = events[-1].type if events else ""
    if last == "finished":
        return "finished"
    if is_being_written(path):
        return "running"
    if last == "failed":
        return "failed"
    begun = events[0] if events else None
    return "closed" if isinstance(begun, RunStarted) and is_session(begun.config) else "interrupted"


def _tell(story: Story, event: Event) -> None:
    story.ended_at = event.at
    match event.type:
        case "run_started":
            story.started = event
        case "gathered":
            story.theta, story.status = event.theta, event.status
        case "tool_call":
            story.calls.append(event)
            _keep_result(story, event)
            if event.error:
                story.trouble.append(f"{event.tool} ({event.call_id}): {event.error.kind}: {event.error.message}")
        case "hypothesis_proposed":
            story.hypotheses[event.hypothesis] = event
        case "experiments_designed":
            n_cut = Counter(planned.carrier for planned in event.experiments)
            this = story.round(event.round)
            tests = this.experiments
            this.quotas, story._wanted = this.quotas | story._wanted, {}
            theta = story.theta or 0.0
            tests.update({p.id: Trial(p, share=1 / n_cut[p.carrier], theta=theta) for p in event.experiments})
        case "predictions_registered":
            tests = story.round(event.round).experiments
            for hypothesis, probabilities in event.predictions.items():
                for name, probability in zip(event.experiment_ids, probabilities, strict=True):
                    trial = tests.get(name.removesuffix(_BEFORE))
                    if probability is not None and trial is not None:
                        of = trial.predicted_before if name.endswith(_BEFORE) else trial.predicted
                        of[hypothesis] = probability
        case "readings_revealed":
            rows = story._last_read if len(story._last_read) == len(event.values) else [None] * len(event.values)
            for name, value, fired, row in zip(event.experiment_ids, event.values, event.fired, rows, strict=True):
                if trial := story.round(event.round).experiments.get(name):
                    trial.value, trial.fired, trial.exploratory = value, fired, event.exploratory
                    trial.values = row if row and len(row) == len(trial.experiment.tokens) else None
        case "belief_updated":
            story.beliefs = story.round(event.round).beliefs = event.beliefs
        case "scored":
            story.scores[event.hypothesis, event.split] = event.measured
            if isinstance(event.measured, Unscored) and event.hypothesis != "base-rate":  # constant by its nature
                story.trouble.append(f"{event.hypothesis} has no score on {event.split}: {event.measured.reason}")
        case "decided":
            story.round(event.round).decisions.append(event)
            if event.action == "drop" and event.hypothesis:
                story.dropped[event.hypothesis] = event.reason
        case "person_acted":
            story.acted.append(event)
        case "sealed_opened":
            story.opened = event
        case "confirmed":
            story.confirmed = event.final
        case "note" if event.level == "warning":
            story.trouble.append(event.message)
        case "finished":
            story.result, story.has_result = event.found, bool(event.result)
        case "interrupted":
            story.trouble.append(f"interrupted: {event.reason}")
        case "failed":
            story.trouble.append(f"failed: {event.error.kind}: {event.error.message}")


def _keep_result(story: Story, call: ToolCall) -> None:
    """Take from a tool's call what no other event holds."""
    if call.tool == "design_experiments":
        story._wanted = as_far_as_readable(DesignArguments, call.arguments).quotas
    elif call.tool.startswith("read_"):
        story._last_read = as_far_as_readable(ReadResult, call.result).values
    elif call.tool == "confirm":
        story.shown = as_far_as_readable(ConfirmResult, call.result).shown
    elif call.tool == "claim_output":
        with suppress(ValidationError):  # a foreign trace may hold anything
            story.output = OutputWeights.model_validate(call.result, extra="ignore")
