"""Runs over LangGraph's API, as `langgraph dev` serves it: a request starts one, an interrupt pauses it.

A run is the same as one from the command line, with its own folder and trace. After an interrupt it resumes from that
trace: while a person thinks, nothing of the run is alive here, and the server may even be restarted. The
answer to an interrupt is an action of `agent.graph.steering`, such as `{"action": "drop", "hypothesis": "H2"}`.
"""

from __future__ import annotations

import contextvars
import os
import threading
from pathlib import Path
from typing import Any, Literal, TypedDict

from langgraph.config import get_stream_writer
from langgraph.graph import START, StateGraph
from langgraph.types import Command, interrupt

from agent.graph.steering import Absent, Place, Waiting
from agent.run.runner import resume_run, start_run
from agent.setup.config import RunConfig
from agent.setup.resources import Resources
from agent.setup.settings import configured
from tools.errors import AgentError, BadInput
from tools.records.result import Result
from tools.subject.resolve import called
from traces.database.results import ResultsDatabase
from traces.events.kinds import Event
from traces.text.console import QuietDisplay

RUNS_DIR = "NEURON_AGENT_RUNS_DIR"
"""The environment variable that says where runs go; `runs` where it is not set."""

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


class Served(Request, total=False):
    """A run as the server knows it: its id, the question, the answer, and the result or why there is none."""

    run_id: str
    pause: dict[str, Any] | None
    answer: Any
    result: dict[str, Any] | None
    refused: str | None


class Outcome(TypedDict, total=False):
    """The outcome of a request: the content of result.json and the run's id, or why there is no result."""

    run_id: str
    result: dict[str, Any] | None
    refused: str | None


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


def begin(state: Served) -> Command[Literal["work", "__end__"]]:
    """Check the request, and give the run a name."""
    try:
        config = _config(state)
        named, neuron = config.parsed_target
        run_id = ResultsDatabase(_runs_dir()).new_run_id(called(named or config.model), str(neuron))
    except AgentError as error:
        return _refused(error)
    return Command(goto="work", update={"run_id": run_id, "pause": None, "result": None, "refused": None})


def _refused(error: AgentError) -> Command[Any]:
    """Ends with the reason: the server would report only the name of an exception."""
    return Command(goto="__end__", update={"pause": None, "answer": None, "refused": str(error)})


def work(state: Served) -> Command[Literal["ask", "__end__"]]:
    """Run until a person must be asked, or to the end; what the trace has on record is not repeated."""
    person = Absent(state.get("pause_before", []), state.get("answer"))
    display = _Streamed()

    def run() -> Result:
        if (_runs_dir() / state["run_id"]).is_dir():
            return resume_run(state["run_id"], _runs_dir(), display, _RESOURCES, person)
        return start_run(_config(state), _runs_dir(), display, _RESOURCES, state["run_id"], person)

    try:
        with _ONE_AT_A_TIME:
            # In its own context: the loop is a graph too, and would take itself for a subgraph of this one.
            result = contextvars.Context().run(run)
    except Waiting as waiting:
        return Command(goto="ask", update={"pause": waiting.pause.model_dump(mode="json"), "answer": None})
    except AgentError as error:
        return _refused(error)
    return Command(goto="__end__", update={"pause": None, "answer": None, "result": result.to_json()})


def ask(state: Served) -> Command[Literal["work"]]:
    """Interrupt the graph until a person has answered."""
    return Command(goto="work", update={"answer": interrupt(state["pause"])})


def _runs_dir() -> Path:
    return Path(os.environ.get(RUNS_DIR) or "runs")


def served_graph() -> Any:
    """begin -> (work -> ask)* -> work."""
    graph = StateGraph(Served, input_schema=Request, output_schema=Outcome)
    for node in (begin, work, ask):
        graph.add_node(node.__name__, node)
    graph.add_edge(START, "begin")
    return graph.compile()


graph = served_graph()
"""What `langgraph.json` names."""
