"""The graph's state can be written and read again, and a node changes nothing but its own copy of it."""

from __future__ import annotations

from dataclasses import fields
from types import SimpleNamespace
from typing import Any

import pytest

from agent.graph.state import Context, Investigation, Lead, LoopState
from agent.graph.steering import Absent, Action, Pauses
from agent.graph.wiring import build_graph, recursion_limit, serializer
from tools.catalogue.experiments import Designed, Planned
from tools.catalogue.predictor import FoundPredictor
from tools.catalogue.thinking import Turn, WantedCall
from tools.errors import BadInput
from tools.llm.chat import FunctionCall, Message
from tools.records.gated import AlwaysOn, OtherSide
from tools.records.hypothesis import Hypothesis, WrittenText
from tools.records.predictions import Registered
from tools.records.result import Interval, ScoreValue, Unscored
from tools.roles import Revealed
from tools.scoring.claim_sampling import Claimant
from tools.study.experiment_log import ExperimentLog
from traces.events.kinds import Note, PersonActed


def full_state() -> LoopState:
    """Of every field something."""
    score = ScoreValue(value=0.5, low=0.4, high=0.6, protocol="p", split="development", n_excerpts=9)
    one = Hypothesis(
        "short", "Fires on commas.", "rules", (), ("Fires on ;.",), "commas", ("a", "b"), "H1", "rules", "competing",
        "", "H2", score, 0.4, [0.1] * 11,
    )  # fmt: skip
    one.record.chosen.append(Registered(0.9, True, "carrier", 1.5, 0.1, 0.2))
    one.record.outcomes["minimal pair"]["carrier"] = [True]
    planned = Planned(tokens=[1, 2], generator="retrieval", purpose="p", carrier="c", original=None)
    return LoopState(
        round=2, stop="plateau", budget_used=7, theta=0.3, always_on=AlwaysOn(share=0.99, above=1.0, rest=3.0),
        other_side=OtherSide(neuron="L0N1-", theta=0.5, firing_rate=0.01, peak=2.0, tokens=["a"]),
        hypotheses={"H1": one}, beliefs={"H1": 1.0},
        predictor=FoundPredictor(sentence=None, development=Unscored(reason="none"), n_tried=1),
        bests=["H1"], leaders=[Lead(3, "H1")], gain=Interval(value=0.1, low=0.0, high=0.2),
        added=5, n_calls=4, seconds=1.5, llm_share=0.8,
        log=ExperimentLog(
            [Revealed((1, 2), 0.5, True, (("a", None),), "retrieval", "b", (("a", 3.0),))], {"c"}, {"d"},
            [WrittenText(text="e", level=2.0)], [(1, 2)],
        ),
        claimants=(Claimant("a", ("b",)),), part_read={"a": None},
        conversation=[Message("assistant", "said", (FunctionCall("1", "finish", "{}"),))],
        designed=Designed(experiments=[planned], predictions=[[0.5]], abstained={}), before=[[None]], by_order=[True],
        narrowed={"a": ["b"]}, separated={"H1"}, tested={"H1": {"minimal pair": 1}}, test_rounds=1,
        unwritten={"rules": ["why"]}, wrote={"rules"}, twins={"a": None}, unread={"H2"}, over_twins=0.1,
        turns=3, silent_turns=1,
        turn=Turn(said="x", calls=[WantedCall(id="1", tool="finish", arguments={})]), finished="done", pauses=2,
        acted=1, answer="told", untold=["this"],
    )  # fmt: skip


def test_the_state_comes_back_from_a_checkpoint_as_it_was(caplog: pytest.LogCaptureFixture) -> None:
    state = full_state()
    written = serializer()
    for one in fields(LoopState):
        value = getattr(state, one.name)
        assert one.name == "result" or value not in (None, 0, "", [], {}, set()), one.name
        read = written.loads_typed(written.dumps_typed(value))
        assert getattr(LoopState(**{one.name: read}), one.name) == value, one.name
    assert not caplog.records  # every type of ours is known to be one


def test_a_checkpoint_brings_no_other_type() -> None:
    written = serializer()
    found = written.loads_typed(written.dumps_typed(Note(message="not a part of the state")))
    assert not isinstance(found, Note)


def test_a_node_works_on_a_copy_and_returns_what_it_changed() -> None:
    state, before = full_state(), full_state()
    context: Any = SimpleNamespace(**{one.name: None for one in fields(Context)})
    context.config, context.tools = SimpleNamespace(seed=1, budget=20, max_seconds=None), ()
    context.study = SimpleNamespace(meters=None, simulations=SimpleNamespace())
    run = Investigation.at(state, context)
    assert run.update() == {}
    run.hypotheses["H1"].record.outcomes["minimal pair"]["carrier"].append(False)
    run.hypotheses["H1"].record.chosen.clear()
    run.tested["H1"]["minimal pair"] = 2
    run.separated.add("H2")
    run.log.see([(3,)])
    run.toolbox.used = 8
    assert state == before
    changed = run.update(stop=None)
    assert set(changed) == {"hypotheses", "tested", "separated", "stop", "budget_used", "log"}
    assert changed["budget_used"] == 8
    assert run.limit == 25


def test_the_graph_has_a_place_to_step_in_before_every_experiment_and_the_sealed_fold() -> None:
    graph = build_graph().get_graph()
    into: dict[str, set[str]] = {}
    for edge in graph.edges:
        into.setdefault(edge.target, set()).add(edge.source)
    assert into["confirm"] == {"before_confirm"}
    assert into["design"] == {"before_experiments", "before_confirm"}
    assert into["react_model"] == {"react", "react_judge"}
    assert into["react_tools"] == {"before_experiments", "react_model"}
    assert recursion_limit(10, 5) == recursion_limit(10) + 5


def test_what_is_on_record_is_served_by_its_place() -> None:
    acted = [
        PersonActed(pause=0, before="experiments", round=1, action="budget", units=7),
        PersonActed(pause=1, before="experiments", round=1, action="drop", hypothesis="H2"),
        PersonActed(pause=1, before="experiments", round=1, action="go"),
    ]
    pauses = Pauses.of(["confirm"], Absent(["experiments"]), [Note(message="x"), *acted])
    assert (pauses.n_recorded, pauses.added) == (3, 7)
    assert pauses.on_record(0, 1) is None
    assert pauses.on_record(1, 0) == Action(action="drop", hypothesis="H2")
    assert pauses.on_record(1, 1) == Action(action="go")
    assert pauses.on_record(1, 2) is None
    assert pauses.is_wanted("confirm")
    assert pauses.is_wanted("experiments")
    assert not Pauses().is_wanted("confirm")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "action: Field required"),
        ({"action": "drop"}, "drop needs hypothesis"),
        ({"action": "go", "text": "x"}, "go takes no text"),
        ({"action": "budget", "units": 0}, "units: "),
        ({"action": "budget", "units": 1, "more": 1}, "more: "),
        ("go", "valid dictionary"),
    ],
)
def test_what_is_no_action_is_refused(given: Any, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        Action.parsed(given)
