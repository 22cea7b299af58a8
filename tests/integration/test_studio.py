"""The graph that `langgraph.json` names, served by a real LangGraph server and used through its API."""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command

import agent
from agent.graph.wiring import build_graph
from agent.run import studio
from traces.events.kinds import HypothesisProposed, PersonActed, SealedOpened

ROOT = Path(__file__).resolve().parents[2]

needs_server = pytest.mark.skipif(
    importlib.util.find_spec("langgraph_api") is None or importlib.util.find_spec("langgraph_cli") is None,
    reason="LangGraph's server is not installed: pip install -c constraints.txt -e '.[studio]'",
)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """The address of a server, and the folder of its runs."""
    folder = tmp_path_factory.mktemp("studio")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = os.environ | {
        "NEURON_AGENT_RUNS_DIR": str(folder / "runs"), "LANGGRAPH_CLI_NO_ANALYTICS": "1",
        "NEURON_AGENT_CACHE": str(tmp_path_factory.getbasetemp() / "evidence"),
    }  # fmt: skip
    options = ["--config", str(ROOT / "langgraph.json"), "--port", str(port), "--no-browser", "--no-reload"]
    command = [sys.executable, "-m", "langgraph_cli", "dev", *options]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=subprocess.STDOUT)
    try:
        end = time.monotonic() + 180
        while b"Application started up" not in (folder / "log").read_bytes() or not _answers(port):
            assert process.poll() is None, (folder / "log").read_text()
            assert time.monotonic() < end, (folder / "log").read_text()
            time.sleep(0.3)
        yield f"http://127.0.0.1:{port}", folder / "runs"
    finally:
        process.terminate()
        process.wait(30)


def _answers(port: int) -> bool:
    with socket.socket() as tried:
        return tried.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def client(served: tuple[str, Path]) -> Iterator[Any]:
    from langgraph_sdk import get_sync_client

    with get_sync_client(url=served[0]) as client:
        yield client


@needs_server
def test_a_run_through_the_api_and_an_interrupt_answered(served: tuple[str, Path], client: Any, world: Any) -> None:
    runs = served[1]
    thread = client.threads.create()["thread_id"]
    request = {
        "target": "L1N3", "model": str(world.model), "corpus": str(world.corpus), "corpus_tokens": 30_000, "seed": 3,
        "budget": 6, "pause_before": ["confirm"],
    }  # fmt: skip

    def go_on(**what: Any) -> list[Any]:
        modes = ["custom", "updates"]
        return list(client.runs.stream(thread, "explain", stream_mode=modes, stream_subgraphs=True, **what))

    parts = go_on(input=request)
    streamed = [part.data["type"] for part in parts if part.event == "custom"]
    assert streamed[0] == "run_started"
    assert {"stage", "tool_call", "hypothesis_proposed", "belief_updated"} <= set(streamed)
    nodes = [name for part in parts if part.event.startswith("updates|explain:") for name in part.data]
    assert nodes[:4] == ["gather", "propose", "before_experiments", "design"]

    def asked() -> dict[str, Any]:
        (task,) = client.threads.get_state(thread)["tasks"]
        (pending,) = task["interrupts"]
        pause: dict[str, Any] = pending["value"]
        return pause

    pause = asked()
    assert pause["before"] == "confirm"
    assert "go" in pause["actions"]
    assert not any(isinstance(event, SealedOpened) for event in agent.load_trace("last", runs_dir=runs).events)
    go_on(command={"resume": {"action": "add", "text": "it just likes nice words"}})
    assert asked()["answer"].startswith("not done: ")
    go_on(command={"resume": {"action": "budget", "units": 3}})
    assert asked()["limit"] == 9
    go_on(command={"resume": {"action": "add", "text": "Fires on commas."}})
    assert " competes now" in asked()["answer"]
    assert asked()["rivals"][-1]["origin"] == "person"
    go_on(command={"resume": {"action": "go"}})

    state = client.threads.get_state(thread)
    assert not state["next"]
    result = state["values"]["result"]
    events = agent.load_trace(state["values"]["run_id"], runs_dir=runs).events
    assert events[-1].model_dump()["result"] == result
    assert [event.action for event in events if isinstance(event, PersonActed)] == ["budget", "add", "go"]
    assert any(isinstance(event, HypothesisProposed) and event.origin == "person" for event in events)


@needs_server
def test_a_bad_request_is_refused_with_a_reason(served: tuple[str, Path], client: Any) -> None:
    runs = served[1]
    before = sorted(runs.glob("*/run.json"))
    thread = client.threads.create()["thread_id"]
    wrong = [{"target": "L1Q3"}, {"target": ""}, {"target": "L1N3", "budget": 0}]
    for request, said in zip(wrong, ("L1Q3", "say what to explain", "--budget"), strict=True):
        outcome = client.runs.wait(thread, "explain", input=request)
        assert said in outcome["refused"]
        assert outcome.get("result") is None
    assert sorted(runs.glob("*/run.json")) == before


def test_the_graph_is_interrupted_by_the_loop_and_goes_on_from_the_trace(
    world: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a server runs it, without one: asynchronously, with a checkpointer of its own, and another graph each time."""
    monkeypatch.setenv(studio.RUNS_DIR, str(tmp_path / "runs"))
    request = {
        "target": "L1N3", "model": str(world.model), "corpus": str(world.corpus), "corpus_tokens": 30_000, "seed": 3,
        "budget": 6, "pause_before": ["confirm"],
    }  # fmt: skip
    saver, where = InMemorySaver(), {"configurable": {"thread_id": "1"}}

    def go_on(given: Any) -> tuple[Any, list[str], list[str]]:
        """The state afterwards, the types of events that were streamed, and the nodes of the loop."""
        graph = studio.served_graph().copy({"checkpointer": saver})

        async def streamed() -> list[Any]:
            modes = ["custom", "updates"]
            return [part async for part in graph.astream(given, where, stream_mode=modes, subgraphs=True)]

        parts = asyncio.run(streamed())
        nodes = [name for space, mode, part in parts if mode == "updates" and space for name in part]
        return (
            graph.get_state(where, subgraphs=True),
            [part["type"] for _, mode, part in parts if mode == "custom"],
            nodes,
        )

    state, events, nodes = go_on(request)
    assert state.next == ("explain",)
    assert [asked.value["before"] for asked in state.interrupts] == ["confirm"]
    assert (events[0], events[-1]) == ("run_started", "interrupted")
    assert nodes[:4] == ["gather", "propose", "before_experiments", "design"]
    assert nodes[-1] == "__interrupt__"
    state, *_ = go_on(Command(resume={"action": "add", "text": "it just likes nice words"}))
    assert state.interrupts[0].value["answer"].startswith("not done: ")
    for units in (3, 2):
        state, *_ = go_on(Command(resume={"action": "budget", "units": units}))
    assert state.interrupts[0].value["limit"] == 11
    before = len(agent.load_trace("last", runs_dir=tmp_path / "runs").events)
    state, events, nodes = go_on(Command(resume={"action": "go"}))
    assert (state.next, nodes[-3:]) == ((), ["confirm", "causal", "claims"])
    done = agent.load_trace(state.values["run_id"], runs_dir=tmp_path / "runs").events
    assert [event.type for event in done] == events  # those on record, and then the new ones
    assert len(done) > before
    assert done[-1].model_dump()["result"] == state.values["result"]
    assert [event.action for event in done if isinstance(event, PersonActed)] == ["budget", "budget", "go"]


def test_what_langgraph_json_names_shows_the_nodes_of_the_loop() -> None:
    named = json.loads((ROOT / "langgraph.json").read_text())["graphs"]["explain"]
    module, _, name = named.rpartition(":")
    shown = set(getattr(importlib.import_module(module), name).get_graph(xray=True).nodes)
    loop = {f"explain:{node}" for node in build_graph().get_graph().nodes if node != "__start__"}
    assert {"explain:propose", "explain:judge", "explain:confirm"} < loop
    assert shown == loop | {"__start__", "begin", "__end__"}
