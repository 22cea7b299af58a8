"""Runs with an LLM that were killed or stopped: nothing that was answered is asked again, and they end the same."""

from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from scripted_llm import MODULE, TRUTH, Run, Scripted, script, scripted_llm

import agent

BUDGET, TOKENS, SEED = 6, 30_000, 3


def canonical(bodies: list[dict[str, Any]]) -> list[str]:
    return [json.dumps(body, sort_keys=True) for body in bodies]


def plain(run: Run) -> list[str]:
    """The events, whatever the port of the endpoint."""
    return [re.sub(r"http://127\.0\.0\.1:\d+/v1", "URL", event) for event in run.plain()]


class Plants:
    """Where the planted neuron is found, and the run that nobody disturbed."""

    def __init__(self, world: Any, folder: Path, runs: Path) -> None:
        self.folder = folder
        self.options = [
            *world.options, "--corpus-tokens", str(TOKENS), "--budget", str(BUDGET), "--seed", str(SEED),
            "--planted", "odd_plants:parity", "--explainer", "openai:fake",
        ]  # fmt: skip
        with scripted_llm(script()) as server:
            self.whole = Run(
                server, runs, model=str(world.model), corpus=str(world.corpus), corpus_tokens=TOKENS, seed=SEED,
                budget=BUDGET, planted=["odd_plants:parity"], explainer="openai:fake",
            )  # fmt: skip

    def start(self, url: str, runs: Path) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "agent.cli", "explain", "L0N0", *self.options, "--llm-url", url]
        return subprocess.Popen(
            [*command, "--runs-dir", str(runs)],
            cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env=os.environ | {"PYTHONPATH": os.pathsep.join([str(Path(agent.__file__).parents[1]), str(self.folder)])},
        )  # fmt: skip


@pytest.fixture(scope="module")
def plants(world: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plants]:
    folder = tmp_path_factory.mktemp("plants")
    (folder / "odd_plants.py").write_text(MODULE, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NEURON_AGENT_CACHE", str(tmp_path_factory.getbasetemp() / "evidence"))
        patch.syspath_prepend(folder)
        yield Plants(world, folder, tmp_path_factory.mktemp("runs"))


def resumed(server: Scripted, runs: Path) -> Run:
    """Go on with the only run."""
    run = Run.__new__(Run)
    before = len(server.bodies)
    run.result = agent.resume("last", runs_dir=runs)
    run.bodies = server.bodies[before:]
    run.events = agent.load_trace("last", runs_dir=runs).events
    run.told = run.result.to_json()
    return run


def n_kept() -> int:
    """How many answers are in the store."""
    path = Path(os.environ["NEURON_AGENT_CACHE"]) / "llm-replies.sqlite"
    connection = sqlite3.connect(path)
    try:
        (n,) = connection.execute("SELECT count(*) FROM replies").fetchone()
        return int(n)
    finally:
        connection.close()


def wait_until(ready: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    for _ in range(12_000):
        if ready():
            return
        assert process.poll() is None, process.communicate()
        time.sleep(0.005)
    raise AssertionError("the run does not get there")


@pytest.mark.parametrize("share", [0.1, 0.95])
def test_kill_9_and_resume(share: float, plants: Plants, tmp_path: Path) -> None:
    """Killed while the rest of a burst is on its way: after the first question, and on sealed text."""
    n_answers = int(share * len(plants.whole.bodies))
    counted = threading.Lock()
    gate = threading.Event()
    n_asked = 0

    def hold(_: dict[str, Any]) -> None:
        nonlocal n_asked
        with counted:
            n_asked += 1
            held = n_asked > n_answers
        if held:
            gate.wait()

    before = n_kept()
    with scripted_llm(script(override=hold)) as server:
        process = plants.start(server.url, tmp_path / "r")
        try:
            wait_until(lambda: n_asked > n_answers and n_kept() == before + n_answers, process)
            answered = canonical(server.answered)
        finally:
            process.kill()
            process.communicate()
            gate.set()
        assert process.returncode == -signal.SIGKILL
        assert len(answered) == n_answers
        assert agent.load_trace("last", runs_dir=tmp_path / "r").events[-1].type != "finished"
        found = resumed(server, tmp_path / "r")
    assert found.bodies
    assert not set(canonical(found.bodies)) & set(answered)
    assert sorted([*answered, *canonical(found.bodies)]) == sorted(canonical(plants.whole.bodies))
    assert found.result.explanation == TRUTH
    assert plain(found) == plain(plants.whole)
    assert found.result.cost == plants.whole.result.cost
    found.adds_up()


def test_ctrl_c_saves_the_run_and_it_goes_on(plants: Plants, tmp_path: Path) -> None:
    slow = script(delay_s=0.2)
    with scripted_llm(slow) as server:
        process = plants.start(server.url, tmp_path / "r")
        wait_until(lambda: len(server.answered) >= 2, process)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
        assert process.returncode == 130, err
        assert out == ""
        assert "Traceback" not in err, err
        assert re.search(r"agent: stopped; everything so far is saved. `agent resume \S+ --runs-dir", err)
        assert agent.load_trace("last", runs_dir=tmp_path / "r").events[-1].type == "interrupted"
        asked = canonical(server.bodies)
        slow.delay_s = 0.0
        found = resumed(server, tmp_path / "r")
    assert not set(canonical(found.bodies)) & set(asked)  # what was on its way was waited for, and kept
    assert plain(found) == plain(plants.whole)


def test_another_endpoint_in_the_environment_changes_nothing(
    plants: Plants, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run goes on at the endpoint that it began at, also where that came from the environment."""
    gate = threading.Event()
    with scripted_llm(script(override=lambda body: gate.wait() and None)) as server, scripted_llm(script()) as other:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        command = [sys.executable, "-m", "agent.cli", "explain", "L0N0", *plants.options, "--runs-dir", "r"]
        folder = {"PYTHONPATH": os.pathsep.join([str(Path(agent.__file__).parents[1]), str(plants.folder)])}
        process = subprocess.Popen(
            command, cwd=tmp_path, env=os.environ | folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        try:
            wait_until(lambda: bool(server.bodies), process)
        finally:
            process.kill()
            process.communicate()
            gate.set()
        monkeypatch.setenv("OPENAI_BASE_URL", other.url)
        found = resumed(server, tmp_path / "r")
        assert not other.bodies
    assert plain(found) == plain(plants.whole)
