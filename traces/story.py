"""A trace, finished or not, put together by hypothesis and by round."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tools.errors import StorageError
from traces.events import Decided, Event, HypothesisProposed, PlannedExperiment, RunStarted, SealedOpened, ToolCall
from traces.store import is_being_written, load_trace


@dataclass
class Trial:
    """One experiment: what each rival predicted (probability of firing), what the neuron did (raw activation)."""

    experiment: PlannedExperiment
    predicted: dict[str, float] = field(default_factory=dict)
    value: float | None = None
    fired: bool | None = None
    exploratory: bool = False

    @property
    def disagreement(self) -> float:
        """How far the rivals' predictions lie apart, 0 to 1."""
        return max(self.predicted.values()) - min(self.predicted.values()) if self.predicted else 0.0

    def was_wrong(self, hypothesis: str) -> bool:
        """Whether a rival expected the other outcome."""
        return self.fired is not None and (self.predicted[hypothesis] >= 0.5) != self.fired


@dataclass
class Round:
    """One turn of the loop."""

    number: int
    experiments: dict[str, Trial] = field(default_factory=dict)
    beliefs: dict[str, float] = field(default_factory=dict)
    decisions: list[Decided] = field(default_factory=list)


@dataclass
class Story:
    """What one neuron's trace says.

    Attributes:
        state: `finished`, `running`, `interrupted`, `failed` or `damaged`.
        result: the content of result.json; empty until the run has finished.
        scores: per hypothesis or baseline and split, the last score.
        trouble: one sentence per error, interruption or warning.
    """

    path: Path
    state: str
    truncated: bool = False
    started: RunStarted | None = None
    theta: float | None = None
    status: str = ""
    ended_at: str = ""
    result: dict[str, Any] = field(default_factory=dict)
    hypotheses: dict[str, HypothesisProposed] = field(default_factory=dict)
    scores: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    dropped: dict[str, str] = field(default_factory=dict)
    beliefs: dict[str, float] = field(default_factory=dict)
    rounds: dict[int, Round] = field(default_factory=dict)
    opened: SealedOpened | None = None
    confirmed: dict[str, Any] = field(default_factory=dict)
    calls: list[ToolCall] = field(default_factory=list)
    trouble: list[str] = field(default_factory=list)

    @property
    def budget_used(self) -> int:
        """Units charged so far."""
        return self.calls[-1].budget_used if self.calls else 0

    @property
    def stop_reason(self) -> str:
        """Why the loop stopped, empty while it has not."""
        stops = [d.reason for r in self.rounds.values() for d in r.decisions if d.action == "stop"]
        return str(self.result.get("stop_reason") or (stops[-1] if stops else ""))

    def round(self, number: int) -> Round:
        """The round of that number, new if it is."""
        return self.rounds.setdefault(number, Round(number))


def read_story(path: Path) -> Story:
    """Put the trace at `path` together; one that is damaged in the middle gives a story that says so and no more."""
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
    return "failed" if last == "failed" else "interrupted"


def _tell(story: Story, event: Event) -> None:
    story.ended_at = event.at
    match event.type:
        case "run_started":
            story.started = event
        case "gathered":
            story.theta, story.status = event.theta, event.status
        case "tool_call":
            story.calls.append(event)
            if event.error:
                story.trouble.append(f"{event.tool} ({event.call_id}): {event.error.kind}: {event.error.message}")
        case "hypothesis_proposed":
            story.hypotheses[event.hypothesis] = event
        case "experiments_designed":
            tests = story.round(event.round).experiments
            tests.update({planned.id: Trial(planned) for planned in event.experiments})
        case "predictions_registered":
            for hypothesis, probabilities in event.predictions.items():
                for name, probability in zip(event.experiment_ids, probabilities, strict=True):
                    if probability is not None and (trial := story.round(event.round).experiments.get(name)):
                        trial.predicted[hypothesis] = probability
        case "readings_revealed":
            for name, value, fired in zip(event.experiment_ids, event.values, event.fired, strict=True):
                if trial := story.round(event.round).experiments.get(name):
                    trial.value, trial.fired, trial.exploratory = value, fired, event.exploratory
        case "belief_updated":
            story.beliefs = story.round(event.round).beliefs = event.beliefs
        case "scored":
            story.scores[event.hypothesis, event.split] = event.score
            if event.score.get("value") is None and event.hypothesis != "base-rate":  # constant by its nature
                reason = event.score.get("reason", "no reason given")
                story.trouble.append(f"{event.hypothesis} has no score on {event.split}: {reason}")
        case "decided":
            story.round(event.round).decisions.append(event)
            if event.action == "drop" and event.hypothesis:
                story.dropped[event.hypothesis] = event.reason
        case "sealed_opened":
            story.opened = event
        case "confirmed":
            story.confirmed = event.scores
        case "note" if event.level == "warning":
            story.trouble.append(event.message)
        case "finished":
            story.result = event.result
        case "interrupted":
            story.trouble.append(f"interrupted: {event.reason}")
        case "failed":
            story.trouble.append(f"failed: {event.error.kind}: {event.error.message}")
