"""The node `gather`, the first one: what is known of the neuron, and whether there is anything to explain."""

from __future__ import annotations

from typing import Literal

from langgraph.runtime import Runtime
from langgraph.types import Command

from agent.graph.state import Context, Investigation, LoopState
from tools.catalogue.hypotheses import Gather, NeuronOverview
from traces.events.kinds import Decided, Gathered, Note, Stage


def gather(state: LoopState, runtime: Runtime[Context]) -> Command[Literal["propose", "react", "conclude"]]:
    """Record threshold, firing status and amounts of text; a dead neuron goes straight to its verdict."""
    run = Investigation.at(state, runtime.context)
    run.trace.emit(Stage(stage="gather"))
    known: NeuronOverview = run.toolbox.call("gather", Gather())
    run.theta = known.theta
    run.trace.emit(
        Gathered(
            theta=known.theta,
            status=known.status,
            n_explore_excerpts=known.n_explore,
            counts={
                "probe": known.n_probe,
                "development": known.n_development,
                "sealed_folds": known.sealed_sizes,
                "firing_rate": known.firing_rate,
            },
        )
    )
    run.always_on, run.other_side = known.always_on, known.other_side
    if run.study.evidence.neuron.is_negative:
        run.trace.emit(
            Note(message=f"{run.study.evidence.neuron} is the side below zero: values have their sign turned.")
        )
    if known.always_on is not None:
        run.trace.emit(Note(message=known.always_on.line(str(run.study.evidence.neuron))))
    if known.other_side is not None:
        run.trace.emit(Note(message=known.other_side.line()))
    if known.status == "dead":
        run.trace.emit(Decided(action="stop", reason="dead: the neuron never goes above theta on any split"))
        return Command(goto="conclude", update=run.update(stop="dead"))
    return Command(goto="react" if run.config.policy == "react" else "propose", update=run.update())
