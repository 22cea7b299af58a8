"""One client of `agent mcp`: calls on any neurons under one budget, each recorded in the trace of its neuron.

The folder of a session is that of a run of several neurons. Sealed text is out of reach: no served tool takes a fold,
the study's ledger lets none be opened, and texts that repeat the corpus are refused. Only the run that `explain` starts
opens a fold. It is counted, and the client learns scores but no text of it.
"""

from __future__ import annotations

import threading
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from agent.graph.exploratory import note_seen
from agent.mcp.tools import EXPLAIN, SERVED, Explain, Explained
from agent.run.runner import commit_of_program, program_versions, start_run
from agent.setup.config import RunConfig
from agent.setup.evidence import open_study
from agent.setup.llms import LLMs, open_llms, prices_of, settled
from agent.setup.resources import Resources
from agent.setup.sealed_folds import CountedOpenings
from tools.catalogue import all_tools
from tools.catalogue.scores import DevelopmentScore, Scores
from tools.catalogue.thinking import as_reply
from tools.errors import BadInput
from tools.evidence.texts.hub import default_corpus_is_cached
from tools.llm.meter import Spent
from tools.records.neuron import NeuronId, parse_target
from tools.records.result import Result, Unscored
from tools.study.study import Study
from tools.subject.resolve import called
from tools.toolbox import UNIT_TEXTS, Outcome, Tool, Toolbox
from traces.database.results import ResultsDatabase
from traces.events.kinds import CorpusName, Gathered, Interrupted, Note, RunStarted
from traces.events.recorder import TraceRecorder
from traces.events.runs import SESSION_POLICY, RunFolder
from traces.events.store import TraceWriter
from traces.text.console import Display

_TOLD_OF_A_RESULT = (
    "verdict", "label", "explanation", "examples", "reader", "score", "development_score", "baselines", "stop_reason",
    "cost",
)  # fmt: skip


@dataclass(frozen=True)
class _Desk:
    """A neuron that the client has asked about."""

    study: Study
    toolbox: Toolbox
    trace: TraceWriter


class Session:
    """Serves one client, call by call; calls from several threads wait for one another.

    Args:
        config: how neurons are read and explained; its target is not used.
        runs_dir: where the session's trace goes, and the runs that `explain` makes.
        display: shows progress.
        resources: what was opened before.

    Attributes:
        limit: units of budget for all calls together.
    """

    def __init__(self, config: RunConfig, runs_dir: Path, display: Display, resources: Resources | None = None) -> None:
        self._config = settled(config)
        self.limit = config.budget
        self._runs_dir = runs_dir
        self._display = display
        self._resources = resources or Resources()
        self._llms: LLMs = open_llms(self._config, display)
        self._desks: dict[tuple[str, NeuronId], _Desk] = {}
        self._folder: RunFolder | None = None
        self._open = ExitStack()
        self._lock = threading.Lock()

    @property
    def used(self) -> int:
        """Units that all calls have used."""
        return sum(desk.toolbox.used for desk in self._desks.values())

    @property
    def folder(self) -> RunFolder | None:
        """Where the calls are recorded; None before the first one."""
        return self._folder

    def call(self, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """Call a served tool.

        Args:
            name: see `agent.mcp.tools.SERVED`.
            arguments: its own, and `neuron`.

        Raises:
            BadInput: there is no such tool or neuron, or an argument cannot be used; nothing was done.
            BudgetSpent: the session's budget does not hold the call; nothing was done.
            ToolFailed: the tool refused or failed; the error is on record.
            NotAvailable, LLMNotAvailable, StorageError: see `tools.errors`.
        """
        served = SERVED.get(name)
        if served is None:
            raise BadInput(f"there is no tool {name[:60]!r}; there are {', '.join(SERVED)}.")
        given = dict(arguments)
        target = given.pop("neuron", None)
        if not isinstance(target, str):
            raise BadInput("neuron: say which one, such as L5N131.")
        try:
            asked = served.arguments.model_validate(given)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"])) or "the arguments"
            raise BadInput(f"{where}: {first['msg']}") from error
        with self._lock:
            desk = self._desk(target)
            desk.toolbox.limit = desk.toolbox.used + self.limit - self.used
            answer: Outcome = desk.toolbox.call(served.tool, asked)
            note_seen(desk.study, desk.toolbox, desk.trace, asked, answer)
            return {
                "neuron": f"{desk.study.subject.name}/{desk.study.evidence.neuron}",
                "fires_above": round(desk.study.evidence.theta, 4),
                **_reply(answer, desk.study),
                "budget": {"used": self.used, "left": self.limit - self.used},
            }

    def close(self) -> None:
        """End every trace; nothing can be called any more."""
        with self._lock:
            for desk in self._desks.values():
                desk.trace.emit(Interrupted(reason="the client closed the session"))
            self._desks.clear()
            self._open.close()

    def _desk(self, target: str) -> _Desk:
        named, neuron = parse_target(target)
        model = named or called(self._config.model, default_corpus_is_cached)
        if (model, neuron) not in self._desks:
            self._desks[model, neuron] = self._opened(
                self._config.model_copy(update={"target": target, "model": model})
            )
        return self._desks[model, neuron]

    def _opened(self, config: RunConfig) -> _Desk:
        study = open_study(config, self._display, CountedOpenings(), self._resources, self._llms)
        if self._folder is None:
            self._folder = self._created()
        neuron = self._folder.neuron(study.subject.name, study.evidence.neuron)
        trace = self._open.enter_context(TraceWriter(neuron.events, listeners=[self._display.event]))
        evidence, corpus = study.evidence, study.scan.corpus
        trace.emit(
            RunStarted(
                run_id=self._folder.run_id, model=study.subject.name, neuron=str(evidence.neuron),
                config=_recorded(config), seed=config.seed, versions=program_versions(),
                model_fingerprint=study.subject.fingerprint,
                corpus=CorpusName(name=corpus.name, fingerprint=corpus.fingerprint), commit=commit_of_program(),
            )
        )  # fmt: skip
        for note in corpus.notes:
            trace.emit(Note(message=note))
        trace.emit(Gathered(theta=evidence.theta, status=evidence.status, n_explore_excerpts=len(evidence.explore)))
        tools = [*all_tools(study), self._explaining(config, study)]
        toolbox = Toolbox(tools, TraceRecorder(trace), config.seed, 0, config.max_seconds, study.meters)
        return _Desk(study, toolbox, trace)

    def _created(self) -> RunFolder:
        config = self._config
        run_id = ResultsDatabase(self._runs_dir).new_run_id(called(config.model), "mcp")
        manifest = {
            "config": _recorded(config), "seed": config.seed, "versions": program_versions(),
            "commit": commit_of_program(), "prices": prices_of(config),
        }  # fmt: skip
        folder = RunFolder.create(self._runs_dir, run_id, manifest)
        self._open.enter_context(folder.held())
        return folder

    def _explaining(self, config: RunConfig, study: Study) -> Tool[Explain, Explained]:
        """A whole run as a tool. It reads the neuron afresh, so that nothing the client looked at guides it."""

        def explain(arguments: Explain, rng: np.random.Generator) -> Explained:
            wanted = {"budget": arguments.budget, "seed": arguments.seed, **self._llm_limits()}
            result = start_run(config.model_copy(update=wanted), self._runs_dir, self._display, self._resources)
            self._pay(result)
            return Explained(run_id=result.run_id, result=result.to_json())

        return Tool(
            EXPLAIN, SERVED[EXPLAIN].about, Explain, Explained, explain,
            size=lambda arguments: (arguments.budget * UNIT_TEXTS, 0),
        )  # fmt: skip

    def _llm_limits(self) -> dict[str, Any]:
        """What `--max-tokens` and `--max-usd` leave for a run."""
        if self._llms.meters is None:
            return {}
        account = self._llms.meters.account
        left: dict[str, float] = {}
        if account.max_tokens is not None:
            left["max_tokens"] = account.max_tokens - account.tokens
        if account.max_usd is not None:
            left["max_usd"] = account.max_usd - (account.usd or 0.0)
        if any(value <= 0 for value in left.values()):
            raise BadInput("--max-tokens or --max-usd leaves nothing for a run.")
        return left

    def _pay(self, result: Result) -> None:
        if self._llms.meters is None:
            return
        spent = self._llms.meters.account.by_role.setdefault(EXPLAIN, Spent())
        for cost in result.llm.by_role.values() if result.llm else ():
            spent.input_tokens += cost.input_tokens
            spent.output_tokens += cost.output_tokens
        spent.usd = None if spent.usd is None or result.cost.usd is None else spent.usd + result.cost.usd


def _recorded(config: RunConfig) -> dict[str, Any]:
    return config.model_dump(mode="json") | {"policy": SESSION_POLICY}


def _reply(answer: Outcome, study: Study) -> dict[str, Any]:
    """A result as the client sees it."""
    if isinstance(answer, Scores):
        return {"scores": [_score(one, study) for one in answer.scores]}
    if isinstance(answer, Explained):
        found = {name: answer.result[name] for name in _TOLD_OF_A_RESULT if name in answer.result}
        return {"run_id": answer.run_id, **found}
    return as_reply(answer)


def _score(scored: DevelopmentScore, study: Study) -> dict[str, Any]:
    found: dict[str, Any] = {"sentence": scored.sentence}
    if isinstance(scored.score, Unscored):
        # the real reason may quote development text, which whoever writes explanations must not see
        is_by_llm = study.simulations.word_simulator is not None and not study.simulations.is_exact(scored.sentence)
        reason = "too few excerpts could be simulated" if is_by_llm else scored.score.reason
        return found | {"score": None, "reason": reason}
    found["score"] = {name: round(getattr(scored.score, name), 3) for name in ("value", "low", "high")}
    if scored.gain is not None:
        found["gain"] = {name: round(getattr(scored.gain, name), 3) for name in ("value", "low", "high")}
    return found
