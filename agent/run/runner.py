"""Starts or resumes the run of one neuron: owns its folder, its trace and its toolbox."""

from __future__ import annotations

import hashlib
import logging
import os
import platform
import sqlite3
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from agent.graph.state import Context, Investigation, LoopState
from agent.graph.steering import MOST_UNITS, Pause, Pauses, Person, Waiting
from agent.run.reopen import recorded_config
from agent.setup.config import RunConfig
from agent.setup.evidence import open_study
from agent.setup.llms import llm_notes, llm_report, prices_of, settled
from agent.setup.option_names import with_options
from agent.setup.resources import Resources
from agent.setup.sealed_folds import CountedOpenings, SealedFolds
from tools.catalogue import all_tools
from tools.catalogue.thinking import functions
from tools.errors import AgentError, BadInput, Interrupted, LLMNotAvailable, NotAvailable, StorageError
from tools.evidence.texts.hub import default_corpus_is_cached
from tools.records.result import PartialResult, Result
from tools.study.study import Study
from tools.subject.resolve import called
from tools.toolbox import Recorder
from traces.database.results import ResultsDatabase
from traces.database.selection import Selection
from traces.events.kinds import CallError, CorpusName, Failed, Finished, Note, RunStarted, ToolCall
from traces.events.kinds import Interrupted as InterruptedEvent
from traces.events.recorder import TraceRecorder
from traces.events.runs import RunFolder, is_session
from traces.events.store import TraceWriter, load_trace
from traces.text.console import Display
from traces.text.formatting import runs_dir_option, shorten

_log = logging.getLogger(__name__)

_INTERRUPT = "__interrupt__"
"""What LangGraph calls an interrupt among the updates and values that it streams."""

_VERSIONED = ("neuron-agent", "torch", "numpy", "tokenizers", "langgraph", "transformer-lens")


def start_run(
    config: RunConfig,
    runs_dir: Path,
    display: Display,
    resources: Resources | None = None,
    run_id: str | None = None,
    person: Person | None = None,
    graph: Any = None,
) -> Result:
    """Explain one neuron and leave its run behind. See `agent.api.explain`.

    The run's folder is made before anything is read, so that a run can be resumed whenever it is stopped. A refused run
    leaves no folder.

    Args:
        config: what to do.
        runs_dir: the folder of all runs.
        display: shows progress.
        resources: what was opened before.
        run_id: names the run; made up when left out.
        person: may step in at the places that `agent.graph.steering` names; None for nobody.
        graph: the loop as a part of the LangGraph graph that calls this, whose interrupts ask the person; None for a
            graph of its own.

    Raises:
        Waiting: as part of another graph, once it is to be interrupted; the cause is LangGraph's own exception.
    """
    started = time.monotonic()
    config = settled(config)
    named, neuron = config.parsed_target
    model = named or called(config.model, default_corpus_is_cached)
    begun = _begun(config, model if config.model == "auto" and named is None else config.model, person)
    run_id = run_id or ResultsDatabase(runs_dir).new_run_id(called(model), str(neuron))
    is_first = not os.path.isdir(runs_dir)
    folder = RunFolder.create(runs_dir, run_id, begun)
    with folder.held(), _said_how_to_go_on(folder):
        try:
            opened = _opened(folder, config, begun, display, resources)
        except (BadInput, NotAvailable, LLMNotAvailable):  # refused: there is nothing to resume
            folder.remove()
            if is_first:
                with suppress(OSError):  # another run has begun there meanwhile
                    runs_dir.rmdir()
            raise
        return _run(folder, opened, display, started, person, graph, resume=False)


def resume_run(
    run: str,
    runs_dir: Path,
    display: Display,
    resources: Resources | None = None,
    person: Person | None = None,
    graph: Any = None,
) -> Result:
    """Resume a run. See `agent.api.resume`, and `start_run` for `graph`."""
    started = time.monotonic()
    folder = RunFolder.find(runs_dir, run)
    done = _finished(folder)
    if done is not None:
        display.note(f"the run {folder.run_id} has finished already; this is its result.")
        return done
    manifest = folder.manifest()
    if is_session(manifest.get("config") or {}):
        raise BadInput(f"{folder.run_id} is a session of `agent mcp`, whose client has gone: start a new one.")
    config = recorded_config(folder, manifest)
    is_read = "model" in manifest or bool(folder.neurons())
    try:
        model, fingerprint = (manifest["model"]["name"], manifest["model"]["fingerprint"]) if is_read else ("", "")
    except (KeyError, TypeError) as error:
        raise StorageError(f"{folder.path / 'run.json'} is damaged: it has no {error}.") from error
    with folder.held(), _said_how_to_go_on(folder):
        if not is_read:  # it was stopped before anything was known
            begun = _begun(config, config.model, person) | _held_up(manifest)
            opened = _opened(folder, config, begun, display, resources)
            return _run(folder, opened, display, started, person, graph, resume=False)
        openings = CountedOpenings()
        study = open_study(config, display, openings, resources)
        if study.subject.fingerprint != fingerprint:
            raise BadInput(f"the weights of {model} have changed since the run {folder.run_id} began: start a new run.")
        if study.index is not None and vars(study.index) != manifest.get("index"):
            raise BadInput(
                f"the run {folder.run_id} used another index than the one now in {study.index.folder}: start a new run."
            )
        if _concepts_used(config) != manifest.get("concepts"):
            raise BadInput(f"{config.concepts} has changed since the run {folder.run_id} began: start a new run.")
        return _run(folder, _Opened(config, manifest, study, openings), display, started, person, graph, resume=True)


@dataclass(frozen=True)
class _Opened:
    """All that a run needs to begin, and what `run.json` says of it."""

    config: RunConfig
    manifest: dict[str, Any]
    study: Study
    openings: CountedOpenings


def _held_up(manifest: dict[str, Any]) -> dict[str, Any]:
    """Where the run was to pause when it began: resuming must not open a sealed fold without asking."""
    return {name: manifest[name] for name in ("pause_before",) if name in manifest}


def _begun(config: RunConfig, model: str, person: Person | None) -> dict[str, Any]:
    """The content of `run.json` before anything is read. `model` is what the config's model means now: `auto` may mean
    something else when the run is resumed."""
    held_up = {"pause_before": sorted(person.pause_before)} if person is not None and person.pause_before else {}
    return held_up | {
        "config": config.model_copy(update={"model": model}).model_dump(mode="json"),
        "seed": config.seed,
        "versions": program_versions(),
        "commit": commit_of_program(),
        "reading": {
            "bos": "prepended, its position left out",
            "values": "post-activation MLP neurons, raw, float32, weights not folded",
        },
        "prices": prices_of(config),
    }


def _opened(
    folder: RunFolder, config: RunConfig, begun: dict[str, Any], display: Display, resources: Resources | None
) -> _Opened:
    """Read the model and the corpus, and record in `run.json` what they are."""
    openings = CountedOpenings()
    study = open_study(config, display, openings, resources)
    for sentence in config.rivals:
        study.simulations.check_sentence(sentence)
        if (refused := study.why_not(sentence)) is not None:
            raise BadInput(f"the rival {shorten(sentence, 60)!r} may not compete: {refused}.")
    found: dict[str, Any] = {"model": begun["config"]["model"]}
    if config.index != "none":  # `auto` may mean something else here too
        found["index"] = study.index.folder if study.index else "none"
    config = config.model_copy(update=found)
    manifest = begun | {
        "config": config.model_dump(mode="json"),
        "model": {"name": study.subject.name, "fingerprint": study.subject.fingerprint},
        "corpus": {"name": study.scan.corpus.name, "fingerprint": study.scan.corpus.fingerprint},
        "index": vars(study.index) if study.index else None,
        "concepts": _concepts_used(config),
        "reading": begun["reading"] | {"excerpt_tokens": study.scan.corpus.width},
    }
    folder.write_manifest(manifest)
    return _Opened(config, manifest, study, openings)


def _concepts_used(config: RunConfig) -> dict[str, str] | None:
    """The user's file of classes and the SHA-256 (hex) of its content; None without such a file."""
    if config.concepts is None:
        return None
    try:
        content = config.concepts.read_bytes()
    except OSError as error:
        raise BadInput(f"{config.concepts} cannot be read: {error.strerror or error}.") from error
    return {"file": str(config.concepts), "sha256": hashlib.sha256(content).hexdigest()}


@contextmanager
def _said_how_to_go_on(folder: RunFolder) -> Iterator[None]:
    """Adds to an error that ends a run the command that resumes it, if that may help."""
    try:
        yield
    except (Exception, KeyboardInterrupt) as error:
        command = f"`agent resume {folder.run_id}{runs_dir_option(folder.path.parent)}` goes on where it was."
        if isinstance(error, KeyboardInterrupt):
            raise Interrupted(f"stopped; everything so far is saved. {command}") from error
        if isinstance(error, LLMNotAvailable) and folder.path.is_dir():
            raise LLMNotAvailable(f"{error} {command}") from error
        is_of_a_disk = isinstance(error, StorageError) and (
            not folder.traced() or isinstance(error.__cause__, (OSError, sqlite3.Error))
        )  # not if the trace is damaged, or from another program
        if is_of_a_disk or isinstance(error, Interrupted) or not isinstance(error, AgentError):
            error.add_note(command)
        raise


def _finished(folder: RunFolder) -> Result | None:
    """The result of a run that has ended, even if it was killed between its last event and result.json."""
    for neuron in folder.neurons():
        done = neuron.read_result()
        if done is not None:
            return done
        events = load_trace(neuron.events).events if neuron.events.is_file() else []
        if events and isinstance(events[-1], Finished):
            try:
                done = Result.model_validate(events[-1].result, extra="ignore")
            except ValidationError as error:
                what = f"the result in {neuron.events} cannot be read"
                raise StorageError(f"{what}: mend it, or use the version that wrote it.") from error
            neuron.write_result(done)
            ResultsDatabase(folder.path.parent).add_result(done)
            return done
    return None


def _run(
    folder: RunFolder,
    opened: _Opened,
    display: Display,
    started: float,
    person: Person | None,
    graph: Any,
    *,
    resume: bool,
) -> Result:
    neuron = folder.neuron(opened.study.subject.name, opened.study.evidence.neuron)
    with TraceWriter(neuron.events, resume=resume, listeners=[display.event]) as trace:
        earlier = sum(e.seconds for e in trace.recorded if isinstance(e, ToolCall))
        try:
            results = ResultsDatabase(folder.path.parent)
            results.check()  # fail now, not when the sealed split is about to be opened
            opened.study.other_results = partial(_other_results, results, opened.study)
            run = investigation(
                folder.run_id, opened.config, opened.study, opened.openings, TraceRecorder(trace), trace, results,
                str(neuron.events), Pauses.of(opened.manifest.get("pause_before", ()), person, trace.recorded),
            )  # fmt: skip
            result = investigate(run, run_started(run, opened.manifest), started - earlier, graph)
            neuron.write_result(result)
            for noticed in llm_notes(opened.study.meters):
                display.note(noticed)
            try:
                results.add_result(result)
            except StorageError as error:  # the index can be rebuilt; the result is safe and is shown
                display.note(with_options(error))
            return result
        except KeyboardInterrupt:
            trace.emit(InterruptedEvent(reason="stopped by the user"))
            raise
        except Interrupted as waiting:
            trace.emit(InterruptedEvent(reason=str(waiting)))
            raise
        except StorageError:  # the trace itself may have failed
            raise
        except Exception as error:
            trace.emit(Failed(error=CallError(kind=type(error).__name__, message=str(error))))
            raise


def _other_results(results: ResultsDatabase, study: Study, explainer: str) -> list[tuple[int, str]]:
    """Earlier explanations by the same explainer for neurons of the layer, on the same model and corpus, as (neuron,
    explanation); the latest of each neuron."""
    neuron = study.evidence.neuron
    rows = results.select(Selection(layer=neuron.layer, corpus=study.scan.corpus.fingerprint, latest=True))
    return [
        (other.index, row.explanation)
        for row in rows
        if row.model_fingerprint == study.subject.fingerprint and row.explainer == explainer
        and (other := row.neuron_id) is not None and row.explanation is not None
        and other.is_negative == neuron.is_negative
    ]  # fmt: skip


def run_started(run: Context, manifest: dict[str, Any]) -> RunStarted:
    """The first event of a run; `manifest` has its settings and the program's version."""
    return RunStarted(
        run_id=run.run_id,
        model=run.study.subject.name,
        neuron=str(run.study.evidence.neuron),
        config=manifest["config"],
        seed=run.config.seed,
        versions=manifest["versions"],
        model_fingerprint=run.study.subject.fingerprint,
        corpus=CorpusName(name=run.study.scan.corpus.name, fingerprint=run.study.scan.corpus.fingerprint),
        commit=manifest["commit"],
    )


def investigation(
    run_id: str,
    config: RunConfig,
    study: Study,
    openings: CountedOpenings,
    recorder: Recorder,
    trace: TraceWriter,
    folds: SealedFolds,
    trace_name: str,
    steering: Pauses,
) -> Context:
    """A run that is ready to begin, with its tools; see `agent.graph.state.Context`. `recorder` records their calls."""
    tools = all_tools(study)
    if config.policy == "react":
        from agent.graph.nodes.react import actions_of  # LangGraph takes a second to import

        study.offered = functions({tool.name: tool for tool in tools}, actions_of(study, config))
    return Context(run_id, config, study, openings, tools, recorder, trace, folds, trace_name, steering)


def investigate(run: Context, begun: RunStarted, started: float, graph: Any = None) -> Result:
    """Run from the first event to the last; `started` is the time it began, by `time.monotonic`. See `start_run` for
    `graph`."""
    run.trace.emit(begun)
    for note in run.study.scan.corpus.notes:
        run.trace.emit(Note(message=note))
    state = Investigation.at(_walk(run, graph), run)
    assert state.result is not None
    seconds = round(time.monotonic() - started, 2)
    told = llm_report(run.study.meters, state.silent())
    result = state.result.with_more(PartialResult(seconds=seconds)).with_more(told)
    run.trace.emit(Finished(result=result.to_json()))
    return result


def _walk(run: Context, graph: Any) -> LoopState:
    """Run the graph from start to end, asking the person where they are to be asked; returns the last state."""
    # LangGraph takes a second to import; reading the neuron did not need it.
    from langgraph.checkpoint.memory import InMemorySaver
    from langgraph.errors import GraphInterrupt
    from langgraph.types import Command

    from agent.graph.wiring import build_graph, recursion_limit, serializer

    person = run.steering.person
    where: dict[str, Any] = {}  # a part is called with the settings of the whole, or it would be none
    units = run.config.budget + run.steering.added
    if graph is not None:
        units += MOST_UNITS  # its person may answer while the loop is under way
    else:
        # After a crash a run resumes from its trace; the checkpoint is needed only while a person thinks.
        graph = build_graph(InMemorySaver(serde=serializer()) if run.steering.before or person is not None else None)
        where = {"configurable": {"thread_id": run.run_id}}
    state = LoopState()
    given: Any = state
    with person.listening() if person is not None else nullcontext():
        while True:
            limit = recursion_limit(units + state.added, run.steering.n_recorded)
            settings = where | {"recursion_limit": limit}
            asked: Sequence[Any] = ()
            try:
                for kind, found in graph.stream(given, settings, context=run, stream_mode=["updates", "values"]):
                    if kind == "values":
                        state = LoopState(**{name: found[name] for name in found if name != _INTERRUPT})
                        continue
                    asked = found.get(_INTERRUPT, ())
                    for node, changed in found.items():
                        if not asked:
                            _log.debug("%s changes %s", node, ", ".join(changed or ()) or "nothing")
            except GraphInterrupt as interrupted:  # as part of another graph, which asks
                raise Waiting(Pause.model_validate(interrupted.args[0][0].value)) from interrupted
            if not asked:
                return state
            if person is None:
                raise Interrupted("the run is paused for a person, and there is nobody to ask.")
            given = Command(resume=person.ask(Pause.model_validate(asked[0].value)))


def program_versions() -> dict[str, str]:
    """Versions of Python, this program, and the libraries that affect the numbers."""
    out = {"python": platform.python_version()}
    for package in _VERSIONED:
        try:
            out[package] = version(package)
        except PackageNotFoundError:
            out[package] = "not installed as a package"
    return out


def commit_of_program() -> str | None:
    """The commit of this program where it runs from a git checkout, with `+` when files have changed since."""
    here = Path(__file__).parent
    try:
        head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=here, capture_output=True, text=True, timeout=5)
        state = subprocess.run(
            ["git", "status", "--porcelain", "-uno"], cwd=here, capture_output=True, text=True, timeout=5
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return head.stdout.strip() + ("+" if state.stdout.strip() else "") if head.returncode == 0 else None
