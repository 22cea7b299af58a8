"""Finished runs for readers: an explanation, and excerpts of the opened sealed fold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from agent.setup.config import RunConfig, recorded_settings
from agent.setup.evidence import open_study
from agent.setup.llms import LLMs
from agent.setup.resources import Resources
from tools.errors import BadInput
from tools.records.result import Result
from tools.records.scores import as_far_as_readable
from tools.records.simulated_excerpts import SimulatedExcerpt
from tools.study.study import Study
from traces.events.kinds import RunStarted, ToolCall
from traces.events.recorded import ConfirmArguments, ConfirmResult
from traces.events.runs import NeuronFolder, RunFolder, traces_of
from traces.events.store import load_trace
from traces.text.console import Display

STRATA = ("top", "quantile", "random")
N_OF_EACH = 2

_UNFINISHED = "no result yet"
_NO_EXPLANATION = "no explanation"
_NO_EXCERPTS = "no sealed excerpts on record"


@dataclass(frozen=True)
class FinishedRun:
    """A run with an explanation.

    Attributes:
        name: `MODEL/NEURON`.
        events: its trace.
        result: what it found.
        sentence: its explanation.
        begun: how it was begun.
        excerpts: two of each stratum of the sealed fold that it opened, with the levels that its own simulation gave.
    """

    name: str
    events: Path
    result: Result
    sentence: str
    begun: RunStarted
    excerpts: tuple[SimulatedExcerpt, ...]


@dataclass(frozen=True)
class FinishedRuns:
    """The usable runs, and how many were left out, by reason."""

    runs: tuple[FinishedRun, ...]
    left_out: dict[str, int]


def finished_runs(names: Sequence[str], runs_dir: str) -> FinishedRuns:
    """The named finished runs, in that order.

    Runs that are unfinished, have no explanation or opened no fold are left out and counted. Other files, which
    `runs/*` matches too, are ignored.

    Args:
        names: folders of runs, of single neurons, or run ids.
        runs_dir: where ids are looked for.

    Raises:
        BadInput: there is no such run, a neuron occurs twice, or no run is left.
        StorageError: a file cannot be read.
    """
    found: dict[str, FinishedRun] = {}
    left_out: Counter[str] = Counter()
    for path in (path for name in names for path in _traces(name, runs_dir)):
        one = _read(path)
        if isinstance(one, str):
            left_out[one] += 1
            continue
        if one.name in found:
            raise BadInput(
                f"{one.name} is in both {found[one.name].events.parent} and {path.parent}: a reader must not see two "
                "explanations of one neuron, so give one run of each."
            )
        found[one.name] = one
    if not found:
        said = ", ".join(f"{n} with {reason}" for reason, n in left_out.items()) or "none is named"
        raise BadInput(f"there is no run to read: {said}. Only a finished run with an explanation can be read.")
    return FinishedRuns(tuple(found.values()), dict(left_out))


def _traces(name: str, runs_dir: str) -> list[Path]:
    """The paths of the named traces; for a run that stopped early, where its trace would be."""
    path = Path(name)
    if path.is_file() and path.suffix != ".jsonl":
        return []
    if (path / "run.json").is_file() and not RunFolder(path).traced():
        return [path / "events.jsonl"]
    return traces_of(runs_dir, name)


def _read(path: Path) -> FinishedRun | str:
    """The run whose trace is at `path`, or why it is left out."""
    result = NeuronFolder(path.parent).read_result()
    if result is None:
        return _UNFINISHED
    if not result.explanation:
        return _NO_EXPLANATION
    events = load_trace(path).events
    begun = next((event for event in events if isinstance(event, RunStarted)), None)
    excerpts = _excerpts(events, result.explanation)
    if begun is None or not excerpts:
        return _NO_EXCERPTS
    name = f"{result.model}/{result.neuron}"
    return FinishedRun(name, path, result, result.explanation, begun, excerpts)


def _excerpts(events: Sequence[object], sentence: str) -> tuple[SimulatedExcerpt, ...]:
    confirmed = [event for event in events if isinstance(event, ToolCall) and event.tool == "confirm" and event.result]
    own = [one for one in confirmed if as_far_as_readable(ConfirmArguments, one.arguments).sentence == sentence]
    if not confirmed:
        return ()
    shown = as_far_as_readable(ConfirmResult, (own or confirmed)[-1].result).shown
    by = {stratum: [one for one in shown.excerpts if one.stratum == stratum] for stratum in STRATA}
    return tuple(one for stratum in STRATA for one in by[stratum][:N_OF_EACH])


def study_of(run: FinishedRun, resources: Resources, display: Display) -> Study:
    """Reopen the neuron of a run on the same text, without an LLM and without access to sealed folds.

    Raises:
        BadInput: the settings are from another version of this program, or model or corpus have changed.
        NotAvailable: the model or the corpus is not here.
        StorageError: the cache cannot be written.
    """
    try:
        config = RunConfig.checked(**recorded_settings(run.begun.config))
    except BadInput as error:
        raise BadInput(f"the settings in {run.events} are from another version of this program: {error}") from error
    study = open_study(config, display, resources=resources, llms=LLMs())
    if study.subject.fingerprint != run.begun.model_fingerprint:
        raise BadInput(f"the weights of {study.subject.name} have changed since {run.events.parent} was made.")
    if study.scan.corpus.fingerprint != run.begun.corpus.fingerprint:
        raise BadInput(f"the texts of {study.scan.corpus.name} have changed since {run.events.parent} was made.")
    return study
