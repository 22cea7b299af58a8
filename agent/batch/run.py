"""Works through a batch: hands out neurons, keeps their leases, and records what became of each.

Only the process that runs this writes the queue. Workers on this machine write their runs straight into the folder of
runs, so that whatever is killed is gone on with where it was; workers elsewhere get what a run needs and send its files
back. A worker that is lost costs its neuron a second try, and whatever goes wrong with a neuron is noted as its reason.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from agent.batch.plan import Plan
from agent.batch.work import Done, Job, RunCopy, check_model, work
from agent.batch.worker_files import history_of, pack, unpack
from agent.setup.config import RunConfig
from agent.setup.option_names import with_options
from agent.setup.resources import Resources
from tools.engine.open import open_engine
from tools.engine.protocol import Engine, EngineName
from tools.errors import AgentError, Interrupted, StorageError
from traces.database.batches import LEASE_S, Batch, Entry, Queue, add_batch
from traces.database.results import ResultsDatabase
from traces.events.runs import RunFolder
from traces.text.console import Display
from traces.text.formatting import runs_dir_option
from traces.text.remaining_time import RemainingTime, duration

_WAIT_S = 0.5


@dataclass(frozen=True)
class EngineChoice:
    """What computes: see `tools.engine.open.open_engine`."""

    engine: EngineName = "local"
    workers: int | None = None
    address: str | None = None


def begin(plan: Plan, asked: dict[str, Any], runs_dir: Path) -> Batch:
    """Put a plan into the queue; nothing is run yet.

    Raises:
        StorageError: the database cannot be used.
    """
    settings = plan.config.model_dump(mode="json")
    return add_batch(ResultsDatabase(runs_dir), plan.model, plan.fingerprint, settings, asked, plan.entries)


def work_through(
    batch: Batch, runs_dir: Path, where: EngineChoice, display: Display, resources: Resources, lease_s: float = LEASE_S
) -> None:
    """Run all neurons of a batch that are neither done nor failed; other processes may do the same at the same time.

    Raises:
        BadInput: there is no such engine, or it has too few resources.
        Interrupted: stopped by Ctrl-C; the message says how to go on.
        StorageError: the database cannot be used.
    """
    database = ResultsDatabase(runs_dir)
    queue = Queue(database, batch, lease_s)
    try:
        with open_engine(where.engine, where.workers, where.address) as engine, _leases_kept(queue):
            _work_through(queue, engine, _Desk(batch, database, engine, resources, display), display)
    except (Exception, KeyboardInterrupt) as error:
        command = f"`agent batch resume {batch.batch_id}{runs_dir_option(runs_dir)}` goes on where it was."
        if isinstance(error, KeyboardInterrupt):
            raise Interrupted(f"stopped; everything so far is saved. {command}") from error
        error.add_note(command)
        raise


def _work_through(queue: Queue, engine: Engine, desk: _Desk, display: Display) -> None:
    n_open, n_done, is_waiting = queue.n_open(), 0, False
    clock = RemainingTime(["neuron"] * n_open, engine.n_workers)
    display.start(n_open, "explaining neurons")
    try:
        while left := queue.n_open():
            n_free = queue.n_free()
            if not n_free:
                if not is_waiting:
                    display.note(f"another process is explaining the last {left:,}: waiting for it.")
                is_waiting = True
                time.sleep(_WAIT_S)
                continue
            jobs = _Jobs(queue.claim, desk.job, n_free)
            with closing(engine.run(work, jobs)) as outcomes:
                for number, outcome in outcomes:
                    entry = jobs.entry(number)
                    if entry is None:  # another process had it
                        continue
                    done = desk.take(entry, outcome)
                    queue.finish(entry.neuron, done.said if done.has_failed else None, round(done.seconds, 3))
                    n_done += 1
                    display.advance(1)
                    clock.done("neuron", done.seconds)
                    seconds = clock.left() if n_done < n_open else None
                    time_left = "" if seconds is None else f"; about {duration(seconds)} left"
                    said = f"failed: {done.said}" if done.has_failed else done.said
                    display.note(f"{n_done:,}/{n_open:,} {entry.neuron}: {said}{time_left}")
    finally:
        display.finish()
        queue.release()


class _Jobs(Sequence[tuple[Job | None]]):
    """Jobs, claimed as they are handed out. A job that lost its worker is handed out again unchanged."""

    def __init__(self, claim: Callable[[], Entry | None], job: Callable[[Entry], Job], n: int) -> None:
        self._claim, self._job, self._n = claim, job, n
        self._entries: dict[int, Entry | None] = {}

    def __len__(self) -> int:
        return self._n

    def __getitem__(self, number: Any) -> Any:
        if number not in self._entries:
            self._entries[number] = self._claim()
        entry = self._entries[number]
        return (None if entry is None else self._job(entry),)

    def entry(self, number: int) -> Entry | None:
        """The entry of a job, which is then done with."""
        return self._entries.pop(number)


class _Desk:
    """Writes jobs out and takes in what comes back."""

    def __init__(
        self, batch: Batch, database: ResultsDatabase, engine: Engine, resources: Resources, display: Display
    ) -> None:
        self._batch, self._database, self._resources, self._display = batch, database, resources, display
        self._runs_dir = database.path.parent
        self._shares_disk = engine.name == "local"
        self._corpora: dict[str, str] = {}

    def job(self, entry: Entry) -> Job:
        """What a worker needs to know."""
        assert entry.run_id is not None
        settings = self._batch.settings | entry.settings | {"target": entry.neuron}
        job = Job(settings, entry.run_id, self._runs_dir, self._batch.model_fingerprint)
        if self._shares_disk:
            return job
        try:
            return replace(job, copied=self._copy_of(entry, entry.run_id, RunConfig.checked(**settings)))
        except AgentError as error:  # its corpus may be gone, and the others' are there
            return replace(job, refused=with_options(error))

    def _copy_of(self, entry: Entry, run_id: str, config: RunConfig) -> RunCopy:
        """The job with a sealed fold reserved: a worker does not know which ones were opened."""
        subject = self._resources.subject(config.model, config.planted, self._display, config.trust_remote_code)
        check_model(subject, self._batch.model_fingerprint)
        _, corpus = self._resources.evidence(
            config, subject, self._display
        )  # what the worker will find, which is checked
        key = (subject.fingerprint, entry.neuron, corpus.fingerprint)
        self._corpora[entry.neuron] = corpus.fingerprint
        self._database.next_fold(*key, corpus.sealed.n_folds, run_id, config.sealed_fold)
        return RunCopy(history_of(self._database, *key), pack(self._runs_dir / run_id))

    def take(self, entry: Entry, outcome: Done | Exception | None) -> Done:
        """Keep what a worker sent, and say what became of the neuron."""
        if not isinstance(outcome, Done):
            return Done(str(outcome) or type(outcome).__name__, True, 0.0)
        if not outcome.files:
            return outcome
        assert entry.run_id is not None
        folder = RunFolder(self._runs_dir / entry.run_id)
        try:
            unpack(outcome.files, folder.path)
            for neuron in folder.neurons():
                result = neuron.read_result()
                if result is None:
                    continue
                if result.corpus.fingerprint != self._corpora[entry.neuron]:
                    why = (
                        "its worker found another corpus or index than this machine: give every machine the same texts."
                    )
                    return Done(why, True, outcome.seconds)
                self._database.add_result(result)
        except StorageError as error:
            return Done(str(error), True, outcome.seconds)
        return outcome


@contextmanager
def _leases_kept(queue: Queue) -> Iterator[None]:
    """Renews the leases of this process until the block ends."""
    ended = threading.Event()

    def renew() -> None:
        while not ended.wait(queue.lease_s / 3):
            try:
                queue.renew()
            except StorageError:  # the database is busy; there is time to try again
                continue

    thread = threading.Thread(target=renew, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
