"""The loop as a graph: wiring only."""

from __future__ import annotations

from typing import Any

from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.graph import END, START, StateGraph

from agent.graph.nodes.causal import causal
from agent.graph.nodes.claims import claims
from agent.graph.nodes.confirm import conclude, confirm
from agent.graph.nodes.experiment import design, measure
from agent.graph.nodes.gather import gather
from agent.graph.nodes.judge import judge
from agent.graph.nodes.pause import before_confirm, before_experiments
from agent.graph.nodes.propose import propose, refine
from agent.graph.nodes.react import react, react_judge, react_model, react_tools
from agent.graph.state import STORED, Context, LoopState

_STEPS_A_UNIT = 9
_STEPS_BESIDE = 50


def build_graph(checkpointer: Any = None) -> Any:
    """gather -> propose -> (before_experiments -> design -> measure -> refine -> judge)* -> before_confirm -> confirm
    -> causal -> claims.

    Dead: gather -> conclude.

    Where an LLM decides what to do: gather -> react -> (react_model -> react_tools -> react_judge)* -> before_confirm,
    with before_experiments ahead of tools that read what was predicted.

    Args:
        checkpointer: keeps the state while a person is asked; without one nobody can be.
    """
    graph = StateGraph(LoopState, context_schema=Context)
    for node in (
        gather, propose, before_experiments, design, measure, refine, judge, react, react_model, react_tools,
        react_judge, before_confirm, confirm, causal, claims, conclude,
    ):  # fmt: skip
        graph.add_node(node.__name__, node)
    graph.add_edge(START, "gather")
    graph.add_edge("confirm", "causal")
    graph.add_edge("causal", "claims")
    graph.add_edge("claims", END)
    graph.add_edge("conclude", END)
    return graph.compile(checkpointer=checkpointer)


def serializer() -> JsonPlusSerializer:
    """Writes the state into checkpoints, and reads nothing from them but what the state is made of."""
    return JsonPlusSerializer(allowed_msgpack_modules=STORED)


def recursion_limit(budget: int, n_recorded: int = 0) -> int:
    """More steps than the budget can pay for, so that the budget stops the loop and never the framework.

    Args:
        budget: units that may be used.
        n_recorded: what a person did, as far as it is on record: each is a step.
    """
    return _STEPS_BESIDE + _STEPS_A_UNIT * (budget + 1) + n_recorded
