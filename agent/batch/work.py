"""The work of one process of a batch: one neuron at a time; models, corpora and scans of layers are opened once."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from filelock import FileLock

from agent.batch.worker_files import History, moved, moved_files, pack, put_history, unpack
from agent.run.runner import resume_run, start_run
from agent.setup.config import RunConfig
from agent.setup.evidence import open_study
from agent.setup.option_names import with_options
from agent.setup.resources import Resources
from agent.setup.subjects import Subject
from tools.cache import default_cache_dir
from tools.errors import AgentError, BadInput, StorageError
from tools.records.result import Result
from traces.database.results import ResultsDatabase
from traces.events.runs import RunFolder
from traces.events.store import is_being_written
from traces.storage import storage_errors
from traces.text.console import QuietDisplay
from traces.text.formatting import score_text

_PATIENCE_S = 10.0

_RESOURCES = Resources()
_opened: set[tuple[object, ...]] = set()


@dataclass(frozen=True)
class RunCopy:
    """For a worker that shares no disk: the files of a run that has begun, and its neuron's opened sealed folds."""

    history: History
    files: dict[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True)
class Job:
    """One neuron.

    Attributes:
        settings: of its `RunConfig`.
        run_id: the id of its run; a run that has begun under this id is resumed.
        runs_dir: where the run is; on a worker without a shared disk, only the path that its files should name.
        fingerprint: of the subject model that the batch is about.
        copied: None where the disk is shared.
        refused: why it cannot be begun at all.
    """

    settings: dict[str, Any]
    run_id: str
    runs_dir: Path
    fingerprint: str
    copied: RunCopy | None = None
    refused: str | None = None


@dataclass(frozen=True)
class Done:
    """The outcome of a job.

    Attributes:
        said: the verdict and the score in a few words, or what went wrong.
        has_failed: there is no result.
        seconds: of this attempt.
        files: of the run, from a worker that shares no disk.
    """

    said: str
    has_failed: bool
    seconds: float
    files: dict[str, bytes] = field(default_factory=dict)


def work(job: Job | None) -> Done | None:
    """Explain one neuron or resume its run; a failure is part of the outcome. None if there is nothing to do."""
    if job is None:
        return None
    if job.refused is not None:
        return Done(job.refused, True, 0.0)
    if job.copied is None:
        return _attempt(job, job.runs_dir)
    with tempfile.TemporaryDirectory(prefix="neuron-agent-batch-") as folder:
        here = Path(folder).resolve()
        unpack(job.copied.files, here / job.run_id)
        put_history(job.copied.history, ResultsDatabase(here))
        done = _attempt(job, here)
        files = moved_files(pack(here / job.run_id), here, job.runs_dir)
    return replace(done, said=moved(done.said, here, job.runs_dir), files=files)


def _attempt(job: Job, runs_dir: Path) -> Done:
    began = time.monotonic()
    try:
        result = _explain(job, runs_dir)
        said, has_failed = f"{result.verdict}, {score_text(result.score)}", False
    except AgentError as error:
        said, has_failed = with_options(error), True
    except Exception as error:  # whatever went wrong, the other neurons go on
        said, has_failed = f"{type(error).__name__}: {' '.join(str(error).split()) or 'no message'}", True
    return Done(said, has_failed, time.monotonic() - began)


def _explain(job: Job, runs_dir: Path) -> Result:
    config = RunConfig.checked(**job.settings)
    subject = _RESOURCES.subject(config.model, config.planted, QuietDisplay(), config.trust_remote_code)
    check_model(subject, job.fingerprint)
    _open_layer(config)
    folder = RunFolder(runs_dir / job.run_id)
    if (folder.path / "run.json").is_file():
        _wait_for_its_writer(folder)
        return resume_run(job.run_id, runs_dir, QuietDisplay(), _RESOURCES)
    if folder.path.exists():  # killed before it could say what it was
        with storage_errors("remove", folder.path):
            shutil.rmtree(folder.path)
    return start_run(config, runs_dir, QuietDisplay(), _RESOURCES, job.run_id)


def check_model(subject: Subject, fingerprint: str) -> None:
    """Make sure that a subject model is the one with that fingerprint.

    Raises:
        BadInput: its weights are others.
    """
    if subject.fingerprint != fingerprint:
        raise BadInput(
            f"{subject.name} is not the model that the batch was begun with, its weights differ: put those back, "
            "or begin a new batch."
        )


def _open_layer(config: RunConfig) -> None:
    """Read the layer, where it is not in the cache, in one process of this machine; forget those that went before."""
    layer = config.parsed_target[1].layer
    key = (config.model, config.planted, config.corpus, config.corpus_tokens, config.index, layer)
    if key in _opened:
        return
    _opened.clear()
    _RESOURCES.scans.clear()
    locks = default_cache_dir() / "locks"
    with storage_errors("create", locks):
        locks.mkdir(parents=True, exist_ok=True)
    with FileLock(locks / f"{hashlib.sha256(repr(key).encode()).hexdigest()[:16]}.lock"):
        open_study(config, QuietDisplay(), resources=_RESOURCES)
    _opened.add(key)


def _wait_for_its_writer(folder: RunFolder) -> None:
    """A process that was told to end, or whose parent was killed, may need a moment to be gone."""
    until = time.monotonic() + _PATIENCE_S
    for path in (folder.path, *(neuron.events for neuron in folder.traced())):
        while is_being_written(path):
            if time.monotonic() > until:
                raise StorageError(
                    f"{path} is being written by another process: end it, or wait for it, and try again."
                )
            time.sleep(0.05)
