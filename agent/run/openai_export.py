"""Exports a finished run in the format of OpenAI's neuron-explainer, by simulating its explanation again on its fold.

Traces hold scores, not the 640 values behind them, so the run's study is opened once more. It reads only the fold
that the run had opened, which is no new opening. What an LLM simulated comes from its stored replies.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from agent.run.reopen import reopen
from agent.setup.config import RunConfig
from agent.setup.option_names import with_options
from agent.setup.resources import Resources
from agent.setup.sealed_folds import CountedOpenings
from tools.errors import AgentError, LLMNotAvailable
from tools.formats.files import to_line
from tools.formats.neuron_explainer import NeuronId, NeuronSimulationResults
from tools.formats.published import explanations_file, provenance_file
from tools.formats.simulated import scored_explanation
from tools.free_text.findings import Known, scale_of
from tools.free_text.simulator import FreeTextSimulator
from tools.free_text.token_strings import TokenStrings
from tools.llm.cache_only import CachedReplies
from tools.llm.settings import OPENAI_URL
from tools.records.result import Result, ScoreValue, Unscored
from tools.records.scores import Record, as_far_as_readable
from tools.scoring.pearson import pearson
from tools.scoring.sampling import top_and_random_sample
from tools.scoring.subsampling import SimulatedSample
from tools.study.study import Study
from traces.database.models import Model
from traces.database.rows import ResultRow
from traces.events.kinds import SealedOpened, ToolCall
from traces.events.recorded import ConfirmArguments
from traces.events.runs import NeuronFolder, RunFolder
from traces.events.store import load_trace
from traces.storage import replace_file, storage_errors
from traces.text.console import Display, QuietDisplay

_SAME = 2e-6
"""Scores are recorded to six digits."""


@dataclass(frozen=True)
class Exported:
    """A neuron in OpenAI's format; `provenance` holds what the format has no place for, as JSON values."""

    results: NeuronSimulationResults
    provenance: dict[str, Any]

    def write(self, folder: Path) -> Path:
        """Write it where readers of published data look for it, and the provenance beside it; returns the path.

        Raises:
            StorageError: it cannot be written.
        """
        neuron = self.results.neuron_id
        path = explanations_file(folder, neuron.layer_index, neuron.neuron_index)
        beside = provenance_file(folder, neuron.layer_index, neuron.neuron_index)
        provenance = json.dumps(self.provenance, ensure_ascii=False, allow_nan=False, indent=2).encode()
        for file, data in ((beside, provenance), (path, to_line(self.results))):
            with storage_errors("create", file.parent):
                file.parent.mkdir(parents=True, exist_ok=True)
            replace_file(file, data + b"\n")
        return path


@dataclass(frozen=True)
class LeftOut:
    """A result that cannot be exported, and why."""

    row: ResultRow
    reason: str


class _Unusable(Exception):
    """A run that cannot be exported; the message says why."""


def simulate_again(
    rows: Sequence[ResultRow], runs_dir: Path, display: Display, *, ask_llm: bool = False
) -> Iterator[Exported | LeftOut]:
    """Each result with the sequences of OpenAI's protocol (5 top, 5 random) on which its run was scored, or why not.

    Args:
        rows: of the results database, in any order; they are worked through by model and layer.
        runs_dir: where the runs lie.
        display: shows progress where a layer must be read again.
        ask_llm: whether to ask (and pay) an LLM again for replies that are no longer stored.

    Raises:
        LLMNotAvailable: an LLM is needed and cannot be reached.
    """
    resources = Resources()
    progress = _OnlyProgress(display)
    at: tuple[Model, int | None] | None = None
    order = sorted(
        rows, key=lambda r: (r.model, r.model_fingerprint or "", r.corpus, r.layer or 0, r.idx or 0, r.run_id)
    )
    for row in order:
        if at != (row.of_model, row.layer):  # scans of layers are large
            resources.scans.clear()
            at = row.of_model, row.layer
        try:
            yield _exported(row, runs_dir, resources, progress, ask_llm)
        except _Unusable as unusable:
            yield LeftOut(row, str(unusable))
        except LLMNotAvailable:
            raise
        except AgentError as error:
            yield LeftOut(row, with_options(error))


def _exported(row: ResultRow, runs_dir: Path, resources: Resources, display: Display, ask_llm: bool) -> Exported:
    folder, result = _files(RunFolder(runs_dir / row.run_id), row)
    if result.explanation is None:
        raise _Unusable("there is no explanation")
    neuron = result.neuron_id
    if neuron is None or neuron.is_negative or result.always_on:
        raise _Unusable("the format has no place for the negative side of a neuron")
    call, opened = _confirmation(folder)
    ledger = CountedOpenings()
    ledger.count(opened.fold, opened.opening)
    run = reopen(row.run_id, runs_dir, display, ledger=ledger, resources=resources, ask_llm=ask_llm)
    study = run.study
    if not ask_llm:
        _serve_kept_replies(study, run.config)
    part = _simulated(study, result.explanation, call, opened.fold)
    explanation = scored_explanation(
        result.explanation,
        part,
        study.vocabulary.strings,
        _same_score(part, result),
        certain=study.simulations.is_exact(result.explanation),
    )
    return Exported(
        NeuronSimulationResults(
            neuron_id=NeuronId(layer_index=study.evidence.neuron.layer, neuron_index=study.evidence.neuron.index),
            scored_explanations=(explanation,),
        ),
        _provenance(result, study, run.manifest, opened, part),
    )


def _files(run: RunFolder, row: ResultRow) -> tuple[NeuronFolder, Result]:
    for folder in run.neurons():
        result = folder.read_result()
        if result is not None and (result.model, result.neuron) == (row.model, row.neuron):
            return folder, result
    raise _Unusable("the files of the run are gone")


def _confirmation(folder: NeuronFolder) -> tuple[ToolCall, SealedOpened]:
    """The call that scored the explanation, and the opening of the fold."""
    call: ToolCall | None = None
    opened: SealedOpened | None = None
    for event in load_trace(folder.events).events if folder.events.is_file() else ():
        if isinstance(event, SealedOpened):
            opened = event
        elif isinstance(event, ToolCall) and event.tool == "confirm" and event.outcome == "ok":
            call = event
    if call is None or opened is None or as_far_as_readable(ConfirmArguments, call.arguments).fold != opened.fold:
        raise _Unusable("the trace does not say on which sealed fold the explanation was scored")
    return call, opened


def _serve_kept_replies(study: Study, config: RunConfig) -> None:
    """What an LLM simulated in the run is taken from its stored replies."""
    if (model := config.simulator_llm) is not None:
        kept = CachedReplies.of(model, config.llm.url or OPENAI_URL)
        texts = TokenStrings(study.vocabulary.strings)
        scale = scale_of(study.evidence.explore, Known(study.evidence.explore, study.evidence.theta))
        study.simulations.word_simulator = FreeTextSimulator(
            kept, texts, config.simulation, config.excerpts_per_call, scale
        )


def _simulated(study: Study, sentence: str, call: ToolCall, fold: int) -> SimulatedSample:
    """Simulate the explanation on the ten excerpts that the confirmation drew, with the generator of that call."""
    number = int(call.call_id.partition("-")[0])
    activations = study.evidence.sealed.open(fold, study.ledger)
    sample = top_and_random_sample(activations, 5, np.random.default_rng([study.seed, number]))
    part = study.simulations.on(sentence, sample)
    if isinstance(part, Unscored):
        raise _Unusable(part.reason)
    return part


def _same_score(part: SimulatedSample, result: Result) -> float | None:
    """The recorded score of OpenAI's protocol, after checking that it comes out the same again."""
    if not isinstance(result.openai_top_random, ScoreValue):
        return None
    recorded = result.openai_top_random.value
    mask = part.sample.activations.excerpts.mask
    now = pearson(part.sample.activations.values[mask], part.levels[mask])
    if now is None or abs(now - recorded) > _SAME:
        found = "no score" if now is None else f"{now:.6f}"
        raise _Unusable(
            f"the simulation now gives {found}, and the run recorded {recorded}: the program has changed since"
        )
    return recorded


def _provenance(
    result: Result, study: Study, manifest: dict[str, Any], opened: SealedOpened, part: SimulatedSample
) -> dict[str, Any]:
    def plain(record: Record | None) -> dict[str, Any] | None:
        return record.model_dump(mode="json") if record is not None else None

    return {
        "run_id": result.run_id,
        "model": result.model,
        "layer": study.evidence.neuron.layer,
        "index": study.evidence.neuron.index,
        "model_fingerprint": manifest["model"]["fingerprint"],
        "corpus": plain(result.corpus),
        "verdict": result.verdict,
        "openai_top_random": plain(result.openai_top_random) or {},
        "score": plain(result.score),
        "baselines": plain(result.baselines),
        "gains": plain(result.gains),
        "sealed": {"fold": opened.fold, "opening": opened.opening, "reused": opened.reused},
        "sequences": [
            {"stratum": stratum, "excerpt": int(number)}
            for stratum, number in zip(part.sample.strata, part.sample.activations.excerpts.ids, strict=True)
        ],
        "n_unscored": part.n_unscored,
        "explainer": result.explainer,
        "simulator": result.simulator,
        "variant": result.variant,
        "seed": result.seed,
        "reading": manifest.get("reading"),
        "activation_index": (manifest.get("index") or {}).get("fingerprint"),
        "versions": manifest.get("versions"),
        "commit": manifest.get("commit"),
    }


class _OnlyProgress(QuietDisplay):
    """Shows the progress of long work, without the notes that opening each neuron would print."""

    def __init__(self, display: Display) -> None:
        self._display = display

    def start(self, total: int | None, what: str, *, in_bytes: bool = False) -> None:
        """See `Display`."""
        self._display.start(total, what, in_bytes=in_bytes)

    def advance(self, n: int) -> None:
        """See `Display`."""
        self._display.advance(n)

    def finish(self) -> None:
        """See `Display`."""
        self._display.finish()
