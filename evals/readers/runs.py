"""Finished runs as what can be read: a sentence, and excerpts of the opened sealed fold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from agent.setup.config import RunConfig, recorded_settings
from agent.setup.evidence import open_study
from agent.setup.llms import LLMs
from agent.setup.resources import Resources
from tools.catalogue.shown import ShownExcerpt, ShownExcerpts
from tools.errors import BadInput
from tools.records.result import Result
from tools.study.study import Study
from traces.events.kinds import RunStarted, ToolCall
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
    excerpts: tuple[ShownExcerpt, ...]


@dataclass(frozen=True)
class FinishedRuns:
    """Those that can be read, and how many were left out, by reason."""

    runs: tuple[FinishedRun, ...]
    left_out: dict[str, int]


def finished_runs(names: Sequence[str], runs_dir: str) -> FinishedRuns:
    """The finished runs that are meant, in the order in which they are named.

    What has no explanation is left out and counted, and so is what has not finished, and a run that opened no fold.
    Files that lie beside runs, as `runs/*` names them too, are passed over.

    Args:
        names: folders of runs, of single neurons, or run ids.
        runs_dir: where ids are looked for.

    Raises:
        BadInput: there is no such run, a neuron comes twice, or nothing is left.
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
                f"{one.name} is in {found[one.name].events.parent} and in {path.parent}: a reader must not see two "
                "sentences on one neuron, so give one run of each."
            )
        found[one.name] = one
    if not found:
        said = ", ".join(f"{n} with {reason}" for reason, n in left_out.items()) or "none is named"
        raise BadInput(f"there is no run to read: {said}. Only a finished run with an explanation can be read.")
    return FinishedRuns(tuple(found.values()), dict(left_out))


def _traces(name: str, runs_dir: str) -> list[Path]:
    """The traces that are meant, or where one would be, of a run that stopped before it had any."""
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


def _excerpts(events: Sequence[object], sentence: str) -> tuple[ShownExcerpt, ...]:
    confirmed = [event for event in events if isinstance(event, ToolCall) and event.tool == "confirm" and event.result]
    own = [event for event in confirmed if event.arguments.get("sentence") == sentence]
    if not confirmed:
        return ()
    try:
        shown = ShownExcerpts.model_validate((own or confirmed)[-1].result.get("shown") or {})
    except ValidationError:  # a trace of another version: no excerpt that can be read
        return ()
    by = {stratum: [one for one in shown.excerpts if one.stratum == stratum] for stratum in STRATA}
    return tuple(one for stratum in STRATA for one in by[stratum][:N_OF_EACH])


def study_of(run: FinishedRun, resources: Resources, display: Display) -> Study:
    """The neuron of a run on the table again, on the same text. No LLM is at hand, and no sealed fold can be opened.

    Raises:
        BadInput: the settings are of another version of this program, or model or corpus are others than then.
        NotAvailable: the model or the corpus is not here.
        StorageError: the cache cannot be written.
    """
    try:
        config = RunConfig.checked(**recorded_settings(run.begun.config))
    except BadInput as error:
        raise BadInput(f"the settings in {run.events} are of another version of this program: {error}") from error
    study = open_study(config, display, resources=resources, llms=LLMs())
    if study.subject.fingerprint != run.begun.model_fingerprint:
        raise BadInput(f"the weights of {study.subject.name} are not those that {run.events.parent} was made with.")
    if study.scan.corpus.fingerprint != run.begun.corpus.fingerprint:
        raise BadInput(f"the texts of {study.scan.corpus.name} are not those that {run.events.parent} was made with.")
    return study
