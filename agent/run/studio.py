"""Runs over LangGraph's API, as `langgraph dev` serves it: a request starts one, an interrupt pauses it.

The graph that is served has the loop of `agent.graph.wiring` as a subgraph: Studio shows its nodes, and their updates
can be streamed. The subgraph is called in a node, since what it works with is opened there. A run is the same as one
from the command line, with its own folder and trace. The loop's own interrupts ask a person. When one is answered, the
loop begins anew and takes from its trace what is on record: while a person thinks, nothing of the run is alive here,
and the server may even be restarted. The answer is an action of `agent.graph.steering`, such as
`{"action": "drop", "hypothesis": "H2"}`.
"""

from __future__ import annotations

import contextvars
import os
import threading
from pathlib import Path
from typing import Any, Literal, TypedDict

from langgraph.config import get_stream_writer
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command

from agent.graph.steering import Absent, Place, Waiting
from agent.graph.wiring import build_graph
from agent.run.runner import resume_run, start_run
from agent.setup.config import RunConfig
from agent.setup.resources import Resources
from agent.setup.settings import configured
from tools.errors import AgentError, BadInput
from tools.subject.resolve import called
from traces.database.results import ResultsDatabase
from traces.events.kinds import Event
from traces.text.console import QuietDisplay

RUNS_DIR = "NEURON_AGENT_RUNS_DIR"
"""The environment variable that says where runs go; `runs` where it is not set."""

_LOOP = build_graph()
_RESOURCES = Resources()
_ONE_AT_A_TIME = threading.Lock()


class Request(TypedDict, total=False):
    """What to explain, and where to ask; see `agent explain --help`."""

    target: str
    model: str
    corpus: str | None
    corpus_tokens: int | None
    budget: int | None
    seed: int
    variant: str
    explainer: str | None
    simulator: str | None
    rivals: list[str]
    pause_before: list[Place]


class Outcome(TypedDict, total=False):
    """The outcome of a request: the content of result.json and the run's id, or why there is no result."""

    run_id: str
    result: dict[str, Any] | None
    refused: str | None


class Served(Request, Outcome, total=False):
    """A run as the server knows it."""


class _Streamed(QuietDisplay):
    """Sends every event of a trace to whoever streams the graph's custom channel."""

    def __init__(self) -> None:
        self._write = get_stream_writer()
        self._of_the_node = contextvars.copy_context()  # the stream writer reads its target from this context variable

    def event(self, event: Event) -> None:
        """Send it."""
        self._of_the_node.run(self._write, event.model_dump(mode="json"))


def _config(state: Served) -> RunConfig:
    if not state.get("target"):
        raise BadInput("say what to explain: a target such as L5N131.")
    given = {name: state[name] for name in Request.__annotations__ if name in state and name != "pause_before"}  # type: ignore[literal-required]
    return configured(**given)


def begin(state: Served) -> Command[Literal["explain", "__end__"]]:
    """Check the request, and give the run a name."""
    try:
        config = _config(state)
        named, neuron = config.parsed_target
        run_id = ResultsDatabase(_runs_dir()).new_run_id(called(named or config.model), str(neuron))
    except AgentError as error:
        return Command(goto="__end__", update=_refused(error))
    return Command(goto="explain", update={"run_id": run_id, "result": None, "refused": None})


def _refused(error: AgentError) -> dict[str, Any]:
    """Ends with the reason: the server would report only the name of an exception."""
    return {"refused": str(error)}


def explain(state: Served) -> dict[str, Any]:
    """Open what the loop works with, and run it; what the trace has on record is not repeated."""
    loop = _LOOP.copy({"checkpointer": False})  # the server's checkpoint knows the run's name; the rest is in its trace
    run_id, runs_dir = state["run_id"], _runs_dir()
    display, person = _Streamed(), Absent(state.get("pause_before", []))
    try:
        with _ONE_AT_A_TIME:
            if (runs_dir / run_id).is_dir():
                result = resume_run(run_id, runs_dir, display, _RESOURCES, person, loop)
            else:
                result = start_run(_config(state), runs_dir, display, _RESOURCES, run_id, person, loop)
    except Waiting as waiting:
        raise waiting.__cause__ or waiting from None  # LangGraph's own exception, on its way to the server
    except AgentError as error:
        return _refused(error)
    return {"result": result.to_json()}


def _runs_dir() -> Path:
    return Path(os.environ.get(RUNS_DIR) or "runs")


def served_graph() -> Any:
    """begin -> explain, and in this the loop."""
    graph = StateGraph(Served, input_schema=Request, output_schema=Outcome)
    graph.add_node("begin", begin)
    graph.add_node("explain", explain)
    graph.add_edge(START, "begin")
    graph.add_edge("explain", END)
    return graph.compile()


graph = served_graph()
"""What `langgraph.json` names."""
