"""One run on one neuron as the app sees it: its trace as it is now, or the database's row if the trace is gone."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.review.addresses import Address
from tools.errors import StorageError
from traces.analysis.story import Story, read_story
from traces.database.results import ResultsDatabase
from traces.database.rows import COLUMNS, ResultRow


@dataclass(frozen=True)
class NeuronRun:
    """A run on a neuron.

    Attributes:
        model: as results name it; empty if unknown, like `neuron`.
        story: None where there is no trace (any more).
        manifest: the content of `run.json`, empty where it cannot be read.
        row: what the database says; None where it has no result.
        trouble: why there is no story.
    """

    place: Address
    model: str
    neuron: str
    story: Story | None
    manifest: dict[str, Any]
    row: ResultRow | None
    trouble: str

    @property
    def explanation(self) -> str | None:
        """The explanation, from the trace or else from the database."""
        found = self.story.result.explanation if self.story else None
        if found is not None:
            return found
        return self.row.explanation if self.row else None

    @property
    def fingerprint(self) -> str:
        """Identifies the explanation, so that a form can tell whether it has changed since it was shown."""
        text = "none" if self.explanation is None else f"is {self.explanation}"
        return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:32]

    @property
    def identity(self) -> str:
        """Identifies the model: its fingerprint, or its name if none is known."""
        of_row = self.row.model_fingerprint if self.row else None
        of_trace = self.story.started.model_fingerprint if self.story and self.story.started else None
        return of_row or (of_trace if self.row is None else None) or self.model

    @property
    def title(self) -> str:
        """Model and neuron."""
        return f"{self.model}/{self.neuron}" if self.model else self.place.folder


def look(runs_dir: Path, database: ResultsDatabase, place: Address) -> NeuronRun | None:
    """What is known of a run on a neuron now; None if neither the folder nor the database has it.

    Raises:
        StorageError: the database cannot be used.
    """
    row = _row(database, place)
    found = place.find(runs_dir)
    if found is None:
        if row is None:
            return None
        gone = "The trace of this run is gone: only its row in the results database is left."
        return NeuronRun(place, row.model, row.neuron, None, {}, row, gone)
    run, folder = found
    try:
        manifest = run.manifest()
    except StorageError:
        manifest = {}
    story, trouble = None, ""
    if folder.events.is_file():
        story = read_story(folder.events)
        if story.state == "damaged":
            trouble = " ".join(story.trouble) or "The trace is damaged."
            story = None
        elif story.started is None:
            trouble, story = "This run has only just begun: its trace is still empty.", None
    else:
        trouble = "This run's folder has no trace."
    model, neuron = (row.model, row.neuron) if row else ("", "")
    if story is not None and story.started is not None and not row:
        model, neuron = story.started.model, story.started.neuron
    return NeuronRun(place, model, neuron, story, manifest, row, trouble)


def _row(database: ResultsDatabase, place: Address) -> ResultRow | None:
    with database.reading() as connection:
        rows = [] if connection is None else connection.execute(
            f"SELECT {', '.join(COLUMNS)} FROM results WHERE run_id = ?", (place.run_id,)
        ).fetchall()  # fmt: skip
    found = map(ResultRow.read, rows)
    return next((row for row in found if Address.of(row.run_id, row.model, row.neuron) == place), None)
