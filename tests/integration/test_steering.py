"""A person in the loop: what they do changes the run, stands in the trace, and is done again by resume and replay."""

from __future__ import annotations

import contextlib
import io
import json
import os
import pty
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from scripted_person import ScriptedPerson

import agent
import agent.run.runner
from agent.cli import main
from agent.run.replay import replay
from tools.catalogue import all_tools
from tools.errors import Interrupted
from tools.toolbox import Tool
from traces.events.kinds import (
    Event,
    HypothesisProposed,
    PersonActed,
    ReadingsRevealed,
    SealedOpened,
    ToolCall,
    without_clock,
)
from traces.text.console import QuietDisplay
from traces.text.show import show_run

TARGET = "L1N3"
SENTENCE = "Fires on commas."
TEXT = "a small green apple, and then"


GO = {"action": "go"}
STEPS = (
    {"action": "test", "text": TEXT},
    {"action": "add", "text": SENTENCE},
    {"action": "budget", "units": 3},
    {"action": "drop", "hypothesis": "H2"},
    GO,
    {"action": "finish"},
    GO,
)


@pytest.fixture(scope="module")
def settings(world: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NEURON_AGENT_CACHE", str(tmp_path_factory.getbasetemp() / "evidence"))
        yield {"model": str(world.model), "corpus": str(world.corpus), "corpus_tokens": 30_000, "seed": 3, "budget": 10}


@pytest.fixture(scope="module")
def steered(settings: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ScriptedPerson]:
    """A run that somebody steered, and who."""
    runs = tmp_path_factory.mktemp("steered")
    person = ScriptedPerson(*STEPS, before=("experiments", "confirm"))
    agent.explain(TARGET, **settings, runs_dir=runs, person=person)
    return runs, person


def events_of(runs: Path) -> list[Event]:
    return agent.load_trace("last", runs_dir=runs).events


def plain(runs: Path) -> list[str]:
    (path,) = runs.glob("*/neurons/*/events.jsonl")
    out = []
    for event in events_of(runs):
        told = without_clock(event)
        told.pop("commit", None)
        out.append(json.dumps(told).replace(path.parts[-4], "RUN").replace(str(runs), "RUNS"))
    return out


def test_what_they_do_is_done_and_stands_in_the_trace(steered: tuple[Path, ScriptedPerson]) -> None:
    runs, person = steered
    events = events_of(runs)
    acted = [event for event in events if isinstance(event, PersonActed)]
    assert [event.action for event in acted] == [step["action"] for step in STEPS]
    assert [event.before for event in acted] == ["experiments"] * 6 + ["confirm"]
    assert person.actions == []

    (own,) = [event for event in events if isinstance(event, HypothesisProposed) and event.origin == "person"]
    assert own.sentence == SENTENCE
    assert person.shown[2].answer.startswith(f"{own.hypothesis} ")
    assert any(rival.origin == "person" for rival in person.shown[2].rivals)

    # the text was predicted before it was read, in a round of its own
    first = next(event for event in events if isinstance(event, ReadingsRevealed))
    assert len(first.values) == 1
    assert first.seq > acted[0].seq
    assert " said " in person.shown[1].answer
    rounds = [event.round for event in events if isinstance(event, ReadingsRevealed)]
    assert len(set(rounds)) == len(rounds) == len([e for e in events if e.type == "predictions_registered"
                                                    and not e.experiment_ids[0].endswith("-before")])  # fmt: skip

    # the sealed fold is opened after they agreed
    opened = next(event.seq for event in events if isinstance(event, SealedOpened))
    assert acted[-1].seq < opened
    result = events[-1].model_dump()["result"]
    assert result["budget"]["limit"] == 13
    assert result["stop_reason"] in ("person", "budget", "plateau")
    rivals = {rival["name"]: rival for rival in result["rivals"]}
    assert rivals["H2"]["status"] == "dropped"
    assert rivals[own.hypothesis]["origin"] == "person"
    told = show_run(runs, "last")
    assert "What a person did" in told
    assert "a person dropped H2" in told


def test_it_is_replayed_from_the_trace_alone(steered: tuple[Path, ScriptedPerson]) -> None:
    runs, _ = steered
    (path,) = runs.glob("*/neurons/*/events.jsonl")
    for recorded in (True, False):
        assert replay(path, QuietDisplay(), recorded=recorded).is_same


def test_left_at_a_pause_and_resumed(
    steered: tuple[Path, ScriptedPerson], settings: dict[str, Any], tmp_path: Path
) -> None:
    """Each time they leave in the middle; what they did before is not asked again."""
    runs, _ = steered
    steps = [step for action in STEPS for step in (action, KeyboardInterrupt)][:-1]
    with pytest.raises(Interrupted, match="agent resume"):
        agent.explain(
            TARGET,
            **settings,
            runs_dir=tmp_path / "r",
            person=ScriptedPerson(*steps, before=("experiments", "confirm")),
        )
    with pytest.raises(Interrupted, match="nobody is here"):  # not even those who never asked for a pause open a fold
        agent.resume("last", runs_dir=tmp_path / "r")
    assert events_of(tmp_path / "r")[-1].type == "interrupted"
    left = steps[2:]
    while left:
        person = ScriptedPerson(*left)
        try:
            agent.resume("last", runs_dir=tmp_path / "r", person=person)
        except Interrupted:
            left = person.actions
        else:
            break
    assert plain(tmp_path / "r") == plain(runs)


def test_a_crash_at_any_place_of_a_pause(
    steered: tuple[Path, ScriptedPerson], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed after any event from what somebody did to what came of it; calls are answered from the undisturbed run."""
    runs, _ = steered
    events = events_of(runs)
    known = {(e.tool, json.dumps(e.arguments)): e.result for e in events if isinstance(e, ToolCall)}

    def remembered(tool: Tool[Any, Any]) -> Tool[Any, Any]:
        def run(arguments: Any, rng: Any) -> Any:
            return tool.result.model_validate(known[tool.name, json.dumps(arguments.model_dump(mode="json"))])

        return replace(tool, run=run)

    monkeypatch.setattr(agent.run.runner, "all_tools", lambda study: [remembered(tool) for tool in all_tools(study)])
    acted = [event.seq for event in events if isinstance(event, PersonActed)]
    places = sorted({seq + more for seq in acted for more in (0, 1, 3)})
    for n_events in places:
        cut = tmp_path / str(n_events)
        shutil.copytree(runs, cut)
        (path,) = cut.glob("*/neurons/*/events.jsonl")
        path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:n_events]))
        path.with_name("result.json").unlink()
        if not any(isinstance(event, SealedOpened) for event in events[:n_events]):
            (cut / "results.sqlite").unlink()
        left = STEPS[sum(seq < n_events for seq in acted) :]
        person = ScriptedPerson(*left)
        agent.resume("last", runs_dir=cut, person=person)
        assert person.actions == []
        assert plain(cut) == plain(runs)


def test_what_cannot_be_done_is_answered(settings: dict[str, Any], tmp_path: Path) -> None:
    wrong = [
        ({"action": "drop", "hypothesis": "token-lookup-30"}, "there is no hypothesis token-lookup-30 to drop"),
        ({"action": "add", "text": "it just likes nice words"}, "not done: "),
        ({"action": "add"}, "add needs text"),
        ({"action": "finish"}, "finish cannot be done here"),
        ({"action": "shout"}, "not done: action"),
        ("go", "not done: "),
        ({"action": "test", "text": ""}, "test needs text"),
    ]  # fmt: skip
    person = ScriptedPerson(*(action for action, _ in wrong), GO, before=("confirm",))  # type: ignore[arg-type]
    agent.explain(TARGET, **settings | {"budget": 2}, runs_dir=tmp_path / "r", person=person)
    for (_, said), pause in zip(wrong, person.shown[1:], strict=True):
        assert said in pause.answer
    assert [e.action for e in events_of(tmp_path / "r") if isinstance(e, PersonActed)] == ["go"]


def test_a_script_on_standard_input(
    settings: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [*command(settings, tmp_path / "r", 2), "--pause-before", "confirm"]
    monkeypatch.setattr("sys.stdin", io.StringIO("look\nlook H1\nwhat\n?\n"))
    assert main(words) == 130  # the script ends before the run may go on
    shown = capsys.readouterr().err
    assert "paused before the confirmation on unseen text" in shown
    assert "from: rules" in shown
    assert "'what' is not one of: look, drop, add" in shown
    assert "experiments          search on" in shown
    assert "`agent resume " in shown
    assert not any(isinstance(event, SealedOpened) for event in events_of(tmp_path / "r"))
    monkeypatch.setattr("sys.stdin", io.StringIO("drop H1\ngo\n"))
    assert main(["resume", "last", "--json", "--pause-before", "confirm", "--runs-dir", str(tmp_path / "r")]) == 0
    out, err = capsys.readouterr()
    assert "H1 competes no more" in err
    assert json.loads(out)["stop_reason"]


def test_standard_input_cannot_be_both(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", TARGET, "--corpus", "-", "--pause-before", "confirm"]) == 2
    assert "--corpus - reads too" in capsys.readouterr().err


def command(settings: dict[str, Any], runs: Path, budget: int = 10) -> list[str]:
    """What is typed for such a run."""
    options = {name: settings[name] for name in ("model", "corpus", "corpus_tokens", "seed")} | {"budget": budget}
    given = [word for name, value in options.items() for word in (f"--{name.replace('_', '-')}", str(value))]
    return ["explain", TARGET, *given, "--runs-dir", str(runs)]


class Terminal:
    """A command in a real pseudo-terminal."""

    def __init__(self, *words: str) -> None:
        self.said = ""
        self.out = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115 (closed in `end`)
        mine, theirs = pty.openpty()
        self.fd = mine
        command = [sys.executable, "-m", "agent.cli", *words]
        self.process = subprocess.Popen(
            command, stdin=theirs, stderr=theirs, stdout=self.out, start_new_session=True,
            preexec_fn=_controls_the_terminal, env=os.environ | {"TERM": "xterm", "COLUMNS": "100"}, text=True,
        )  # fmt: skip
        os.close(theirs)

    def until(self, wanted: str, times: int = 1) -> None:
        end = time.monotonic() + 240
        while self.said.count(wanted) < times:
            assert time.monotonic() < end, self.said
            ready, _, _ = select.select([self.fd], [], [], 0.5)
            if not ready:
                assert self.process.poll() is None, self.said
                continue
            try:
                self.said += os.read(self.fd, 65536).decode("utf-8", "replace")
            except OSError:
                assert self.said.count(wanted) >= times, self.said
                return

    def type(self, text: str) -> None:
        os.write(self.fd, text.encode())

    def end(self) -> tuple[int, str]:
        """Wait for the end; returns the exit code, and what stood on stdout."""
        with contextlib.suppress(OSError):  # which is how a terminal ends that no process holds any more
            while read := os.read(self.fd, 65536):
                self.said += read.decode("utf-8", "replace")
        os.close(self.fd)
        exit_code = self.process.wait(60)
        with self.out:
            self.out.seek(0)
            return exit_code, self.out.read()


def _controls_the_terminal() -> None:
    import fcntl
    import termios

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def test_ctrl_c_once_asks_and_twice_stops(settings: dict[str, Any], tmp_path: Path) -> None:
    terminal = Terminal(*command(settings, tmp_path / "r"))
    terminal.until("fires above")  # the graph has begun
    terminal.type("\x03")
    terminal.until("pausing at the next round")
    terminal.until("what now?")
    terminal.type(f"add {SENTENCE}\n")
    terminal.until(" competes now")
    terminal.until("what now?", 2)
    terminal.type("\x03")
    terminal.until("`agent resume ")
    assert terminal.end() == (130, "")
    assert "Traceback" not in terminal.said

    terminal = Terminal("resume", "last", "--json", "--runs-dir", str(tmp_path / "r"))
    terminal.until("what now?")  # it is still their turn
    terminal.type("finish\n")
    exit_code, out = terminal.end()
    assert exit_code == 0
    assert json.loads(out)["stop_reason"] in ("person", "plateau", "budget")
    actions = [event.action for event in events_of(tmp_path / "r") if isinstance(event, PersonActed)]
    assert actions == ["add", "finish"]


def test_ctrl_c_without_a_terminal_stops_as_ever(settings: dict[str, Any], tmp_path: Path) -> None:
    words = [sys.executable, "-m", "agent.cli", *command(settings, tmp_path / "r")]
    process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    for line in process.stderr:
        if "fires above" in line:
            process.send_signal(signal.SIGINT)
            break
    assert "`agent resume " in process.communicate()[1]
    assert process.returncode == 130
