"""An LLM investigates: it picks tools as it likes, under the budget and the rules that hold for the tournament too.

What it reads by itself is exploratory and earns nothing. Evidence comes from experiments alone, in which every rival's
prediction is on record before the reading is revealed.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from langgraph.runtime import Runtime
from langgraph.types import Command
from pydantic import Field, ValidationError

from agent.nodes.experiment import observe, predict_before, register
from agent.nodes.propose import find_predictor, score, starters
from agent.policy import StopReason
from agent.state import Entrant, Investigation, LoopState
from tools.catalogue.experiments import Design, Designed, Rival
from tools.catalogue.subject import Ablate, Found
from tools.catalogue.thinking import (
    MOST_TEXTS,
    OFFERED,
    Predict,
    ReadText,
    SeenTexts,
    Think,
    Turn,
    conversation_sha256,
    functions,
)
from tools.errors import BudgetSpent
from tools.free_text.exhibits import Exhibits
from tools.free_text.texts import TokenTexts
from tools.llm.chat import FunctionCall, Message
from tools.prompts import agent as prompt
from tools.records.result import ScoreValue
from tools.toolbox import Arguments, ToolFailed
from traces.events import Decided, Note, ReadingsRevealed, Stage

_MOST_SILENT_TURNS = 2
"""Turns in a row without a call that can be made."""

_TURNS_A_UNIT = 3
_TURNS_BESIDE = 10


class Hypothesize(Arguments):
    """Enter a hypothesis: at most 25 words on when the neuron fires, at most 5 of them quoted. Gives its score on
    development text."""

    explanation: str = Field(min_length=3, max_length=600)


class Experiment(Arguments):
    """Put all hypotheses to the test on texts of your own, each ending at the token in question. What every hypothesis
    predicts there is put on record first, then the neuron is read. Only this and run_round bring evidence."""

    texts: list[str] = Field(min_length=1, max_length=MOST_TEXTS)


class RunRound(Arguments):
    """Put all hypotheses to the test on texts that are chosen for you: minimal pairs, truncated contexts, retrieved
    text and others on which the hypotheses disagree."""


class Finish(Arguments):
    """End the investigation."""

    reason: str = Field(default="", max_length=600)


ACTIONS: dict[str, type[Arguments]] = {
    "hypothesize": Hypothesize, "experiment": Experiment, "run_round": RunRound, "finish": Finish,
}  # fmt: skip


def react(state: LoopState, runtime: Runtime[Investigation]) -> Command[Literal["confirm"]]:
    """Turn by turn, until the LLM has finished, says nothing that can be done, or the budget is spent."""
    run, bench = runtime.context, runtime.context.bench
    run.trace.emit(Stage(stage="react"))
    new = run.enter(starters(run), 0)
    find_predictor(run, [])
    try:
        score(run, new, 0, None)
    except BudgetSpent as spent:
        return _stop(run, "budget", str(spent), 0)
    bench.offered = functions(run.toolbox.tools, ACTIONS)
    facts = exhibited(run)
    bench.conversation += prompt.opening(bench.offered, facts, run.toolbox.used, run.config.budget)
    investigator = _Investigator(run)
    most = _TURNS_BESIDE + _TURNS_A_UNIT * run.config.budget
    for turn in range(most):
        if run.toolbox.left < 1:
            return _stop(run, "budget", f"{run.toolbox.left:g} units are left", investigator.round)
        if (stop := investigator.take_turn(turn)) is not None:
            return _stop(run, *stop, investigator.round)
    return _stop(run, "rounds", f"{most} turns were taken", investigator.round)


def exhibited(run: Investigation) -> str:
    """What is known at the start: the threshold, what competes already, and excerpts of explore text."""
    bench = run.bench
    exhibits = Exhibits.draw(
        bench.evidence.explore, TokenTexts(bench.vocabulary.strings), np.random.default_rng(run.config.seed)
    )
    lines = [f"It fires at raw values above {run.theta:.3g}. Texts below, token by token with raw values:"]
    for kind, group in vars(exhibits).items():
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
        self.round = 0
        self.silent = 0
        self.finished: str | None = None
        self.actions: dict[str, Callable[[Any], Any]] = {
            "hypothesize": self.hypothesize, "experiment": self.experiment, "run_round": self.run_round,
            "finish": self.finish,
        }  # fmt: skip

    def take_turn(self, number: int) -> tuple[StopReason, str] | None:
        """One turn; a reason to stop, if there is one."""
        run, conversation = self.run, self.run.bench.conversation
        turn: Turn = run.toolbox.call("think", Think(turn=number, conversation=conversation_sha256(conversation)))
        if turn.failed is not None:
            run.trace.emit(Note(message=f"turn {number}: {turn.failed}", level="warning"))
            run.unwritten.setdefault(run.bench.explainer.name, []).append(turn.failed)
            return ("budget" if run.toolbox.left < 1 else "no answer"), turn.failed
        run.wrote.add(run.bench.explainer.name)
        calls = tuple(FunctionCall(*call) for call in turn.raw)
        conversation.append(Message("assistant", turn.said, calls))
        used, limit = run.toolbox.used, run.config.budget
        if not turn.calls:
            conversation.append(prompt.nothing_called(turn.nothing or "nothing said", used, limit))
        made = False
        for call in turn.calls:
            if call.reason is not None:
                wanted: prompt.Call | prompt.BadCall = prompt.BadCall(call.tool, call.reason, call.id)
                told: dict[str, Any] = {}
            else:
                wanted, told = prompt.Call(call.tool, call.arguments, call.id), self.do(call.tool, call.arguments)
                made |= "error" not in told
            outcome = json.dumps(told, ensure_ascii=False) if told else ""
            conversation.append(prompt.shown_back(wanted, outcome, run.toolbox.used, limit))
        self.silent = 0 if made else self.silent + 1
        if self.finished is not None:
            return "finished", self.finished or "the LLM has finished"
        return ("no answer", "the LLM called nothing that can be done") if self.silent > _MOST_SILENT_TURNS else None

    def do(self, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """Call a tool or act on the run; what went wrong is told and not raised, but for the end of the budget."""
        run = self.run
        try:
            if name in self.actions:
                found: dict[str, Any] = self.actions[name](ACTIONS[name].model_validate(arguments))
                return found
            if name not in OFFERED:
                return {"error": f"there is no tool {name}"}
            checked = run.toolbox.tools[name].arguments.model_validate(arguments)
            answer = run.toolbox.call(name, checked)
            self._note_seen(checked, answer)
            told: dict[str, Any] = answer.model_dump(mode="json")
            return told
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
        by = run.bench.explainer.name
        if (refused := run.bench.why_not(wanted.explanation)) is not None:
            return {"error": f"that may not compete: {refused}"}
        new = run.enter([Entrant("own words", " ".join(wanted.explanation.split()), by, by)], self.round)
        if not new:
            return {"error": "that hypothesis has entered before"}
        score(run, new, self.round, None)
        found = new[0].score
        if isinstance(found, ScoreValue):
            told: Any = found.model_dump(include={"value", "low", "high"})
        else:  # the reason may quote development text, which nobody who writes hypotheses may see
            told = "none: too few excerpts could be simulated, or what it predicts is the same everywhere"
        return {"hypothesis": new[0].name, "development_score": told, "beliefs": run.beliefs}

    def experiment(self, wanted: Experiment) -> dict[str, Any]:
        """Texts of its own, predicted and read."""
        rivals = self._rivals()
        return self._observed(self.run.toolbox.call("predict_texts", Predict(rivals=rivals, texts=wanted.texts)))

    def run_round(self, _: RunRound) -> dict[str, Any]:
        """Texts as the tournament chooses them, predicted and read."""
        run = self.run
        leader = run.competing().index(run.best())
        return self._observed(
            run.toolbox.call(
                "design_experiments",
                Design(rivals=self._rivals(), leader=leader, quotas=run.config.quotas_of_a_round()),
            )
        )

    def finish(self, wanted: Finish) -> dict[str, Any]:
        """It is done."""
        self.finished = wanted.reason
        return {"finished": True}

    def _rivals(self) -> list[Rival]:
        run = self.run
        return [Rival(sentence=h.sentence, belief=run.beliefs[h.name], table=h.table) for h in run.competing()]

    def _observed(self, designed: Designed) -> dict[str, Any]:
        run = self.run
        if not designed.experiments:
            return {"error": "no text is left that was not read before"}
        self.round += 1
        run.designed = designed
        rivals = run.competing()
        register(run, self.round, designed, rivals)
        predict_before(run, self.round, designed.experiments, rivals)
        values = observe(run, self.round)
        decode = run.bench.subject.tokenizer.decode
        return {
            "results": [
                {
                    "text": decode(e.tokens), "value": round(value, 3), "fired": value > run.theta,
                    "predicted": {h.name: row[i] for h, row in zip(rivals, designed.predictions, strict=True)},
                }
                for i, (e, value) in enumerate(zip(designed.experiments, values, strict=True))
            ],
            "beliefs": run.beliefs,
        }  # fmt: skip

    def _note_seen(self, asked: Arguments, answer: Any) -> None:
        """What was looked at is no evidence later."""
        run, bench = self.run, self.run.bench
        if isinstance(asked, ReadText) and isinstance(answer, SeenTexts):
            bench.saw(bench.encode_new(asked.texts))
            peaks = [max(row) for row in answer.values]
            names = [f"seen{run.toolbox.n_calls}t{i}" for i in range(len(peaks))]
            fired = [peak > run.theta for peak in peaks]
            run.trace.emit(
                ReadingsRevealed(round=self.round, experiment_ids=names, values=peaks, fired=fired, exploratory=True)
            )
        elif isinstance(asked, Ablate):
            bench.saw(bench.encode_new(asked.texts))
        elif isinstance(answer, Found):
            bench.carriers |= {text.carrier for text in answer.texts}


def _stop(run: Investigation, reason: StopReason, said: str, round_: int) -> Command[Any]:
    run.trace.emit(Decided(action="stop", reason=f"{reason}: {said}", round=round_))
    return Command(goto="confirm", update={"stop": reason, "round": round_})
