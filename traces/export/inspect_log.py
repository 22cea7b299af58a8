"""A run as a log of Inspect, written by its own package and opened with `inspect view`.

A neuron is a sample, with the sealed scores as its scores; `traces.export.inspect_events`
converts its events. What Inspect has no field for is in the metadata: config, seed, versions, subject model and corpus
in the eval's, the whole result in the sample's. Needs the optional `inspect-ai`, imported where it is used.
"""

from __future__ import annotations

import math
import os
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tools.errors import BadInput, NotAvailable, StorageError
from tools.records.llm import LLMCall
from tools.records.result import PartialResult, Unscored
from tools.records.scores import Score
from traces.events.kinds import Event, RunStarted, ToolCall
from traces.events.store import is_being_written, load_trace
from traces.export.inspect_events import model_name, to_events, to_score, to_usage
from traces.storage import storage_errors

SUFFIXES = (".eval", ".json")
_STATUS = {"finished": "success", "running": "started", "failed": "error", "interrupted": "cancelled"}


def write_inspect_log(traces: Sequence[Path], path: Path) -> Any:
    """Write the traces of one run's neurons as one log; returns it, an `inspect_ai.log.EvalLog`.

    Args:
        traces: each an `events.jsonl`, finished or not; the folder it lies in gives the sample its id.
        path: the file, ending in `.eval` or `.json`; an existing one is replaced.

    Raises:
        BadInput: the file has another ending, or its folder does not exist.
        NotAvailable: `inspect-ai` is not installed.
        StorageError: a trace is damaged, none has begun, or the log cannot be written.
    """
    if path.suffix not in SUFFIXES:
        raise BadInput(f"the name of an Inspect log ends in .eval or .json, and {path} does not.")
    if not path.parent.is_dir():
        raise BadInput(f"there is no folder {path.parent} to write {path.name} into: make it, or name another.")
    if path.is_dir():
        raise BadInput(f"{path} is a folder: name a file.")
    try:
        from inspect_ai.log import write_eval_log
    except ImportError as error:
        raise NotAvailable(
            "Inspect is not installed, and only its package can write its logs: install it with "
            "`pip install -c constraints.txt -e '.[inspect]'`."
        ) from error
    log = build_log(traces)
    new = path.with_name(f".{path.stem}.{os.getpid()}.new{path.suffix}")
    with storage_errors("write", path):
        try:
            write_eval_log(log, str(new.absolute()))
            os.replace(new, path)
        finally:
            new.unlink(missing_ok=True)
    return log


def build_log(traces: Sequence[Path]) -> Any:
    """The log of a run, not yet written."""
    from inspect_ai.log import EvalConfig, EvalDataset, EvalLog, EvalRevision, EvalSpec, EvalStats
    from inspect_ai.viewer import ViewerConfig

    loaded = [(path, load_trace(path).events) for path in traces]
    begun = [(path, events) for path, events in loaded if events and isinstance(events[0], RunStarted)]
    if not begun:
        raise StorageError(f"no trace of {', '.join(map(str, traces)) or 'this run'} has begun: there is nothing yet.")
    started = begun[0][1][0]
    assert isinstance(started, RunStarted)
    samples = [_sample(events, path) for path, events in begun]
    states = [_state(events, path) for path, events in begun]
    worst = next(state for state in ("failed", "interrupted", "running", "finished") if state in states)
    calls = [call for _, events in begun for call in _asked(events)]
    explainer, commit = started.settings.explainer or "rules", started.commit
    spec = EvalSpec(
        created=started.at,
        eval_id=started.run_id,
        run_id=started.run_id,
        task="explain_neurons",
        task_id=started.run_id,
        task_display_name=f"Explain neurons of {started.model}",
        task_args=started.config,
        solver=started.settings.variant or "",
        dataset=EvalDataset(
            name=f"neurons of {started.model}", samples=len(samples), sample_ids=[sample.id for sample in samples]
        ),
        model=model_name(explainer),
        config=EvalConfig(),
        revision=None
        if commit is None
        else EvalRevision(type="git", origin="", commit=commit.removesuffix("+"), dirty=commit.endswith("+")),
        packages=started.versions,
        metadata={
            "seed": started.seed,
            "subject_model": {"name": started.model, "fingerprint": started.model_fingerprint},
            "corpus": started.corpus.model_dump(),
            "config": started.config,
            "versions": started.versions,
            "trace_schema_version": started.schema_version,
        },
        viewer=ViewerConfig(trust_content=False),  # text of a corpus or an LLM may hold anything
    )
    is_over = "running" not in states
    return EvalLog(
        status=_STATUS[worst],
        eval=spec,
        results=_results(samples, states),
        stats=EvalStats(
            started_at=min(events[0].at for _, events in begun),
            completed_at=max(events[-1].at for _, events in begun) if is_over else "",
            model_usage=_usage(calls, "model"),
            role_usage=_usage(calls, "role"),
        ),
        error=next((sample.error for sample in samples if sample.error), None),
        samples=samples,
    )


def _state(events: Sequence[Event], path: Path) -> str:
    last = events[-1].type
    if last in ("finished", "failed"):
        return last
    return "running" if is_being_written(path) else "interrupted"


def _asked(events: Sequence[Event]) -> list[LLMCall]:
    return [asked for event in events if isinstance(event, ToolCall) for asked in event.llm]


def _usage(calls: Sequence[LLMCall], by: str) -> dict[str, Any]:
    """Inspect's usage by model or role. A cached reply counts like a new one, as in results."""
    groups: dict[str, list[LLMCall]] = defaultdict(list)
    for call in calls:
        groups[model_name(call.model) if by == "model" else call.role].append(call)
    return {name: to_usage(groups[name]) for name in sorted(groups)}


def _sample(events: Sequence[Event], path: Path) -> Any:
    from inspect_ai.log import EvalError, EvalSample
    from inspect_ai.model import ChatMessageAssistant, ChatMessageUser, ModelOutput

    started, last = events[0], events[-1]
    assert isinstance(started, RunStarted)
    state = _state(events, path)
    plain, result = (last.result, last.found) if last.type == "finished" else (None, PartialResult())
    asked = f"When does neuron {started.neuron} of {started.model} fire?"
    messages: list[Any] = [ChatMessageUser(content=asked)]
    explanation = result.explanation
    if explanation:
        messages.append(ChatMessageAssistant(content=explanation, source="generate"))
    name = path.parent.name.replace("/", "-")
    calls = _asked(events)
    seconds = sum(event.seconds for event in events if isinstance(event, ToolCall))
    error = f"{last.error.kind}: {last.error.message}" if last.type == "failed" else ""
    return EvalSample(
        id=name,
        epoch=1,
        input=asked,
        target="",
        messages=messages,
        output=ModelOutput.from_content("neuron-agent", explanation) if explanation else ModelOutput(),
        scores={score: to_score(told) for score, told in _scores(events, state).items()},
        metadata={
            "neuron": started.neuron,
            "subject_model": started.model,
            "state": state,
            "verdict": result.verdict,
            "result": plain or None,
        },
        events=to_events(events, name),
        model_usage=_usage(calls, "model"),
        role_usage=_usage(calls, "role"),
        started_at=started.at,
        completed_at=None if state == "running" else last.at,
        working_time=seconds,
        uuid=f"{started.run_id}-{name}",
        error=EvalError(message=error, traceback="", traceback_ansi="") if error else None,
    )


def _scores(events: Sequence[Event], state: str) -> dict[str, Score]:
    confirmed = [event.final for event in events if event.type == "confirmed"]
    found = confirmed[-1].by_name() if confirmed else {}
    if "sealed" not in found:
        last = events[-1]
        score = last.found.score if last.type == "finished" else None
        found = {"sealed": score or Unscored(reason=f"the run was never scored on sealed text ({state})"), **found}
    return found


def _results(samples: Sequence[Any], states: Sequence[str]) -> Any:
    """The mean of each score over the neurons that have it."""
    from inspect_ai.log import EvalMetric, EvalResults, EvalScore

    by_name: dict[str, list[float]] = defaultdict(list)
    for sample in samples:
        for name, score in sample.scores.items():
            by_name[name].append(score.as_float())
    scores = []
    for name, values in by_name.items():
        known = [value for value in values if not math.isnan(value)]
        metrics = {"mean": EvalMetric(name="mean", value=math.fsum(known) / len(known))} if known else {}
        scores.append(
            EvalScore(
                name=name,
                scorer=name,
                scored_samples=len(known),
                unscored_samples=len(samples) - len(known),
                metrics=metrics,
            )
        )
    return EvalResults(total_samples=len(samples), completed_samples=states.count("finished"), scores=scores)
