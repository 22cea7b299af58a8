"""Records the toolbox's calls in the trace, and serves them from it when a run is resumed."""

from __future__ import annotations

from tools.toolbox import CallRecord
from traces.events.kinds import CallError, ToolCall
from traces.events.store import TraceWriter


class TraceRecorder:
    """A `tools.toolbox.Recorder` that keeps every call as a `ToolCall` event."""

    def __init__(self, writer: TraceWriter) -> None:
        self._writer = writer

    def recorded(self, call_id: str) -> CallRecord | None:
        """The call of that id, if the resumed trace has it."""
        call = self._writer.recorded_call(call_id)
        return None if call is None else call_record(call)

    def record(self, call: CallRecord) -> None:
        """Put a call into the trace; on a replay, check that it is the recorded one.

        Raises:
            StorageError: it cannot be written, or differs from the recorded one.
        """
        self._writer.emit(
            ToolCall(
                call_id=call.call_id,
                tool=call.tool,
                arguments=call.arguments,
                outcome="error" if call.error else "ok",
                result=call.result,
                error=CallError(kind=call.error[0], message=call.error[1]) if call.error else None,
                texts=call.texts,
                subject_tokens=call.subject_tokens,
                units=call.units,
                charged=call.charged,
                budget_used=call.budget_used,
                seconds=call.seconds,
                llm=list(call.llm),
            )
        )


def call_record(call: ToolCall) -> CallRecord:
    """A call of a trace in the toolbox's own type."""
    return CallRecord(
        call_id=call.call_id,
        tool=call.tool,
        arguments=call.arguments,
        result=call.result,
        error=(call.error.kind, call.error.message) if call.error else None,
        texts=call.texts,
        subject_tokens=call.subject_tokens,
        units=call.units,
        charged=call.charged,
        budget_used=call.budget_used,
        seconds=call.seconds,
        llm=tuple(call.llm),
    )
