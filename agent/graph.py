"""The loop as a graph: wiring only."""

from __future__ import annotations

from typing import Any

from langgraph.graph import END, START, StateGraph

from agent.nodes.causal import causal
from agent.nodes.claims import claims
from agent.nodes.confirm import conclude, confirm
from agent.nodes.experiment import design, measure
from agent.nodes.gather import gather
from agent.nodes.judge import judge
from agent.nodes.propose import propose, refine
from agent.nodes.react import react
from agent.state import Investigation, LoopState

_NODES_PER_ROUND = 4
_NODES_BESIDE = 8


def build_graph() -> Any:
    """gather -> propose -> (design -> measure -> refine -> judge)* -> confirm -> causal -> claims.

    Dead: gather -> conclude.

    Where an LLM decides what to do: gather -> react -> confirm -> causal -> claims.
    """
    graph = StateGraph(LoopState, context_schema=Investigation)
    for node in (gather, propose, design, measure, refine, judge, react, confirm, causal, claims, conclude):
        graph.add_node(node.__name__, node)
    graph.add_edge(START, "gather")
    graph.add_edge("confirm", "causal")
    graph.add_edge("causal", "claims")
    graph.add_edge("claims", END)
    graph.add_edge("conclude", END)
    return graph.compile()


def recursion_limit(budget: int) -> int:
    """More steps than the budget can pay for, so that the budget stops the loop and never the framework."""
    return _NODES_BESIDE + _NODES_PER_ROUND * (budget + 1)
