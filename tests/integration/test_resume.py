"""Killed, stopped and resumed runs end as an undisturbed one, and repeat no recorded call."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

import agent
import agent.run.runner
from agent.cli import main
from tools.catalogue import all_tools
from tools.errors import BadInput, Interrupted, NotAvailable, StorageError
from tools.records.result import Result
from tools.study.study import Study
from tools.toolbox import Tool
from traces.database.results import ResultsDatabase
from traces.database.selection import Selection
from traces.events.kinds import Event, SealedOpened, ToolCall, without_clock
from traces.events.store import is_being_written
from traces.text.show import list_runs

TARGET, SETTINGS = "L1N3", {"corpus_tokens": 30_000, "budget": 10, "seed": 3}

SCRIPT = """
import json, sys
import agent
settings = json.loads(sys.argv[1])
print("ready", flush=True)
agent.explain(settings.pop("target"), **settings)
"""


class World:
    """Runs of one neuron; each undisturbed or disturbed run has a folder of runs of its own."""

    def __init__(self, world: Any, folder: Path) -> None:
        self.settings = {"model": str(world.model), "corpus": str(world.corpus), **SETTINGS}
        self.folder = folder
        self.result = agent.explain(TARGET, **self.settings, runs_dir=folder / "undisturbed")
        self.path = next((folder / "undisturbed").glob("*/neurons/*/events.jsonl"))
        self.lines = self.path.read_bytes().splitlines(keepends=True)
        self.events = agent.load_trace("last", runs_dir=folder / "undisturbed").events

    def same(self, runs: Path) -> list[Event]:
        """Check that the only run in `runs` has the events and the result of the undisturbed one; return its events."""
        (path,) = runs.glob("*/neurons/*/events.jsonl")
        events = agent.load_trace("last", runs_dir=runs).events
        assert [self.plain(e, path) for e in events] == [self.plain(e, self.path) for e in self.events]
        assert path.parent.name in events[-1].model_dump()["result"]["trace"]
        result = Result.model_validate_json(path.with_name("result.json").read_bytes())
        assert result.explanation == self.result.explanation
        assert without_clock(result.to_json()) == without_clock(events[-1].model_dump(mode="json")["result"])
        return events

    @staticmethod
    def plain(event: Event, path: Path) -> Any:
        plain = without_clock(event)
        plain.pop("commit", None)  # somebody may commit while the tests run
        if event.type == "finished":
            del plain["result"]["trace"]  # where the runs lie is no part of what happened
        return json.dumps(plain).replace(path.parts[-4], "RUN")

    def start(self, runs: Path) -> subprocess.Popen[str]:
        settings = json.dumps({"target": TARGET, **self.settings, "runs_dir": str(runs)})
        process = subprocess.Popen(
            [sys.executable, "-c", SCRIPT, settings], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        return process

    def cut(self, n_events: int, runs: Path, half: bytes = b"") -> Path:
        """The undisturbed run as a crash after `n_events` would have left it; returns the trace."""
        shutil.copytree(self.folder / "undisturbed", runs)
        (path,) = runs.glob("*/neurons/*/events.jsonl")
        path.write_bytes(b"".join(self.lines[:n_events]) + half)
        path.with_name("result.json").unlink()
        if not any(isinstance(event, SealedOpened) for event in self.events[:n_events]):
            (runs / "results.sqlite").unlink()
        return path


@pytest.fixture(scope="module")
def runs(world: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NEURON_AGENT_CACHE", str(tmp_path_factory.getbasetemp() / "evidence"))
        yield World(world, tmp_path_factory.mktemp("runs"))


@pytest.fixture
def executed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of tools that are really run from now on, in order."""
    names: list[str] = []

    def counted(tool: Tool[Any, Any]) -> Tool[Any, Any]:
        def run(*arguments: Any) -> Any:
            names.append(tool.name)
            return tool.run(*arguments)

        return replace(tool, run=run)

    monkeypatch.setattr(agent.run.runner, "all_tools", lambda study: [counted(tool) for tool in all_tools(study)])
    return names


def wait_for_events(path: Callable[[], list[Path]], n: int, process: subprocess.Popen[str]) -> int:
    """Wait until that many events stand in the trace; returns how many do."""
    for _ in range(6000):
        found = path()
        n_events = found[0].read_bytes().count(b"\n") if found else 0
        if n_events >= n:
            return n_events
        assert process.poll() is None, process.stderr and process.stderr.read()
        time.sleep(0.005)
    raise AssertionError("the run does not get there")


def n_calls(events: list[Event]) -> int:
    return sum(isinstance(event, ToolCall) for event in events)


@pytest.mark.parametrize("place", ["propose", "read_activations", "null"])
def test_kill_9_and_resume(place: str, runs: World, tmp_path: Path, executed: list[str]) -> None:
    """Killed while it works on what comes after a call of that tool."""
    seq = next(e.seq for e in runs.events if isinstance(e, ToolCall) and e.tool == place)
    process = runs.start(tmp_path / "r")
    n_left = wait_for_events(lambda: list((tmp_path / "r").glob("*/neurons/*/events.jsonl")), seq + 1, process)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    process.communicate()
    assert n_left < len(runs.events)
    recorded = n_calls(agent.load_trace("last", runs_dir=tmp_path / "r").events)
    assert recorded >= n_calls(runs.events[: seq + 1])

    agent.resume("last", runs_dir=tmp_path / "r")
    events = runs.same(tmp_path / "r")
    assert executed == [e.tool for e in events if isinstance(e, ToolCall)][recorded:]


def test_a_crash_after_any_event(runs: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls that are not on record are answered from the undisturbed run, to go through every place quickly."""
    known = {(e.tool, json.dumps(e.arguments)): e.result for e in runs.events if isinstance(e, ToolCall)}

    def remembered(tool: Tool[Any, Any]) -> Tool[Any, Any]:
        def run(arguments: Any, rng: Any) -> Any:
            return tool.result.model_validate(known[tool.name, json.dumps(arguments.model_dump(mode="json"))])

        return replace(tool, run=run)

    monkeypatch.setattr(agent.run.runner, "all_tools", lambda study: [remembered(tool) for tool in all_tools(study)])
    for n_events in range(len(runs.events) + 1):
        folder = tmp_path / str(n_events)
        half = b"" if n_events == len(runs.events) else runs.lines[n_events][: 1 + 7 * n_events]
        half = half.removesuffix(b"\n") if n_events % 2 else b""
        path = runs.cut(n_events, folder, half)
        agent.resume("last", runs_dir=folder)
        runs.same(folder)
        aside = path.with_suffix(".interrupted.jsonl")
        assert aside.read_bytes().rstrip(b"\n") == half if half else not aside.exists()


def test_ctrl_c_and_resume(runs: World, tmp_path: Path, executed: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    counted = agent.run.runner.all_tools

    def interrupted_once(study: Study) -> list[Tool[Any, Any]]:
        def press(tool: Tool[Any, Any]) -> Tool[Any, Any]:
            def run(*arguments: Any) -> Any:
                os.kill(os.getpid(), signal.SIGINT)
                time.sleep(5)

            return replace(tool, run=run) if tool.name == "revise" else tool

        return [press(tool) for tool in counted(study)]

    with monkeypatch.context() as patch:
        patch.setattr(agent.run.runner, "all_tools", interrupted_once)
        with pytest.raises(Interrupted, match=r"`agent resume \S+ --runs-dir \S+` goes on where it was"):
            agent.explain(TARGET, **runs.settings, runs_dir=tmp_path / "r")
    stopped = agent.load_trace("last", runs_dir=tmp_path / "r")
    assert stopped.events[-1].type == "interrupted"
    assert not stopped.complete
    done = list(executed)

    agent.resume("last", runs_dir=tmp_path / "r")
    events = runs.same(tmp_path / "r")
    assert executed == [e.tool for e in events if isinstance(e, ToolCall)]
    assert len(executed) > len(done) > 3


def test_ctrl_c_in_a_process(runs: World, tmp_path: Path) -> None:
    process = runs.start(tmp_path / "r")
    wait_for_events(lambda: list((tmp_path / "r").glob("*/neurons/*/events.jsonl")), 4, process)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert "tools.errors.Interrupted: stopped; everything so far is saved" in err
    assert agent.load_trace("last", runs_dir=tmp_path / "r").events[-1].type == "interrupted"


def test_a_failure_in_the_middle_and_resume(runs: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(study: Study) -> list[Tool[Any, Any]]:
        def fail(*_: Any) -> Any:
            raise MemoryError("no more")

        return [replace(t, run=fail) if t.name == "read_activations" else t for t in all_tools(study)]

    with monkeypatch.context() as patch:
        patch.setattr(agent.run.runner, "all_tools", broken)
        with pytest.raises(MemoryError):
            agent.explain(TARGET, **runs.settings, runs_dir=tmp_path / "r")
    assert agent.load_trace("last", runs_dir=tmp_path / "r").events[-1].type == "failed"
    agent.resume("last", runs_dir=tmp_path / "r")
    runs.same(tmp_path / "r")


def test_a_finished_run_returns_its_result(runs: World, executed: list[str]) -> None:
    before = runs.path.read_bytes()
    assert agent.resume("last", runs_dir=runs.folder / "undisturbed") == runs.result
    assert executed == []
    assert runs.path.read_bytes() == before


def test_an_unexpected_error_names_the_command_that_goes_on(runs: World, tmp_path: Path, capsys: Any) -> None:
    def broken(study: Study) -> list[Tool[Any, Any]]:
        raise ZeroDivisionError("division by zero")

    words = ["explain", TARGET, "--model", runs.settings["model"], "--corpus", runs.settings["corpus"], "--quiet",
             "--runs-dir", str(tmp_path / "r")]  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(agent.run.runner, "all_tools", broken)
        assert main(words) == 1
    (run,) = (tmp_path / "r").glob("*/run.json")
    assert capsys.readouterr().err == (
        "agent: unexpected ZeroDivisionError: division by zero (AGENT_DEBUG=1 shows the traceback). "
        f"`agent resume {run.parent.name} --runs-dir {tmp_path / 'r'}` goes on where it was.\n"
    )


def test_an_error_in_a_node_is_told_without_langgraphs_words(runs: World, tmp_path: Path, capsys: Any) -> None:
    def broken(study: Study) -> list[Tool[Any, Any]]:
        def fail(*_: Any) -> Any:
            raise NotAvailable("the texts are gone: bring them back.")

        return [replace(t, run=fail) if t.name == "read_activations" else t for t in all_tools(study)]

    words = ["explain", TARGET, "--model", runs.settings["model"], "--corpus", runs.settings["corpus"], "--quiet",
             "--runs-dir", str(tmp_path / "r")]  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(agent.run.runner, "all_tools", broken)
        assert main(words) == NotAvailable.exit_code
    assert capsys.readouterr().err == "agent: the texts are gone: bring them back.\n"


def test_a_result_of_another_version_in_a_trace_is_refused_by_name(runs: World, tmp_path: Path, capsys: Any) -> None:
    path = runs.cut(len(runs.lines), tmp_path / "r")
    written, n = re.subn(r'"stop_reason": ?"[a-z ]+"', '"stop_reason": "patience"', path.read_text())
    assert n > 0
    path.write_text(written)
    assert main(["resume", "last", "--runs-dir", str(tmp_path / "r")]) == StorageError.exit_code
    assert capsys.readouterr().err == (
        f"agent: the result in {path} cannot be read: mend it, or use the version that wrote it.\n"
    )


READERS = {
    "the model": "agent.setup.resources.open_model",
    "the corpus": "agent.setup.resources.split_corpus",
    "a layer": "agent.setup.resources.scan_layer",
}


@pytest.mark.parametrize("what", READERS)
def test_ctrl_c_while_reading_and_resume(what: str, runs: World, tmp_path: Path) -> None:
    """The run is there before anything is read, and is the latest from then on; it ends as an undisturbed one."""
    other = runs.cut(len(runs.events), tmp_path / "r")
    shutil.copy(runs.path.with_name("result.json"), other)

    def stopped(*_: Any, **__: Any) -> Any:
        (begun,) = (path for path in (tmp_path / "r").glob("*/run.json") if path.parent != other.parents[2])
        assert is_being_written(begun.parent)
        assert "running" in list_runs(tmp_path / "r")
        with pytest.raises(StorageError, match="is being written by another process"):
            agent.resume("last", runs_dir=tmp_path / "r")
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(READERS[what], stopped)
        with pytest.raises(Interrupted, match="`agent resume ") as error:
            agent.explain("L1N3", **runs.settings, runs_dir=tmp_path / "r")
    shutil.rmtree(other.parents[2])
    (tmp_path / "r" / "results.sqlite").unlink(missing_ok=True)
    (run,) = (tmp_path / "r").glob("*/run.json")
    assert f"`agent resume {run.parent.name} --runs-dir" in str(error.value)
    assert "stopped while it was reading" in list_runs(tmp_path / "r")

    agent.resume("last", runs_dir=tmp_path / "r")
    runs.same(tmp_path / "r")
    manifests = [json.loads(path.read_text()) for path in (run, runs.path.parents[2] / "run.json")]
    assert manifests[0] == manifests[1] | {"commit": manifests[0]["commit"]}


def test_kill_9_while_reading_and_resume(runs: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEURON_AGENT_CACHE", str(tmp_path / "cache"))
    process = runs.start(tmp_path / "r")
    for _ in range(6000):
        if list((tmp_path / "r").glob("*/run.json")):
            break
        time.sleep(0.005)
    process.kill()
    process.communicate()
    assert not list((tmp_path / "r").glob("*/neurons"))
    agent.resume("last", runs_dir=tmp_path / "r")
    runs.same(tmp_path / "r")


def test_what_auto_meant_is_known_before_anything_is_read(
    runs: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr("agent.setup.resources.open_model", stopped)
    with pytest.raises(Interrupted):
        agent.explain("L1N3", runs_dir=tmp_path / "r")
    (run,) = (tmp_path / "r").glob("*/run.json")
    assert json.loads(run.read_text())["config"]["model"] == "mini"


@pytest.mark.parametrize(
    "refused",
    [{"target": "L1N999"}, {"rivals": ["Fires on `no such token at all` (5)."]}, {"corpus": "/none.txt"},
     {"model": "owner/none"}],
)  # fmt: skip
def test_a_run_that_is_refused_leaves_nothing(refused: dict[str, Any], runs: World, tmp_path: Path) -> None:
    settings = {"target": TARGET, **runs.settings, **refused}
    with pytest.raises((BadInput, NotAvailable)):
        agent.explain(settings.pop("target"), **settings, runs_dir=tmp_path / "r")
    assert not (tmp_path / "r").exists()
    (tmp_path / "r").mkdir()
    settings = {"target": TARGET, **runs.settings, **refused}
    with pytest.raises((BadInput, NotAvailable)):
        agent.explain(settings.pop("target"), **settings, runs_dir=tmp_path / "r")
    assert list((tmp_path / "r").iterdir()) == []


def test_a_clock_that_was_set_back_hides_no_run(runs: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    agent.explain(TARGET, **runs.settings, runs_dir=tmp_path / "r")

    class Early(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:
            return datetime(2001, 1, 1, tzinfo=tz)

    monkeypatch.setattr("traces.events.runs.datetime", Early)
    later = agent.explain(TARGET, **runs.settings | {"seed": 4}, runs_dir=tmp_path / "r")
    assert agent.resume("last", runs_dir=tmp_path / "r") == later
    database = ResultsDatabase(tmp_path / "r")
    assert [row.seed for row in database.select(Selection(latest=True))] == [4]
    for run in (tmp_path / "r").glob("*/run.json"):
        shutil.rmtree(run.parent)
    assert database.new_run_id("m", "L0N1") > later.run_id  # what the database still knows counts, too


def test_two_processes_on_one_run(runs: World, tmp_path: Path) -> None:
    process = runs.start(tmp_path / "r")
    try:
        wait_for_events(lambda: list((tmp_path / "r").glob("*/neurons/*/events.jsonl")), 4, process)
        os.kill(process.pid, signal.SIGSTOP)
        with pytest.raises(StorageError, match="is being written by another process"):
            agent.resume("last", runs_dir=tmp_path / "r")
    finally:
        process.kill()
        process.communicate()
    assert agent.load_trace("last", runs_dir=tmp_path / "r").events[-1].type not in ("interrupted", "failed")


def test_time_is_counted_over_all_attempts(runs: World, tmp_path: Path, executed: list[str]) -> None:
    """What a call took stands in the trace, so that a resumed run stops for time where the first one did."""
    seconds = [e.seconds for e in runs.events if isinstance(e, ToolCall) and e.charged]
    path = runs.cut(len(runs.events), tmp_path / "r")
    events = [json.loads(line) for line in runs.lines]
    first_round = next(e for e in events if e.get("tool") == "read_activations")["seq"]
    limit = sum(e.get("seconds", 0) for e in events[: first_round + 1]) + seconds[-1] / 1e6
    manifest = path.parents[2] / "run.json"
    config = json.loads(manifest.read_text())
    config["config"]["max_seconds"] = events[0]["config"]["max_seconds"] = limit
    manifest.write_text(json.dumps(config))
    kept = next(i for i, e in enumerate(events) if e["seq"] > first_round and e.get("tool"))
    path.write_text("".join(json.dumps(e) + "\n" for e in events[:kept]))
    (tmp_path / "r" / "results.sqlite").unlink()

    agent.resume("last", runs_dir=tmp_path / "r")
    after = [e.tool for e in agent.load_trace("last", runs_dir=tmp_path / "r").events[kept:] if isinstance(e, ToolCall)]
    assert after[0] == "revise"  # the limit was not reached yet
    assert [tool for tool in after[1:] if "probe" not in tool] == [
        "meanings",
        "null",
        "confirm",
        "examples",
        "claim_output",
        "causal_check",
        "which_tested",
    ]
    assert executed == after


def test_another_model_than_the_runs(runs: World, tmp_path: Path) -> None:
    path = runs.cut(5, tmp_path / "r")
    manifest = path.parents[2] / "run.json"
    config = json.loads(manifest.read_text())
    config["model"]["fingerprint"] = "0" * 64
    manifest.write_text(json.dumps(config))
    with pytest.raises(BadInput, match=r"the weights of .* have changed since the run .* began: start a new run"):
        agent.resume("last", runs_dir=tmp_path / "r")
    assert path.read_bytes() == b"".join(runs.lines[:5])


@pytest.mark.parametrize("damage", ["{}", '{"config": {"target": 3}}', '{"config": []}'])
def test_a_damaged_manifest(damage: str, runs: World, tmp_path: Path) -> None:
    path = runs.cut(5, tmp_path / "r")
    (path.parents[2] / "run.json").write_text(damage)
    with pytest.raises(StorageError, match=r"run\.json is damaged"):
        agent.resume("last", runs_dir=tmp_path / "r")
