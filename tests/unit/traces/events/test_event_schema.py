"""The published schema of a trace's lines, and that traces of every version stay readable."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from traces_samples import sample_run

from agent.cli import main
from tools.records.llm import LLMCall
from tools.records.neuron import NeuronId
from traces.analysis.story import read_story
from traces.events.kinds import SCHEMA_VERSION, CallError, Failed, Interrupted, ToolCall, event_to_line
from traces.events.runs import RunFolder
from traces.events.schema import event_schema
from traces.events.store import load_trace
from traces.text.show import show_run

ROOT = Path(__file__).resolve().parents[4]
PUBLISHED = ROOT / "traces" / "events.schema.json"
FIXTURES = ROOT / "tests" / "fixtures"
VERSIONS = range(1, SCHEMA_VERSION + 1)


@pytest.fixture(scope="module")
def validator() -> Draft202012Validator:
    schema = json.loads(PUBLISHED.read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def lines_of(version: int) -> list[dict[str, Any]]:
    path = FIXTURES / f"trace_v{version}" / "events.jsonl"
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def test_what_is_published_is_what_the_models_say(capsys: pytest.CaptureFixture[str]) -> None:
    published = PUBLISHED.read_text(encoding="utf-8")
    assert json.loads(published) == event_schema(), "run: agent trace schema > traces/events.schema.json"
    assert main(["trace", "schema"]) == 0
    assert capsys.readouterr().out == published


def test_it_says_what_it_is() -> None:
    schema = event_schema()
    assert schema["$id"].endswith(f":{SCHEMA_VERSION}")
    assert schema["schema_version"] == SCHEMA_VERSION
    assert f"trace format {SCHEMA_VERSION}" in schema["description"]
    kinds = schema["discriminator"]["mapping"]
    assert set(kinds) == {event.type for event in sample_run()} | {"failed", "interrupted"}
    assert all(schema["$defs"][ref.rpartition("/")[2]]["description"] for ref in kinds.values())
    assert schema["$defs"]["LLMCall"]["properties"]["usd"]["description"].startswith("US dollars")


def test_every_kind_of_event_validates(validator: Draft202012Validator) -> None:
    asked = LLMCall(role="explainer", model="openai:m", prompt="p/1", key="k", question="q", reply=None, error="late")
    more = [
        Interrupted(reason="Ctrl-C"),
        Failed(error=CallError(kind="StorageError", message="the disk is full")),
        ToolCall(call_id="c", tool="propose", arguments={}, outcome="ok", llm=[asked]),
    ]
    for event in [*sample_run(), *more]:
        validator.validate(json.loads(event_to_line(event.model_copy(update={"seq": 0, "at": "2026-01-31T12:00:00Z"}))))


def test_the_fixture_of_this_version_validates(validator: Draft202012Validator) -> None:
    for line in lines_of(SCHEMA_VERSION):
        validator.validate(line)


def changed(line: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """The line with one thing wrong: a field left out, one too many, or a value of another type."""
    out = [("one too many", {**line, "surprise": 1}), ("unknown type", {**line, "type": "surprise"})]
    for key in line:
        less = copy.deepcopy(line)
        del less[key]
        out.append((f"{key} left out", less))
        if not (line["type"] == "tool_call" and key == "result"):  # the result of a tool may be anything
            out.append((f"{key} of another type", {**line, key: {"of": object} if key == "at" else [[[]]]}))
    return out


def test_changed_lines_do_not_validate(validator: Draft202012Validator) -> None:
    seen: set[str] = set()
    for line in lines_of(SCHEMA_VERSION):
        if line["type"] in seen:
            continue
        seen.add(line["type"])
        for what, wrong in changed(line):
            assert not validator.is_valid(wrong), f"{line['type']}: {what}"
    assert len(seen) > 14
    assert not validator.is_valid({**lines_of(SCHEMA_VERSION)[0], "schema_version": SCHEMA_VERSION - 1})
    assert not validator.is_valid({**lines_of(SCHEMA_VERSION)[0], "seq": -1})


@pytest.mark.parametrize("version", VERSIONS)
def test_each_version_is_read_and_told(version: int, tmp_path: Path) -> None:
    path = FIXTURES / f"trace_v{version}" / "events.jsonl"
    trace = load_trace(path)
    assert trace.complete
    assert not trace.truncated
    assert trace.events[0].type == "run_started"
    assert trace.events[0].schema_version == version
    story = read_story(path)
    assert story.state == "finished"
    assert story.result.verdict
    assert story.hypotheses
    assert any(trial.fired is not None for found in story.rounds.values() for trial in found.experiments.values())
    run = RunFolder.create(tmp_path, "run", {})
    run.neuron("mini", NeuronId(5, 131)).events.write_bytes(path.read_bytes())
    shown = show_run(tmp_path, "run")
    assert story.result.verdict in shown
    assert "Traceback" not in shown


def test_what_each_version_brought() -> None:
    """Version 2: merges and splits, and scored predictions. Version 3: LLM calls in tool calls, and what a page shows.

    The latter is in results of tools, which are free in form, and in `expectations`, and is absent in older traces.
    """
    types = {version: {line["type"] for line in lines_of(version)} for version in VERSIONS}
    assert types[2] - types[1] == {"predictions_scored"}
    calls = {version: [line for line in lines_of(version) if line["type"] == "tool_call"] for version in VERSIONS}
    assert not any("llm" in call for call in calls[1] + calls[2])
    assert all("llm" in call for call in calls[3])
    stories = {version: read_story(FIXTURES / f"trace_v{version}" / "events.jsonl") for version in VERSIONS}
    for version in (1, 2):
        assert not stories[version].shown.excerpts
        assert stories[version].result.claims is None
    new = stories[3]
    assert new.shown.excerpts
    assert new.output
    assert new.result.claims
    assert "which_tested" in {call["tool"] for call in calls[3]}
    trials = [trial for found in new.rounds.values() for trial in found.experiments.values()]
    edits = [trial for trial in trials if trial.change]
    assert edits
    assert all(edit.predicted_before for edit in edits)
    assert all(trial.values for trial in trials)
    assert any(event.parent for event in new.hypotheses.values())
