"""The events of a trace as those of an Inspect log: a round is a span, an LLM call a model event, a tool a tool event.

Needs the optional `inspect-ai`, imported where it is used. Text of the trace is copied unchanged: Inspect displays it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from tools.records.llm import LLMCall
from tools.records.scores import Score, Unscored
from traces.events.kinds import Event, ReadingsRevealed, Scored, ToolCall
from traces.text.formatting import score_text

_AFTER_THE_LOOP = frozenset({"confirm", "causal"})
_SOURCES = {
    "run_started": "run",
    "gathered": "evidence",
    "hypothesis_proposed": "hypothesis",
    "experiments_designed": "experiments",
    "predictions_registered": "prediction",
    "readings_revealed": "reading",
    "belief_updated": "belief",
    "predictions_scored": "prediction score",
    "decided": "decision",
    "sealed_opened": "sealed split opened",
    "confirmed": "confirmation",
    "person_acted": "person",
    "note": "note",
    "finished": "finished",
    "interrupted": "interrupted",
}
"""The name of an info event, by the type of our event."""


def to_score(told: Score, **metadata: Any) -> Any:
    """A score as Inspect's `Score`, with its interval in the explanation and the metadata.

    A missing score is `Score.unscored` with the reason, which metrics leave out; it is never 0.
    """
    from inspect_ai.scorer import Score as InspectScore

    details = told.model_dump(mode="json", exclude={"value", "reason"}) | metadata
    if isinstance(told, Unscored):
        return InspectScore.unscored(reason="no_score", explanation=f"no score: {told.reason}", metadata=details)
    return InspectScore(value=told.value, explanation=score_text(told), metadata=details)


def to_usage(calls: Sequence[LLMCall]) -> Any:
    """Tokens of these calls as Inspect's `ModelUsage`; without dollars if any price is unknown."""
    from inspect_ai.model import ModelUsage

    asked, replied = sum(c.input_tokens for c in calls), sum(c.output_tokens for c in calls)
    prices = [call.usd for call in calls if call.usd is not None]
    return ModelUsage(
        input_tokens=asked,
        output_tokens=replied,
        total_tokens=asked + replied,
        total_cost=sum(prices) if len(prices) == len(calls) else None,
    )


def model_name(model: str) -> str:
    """`openai:MODEL` as Inspect writes it: `openai/MODEL`."""
    return model.replace(":", "/", 1)


def to_events(events: Sequence[Event], sample: str) -> list[Any]:
    """Inspect's events for those of a trace, finished or not.

    Args:
        events: of one neuron.
        sample: the sample's id, for names that are unique in the log.
    """
    return list(_Transcript(events, sample)) if events else []


class _Transcript:
    """Converts a trace in one pass, and keeps track of open spans."""

    def __init__(self, events: Sequence[Event], sample: str) -> None:
        self._events = events
        self._sample = sample
        self._began = datetime.fromisoformat(events[0].at)
        self._now = self._began
        self._n = 0
        self._open: list[tuple[str, str]] = []  # type and id of the open spans
        self._round: int | None = None

    def __iter__(self) -> Iterator[Any]:
        for event in self._events:
            self._now = datetime.fromisoformat(event.at)
            yield from self._spans_before(event)
            yield from self._told(event)
            if isinstance(event, ReadingsRevealed) and self._is_after_the_loop:
                yield from self._close_to(1)  # the fixed probe set ends with its activations
                self._round = None
        yield from self._close_to(0)

    @property
    def _is_after_the_loop(self) -> bool:
        return bool(self._open) and self._open[0][0] in _AFTER_THE_LOOP

    def _common(self, at: datetime | None = None) -> dict[str, Any]:
        """The fields that every event of Inspect has."""
        at = at or self._now
        self._n += 1
        return {
            "uuid": f"{self._sample}-{self._n}",
            "timestamp": at,
            "working_start": max(0.0, (at - self._began).total_seconds()),
            "span_id": self._open[-1][1] if self._open else None,
        }

    def _begin(self, kind: str, name: str) -> Any:
        from inspect_ai.event import SpanBeginEvent

        parent = self._open[-1][1] if self._open else None
        span = f"{self._sample}-span-{self._n}"
        self._open.append((kind, span))
        return SpanBeginEvent(id=span, parent_id=parent, type=kind, name=name, **self._common())

    def _close_to(self, depth: int) -> Iterator[Any]:
        from inspect_ai.event import SpanEndEvent

        while len(self._open) > depth:
            yield SpanEndEvent(id=self._open[-1][1], **self._common())
            self._open.pop()

    def _spans_before(self, event: Event) -> Iterator[Any]:
        if event.type == "stage" and event.stage in _AFTER_THE_LOOP:
            yield from self._close_to(0)
            yield self._begin(event.stage, event.stage)
            self._round = None
        elif event.type == "stage":
            yield from self._into_round(event.round)
            yield from self._close_to(2 if self._is_after_the_loop else 1)
            yield self._begin("stage", event.stage)
        elif event.type == "experiments_designed":
            yield from self._into_round(event.round)

    def _into_round(self, number: int) -> Iterator[Any]:
        if number != self._round:
            yield from self._close_to(1 if self._is_after_the_loop else 0)
            yield self._begin("round", f"round {number}")
            self._round = number

    def _told(self, event: Event) -> Iterator[Any]:
        from inspect_ai.event import ErrorEvent, InfoEvent, ScoreEvent
        from inspect_ai.log import EvalError

        match event:
            case ToolCall():
                yield from self._call(event)
            case Scored():
                about = {"hypothesis": event.hypothesis, "split": event.split, "round": event.round}
                score = to_score(event.measured, protocol=event.protocol, **about)
                yield ScoreEvent(score=score, intermediate=True, scorer=f"{event.split} score", **self._common())
            case _ if event.type == "failed":
                error = EvalError(message=f"{event.error.kind}: {event.error.message}", traceback="", traceback_ansi="")
                yield ErrorEvent(error=error, **self._common())
            case _ if event.type != "stage":
                data = event.model_dump(mode="json", exclude={"seq", "at", "type"})
                source = _SOURCES[event.type]
                if event.type == "decided" and event.action == "stop":
                    source = "stop"
                elif event.type == "finished":  # all of it is in the sample's metadata
                    data = event.found.model_dump(include={"verdict", "explanation", "stop_reason"})
                yield InfoEvent(source=source, data=data, **self._common())
                if event.type == "confirmed":
                    for name, told in event.final.by_name().items():
                        yield ScoreEvent(score=to_score(told), scorer=name, **self._common())

    def _call(self, call: ToolCall) -> Iterator[Any]:
        from inspect_ai.event import ToolEvent
        from inspect_ai.tool import ToolCallError

        depth = len(self._open)
        if call.llm:
            yield self._begin("tool", call.tool)
        yield ToolEvent(
            id=call.call_id,
            function=call.tool,
            arguments=call.arguments,
            result="" if call.result is None else json.dumps(call.result, ensure_ascii=False),
            error=call.error and ToolCallError("unknown", f"{call.error.kind}: {call.error.message}"),
            failed=True if call.error else None,
            completed=self._now,
            working_time=call.seconds,
            metadata={
                "texts": call.texts,
                "subject_tokens": call.subject_tokens,
                "budget_units": call.units,
                "charged": call.charged,
                "budget_used": call.budget_used,
            },
            **self._common(self._now - timedelta(seconds=call.seconds)),
        )
        for asked in call.llm:
            yield self._asked(asked)
        yield from self._close_to(depth)

    def _asked(self, asked: LLMCall) -> Any:
        from inspect_ai.event import ModelEvent
        from inspect_ai.model import ChatMessageUser, GenerateConfig

        return ModelEvent(
            model=model_name(asked.model),
            role=asked.role,
            input=[ChatMessageUser(content=asked.question)],
            tools=[],
            tool_choice="none",
            config=GenerateConfig(max_tokens=asked.max_tokens or None),
            output=_output(asked),
            error=asked.error,
            cache="read" if asked.cached else None,
            completed=self._now,
            working_time=asked.seconds,
            metadata={"prompt": asked.prompt, "key": asked.key, "tokens_are_estimated": asked.estimated},
            **self._common(),
        )


def _output(asked: LLMCall) -> Any:
    from inspect_ai.model import ChatCompletionChoice, ChatMessageAssistant, ModelOutput

    model = model_name(asked.model)
    choices = []
    if asked.reply is not None:
        message = ChatMessageAssistant(content=asked.reply, model=model, source="generate")
        choices = [ChatCompletionChoice(message=message, stop_reason="unknown")]
    return ModelOutput(
        model=model,
        choices=choices,
        completion=asked.reply or "",
        usage=to_usage([asked]),
        time=asked.seconds,
        error=asked.error,
    )
