"""The nodes at which a person can pause a run: before a round of experiments, and before the sealed fold.

Each node does one thing that a person wants and comes back to itself, until they let the run go on. LangGraph begins a
node anew when its interrupt is answered, so nothing is done in it before that.
"""

from __future__ import annotations

from typing import Any, Literal

from langgraph.runtime import Runtime
from langgraph.types import Command, interrupt

from agent.graph.nodes.experiment import observe, predict_before, register
from agent.graph.nodes.propose import score
from agent.graph.state import PERSON, REFERENCES, Context, Investigation, LoopState
from agent.graph.steering import Action, Pause, Place, RivalShown
from agent.graph.verdict import tests_by_kind
from agent.setup.config import TEST_COST
from agent.setup.option_names import with_options
from tools.catalogue.experiments import Designed
from tools.catalogue.thinking import Predict
from tools.errors import BadInput, BudgetSpent
from tools.readable.contract import why_not_free
from tools.records.hypothesis import Hypothesis
from tools.records.result import ScoreValue
from tools.toolbox import ToolFailed
from traces.events.kinds import Decided, PersonActed

_SCORE_COST = 1

ExperimentsNext = Literal["before_experiments", "before_confirm", "design", "react_tools"]
ConfirmNext = Literal["before_confirm", "design", "confirm"]


def before_experiments(state: LoopState, runtime: Runtime[Context]) -> Command[ExperimentsNext]:
    """Let a person step in before a round of experiments is designed."""
    onwards = "react_tools" if runtime.context.config.policy == "react" else "design"
    return _held_up(Investigation.at(state, runtime.context), "experiments", onwards)


def before_confirm(state: LoopState, runtime: Runtime[Context]) -> Command[ConfirmNext]:
    """Let a person step in before a sealed fold is opened."""
    return _held_up(Investigation.at(state, runtime.context), "confirm", "confirm")


def _held_up(run: Investigation, place: Place, onwards: str) -> Command[Any]:
    here = f"before_{place}"
    action = run.steering.on_record(run.pauses, run.acted)
    if action is None:
        if not (run.acted or run.answer or run.steering.is_wanted(place)):
            return Command(goto=onwards, update=run.update(pauses=run.pauses + 1))
        try:
            action = Action.parsed(interrupt(_pause(run, place).model_dump(mode="json")))
            _refuse(run, place, action)
        except BadInput as error:  # nothing was done, so there is nothing to put on record
            return Command(goto=here, update=run.update(answer=f"not done: {with_options(error)}"))
    run.trace.emit(
        PersonActed(
            pause=run.pauses, before=place, round=run.round, **action.model_dump(mode="json")
        )
    )  # fmt: skip
    run.acted += 1
    if action.action in ("drop", "add", "test", "budget"):
        run.answer = _done(run, place, action)
        if run.config.policy == "react":
            run.untold.append(f"A person has stepped in: {run.answer}")
        return Command(goto=here, update=run.update())
    run.steering.went_on()
    run.pauses, run.acted, run.answer = run.pauses + 1, 0, ""
    if action.action == "finish" and place == "experiments":
        run.trace.emit(Decided(action="stop", reason="person: no more experiments are wanted", round=run.round))
        return Command(goto="before_confirm", update=run.update(stop=run.stop or "person"))
    if action.action == "experiments":
        return Command(goto="design", update=run.update(round=run.round + 1, stop=None))  # the search goes on
    return Command(goto=onwards, update=run.update())


def _pause(run: Investigation, place: Place) -> Pause:
    """What a person is shown."""
    rivals = []
    for h in run.competing():
        tests = tests_by_kind(h).values()
        rivals.append(
            RivalShown(
                name=h.name, explanation=h.sentence, origin=h.origin, belief=round(run.beliefs[h.name], 4),
                score=h.score.model_dump(mode="json"), passed=sum(t.passed for t in tests),
                failed=sum(t.failed for t in tests),
            )
        )  # fmt: skip
    return Pause(
        before=place, round=run.round, stop_reason=run.stop, used=run.toolbox.used, limit=run.limit, rivals=rivals,
        answer=run.answer, actions=[*_POSSIBLE[place]],
    )  # fmt: skip


_POSSIBLE: dict[Place, tuple[Any, ...]] = {
    "experiments": ("drop", "add", "test", "budget", "finish", "go"),
    "confirm": ("drop", "add", "test", "budget", "experiments", "go"),
}


def _refuse(run: Investigation, place: Place, action: Action) -> None:
    """Check what a person wants before it is put on record.

    Raises:
        BadInput: it cannot be done; the message says why.
    """
    if action.action not in _POSSIBLE[place]:
        raise BadInput(f"{action.action} cannot be done here")
    if action.action == "drop":
        own = [name for name in run.beliefs if name not in REFERENCES]
        if action.hypothesis not in own:
            raise BadInput(f"there is no hypothesis {action.hypothesis} to drop; there are: {', '.join(own) or 'none'}")
    elif action.action == "add":
        sentence = _sentence(action)
        run.study.simulations.check_sentence(sentence)
        why_not = run.study.why_not(sentence)
        if why_not is None and not run.study.simulations.is_exact(sentence):
            why_not = why_not_free(sentence)
        if why_not is not None:
            raise BadInput(f"that may not compete: {why_not}")
        if any(h.sentence == sentence for h in run.hypotheses.values()):
            raise BadInput("that hypothesis has entered before")
        _needs(run, _SCORE_COST)
    elif action.action == "test":
        (text,) = run.study.encode_new([str(action.text)])
        if text in run.log.known_texts():
            raise BadInput("this text was read before: a prediction of what is known is no evidence")
        _needs(run, TEST_COST)
    elif action.action == "experiments":
        if run.config.policy == "react":
            raise BadInput("here the LLM chooses what is read, and it has ended")
        _needs(run, TEST_COST)


def _needs(run: Investigation, units: int) -> None:
    if run.toolbox.left < units:
        raise BadInput(f"that needs {units} units and {run.toolbox.left:g} are left: allow more with budget")


def _sentence(action: Action) -> str:
    return " ".join(str(action.text).split())


def _done(run: Investigation, place: Place, action: Action) -> str:
    """Do it, and say what came of it."""
    try:
        if action.action == "drop":
            assert action.hypothesis is not None
            run.drop(action.hypothesis, "a person dropped it", run.round)
            return f"{action.hypothesis} competes no more"
        if action.action == "budget":
            assert action.units is not None
            run.allow(action.units)
            return f"{run.limit} units may be used now, and {run.toolbox.left:g} are left"
        if action.action == "add":
            return _added(run, _sentence(action))
        return _tested(run, place, str(action.text))
    except (BudgetSpent, ToolFailed) as error:
        return f"not done: {error}"


def _added(run: Investigation, sentence: str) -> str:
    """A person's sentence enters, and is scored on development text."""
    (new,) = run.enter([Hypothesis("own words", sentence, origin=PERSON)], run.round)
    score(run, [new], run.round, None)
    if new.name not in run.beliefs:
        return f"{new.name} was dropped again: {new.fate.removeprefix('dropped: ')}"
    if isinstance(new.score, ScoreValue):
        found = f"r = {new.score.value:.2f} ({new.score.low:.2f} to {new.score.high:.2f}) on development text"
    else:
        found = "no score yet: too few excerpts tell"
    return f"{new.name} competes now; {found}"


def _tested(run: Investigation, place: Place, text: str) -> str:
    """A person's text, predicted by every rival and then read, in a round of its own."""
    rivals = run.competing()
    said = [run.member(h) for h in rivals]
    found: Designed = run.toolbox.call("predict_texts", Predict(rivals=said, texts=[text]))
    own = {"generator": PERSON, "purpose": "a person's text"}
    designed = found.model_copy(update={"experiments": [e.model_copy(update=own) for e in found.experiments]})
    # The number of a round that is about to be designed is free: the text takes it, and the round gets the next one.
    is_free = place == "experiments" and run.config.policy != "react"
    number = run.round if is_free else run.round + 1
    run.designed = designed
    register(run, number, designed, rivals)
    predict_before(run, number, designed, rivals, rivals)
    (value,) = observe(run, number)
    run.round = number + is_free
    told = ", ".join(
        f"{h.name} said {p:.0%}"
        for h, row in zip(rivals, designed.predictions, strict=True)
        if (p := row[0]) is not None and h.name not in REFERENCES
    )
    return f"it {'fires' if value > run.theta else 'is silent'} at the end: {value:.3g} (theta {run.theta:.3g}); {told}"
