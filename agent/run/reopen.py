"""Opens a recorded run again: from what was typed to its settings, and its neuron on the same model and text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.setup.config import RunConfig, recorded_settings
from agent.setup.evidence import open_study
from agent.setup.llms import LLMs
from agent.setup.resources import Resources
from tools.errors import BadInput, StorageError
from tools.evidence.neurons.neuron import Ledger
from tools.evidence.texts.corpus import check_rereadable
from tools.records.scores import as_far_as_readable
from tools.study.study import Study
from traces.events.recorded import RecordedRun
from traces.events.runs import RunFolder, is_session
from traces.text.console import Display


@dataclass(frozen=True)
class Reopened:
    """A recorded run.

    Attributes:
        folder: where it lies, with its traces and results.
        manifest: the content of its `run.json`.
        config: its settings.
        study: its neuron: the model (`study.subject`), the texts in their splits (`study.scan.corpus`) and what the
            neuron does on them (`study.evidence`).
    """

    folder: RunFolder
    manifest: dict[str, Any]
    config: RunConfig
    study: Study


def reopen(
    run: str,
    runs_dir: str | Path,
    display: Display,
    *,
    ledger: Ledger | None = None,
    resources: Resources | None = None,
    ask_llm: bool = False,
) -> Reopened:
    """A run by its id, a part of it, or `last`, with its neuron read again on the same text.

    Args:
        run: as typed.
        runs_dir: the folder of all runs.
        display: shows progress.
        ledger: counts openings of sealed text; a fold that the run had opened may be read again if it is counted there.
        resources: what was opened before.
        ask_llm: whether the study has the LLMs of the settings; else an explanation in free text cannot be simulated.

    Raises:
        BadInput: there is no such run, it has read nothing yet, or the model, the texts or the index have changed.
        NotAvailable: a model or corpus is not here and cannot be fetched.
        StorageError: `run.json` is damaged, or the cache cannot be written.
    """
    folder = RunFolder.find(runs_dir, run)
    manifest = folder.manifest()
    if is_session(manifest.get("config") or {}):
        raise BadInput(f"{folder.run_id} is a session of `agent mcp`, not a run.")
    config = recorded_config(folder, manifest)
    if "model" not in manifest or "corpus" not in manifest:
        raise BadInput(f"the run {folder.run_id} was stopped before it had read its model and text.")
    check_rereadable(config.corpus)
    study = open_study(config, display, ledger, resources, None if ask_llm else LLMs())
    recorded = as_far_as_readable(RecordedRun, manifest)
    then_and_now = {
        f"the weights of {study.subject.name} have": (recorded.model, study.subject.fingerprint),
        f"the texts of {study.scan.corpus.name} have": (recorded.corpus, study.scan.corpus.fingerprint),
        "the activation index has": (recorded.index, study.index.fingerprint if study.index else None),
    }
    for what, (then, now) in then_and_now.items():
        if now is not None and (then.fingerprint if then else None) != now:
            raise BadInput(f"{what} changed since the run {folder.run_id}.")
    return Reopened(folder, manifest, config, study)


def recorded_config(folder: RunFolder, manifest: Mapping[str, Any]) -> RunConfig:
    """The settings of a run from the content of its `run.json`.

    Raises:
        StorageError: there are none that can be used.
    """
    try:
        return RunConfig.checked(**recorded_settings(manifest["config"]))
    except (KeyError, TypeError, BadInput) as error:
        raise StorageError(f"{folder.path / 'run.json'} is damaged: it has no usable config ({error}).") from error
