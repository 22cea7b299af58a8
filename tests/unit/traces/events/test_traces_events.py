import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from traces_samples import sample_result, sample_result_v1, sample_run

from tools.errors import StorageError
from tools.records.neuron import NeuronId
from tools.records.result import Result, ScoreValue, Unscored
from traces.events import kinds as e
from traces.events.canonical import canonical
from traces.events.store import load_trace

FIXTURES = Path(__file__).resolve().parents[3] / "fixtures"

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def bare(event: e.Event) -> dict[str, object]:
    """Without what the writer sets, and the version that it writes."""
    return {key: value for key, value in e.without_clock(event).items() if key not in ("seq", "schema_version")}


@pytest.mark.parametrize("version", [1, 2])
def test_traces_of_old_versions_stay_readable(version: int) -> None:
    trace = load_trace(FIXTURES / f"trace_v{version}" / "events.jsonl")
    assert trace.complete
    assert not trace.truncated
    assert isinstance(trace.events[0], e.RunStarted)
    assert trace.events[0].schema_version == version
    new = [ev for ev in sample_run() if isinstance(ev, e.PredictionsScored) or getattr(ev, "action", "") == "merge"]
    new += [ev for ev in sample_run() if isinstance(ev, e.PersonActed)]
    known = [bare(ev) for ev in sample_run() if ev not in (new if version == 1 else new[-1:])]
    known[-1] = bare(e.Finished(result=sample_result_v1()))
    assert [bare(ev) for ev in trace.events] == known


def test_the_sample_has_every_kind_of_event_but_the_ends() -> None:
    assert {event.type for event in sample_run()} == e._TYPES - {"interrupted", "failed"}


@given(json_values)
def test_a_tool_result_is_the_same_live_and_replayed(value: object) -> None:
    call = e.ToolCall(call_id="1", tool="t", arguments={"v": value}, outcome="ok", result=value)
    again = e.event_from_line(e.event_to_line(call), "here")
    assert isinstance(again, e.ToolCall)
    assert json.dumps(again.result) == json.dumps(call.result) == json.dumps(canonical(value))
    assert again == call


def test_canonical_takes_numpy_and_our_records() -> None:
    values = {"a": np.float32(0.1), "b": np.arange(3), "c": (np.bool_(True), None), 4: NeuronId(5, 131)}
    assert canonical(values) == {
        "a": float(np.float32(0.1)),
        "b": [0, 1, 2],
        "c": [True, None],
        "4": {"layer": 5, "index": 131, "is_negative": False},
    }
    assert e.ReadingsRevealed(
        round=1, experiment_ids=["x"], values=np.array([0.1], np.float32), fired=np.array([True])
    ).values == [float(np.float32(0.1))]


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), np.float32("nan"), {1, 2}, object()])
def test_what_is_not_a_value_is_refused(bad: object) -> None:
    with pytest.raises(ValidationError):
        e.ToolCall(call_id="1", tool="t", arguments={}, outcome="ok", result=[bad])


def test_without_clock_leaves_out_clocks_at_any_depth() -> None:
    call = e.ToolCall(
        call_id="1", tool="t", arguments={}, outcome="ok", result=[{"seconds": 3, "x": 1}], seconds=2.0, at="now"
    )
    plain = e.without_clock(call)
    assert "at" not in plain
    assert "seconds" not in plain
    assert plain["result"] == [{"x": 1}]
    assert plain["call_id"] == "1"


def test_predictions_are_sealed_by_their_hash() -> None:
    event = e.PredictionsRegistered(round=1, experiment_ids=["a"], predictions={"h2": [0.5], "h1": [0.25]})
    assert event.sha256 == e.predictions_sha256({"h1": [0.25], "h2": [0.5]})
    with pytest.raises(ValidationError, match="changed after"):
        e.PredictionsRegistered(round=1, experiment_ids=["a"], predictions={"h1": [0.3]}, sha256=event.sha256)
    with pytest.raises(ValidationError, match="every rival must predict"):
        e.PredictionsRegistered(round=1, experiment_ids=["a", "b"], predictions={"h1": [0.3]})


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b'{"type": "dream", "seq": 0, "at": ""}', "unknown type 'dream': a newer version"),
        (b'{"type": "run_started", "schema_version": 99}', "trace format 99, but this program reads up to 3"),
        (b'{"type": "stage", "seq": 0, "at": ""}', r"is damaged \(stage.stage: Field required\)"),
        (b'{"seq": 0}', "is damaged"),
        (b"[1]", "not an event"),
        (b'{"type": "sta', "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"\x00\x00", "not JSON"),
    ],
)
def test_a_damaged_or_newer_line_is_a_storage_error(line: bytes, message: str) -> None:
    with pytest.raises(StorageError, match=message):
        e.event_from_line(line, "line 3 of x")


def test_a_result_comes_back_as_it_was() -> None:
    result = Result.model_validate(sample_result())
    assert isinstance(result.score, ScoreValue)
    assert isinstance(result.baselines.null, Unscored)
    assert result.to_json() == {**sample_result(), "model_fingerprint": None}
    assert Result.model_validate_json(json.dumps(result.to_json())) == result


@pytest.mark.parametrize(
    "change", [{"value": float("nan")}, {"value": None}, {"random_only": float("inf")}, {"low": "?"}]
)
def test_a_score_is_a_number_or_has_a_reason(change: dict[str, object]) -> None:
    fields = sample_result()
    fields["score"] = {**fields["score"], **change}
    with pytest.raises(ValidationError):
        Result.model_validate(fields)


def test_a_dead_neuron_has_a_result_without_a_score() -> None:
    none = {"value": None, "reason": "dead: it never fires"}
    baselines = dict.fromkeys(("token_lookup_30", "token_lookup_full", "null"), none)
    fields = {
        **sample_result(),
        "verdict": "dead",
        "explanation": None,
        "score": none,
        "baselines": baselines,
        "rivals": [],
    }
    assert Result.model_validate(fields).to_json()["score"] == none


def test_a_trace_of_the_format_before_llm_calls_is_still_read() -> None:
    started = (
        b'{"type": "run_started", "schema_version": 2, "run_id": "r", "model": "m", "neuron": "L0N0", "config": {}, '
        b'"seed": 0, "versions": {}, "model_fingerprint": "f", "corpus": {"name": "c", "fingerprint": "f"}}'
    )
    called = b'{"type": "tool_call", "call_id": "0000-read", "tool": "read", "arguments": {}, "outcome": "ok"}'
    registered = (
        b'{"type": "predictions_registered", "round": 1, "experiment_ids": ["r1e0"], "predictions": {"H1": [0.5]}}'
    )
    events = [e.event_from_line(line, "x") for line in (started, called, registered)]
    assert [event.type for event in events] == ["run_started", "tool_call", "predictions_registered"]
    assert events[1].llm == []  # type: ignore[union-attr]
