from pathlib import Path

import numpy as np
import pytest

from tools.errors import BadInput
from tools.toolbox import Arguments, Outcome, Recorder, Tool, Toolbox, ToolFailed
from traces.events.recorder import TraceRecorder
from traces.events.store import TraceWriter, load_trace


class Draw(Arguments):
    n: int


class Drawn(Outcome):
    values: list[float]


def toolbox(recorder: Recorder, calls: list[int]) -> Toolbox:
    def draw(arguments: Draw, rng: np.random.Generator) -> Drawn:
        calls.append(arguments.n)
        if arguments.n == 0:
            raise BadInput("nothing to draw")
        return Drawn(values=rng.random(arguments.n, dtype=np.float32).tolist())

    return Toolbox([Tool("draw", "Draw numbers.", Draw, Drawn, draw)], recorder, seed=3, limit=20, max_seconds=None)


def use(writer: TraceWriter, calls: list[int], sizes: list[int]) -> list[list[float]]:
    with writer:
        box = toolbox(TraceRecorder(writer), calls)
        drawn = []
        for n in sizes:
            try:
                drawn.append(box.call("draw", Draw(n=n)).values)
            except ToolFailed:
                drawn.append([])
        return drawn


def test_a_resumed_run_gets_recorded_results_and_calls_only_what_is_new(tmp_path: Path) -> None:
    path, calls = tmp_path / "events.jsonl", []
    whole = use(TraceWriter(tmp_path / "whole.jsonl"), [], [2, 0, 3, 1])
    use(TraceWriter(path), calls, [2, 0])
    assert calls == [2, 0]
    assert use(TraceWriter(path, resume=True), calls, [2, 0, 3, 1]) == whole
    assert calls == [2, 0, 3, 1]
    assert [event.type for event in load_trace(path).events] == ["tool_call"] * 4


def test_a_failed_call_is_on_record_with_its_reason(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    use(TraceWriter(path), [], [0])
    (call,) = load_trace(path).events
    assert call.type == "tool_call"
    assert call.outcome == "error"
    assert call.error is not None
    assert call.error.message == "nothing to draw"
    with TraceWriter(path, resume=True) as writer, pytest.raises(ToolFailed, match="nothing to draw"):
        toolbox(TraceRecorder(writer), []).call("draw", Draw(n=0))
