"""Runs done again from their traces alone: the same result, or where it parts, and nothing touched."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conftest import DEAD
from scripted_llm import MODULE, TRUTH, Scripted, script, scripted_llm

import agent
import agent.run.runner
from agent.cli import main
from agent.cli.replay_text import replay_text
from agent.run.replay import Replayed, replay
from tools.catalogue import all_tools
from tools.errors import BadInput
from tools.llm.endpoint import Endpoint
from traces.text.console import QuietDisplay

TARGET, SETTINGS = "L1N3", {"corpus_tokens": 30_000, "budget": 8, "seed": 3}
FIXTURES = Path(__file__).resolve().parents[1] / "fixtures"

Lines = list[dict[str, Any]]


def trace_in(runs: Path) -> Path:
    """The trace of the latest run."""
    return max(runs.glob("*/neurons/*/events.jsonl"))


def again(path: Path, recorded: bool = False) -> Replayed:
    return replay(path, QuietDisplay(), recorded=recorded)


def altered(path: Path, folder: Path, change: Callable[[Lines], None]) -> Path:
    """A copy of a trace, changed."""
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    change(lines)
    copy = folder / "altered.jsonl"
    copy.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return copy


def first_of(lines: Lines, **wanted: Any) -> dict[str, Any]:
    return next(line for line in lines if all(line.get(key) == value for key, value in wanted.items()))


@pytest.fixture(scope="module")
def runs(world: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Two runs on one neuron, so that the later one is told what the earlier one found."""
    folder = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NEURON_AGENT_CACHE", str(tmp_path_factory.getbasetemp() / "evidence"))
        for seed in (4, 3):
            settings = SETTINGS | {"seed": seed}
            agent.explain(TARGET, model=str(world.model), corpus=str(world.corpus), **settings, runs_dir=folder)
        yield folder


@pytest.fixture(scope="module")
def trace(runs: Path) -> Path:
    return trace_in(runs)


@pytest.mark.parametrize("recorded", [False, True])
def test_from_the_trace_alone(recorded: bool, trace: Path, tmp_path: Path) -> None:
    """Neither run.json nor the database is there; the second opening of sealed text is served as recorded."""
    alone = tmp_path / "events.jsonl"
    shutil.copy(trace, alone)
    found = again(alone, recorded)
    assert found.is_same
    assert found.changed == []
    assert found.events.n_a == found.events.n_b
    opened = found.difference.b.opened
    assert opened is not None
    assert (opened.fold, opened.opening) == (1, 2)
    assert found.difference.b.result.previous == found.difference.a.result.previous
    assert replay_text(found).splitlines()[0] == (
        f"same: {found.events.n_a} events, verdict, explanation and score as recorded"
    )
    assert list(tmp_path.iterdir()) == [alone]


def test_nothing_of_the_run_is_touched(runs: Path, trace: Path) -> None:
    def content() -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in sorted(runs.rglob("*")) if path.is_file()}

    before = content()
    again(trace, recorded=True)
    assert content() == before


def test_recorded_runs_no_tool(trace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> Any:
        raise AssertionError("a tool was called")

    monkeypatch.setattr(agent.run.runner, "all_tools", lambda study: [replace(t, run=refuse) for t in all_tools(study)])
    assert again(trace, recorded=True).is_same


def test_another_reading(trace: Path, tmp_path: Path) -> None:
    """What a tool gives now is not what it gave: the first difference is that call, and what followed is compared."""

    def change(lines: Lines) -> None:
        call = first_of(lines, tool="read_activations")
        call["result"]["values"][0][-1] += 0.00001

    found = again(altered(trace, tmp_path, change))
    assert not found.is_same
    first = found.events.first
    assert first is not None
    assert (first.type, first.tool) == ("tool_call", "read_activations")
    assert first.field.startswith("result.values.0.")
    assert found.events.changed == {"tool_call read_activations": 1}
    told = replay_text(found)
    assert told.startswith(f"differs: event {first.number} (tool_call read_activations), result.values.0.")
    assert "verdict, explanation and score as recorded" in told.replace("\n  ", " ")
    assert "what came of it" not in told
    assert "only numbers differ, by at most" in told


def test_another_decision(trace: Path, tmp_path: Path) -> None:
    def change(lines: Lines) -> None:
        first_of(lines, type="decided")["reason"] = "a whim"
        lines[-1]["result"]["verdict"] = "noise"
        lines[-1]["result"]["score"] = {"value": None, "reason": "none"}

    found = again(altered(trace, tmp_path, change), recorded=True)
    first = found.events.first
    assert first is not None
    assert (first.type, first.field, first.a) == ("decided", "reason", "a whim")
    assert found.events.changed == {"decided": 1, "finished": 1}
    told = replay_text(found)
    assert "another verdict and score, explanation as recorded" in told.replace("\n  ", " ")
    assert "noise" in told


def test_a_call_that_was_not_made_then(trace: Path, tmp_path: Path) -> None:
    """With results from the trace, a decision that asks for something else ends the replay, and says so."""

    def change(lines: Lines) -> None:
        first_of(lines, tool="propose")["result"]["proposals"][0]["sentence"] = "Fires on digits (10)."

    found = again(altered(trace, tmp_path, change), recorded=True)
    assert not found.is_same
    assert "score is called with other arguments than the recorded ones" in found.stopped
    assert found.events.first is not None
    assert found.events.first.type == "hypothesis_proposed"
    assert "What the result would be is not known" in replay_text(found, width=400)

    def shorten(lines: Lines) -> None:
        del lines[next(i for i, line in enumerate(lines) if line.get("tool") == "score") : -1]
        lines[-1]["seq"] = len(lines) - 1

    found = again(altered(trace, tmp_path, shorten), recorded=True)
    assert "0004-score is not on record" in found.stopped
    assert found.events.first is not None
    assert (found.events.first.a, found.events.first.b) == ("finished", "tool_call score")


@pytest.mark.parametrize("end", [[], [{"type": "interrupted", "reason": "x"}]])
@pytest.mark.parametrize("recorded", [False, True])
def test_an_unfinished_run(end: Lines, recorded: bool, trace: Path, tmp_path: Path) -> None:
    """It is replayed as far as it went: no tool is called that it had not called."""
    n_kept = 25

    def cut(lines: Lines) -> None:
        del lines[n_kept:]
        lines += [line | {"seq": n_kept, "at": ""} for line in end]

    found = again(altered(trace, tmp_path, cut), recorded)
    assert found.is_same
    assert (found.events.n_a, found.events.n_b) == (n_kept, n_kept)
    assert replay_text(found).startswith("same: 25 events, as far as the run is recorded (interrupted)")


def test_what_is_not_as_it_was(trace: Path, tmp_path: Path) -> None:
    def change(lines: Lines) -> None:
        begun = lines[0]
        begun["model_fingerprint"] = begun["corpus"]["fingerprint"] = "0" * 64
        begun["versions"]["torch"] = "1.0"
        first_of(lines, type="gathered")["theta"] = 1.5
        begun["config"]["max_seconds"] = 1000.0

    seen: list[str] = []
    display = QuietDisplay()
    display.note = seen.append  # type: ignore[method-assign]
    found = replay(altered(trace, tmp_path, change), display)
    said = " ".join(replay_text(found).split())
    assert [sentence.split()[0] for sentence in found.changed] == ["the", "the", "torch"]
    assert sum(note.startswith("changed since") for note in seen) == 3
    assert "changed since the run was made, and most likely the cause: the weights of" in said
    assert "torch is" in said
    assert "and was 1.0" in said
    assert "--max-seconds 1000" in said
    assert said.startswith("differs: event 4 (gathered), theta")


def test_a_dead_neuron(world: Any, tmp_path: Path) -> None:
    agent.explain(DEAD, model=str(world.model), corpus=str(world.corpus), **SETTINGS, runs_dir=tmp_path)
    for recorded in (False, True):
        assert again(trace_in(tmp_path), recorded).is_same


def test_older_formats_cannot_be_replayed(tmp_path: Path) -> None:
    for version in (1, 2):
        with pytest.raises(BadInput, match=f"has trace format {version}, and only format 3 can be replayed"):
            again(FIXTURES / f"trace_v{version}" / "events.jsonl")
    (tmp_path / "empty.jsonl").write_text("")
    with pytest.raises(BadInput, match="has nothing to replay yet"):
        again(tmp_path / "empty.jsonl")


def test_settings_that_are_not_known(trace: Path, tmp_path: Path) -> None:
    def change(lines: Lines) -> None:
        lines[0]["config"]["mood"] = "good"

    with pytest.raises(BadInput, match="are from another version of this program: --mood cannot be 'good'"):
        again(altered(trace, tmp_path, change))


def test_the_command_line(runs: Path, trace: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("last", trace.parts[-4], str(trace), str(trace.parent), str(trace.parents[2])):
        assert main(["trace", "replay", name, "--recorded", "--quiet", "--runs-dir", str(runs)]) == 0
        assert capsys.readouterr().out.startswith("same: ")
    without = tmp_path / "runs" / "r1"
    shutil.copytree(trace.parents[2], without)
    (without / "run.json").unlink()
    assert main(["trace", "replay", "r1", "--recorded", "--runs-dir", str(without.parent)]) == 0
    said = capsys.readouterr()
    assert said.out.startswith("same: ")
    assert "finished" in said.err

    def change(lines: Lines) -> None:
        first_of(lines, type="decided")["reason"] = "a whim"

    path = altered(trace, tmp_path, change)
    assert main(["trace", "replay", str(path), "--recorded", "--quiet"]) == 0
    assert capsys.readouterr().out.startswith("differs: event ")
    assert main(["trace", "replay", "last", "--neuron", "L0N1", "--runs-dir", str(runs)]) == 2
    assert "has no neuron 'L0N1'; it has: " in capsys.readouterr().err
    assert main(["trace", "replay", "never", "--runs-dir", str(runs)]) == 2
    (tmp_path / "begun" / "neurons").mkdir(parents=True)
    assert main(["trace", "replay", str(tmp_path / "begun")]) == 2
    assert "it has no trace yet" in capsys.readouterr().err


def test_two_runs_side_by_side(runs: Path, trace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    earlier = min(runs.glob("*/neurons/*/events.jsonl"))
    assert main(["trace", "diff", earlier.parts[-4], "last", "--runs-dir", str(runs)]) == 0
    said = capsys.readouterr().out
    assert said.startswith(f"A  {earlier.parts[-4]}")
    assert "  seed  4  3" in said
    assert "different sealed folds (0 and 1)" in said
    assert "the first that differs: event " in said
    assert main(["trace", "diff", str(trace), "last", "--runs-dir", str(runs)]) == 0
    said = capsys.readouterr().out
    assert "Settings and versions\n---------------------\n  the same\n" in said
    assert "events are the same" in said


class Spoken:
    """Runs with a scripted LLM whose server is gone, and whose replies are kept nowhere but in the trace."""

    def __init__(self, world: Any, folder: Path) -> None:
        self.folder = folder
        self.settings = {
            "model": str(world.model), "corpus": str(world.corpus), "corpus_tokens": 30_000, "seed": 3, "budget": 6,
            "planted": ["odd_plants:parity"], "explainer": "openai:fake",
        }  # fmt: skip

    def run(self, name: str, server: Scripted, **more: Any) -> Path:
        runs = self.folder / name
        llm = {"url": server.url} | more.pop("llm", {})
        agent.explain("L0N0", **(self.settings | more), llm=llm, runs_dir=runs)
        return trace_in(runs)


@pytest.fixture(scope="module")
def spoken(world: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Spoken]:
    folder = tmp_path_factory.mktemp("plants")
    (folder / "odd_plants.py").write_text(MODULE, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NEURON_AGENT_CACHE", str(tmp_path_factory.getbasetemp() / "evidence"))
        patch.syspath_prepend(folder)
        yield Spoken(world, folder)


@pytest.fixture
def nobody_is_asked(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """From when it is called, an endpoint cannot even be opened."""

    def refuse(*_: Any, **__: Any) -> Any:
        raise AssertionError("an endpoint was opened")

    def close() -> None:
        monkeypatch.setattr(Endpoint, "open", refuse)
        monkeypatch.setattr(Endpoint, "ask", refuse)

    return close


def test_an_llm_says_again_what_it_said(
    spoken: Spoken, nobody_is_asked: Callable[[], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also what it cost: its price was known when the run was made, and is not now."""
    prices = tmp_path / "prices.toml"
    prices.write_text('["http://127.0.0.1:*"]\nfake = { input = 0.15, output = 0.6 }\n')
    with monkeypatch.context() as patch, scripted_llm(script()) as server:
        patch.setenv("NEURON_AGENT_PRICES", str(prices))
        path = spoken.run("plain", server, max_usd=0.05)
    nobody_is_asked()
    for recorded in (False, True):
        found = again(path, recorded)
        assert found.is_same, found.events
        assert found.notes == (["results of tools were taken from the trace"] if recorded else [])
    cost = found.difference.b.result.cost
    assert cost.usd > 0
    assert cost == found.difference.a.result.cost
    assert found.difference.b.result.explanation == TRUTH

    def forget(lines: Lines) -> None:
        call = next(line for line in lines if line.get("tool") == "score" and line["llm"])
        del call["llm"][0]

    found = again(altered(path, tmp_path, forget))
    assert not found.is_same
    assert "the simulator is asked what is not on record, and a replay asks no LLM" in found.stopped
    assert found.events.first is not None
    assert found.events.first.tool == "score"
    assert "an unrecorded question to the simulator" in replay_text(found)


@pytest.mark.parametrize(("limit", "met"), [(30_000, {"", "refusal", "rejected"}), (10_000, {"", "limit reached"})])
def test_an_llm_that_fails_now_and_then(
    limit: int, met: set[str], spoken: Spoken, nobody_is_asked: Callable[[], None]
) -> None:
    """Failures, a limit that is reached, and rubbish come out as they did."""
    n = 0

    def override(body: dict[str, Any]) -> Any:
        nonlocal n
        n += 1
        return {3: {"content": None, "refusal": "I would rather not"}, 5: (400, "no"), 7: "rubbish"}.get(n % 9)

    with scripted_llm(script(override=override)) as server:
        path = spoken.run(f"failing-{limit}", server, max_tokens=limit, llm={"concurrency": 1, "retries": 0})
    nobody_is_asked()
    for recorded in (False, True):
        found = again(path, recorded)
        assert found.is_same, found.events
    asked = [call for event in found.difference.a.calls for call in event.llm]
    assert {(call.error or "").partition(":")[0] for call in asked} >= met


@pytest.mark.parametrize("simulation", ["token-by-token", "all-at-once"])
def test_log_probabilities_are_not_kept(simulation: str, spoken: Spoken, nobody_is_asked: Callable[[], None]) -> None:
    with scripted_llm(script()) as server:
        path = spoken.run(simulation, server, llm={"simulation": simulation, "simulated_excerpts": 6})
    nobody_is_asked()
    found = again(path)
    assert found.is_same, found.events
    assert "which keeps no log probabilities" in found.notes[0]


def test_an_llm_that_decides(spoken: Spoken, nobody_is_asked: Callable[[], None]) -> None:
    """Its calls are told back to it under the endpoint's own ids."""

    def calling(name: str, **arguments: Any) -> dict[str, Any]:
        function = {"name": name, "arguments": json.dumps(arguments)}
        return {"content": "so:", "tool_calls": [{"id": f"call-{name}", "type": "function", "function": function}]}

    turns = [
        calling("read_text", texts=["q: e", "we are here"]),
        calling("hypothesize", explanation=TRUTH),
        calling("experiment", texts=["x y z e", "k l a"]),
        calling("finish", reason="enough"),
    ]

    def override(body: dict[str, Any]) -> Any:
        if "tools" not in body:
            return None
        return turns[sum(message["role"] == "assistant" for message in body["messages"])]

    with scripted_llm(script(override=override)) as server:
        path = spoken.run("react", server, variant="react", budget=10)
    nobody_is_asked()
    for recorded in (False, True):
        found = again(path, recorded)
        assert found.is_same, found.events
    assert found.difference.b.result.stop_reason == "finished"
