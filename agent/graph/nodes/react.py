"""An LLM investigates: it picks tools as it likes, under the budget and the rules that hold for the tournament too.

What it reads by itself is exploratory and earns nothing. Evidence comes from experiments alone, in which every rival's
prediction is on record before the reading is revealed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
from langgraph.runtime import Runtime
from langgraph.types import Command
from pydantic import Field, ValidationError

from agent.graph.exploratory import note_seen
from agent.graph.nodes.experiment import note_idle, observe, predict_before, register
from agent.graph.nodes.propose import find_predictor, score, starters
from agent.graph.state import LOOKUP, REFERENCES, Context, Investigation, LoopState
from agent.setup.config import RunConfig
from tools.catalogue.experiments import Design, Designed, Member
from tools.catalogue.thinking import (
    MOST_TEXTS,
    OFFERED,
    Action,
    Predict,
    Think,
    Turn,
    as_reply,
    conversation_sha256,
)
from tools.errors import BudgetSpent
from tools.experiments.sampled import SAMPLED_TEXTS, SAMPLED_TOKENS
from tools.free_text.excerpts import ShownExcerpts
from tools.free_text.token_strings import TokenStrings
from tools.llm.chat import FunctionCall, Message
from tools.prompts import agent as prompt
from tools.prompts.hypothesis_format import MAX_NAMED_WORDS, label, words
from tools.readable.contract import why_not_free
from tools.records.hypothesis import Hypothesis
from tools.records.result import ScoreValue, StopReason
from tools.study.study import Study
from tools.toolbox import Arguments, ToolFailed, units_of
from traces.events.kinds import Decided, Note, Stage

_MOST_SILENT_TURNS = 2
"""Turns in a row without a call that can be made."""

_SHOWN_CHARACTERS = 120
"""Of the end of a text."""

_APART = 0.2
"""By how much probabilities differ where a text tells hypotheses apart."""

_MOST_SHOWN, _MOST_FIRED = 16, 6

_EXPERIMENTS = ("experiment", "run_round")
"""Actions that read what was predicted."""

_TURNS_A_UNIT = 3
_TURNS_BESIDE = 10


class Hypothesize(Arguments):
    """Enter a hypothesis: at most 25 words on when the neuron fires, at most 5 of them quoted. Gives its score on
    development text, beside the best rival's on the same excerpts. `label` is the same as a heading, 1 to 6 words, and
    `words` are 3 to 12 words or short pieces of text by which excerpts can be found in which it must fire."""

    explanation: str = Field(min_length=3, max_length=600)
    label: str = Field(default="", max_length=100)
    words: list[str] = Field(default_factory=list, max_length=MAX_NAMED_WORDS)


class Drop(Arguments):
    """Give a hypothesis up, so that it competes no more."""

    hypothesis: str
    reason: str = Field(default="", max_length=300)


class Experiment(Arguments):
    """Put all hypotheses to the test on texts of your own, each ending at the token in question. What every hypothesis
    predicts there is put on record first, then the neuron is read. Only this and run_round bring evidence."""

    texts: list[str] = Field(min_length=1, max_length=MOST_TEXTS)


class RunRound(Arguments):
    """Put all hypotheses to the test on texts that are chosen for you: minimal pairs, truncated contexts, retrieved
    text and others on which the hypotheses disagree. Shows those that tell hypotheses apart, and counts the others."""


class Finish(Arguments):
    """End the investigation."""

    reason: str = Field(default="", max_length=600)


def actions_of(study: Study, config: RunConfig) -> dict[str, Action]:
    """What an LLM may do to a run, and what it costs."""
    by_llm = study.simulations.word_simulator is not None
    n_read = study.simulations.n_simulated
    read = f", and an LLM reads some {n_read} excerpts unless the lexical reader can" if by_llm else ""
    sampled = units_of(SAMPLED_TEXTS, SAMPLED_TOKENS) if config.quotas_of_a_round().get("sampled") else 1
    return {
        "hypothesize": Action(Hypothesize, f"1 unit{read}"),
        "drop": Action(Drop, "free"),
        "experiment": Action(Experiment, "2 units"),
        "run_round": Action(RunRound, f"{sampled + 1} units"),
        "finish": Action(Finish, "free"),
    }


def react(state: LoopState, runtime: Runtime[Context]) -> Command[Literal["react_model", "before_confirm"]]:
    """What stands in every run is scored, and the LLM is told what is known."""
    run = Investigation.at(state, runtime.context)
    run.trace.emit(Stage(stage="react"))
    new = run.enter(starters(run), 0)
    find_predictor(run, [])
    try:
        score(run, new, 0, None)
    except BudgetSpent as spent:
        return _stop(run, "budget", str(spent))
    run.conversation += prompt.opening(run.study.offered, excerpts_shown(run), run.toolbox.used, run.limit)
    return _next_turn(run)


def react_model(
    state: LoopState, runtime: Runtime[Context]
) -> Command[Literal["before_experiments", "react_tools", "react_judge"]]:
    """The LLM says what to do next; a person may step in before an experiment."""
    run = Investigation.at(state, runtime.context)
    number, run.turns = run.turns, run.turns + 1
    turn: Turn = run.toolbox.call("think", Think(turn=number, conversation=conversation_sha256(run.conversation)))
    run.turn = turn
    if turn.failed is not None:
        run.trace.emit(Note(message=f"turn {number}: {turn.failed}", level="warning"))
        run.unwritten.setdefault(run.study.explainer.name, []).append(turn.failed)
        return Command(goto="react_judge", update=run.update())
    run.wrote.add(run.study.explainer.name)
    run.conversation.append(Message("assistant", turn.said, tuple(FunctionCall(*call) for call in turn.raw)))
    reads = any(call.reason is None and call.tool in _EXPERIMENTS for call in turn.calls)
    return Command(goto="before_experiments" if reads else "react_tools", update=run.update())


def react_tools(state: LoopState, runtime: Runtime[Context]) -> Command[Literal["react_judge"]]:
    """What the LLM wants is done, and it is told what came of it."""
    run = Investigation.at(state, runtime.context)
    assert run.turn is not None
    conversation, limit = run.conversation, run.limit
    if not run.turn.calls:
        said = run.turn.nothing or "nothing said"
        conversation.append(prompt.nothing_called(said, run.study.offered, run.toolbox.used, limit))
    investigator, made = _Investigator(run), False
    for call in run.turn.calls:
        if call.reason is not None:
            wanted: prompt.Call | prompt.BadCall = prompt.BadCall(call.tool, call.reason, call.id)
            outcome: dict[str, Any] = {}
        else:
            wanted = prompt.Call(call.tool, call.arguments, call.id)
            outcome = investigator.do(call.tool, call.arguments)
            made |= "error" not in outcome
        conversation.append(prompt.shown_back(wanted, outcome, run.toolbox.used, limit))
    conversation += [Message("user", told_of) for told_of in run.untold]
    run.silent_turns = 0 if made else run.silent_turns + 1
    return Command(goto="react_judge", update=run.update(untold=[]))


def react_judge(state: LoopState, runtime: Runtime[Context]) -> Command[Literal["react_model", "before_confirm"]]:
    """Go on until the LLM has finished, says nothing that can be done, or the budget is spent."""
    run = Investigation.at(state, runtime.context)
    assert run.turn is not None
    if run.turn.failed is not None:
        return _stop(run, "budget" if run.toolbox.left < 1 else "no answer", run.turn.failed)
    if run.finished is not None:
        return _stop(run, "finished", run.finished or "the LLM has finished")
    if run.silent_turns > _MOST_SILENT_TURNS:
        return _stop(run, "no answer", "the LLM called nothing that can be done")
    return _next_turn(run)


def _next_turn(run: Investigation) -> Command[Any]:
    most = _TURNS_BESIDE + _TURNS_A_UNIT * run.limit
    if run.turns >= most:
        return _stop(run, "rounds", f"{most} turns were taken")
    if run.toolbox.left < 1:
        return _stop(run, "budget", f"{run.toolbox.left:g} units are left")
    return Command(goto="react_model", update=run.update())


def excerpts_shown(run: Investigation) -> str:
    """What is known at the start: the threshold and excerpts of explore text, each token with its raw value."""
    study = run.study
    drawn = ShownExcerpts.draw(
        study.evidence.explore, TokenStrings(study.vocabulary.strings), np.random.default_rng(run.config.seed)
    )
    lines = [f"It fires at raw values above {run.theta:.3g}. Texts below, token by token with raw values:"]
    for kind, group in vars(drawn).items():
        for shown in group:
            pairs = " ".join(
                f"{json.dumps(token)}:{value:.2f}" for token, value in zip(shown.tokens, shown.values, strict=True)
            )
            lines.append(f"{kind.replace('_', ' ')}: {pairs}")
    return "\n".join(lines)


class _Investigator:
    """Does what the LLM wants done, and tells it what came of it."""

    def __init__(self, run: Investigation) -> None:
        self.run = run
        self.actions: dict[str, Callable[[Any], Any]] = {
            "hypothesize": self.hypothesize, "drop": self.drop, "experiment": self.experiment,
            "run_round": self.run_round, "finish": self.finish,
        }  # fmt: skip
        self.arguments = {name: action.arguments for name, action in actions_of(run.study, run.config).items()}

    def do(self, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """Call a tool or act on the run; what went wrong is told and not raised, but for the end of the budget."""
        run = self.run
        try:
            if name in self.actions:
                found: dict[str, Any] = self.actions[name](self.arguments[name].model_validate(arguments))
                return found
            if name not in OFFERED:
                return {"error": f"there is no tool {name}"}
            checked = run.toolbox.tools[name].arguments.model_validate(arguments)
            answer = run.toolbox.call(name, checked)
            note_seen(run.study, run.toolbox, run.trace, checked, answer, run.round)
            return as_reply(answer)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"])) or "the arguments"
            return {"error": f"{where}: {first['msg']}"}
        except ToolFailed as error:
            return {"error": str(error)}
        except BudgetSpent as spent:
            return {"error": f"the budget does not hold that: {spent}"}

    def hypothesize(self, wanted: Hypothesize) -> dict[str, Any]:
        """A rival enters."""
        run = self.run
        by = run.study.explainer.name
        sentence = " ".join(wanted.explanation.split())
        refused = run.study.why_not(sentence)
        if refused is None and not run.study.simulations.is_exact(sentence):
            refused = why_not_free(sentence)
        if refused is not None:
            return {"error": f"that may not compete: {refused}"}
        written = Hypothesis("own words", sentence, by, label=label(wanted.label), words=words(wanted.words), origin=by)
        beside = self._beside()
        new = run.enter([written], run.round)
        if not new:
            return {"error": "that hypothesis has entered before"}
        entry = score(run, new, run.round, beside)[new[0].sentence]
        found = new[0].score
        outcome: dict[str, Any] = {"hypothesis": new[0].name}
        if isinstance(found, ScoreValue):
            outcome["development_score"] = {name: round(getattr(found, name), 3) for name in ("value", "low", "high")}
        elif new[0].table:  # the reason may quote development text, which nobody who writes hypotheses may see
            outcome["development_score"] = "none yet: what it predicts is nearly the same on all excerpts; it stays in"
        else:
            outcome["development_score"] = "none: too few excerpts could be simulated"
        if beside is not None and entry.gain is not None:
            gain = {name: round(getattr(entry.gain, name), 3) for name in ("value", "low", "high")}
            outcome["on_the_same_excerpts"] = {beside: entry.beside, "gain_over_it": gain}
        return outcome | {"beliefs": self._beliefs()}

    def _beside(self) -> str | None:
        """What a newcomer is compared with: the best rival, or the list of 30 words if there is none."""
        best = self.run.best()
        if best.merit is not None and best.name not in REFERENCES:
            return best.name
        return LOOKUP if LOOKUP in self.run.beliefs else None

    def drop(self, wanted: Drop) -> dict[str, Any]:
        """A rival goes."""
        name = wanted.hypothesis
        if name not in self.run.beliefs or name in REFERENCES:
            own = [one for one in self.run.beliefs if one not in REFERENCES]
            return {"error": f"there is no hypothesis {name[:40]} to drop; there are: {', '.join(own) or 'none'}"}
        self.run.drop(name, wanted.reason or "the LLM gave it up", self.run.round)
        return {"dropped": name, "beliefs": self._beliefs()}

    def experiment(self, wanted: Experiment) -> dict[str, Any]:
        """Texts of its own, predicted and read."""
        rivals = self._members()
        designed = self.run.toolbox.call("predict_texts", Predict(rivals=rivals, texts=wanted.texts))
        return self._observed(designed, only_informative=False)

    def run_round(self, _: RunRound) -> dict[str, Any]:
        """Texts as the tournament chooses them, predicted and read."""
        run = self.run
        leader = run.competing().index(run.best())
        wanted = Design(rivals=self._members(), leader=leader, quotas=run.config.quotas_of_a_round())
        designed: Designed = run.toolbox.call("design_experiments", wanted)
        if designed.experiments:
            note_idle(run, run.round + 1, wanted.quotas, designed)
        return self._observed(designed, only_informative=True)

    def finish(self, wanted: Finish) -> dict[str, Any]:
        """It is done."""
        self.run.finished = wanted.reason
        return {"finished": True}

    def _members(self) -> list[Member]:
        return [self.run.member(h) for h in self.run.competing()]

    def _beliefs(self) -> dict[str, float]:
        return {name: round(belief, 3) for name, belief in self.run.beliefs.items()}

    def _observed(self, designed: Designed, *, only_informative: bool) -> dict[str, Any]:
        run = self.run
        if not designed.experiments:
            return {"error": "no text is left that was not read before"}
        run.round += 1
        run.designed = designed
        rivals = run.competing()
        register(run, run.round, designed, rivals)
        predict_before(run, run.round, designed, rivals, rivals)
        values = observe(run, run.round)
        shown = list(range(len(values)))
        if only_informative:
            shown = informative(designed.predictions, [value > run.theta for value in values], rivals)
        return {
            "read": len(values), "fired": sum(value > run.theta for value in values), "shown": len(shown),
            "fired_above_silent": _ranked(designed.predictions, [value > run.theta for value in values], rivals),
            "texts": [self._told(designed, i, values[i], rivals) for i in shown],
            "beliefs": self._beliefs(),
        }  # fmt: skip

    def _told(self, designed: Designed, i: int, value: float, rivals: list[Hypothesis]) -> dict[str, Any]:
        """One experiment: the end of its text, what the neuron did, and what was said of it."""
        text = self.run.study.subject.tokenizer.decode(designed.experiments[i].tokens)
        told_of = {
            h.name: round(p, 2)
            for h, row in zip(rivals, designed.predictions, strict=True)
            if (p := row[i]) is not None and h.name not in REFERENCES
        }
        return {
            "text": text if len(text) <= _SHOWN_CHARACTERS else f"...{text[-_SHOWN_CHARACTERS:]}",
            "value": float(f"{value:.3g}"), "fired": value > self.run.theta, "predicted": told_of,
        }  # fmt: skip


def informative(
    predictions: Sequence[Sequence[float | None]], fired: Sequence[bool], rivals: Sequence[Hypothesis]
) -> list[int]:
    """The experiments that tell hypotheses apart, those on which they were furthest apart first; of a single hypothesis
    those on which it was wrong; then some that fired, whatever was said of them. Baselines are no hypotheses."""
    own = [row for h, row in zip(rivals, predictions, strict=True) if h.name not in REFERENCES]
    apart: list[tuple[float, int]] = []
    for i, fires in enumerate(fired):
        said = [p for row in own if (p := row[i]) is not None]
        distance = max(said) - min(said) if len(own) > 1 and said else 0.0
        error = abs(fires - said[0]) if len(own) == 1 and said else 0.0
        if distance >= _APART or error > 0.5:
            apart.append((max(distance, error), i))
    told = [i for _, i in sorted(apart, key=lambda one: (-one[0], one[1]))[:_MOST_SHOWN]]
    return [*told, *[i for i, fires in enumerate(fired) if fires and i not in told][:_MOST_FIRED]]


def _ranked(
    predictions: Sequence[Sequence[float | None]], fired: Sequence[bool], rivals: Sequence[Hypothesis]
) -> dict[str, float | None]:
    """Of all pairs of a text that fired and a silent one, the share in which each hypothesis gave the higher chance to
    the one that fired; the same chance is half. None without a pair. Chances of rare firing stay below a half, so that
    how often they were on the right side of it would tell nothing."""
    out: dict[str, float | None] = {}
    for h, row in zip(rivals, predictions, strict=True):
        said = [(p, fires) for p, fires in zip(row, fired, strict=True) if p is not None]
        pairs = [np.sign(one - other) for one, yes in said if yes for other, also in said if not also]
        out[h.name] = round(float(np.mean(pairs)) / 2 + 0.5, 2) if pairs else None
    return out


def _stop(run: Investigation, reason: StopReason, said: str) -> Command[Any]:
    run.trace.emit(Decided(action="stop", reason=f"{reason}: {said}", round=run.round))
    return Command(goto="before_confirm", update=run.update(stop=reason))
