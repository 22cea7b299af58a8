"""Replays a run from its trace alone, and finds where the two differ.

Settings, seed, fingerprints, LLM replies, the sealed fold and what an earlier run had found there all come from
`events.jsonl`. Everything happens in a temporary folder: nothing is written where runs lie, no
opening of the sealed split is counted, no LLM is asked. The model and the corpus must be on this machine; a layer's
activations may come from the cache, as in any run.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from agent.graph.steering import Pauses
from agent.run.replay_sources import Player, RecordedFolds, ReplayDiverged, recorded_llms
from agent.setup.config import RunConfig, recorded_settings
from agent.setup.evidence import open_study
from agent.setup.resources import Resources
from agent.setup.sealed_folds import CountedOpenings
from tools.errors import BadInput, Interrupted
from tools.llm.recorded_replies import NotRecorded
from tools.prompts import simulator_lines, simulator_token
from tools.study.study import Study
from traces.analysis.difference import Differences, differences
from traces.analysis.event_difference import EventComparison
from traces.analysis.story import read_story
from traces.events.kinds import SCHEMA_VERSION, Event, RunStarted, ToolCall
from traces.events.runs import is_session
from traces.events.store import TraceWriter, load_trace
from traces.text.console import Display

_WITH_LOGPROBS = (simulator_lines.PROMPT, simulator_token.PROMPT)


@dataclass(frozen=True)
class Replayed:
    """The outcome of a replay.

    Attributes:
        run_id: of the run.
        state: of the recorded run, see `traces.analysis.story.Story`; an unfinished one is replayed as far as it went.
        changed: what has changed since the run was made, as sentences; the likely causes of any difference.
        notes: what else to know about this replay.
        stopped: why the replay could not reach the end; empty if it did.
        difference: the recorded run (A) beside this one (B).
    """

    run_id: str
    state: str
    changed: list[str]
    notes: list[str]
    stopped: str
    difference: Differences

    @property
    def events(self) -> EventComparison:
        """The recorded events beside the replayed ones."""
        assert self.difference.events is not None
        return self.difference.events

    @property
    def is_same(self) -> bool:
        """Whether every event is as recorded, clocks aside."""
        return self.events.first is None and not self.stopped


class _AsFarAsRecorded(Exception):
    """Raised when all events of an unfinished run have been repeated."""


def replay(path: Path, display: Display, *, recorded: bool = False, resources: Resources | None = None) -> Replayed:
    """Repeat the run whose trace is at `path`, and compare.

    Args:
        path: of an `events.jsonl`, wherever it lies.
        display: shows progress, and first what has changed.
        recorded: take tool results from the trace, and repeat only the decisions.
        resources: what was opened before.

    Raises:
        BadInput: the trace is of an older format, or of a run that did not begin; its model or corpus cannot be used.
        NotAvailable: the model or the corpus is not here.
        StorageError: the trace is damaged.
        Interrupted: by Ctrl-C; nothing was changed.
    """
    trace = load_trace(path)
    begun = trace.events[0] if trace.events else None
    if not isinstance(begun, RunStarted):
        raise BadInput(f"{path} has nothing to replay yet.")
    config = _config(begun, path)
    calls = [event for event in trace.events if isinstance(event, ToolCall)]
    folds = RecordedFolds.of(trace.events)
    openings = CountedOpenings()
    llms = recorded_llms(config, calls)
    from agent.run.runner import program_versions  # LangGraph takes a second

    versions = program_versions()
    changed = [
        f"{name} is {versions.get(name, 'not there')} and was {was}"
        for name, was in begun.versions.items()
        if versions.get(name) != was
    ]
    for sentence in changed:
        display.note(f"changed since the run was made: {sentence}.")
    study = open_study(config, display, openings, resources, llms)
    if others := _other_inputs(begun, study):
        changed = [*others, *changed]
        for sentence in others:
            display.note(f"changed since the run was made: {sentence}.")
    taken = _taken(calls, recorded)
    stopped = now = ""
    with tempfile.TemporaryDirectory(prefix="neuron-agent-replay-") as folder:
        here = Path(folder) / "events.jsonl"
        try:
            _run(here, begun, config, study, openings, folds, display, Player.of(calls, taken, recorded), trace.events)
        except _AsFarAsRecorded:
            pass
        except ReplayDiverged as diverged:
            stopped, now = str(diverged), diverged.now
        except NotRecorded as asked:
            stopped = f"{asked}, and a replay asks no LLM"
            now = f"an unrecorded question to the {asked.request.role}"
        except KeyboardInterrupt as interrupted:
            raise Interrupted("stopped; a replay changes nothing.") from interrupted
        found = differences(read_story(path), read_story(here))
    if now and found.events is not None and found.events.first is not None:
        found = _with_next(found, now)
    return Replayed(begun.run_id, found.a.state, changed, _notes(config, taken, recorded), stopped, found)


def _config(begun: RunStarted, path: Path) -> RunConfig:
    if begun.schema_version < SCHEMA_VERSION:
        raise BadInput(
            f"{path} has trace format {begun.schema_version}, and only format {SCHEMA_VERSION} can be replayed: an "
            "older program worked differently. `agent trace show` still reads it."
        )
    if is_session(begun.config):
        raise BadInput(f"{path} records a session of `agent mcp`: the decisions of its client cannot be repeated.")
    try:
        return RunConfig.checked(**recorded_settings(begun.config))
    except BadInput as error:
        raise BadInput(f"the settings in {path} are from another version of this program: {error}") from error


def _other_inputs(begun: RunStarted, study: Study) -> list[str]:
    """Where model and corpus differ from the recorded ones."""
    corpus = study.scan.corpus
    out = []
    if study.subject.fingerprint != begun.model_fingerprint:
        out.append(f"the weights of {study.subject.name} differ")
    if corpus.fingerprint != begun.corpus.fingerprint:
        out.append(f"the texts of {corpus.name} differ" + _formerly(begun.corpus.name, corpus.name))
    return out


def _formerly(was: str, now: str) -> str:
    return f" (then {was})" if was != now else ""


def _taken(calls: list[ToolCall], recorded: bool) -> set[str]:
    """Calls whose results come from the trace: all of them, or those that asked an LLM for log probabilities, which a
    trace does not keep."""
    return {call.call_id for call in calls if recorded or any(asked.prompt in _WITH_LOGPROBS for asked in call.llm)}


def _notes(config: RunConfig, taken: set[str], recorded: bool) -> list[str]:
    notes = []
    if recorded:
        notes.append("results of tools were taken from the trace")
    elif taken:
        notes.append(
            f"the results of {len(taken)} tool calls were taken from the trace, which keeps no log probabilities"
        )
    if config.max_seconds is not None and not recorded:
        notes.append(
            f"the run had --max-seconds {config.max_seconds:g}, so where it ended depends on how fast the machine was; "
            "--recorded counts the seconds of then"
        )
    return notes


def _run(
    here: Path,
    begun: RunStarted,
    config: RunConfig,
    study: Study,
    openings: CountedOpenings,
    folds: RecordedFolds,
    display: Display,
    player: Callable[[TraceWriter], Player],
    events: list[Event],
) -> None:
    """Run again, into a trace at `here`."""
    from agent.run.runner import commit_of_program, investigate, investigation, program_versions, run_started

    left = _n_to_repeat(events)

    def count(_: Event) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            raise _AsFarAsRecorded

    listeners = [display.event, *([] if events[-1].type == "finished" else [count])]
    with TraceWriter(here, listeners=listeners) as writer:
        steering = Pauses.of((), None, events)
        run = investigation(begun.run_id, config, study, openings, player(writer), writer, folds, str(here), steering)
        manifest = {"config": begun.config, "versions": program_versions(), "commit": commit_of_program()}
        investigate(run, run_started(run, manifest), time.monotonic())


def _n_to_repeat(events: list[Event]) -> int:
    n = len(events)
    while events[n - 1].type in ("interrupted", "failed"):
        n -= 1
    return n


def _with_next(found: Differences, now: str) -> Differences:
    """The comparison, with the replay's unrecorded next step as its first difference."""
    assert found.events is not None
    assert found.events.first is not None
    first = found.events.first
    if first.number < found.events.n_b:
        return found
    return replace(found, events=replace(found.events, first=replace(first, field="", b=now)))
