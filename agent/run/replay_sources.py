"""What a replay takes from the trace: the sealed fold, LLM replies, tool results."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from agent.setup.config import RunConfig
from agent.setup.llms import LLMs, metered_llms
from tools.llm.prices import price_of
from tools.llm.recorded_replies import RecordedReplies, recorded_price
from tools.llm.settings import OPENAI_URL
from tools.records.scores import as_far_as_readable
from tools.toolbox import CallRecord
from traces.database.results import Opening
from traces.events.kinds import Event, SealedOpened, ToolCall
from traces.events.recorded import ConfirmArguments, ThinkResult
from traces.events.recorder import TraceRecorder, call_record
from traces.events.store import TraceWriter


class ReplayDiverged(Exception):
    """The replay cannot go on, because its next step is not on record; `now` describes that step."""

    def __init__(self, message: str, now: str) -> None:
        super().__init__(message)
        self.now = now


@dataclass
class RecordedFolds:
    """Implements `SealedFolds`: the fold that a recorded run got, and the earlier explanation that it got.

    Attributes:
        opened: the recorded opening; None if the run did not get there.
        before: (run id, explanation) of an earlier run; None if there was none.
    """

    opened: SealedOpened | None = None
    before: tuple[str, str] | None = None

    @classmethod
    def of(cls, events: list[Event]) -> RecordedFolds:
        """From the events of a trace."""
        found = cls()
        for event in events:
            if isinstance(event, SealedOpened):
                found.opened = event
            elif isinstance(event, ToolCall) and event.tool == "confirm":
                if (sentence := as_far_as_readable(ConfirmArguments, event.arguments).previous) is not None:
                    found.before = "", sentence
            elif event.type == "finished" and found.before:
                earlier = event.found.previous
                found.before = earlier.run_id if earlier else "", found.before[1]
        return found

    def next_fold(
        self, model: str, neuron: str, corpus: str, n_folds: int, run_id: str, wanted: int | None = None
    ) -> Opening:
        """The recorded opening."""
        if self.opened is None:
            raise ReplayDiverged("the sealed split is to be opened, which the recorded run did not do", "sealed_opened")
        if self.opened.fold >= n_folds:
            raise ReplayDiverged(
                f"there is no sealed fold {self.opened.fold} any more, only {n_folds}", "sealed_opened"
            )
        return Opening(self.opened.fold, self.opened.opening, self.opened.reused)

    def explanation_before(self, model: str, neuron: str, corpus: str, number: int) -> tuple[str, str] | None:
        """The earlier explanation that the recorded run got."""
        return self.before


@dataclass
class Player(TraceRecorder):
    """Records calls in the replay's own trace, and serves results from the recorded one.

    Attributes:
        calls: the recorded ones, by id.
        taken: ids of those that are served.
        only: no other call is allowed.
    """

    writer: TraceWriter
    calls: dict[str, ToolCall] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)
    only: bool = False

    @classmethod
    def of(cls, calls: list[ToolCall], taken: set[str], only: bool) -> Callable[[TraceWriter], Player]:
        """A factory, for when there is a trace to write to."""
        return lambda writer: cls(writer, {call.call_id: call for call in calls}, taken, only)

    def __post_init__(self) -> None:
        super().__init__(self.writer)

    def recorded(self, call_id: str) -> CallRecord | None:
        """The recorded call, if it is one to serve."""
        if call_id in self.taken:
            return call_record(self.calls[call_id])
        if self.only:
            raise ReplayDiverged(f"the tool call {call_id} is not on record", f"tool_call {call_id.partition('-')[2]}")
        return None

    def record(self, call: CallRecord) -> None:
        """Record a call, after checking that a served result belongs to these arguments."""
        super().record(call)
        if call.call_id in self.taken and call.arguments != self.calls[call.call_id].arguments:
            raise ReplayDiverged(
                f"{call.tool} is called with other arguments than the recorded ones", f"tool_call {call.tool}"
            )


def recorded_llms(config: RunConfig, calls: list[ToolCall]) -> LLMs:
    """LLMs that repeat the replies in the trace, at the recorded prices."""
    names = dict.fromkeys(name for name in (config.explainer_llm, config.simulator_llm) if name is not None)
    models = {name: RecordedReplies(f"openai:{name}") for name in names}
    prices = {}
    for name, model in models.items():
        for call in calls:
            turn = as_far_as_readable(ThinkResult, call.result if call.tool == "think" else None)
            for asked in call.llm:
                model.add(asked, turn.raw, turn.said)
        own = [asked for call in calls for asked in call.llm if asked.model == model.name]
        prices[name] = recorded_price(own, price_of(config.llm.url or OPENAI_URL, name))
    return metered_llms(config, models, prices)
