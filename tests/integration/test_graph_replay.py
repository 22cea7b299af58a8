"""What a node does follows from the state: its context holds nothing that another node left there."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import test_llm_finalists as finalists
from langgraph.checkpoint.memory import InMemorySaver
from scripted_llm import planted, scripted_llm
from test_llm_react import IN_ORDER, turns

from agent.graph import wiring
from agent.graph.state import Context, LoopState
from agent.graph.steering import Pauses
from agent.run.runner import investigation
from agent.setup.evidence import open_study
from agent.setup.sealed_folds import CountedOpenings
from agent.setup.settings import configured
from traces.database.results import ResultsDatabase
from traces.events.recorder import TraceRecorder
from traces.events.store import TraceWriter
from traces.text.console import QuietDisplay


def opened(folder: Path, name: str, settings: dict[str, Any]) -> Context:
    """A new context of the same run, with a trace of its own."""
    config, openings = configured(**settings), CountedOpenings()
    study = open_study(config, QuietDisplay(), openings)
    trace = TraceWriter(folder / f"{name}.jsonl")
    folds = ResultsDatabase(folder)
    return investigation("run", config, study, openings, TraceRecorder(trace), trace, folds, "trace", Pauses())


def same_backwards(folder: Path, settings: dict[str, Any]) -> list[str]:
    """Check that every node, last one first and in another context, does what it did in the run; their names."""
    graph = wiring.build_graph(InMemorySaver(serde=wiring.serializer()))
    where = {"configurable": {"thread_id": "1"}, "recursion_limit": 200}
    graph.invoke(LoopState(), where, context=opened(folder, "run", settings))
    other = opened(folder, "backwards", settings)
    names = []
    after = None
    for snapshot in graph.get_state_history(where):  # newest first
        state = LoopState(**snapshot.values)
        if after is not None and snapshot.next != ("__start__",):
            (name,) = snapshot.next
            done = getattr(wiring, name)(state, SimpleNamespace(context=other))
            update = done if isinstance(done, dict) else done.update
            for one in fields(LoopState):
                if one.name != "seconds":  # a clock
                    found = update.get(one.name, getattr(state, one.name))
                    assert found == getattr(after, one.name), f"{one.name} after {name}"
            names.append(name)
        after = state
    assert "confirm" in names
    return names


def test_every_node_of_a_tournament(world: Any, tmp_path: Path) -> None:
    settings = {"model": str(world.model), "corpus": str(world.corpus), "corpus_tokens": 30_000, "budget": 10}
    names = same_backwards(tmp_path, settings | {"target": "L1N3", "seed": 3})
    assert names.count("measure") > 1
    assert "refine" in names


def test_every_node_where_only_finalists_are_read(
    world: Any, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    planting = planted(world, tmp_path_factory, "half", finalists.MODULE)
    with planting as settings, scripted_llm(finalists.script()) as server:
        more = {"explainer": "openai:fake", "budget": 12, "llm": {"url": server.url}, **finalists.SETTINGS}
        names = same_backwards(tmp_path, settings | more | {"target": "L0N0"})
    assert "judge" in names


def test_every_node_where_an_llm_picks_the_tools(
    world: Any, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with planted(world, tmp_path_factory, "parity") as settings, scripted_llm(turns(*IN_ORDER)) as server:
        more = {"explainer": "openai:fake", "variant": "react", "budget": 10, "llm": {"url": server.url}}
        names = same_backwards(tmp_path, settings | more | {"target": "L0N0"})
    assert names.count("react_tools") == len(IN_ORDER)
