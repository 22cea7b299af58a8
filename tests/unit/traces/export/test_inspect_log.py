"""Logs of Inspect, written and read back by its own package and compared with the trace."""

import importlib.util
import math
import sys
from pathlib import Path
from typing import Any

import pytest
from traces_samples import sample_run

from agent.cli import main
from tools.errors import BadInput, NotAvailable, StorageError
from tools.records.llm import LLMCall
from tools.records.neuron import NeuronId
from traces.events.kinds import CallError, Confirmed, Event, Failed, Interrupted, ToolCall
from traces.events.runs import RunFolder
from traces.events.store import TraceWriter, load_trace
from traces.export.inspect_log import write_inspect_log

needs_inspect = pytest.mark.skipif(
    importlib.util.find_spec("inspect_ai") is None,
    reason="Inspect is not installed: pip install -c constraints.txt -e '.[inspect]'",
)
RUN_ID = "20260131T120102Z-mini-L5N131-3f9a1c"
FIXTURES = Path(__file__).resolve().parents[3] / "fixtures"
HOSTILE = "<script>alert(1)</script> ‮ \x1b[31m \ud83d [link](http://example.com)".encode(
    "utf-16", "surrogatepass"
).decode("utf-16", "replace")


def make_run(runs: Path, events: list[Event], neuron: str = "L5N131", run_id: str = RUN_ID) -> Path:
    run = RunFolder(runs / run_id) if (runs / run_id).exists() else RunFolder.create(runs, run_id, {})
    path = run.neuron("openai-community/gpt2", NeuronId(*map(int, neuron[1:].split("N")))).events
    with TraceWriter(path) as writer:
        for event in events:
            writer.emit(event)
    return path


def export(traces: list[Path], path: Path) -> Any:
    from inspect_ai.log import read_eval_log

    write_inspect_log(traces, path)
    return read_eval_log(str(path), resolve_attachments=True)


def of(sample: Any, kind: str) -> list[Any]:
    return [event for event in sample.events if event.event == kind]


def infos(sample: Any, source: str) -> list[Any]:
    return [event.data for event in of(sample, "info") if event.source == source]


@pytest.mark.slow
@needs_inspect
@pytest.mark.parametrize("suffix", [".eval", ".json"])
@pytest.mark.parametrize("version", [1, 2, 3])
def test_a_finished_run_comes_back_as_it_was(version: int, suffix: str, tmp_path: Path) -> None:
    path = FIXTURES / f"trace_v{version}" / "events.jsonl"
    events = load_trace(path).events
    log = export([path], tmp_path / f"run{suffix}")
    (sample,) = log.samples
    started, result = events[0], events[-1].result
    assert log.status == "success"
    assert log.eval.metadata["config"] == started.config
    assert log.eval.metadata["seed"] == started.seed
    assert log.eval.metadata["subject_model"] == {"name": started.model, "fingerprint": started.model_fingerprint}
    assert log.eval.packages == started.versions
    assert log.eval.viewer.trust_content is False
    assert sample.metadata["result"] == result
    assert sample.messages[-1].text == sample.output.completion == result["explanation"]

    calls = [event for event in events if event.type == "tool_call"]
    told = of(sample, "tool")
    assert [(t.id, t.function, t.arguments) for t in told] == [(c.call_id, c.tool, c.arguments) for c in calls]
    for tool, call in zip(told, calls, strict=True):
        assert (tool.error is None) == (call.outcome == "ok")
        assert tool.working_time == call.seconds
        assert (tool.completed - tool.timestamp).total_seconds() == pytest.approx(call.seconds, abs=0.001)
    registered = [event for event in events if event.type == "predictions_registered"]
    assert infos(sample, "prediction") == [
        {key: getattr(event, key) for key in ("round", "experiment_ids", "predictions", "sha256")}
        for event in registered
    ]
    assert [data["reason"] for data in infos(sample, "stop")] == [
        event.reason for event in events if event.type == "decided" and event.action == "stop"
    ]
    scored = [event for event in events if event.type == "scored"]
    scores = [event for event in of(sample, "score") if event.intermediate]
    assert len(scores) == len(scored)
    for score, event in zip(scores, scored, strict=True):
        assert score.score.metadata["hypothesis"] == event.hypothesis
        if event.score.get("value") is None:
            assert math.isnan(score.score.value)
            assert event.score["reason"] in score.score.explanation
        else:
            assert score.score.value == event.score["value"]
            assert score.score.metadata["low"] == event.score["low"]
    kept = {"info", "tool", "score"}
    n_sealed = len(of(sample, "score")) - len(scored)
    assert len([e for e in sample.events if e.event in kept]) - n_sealed == sum(e.type != "stage" for e in events)


@needs_inspect
def test_rounds_are_spans_and_what_follows_the_loop_is_not_in_them(tmp_path: Path) -> None:
    path = FIXTURES / "trace_v3" / "events.jsonl"
    (sample,) = export([path], tmp_path / "run.eval").samples
    begun = {event.id: event for event in of(sample, "span_begin")}
    assert {event.id for event in of(sample, "span_end")} == set(begun)
    rounds = [event.name for event in begun.values() if event.type == "round"]
    numbers = {event.round for event in load_trace(path).events if event.type in ("stage", "readings_revealed")}
    assert rounds == [f"round {number}" for number in sorted(numbers)]

    def around(event: Any) -> list[str]:
        names = []
        span = event.span_id
        while span:
            names.append(begun[span].name)
            span = begun[span].parent_id
        return names[::-1]

    places = {event.function: around(event) for event in of(sample, "tool")}
    assert places["gather"] == ["round 0", "gather"]
    assert places["read_activations"][1] == "measure"
    assert places["confirm"] == ["confirm"]
    assert places["read_probe_set"][0] == "confirm"
    assert places["read_probe_set"][1].startswith("round ")
    assert places["causal_check"] == ["causal"]
    final = [event for event in of(sample, "score") if not event.intermediate]
    assert {tuple(around(event)) for event in final} == {("confirm",)}


@needs_inspect
def test_sealed_scores_are_the_samples_and_their_means_the_results(tmp_path: Path) -> None:
    interval = {"value": 0.5, "low": 0.4, "high": 0.6}
    unscored = {"value": None, "reason": "nothing activates"}

    def run(sealed: dict[str, Any]) -> list[Event]:
        scores = {
            "score": sealed, "baselines": {"null": unscored}, "gains": {"null": unscored}, "previous": None,
            "scores": {"detection": {"explanation": interval}}, "leaders": [interval],
        }  # fmt: skip
        return [*sample_run()[:-2], Confirmed(scores=scores), sample_run()[-1]]

    traces = [
        make_run(tmp_path, run(interval), "L5N131"),
        make_run(tmp_path, run({**interval, "value": 0.7}), "L5N132"),
        make_run(tmp_path, run({"value": None, "reason": "the simulation is constant"}), "L5N133"),
    ]
    log = export(traces, tmp_path / "run.eval")
    assert [sample.id for sample in log.samples] == [f"openai-community--gpt2.L5N{n}" for n in (131, 132, 133)]
    first, _, third = log.samples
    assert set(first.scores) == {"sealed", "baseline.null", "gain.null", "detection.explanation"}
    assert first.scores["sealed"].value == 0.5
    assert first.scores["sealed"].explanation == "0.500 [0.400, 0.600]"
    assert first.scores["sealed"].metadata == {"low": 0.4, "high": 0.6}
    assert math.isnan(third.scores["sealed"].value)
    assert third.scores["sealed"].explanation == "no score: the simulation is constant"
    results = {score.name: score for score in log.results.scores}
    assert (results["sealed"].scored_samples, results["sealed"].unscored_samples) == (2, 1)
    assert results["sealed"].metrics["mean"].value == pytest.approx(0.6)
    assert (results["baseline.null"].scored_samples, results["baseline.null"].unscored_samples) == (0, 3)
    assert results["baseline.null"].metrics == {}  # no mean of nothing, and never 0
    assert (log.results.total_samples, log.results.completed_samples) == (3, 3)


@needs_inspect
@pytest.mark.parametrize(
    ("end", "status", "state"),
    [
        ([Interrupted(reason="Ctrl-C")], "cancelled", "interrupted"),
        ([Failed(error=CallError(kind="StorageError", message="the disk is full"))], "error", "failed"),
        ([], "cancelled", "interrupted"),
    ],
)
def test_a_run_that_did_not_finish(end: list[Event], status: str, state: str, tmp_path: Path) -> None:
    path = make_run(tmp_path, [*sample_run()[:8], *end])
    with path.open("ab") as file:
        file.write(b'{"half": "wri')
    log = export([path], tmp_path / "run.eval")
    (sample,) = log.samples
    assert log.status == status
    assert sample.metadata["state"] == state
    assert math.isnan(sample.scores["sealed"].value)
    assert sample.scores["sealed"].explanation == f"no score: the run was never scored on sealed text ({state})"
    assert log.results.completed_samples == 0
    assert len(of(sample, "span_begin")) == len(of(sample, "span_end"))
    if state == "failed":
        assert sample.error.message == log.error.message == of(sample, "error")[0].error.message
        assert "the disk is full" in log.error.message


@needs_inspect
def test_a_run_that_is_being_written(tmp_path: Path) -> None:
    path = RunFolder.create(tmp_path, RUN_ID, {}).neuron("mini", NeuronId(5, 131)).events
    with TraceWriter(path) as writer:
        for event in sample_run()[:6]:
            writer.emit(event)
        log = export([path], tmp_path / "run.json")
    assert log.status == "started"
    assert log.stats.completed_at == ""


@needs_inspect
def test_llm_calls_are_model_events_with_their_role_and_usage(tmp_path: Path) -> None:
    def asked(role: str, **more: Any) -> LLMCall:
        said: dict[str, Any] = {"question": HOSTILE, "reply": HOSTILE, "input_tokens": 10, "output_tokens": 4}
        return LLMCall(role=role, model="openai:org/m", prompt=f"{role}/1", key="k", **(said | more))

    calls = [
        asked("explainer", usd=0.5, seconds=1.5, max_tokens=99),
        asked("simulator", cached=True, usd=0.25),
        asked("simulator", reply=None, error="timed out", output_tokens=0, estimated=True),
    ]
    call = ToolCall(call_id="p", tool="propose", arguments={}, outcome="ok", result=[], llm=calls, seconds=2)
    events = [*sample_run()[:4], call, *sample_run()[4:]]
    log = export([make_run(tmp_path, events)], tmp_path / "run.eval")
    (sample,) = log.samples
    models = of(sample, "model")
    assert [(m.role, m.model) for m in models] == [(c.role, "openai/org/m") for c in calls]
    assert models[0].input[0].text == models[0].output.completion == HOSTILE
    assert models[0].config.max_tokens == 99
    assert (models[0].output.usage.input_tokens, models[0].output.usage.output_tokens) == (10, 4)
    assert [m.cache for m in models] == [None, "read", None]
    assert models[2].error == "timed out"
    assert models[2].output.choices == []
    (span,) = [event for event in of(sample, "span_begin") if event.type == "tool"]
    assert {m.span_id for m in models} == {span.id}
    assert set(log.stats.role_usage) == set(sample.role_usage) == {"explainer", "simulator"}
    assert sample.role_usage["explainer"].total_cost == 0.5
    assert sample.role_usage["simulator"].input_tokens == 20
    assert sample.role_usage["simulator"].total_cost is None  # of one call nobody knows the price
    assert sample.model_usage["openai/org/m"].total_tokens == 38


@needs_inspect
def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for neuron in ("L5N131", "L5N132"):
        make_run(tmp_path / "runs", sample_run(), neuron)
    options = ["--runs-dir", str(tmp_path / "runs")]
    out = tmp_path / "out.eval"
    assert main(["trace", "export", "last", str(out), *options]) == 0
    assert capsys.readouterr().out.startswith("2 neurons with ")
    assert main(["trace", "export", "last", str(out), "--neuron", "L5N132", *options]) == 0
    assert "inspect view --log-dir" in capsys.readouterr().out
    assert main(["trace", "export", "last", str(out), "--neuron", "L0N0", *options]) == 2
    assert "it has: L5N131, L5N132" in capsys.readouterr().err
    trace = next((tmp_path / "runs").glob("*/neurons/*.L5N132/events.jsonl"))
    assert main(["trace", "export", str(trace), str(out)]) == 0
    assert capsys.readouterr().out.startswith("1 neuron with ")
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["out.eval"]


@pytest.mark.parametrize(("name", "told"), [("run.txt", "ends in .eval or .json"), ("no/run.eval", "no folder")])
def test_a_file_that_cannot_be_one_is_refused_before_anything_is_read(name: str, told: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=told):
        write_inspect_log([tmp_path / "missing.jsonl"], tmp_path / name)


def test_without_inspect_the_message_says_how_to_install_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "inspect_ai.log", None)
    monkeypatch.setitem(sys.modules, "inspect_ai", None)
    with pytest.raises(NotAvailable, match=r"pip install -c constraints.txt -e '\.\[inspect\]'"):
        write_inspect_log([make_run(tmp_path, sample_run())], tmp_path / "run.eval")


@needs_inspect
def test_a_run_that_has_not_begun(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="has begun"):
        write_inspect_log([make_run(tmp_path, [])], tmp_path / "run.eval")
    assert not (tmp_path / "run.eval").exists()
