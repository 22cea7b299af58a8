"""Files sent to a worker that shares no disk, and back: those of a run, and the record of opened sealed folds.

A run begins in a folder of the worker's own, with a results database in which stands what the real one knows of the
neuron. So it opens the fold that was reserved for it, and scores an earlier explanation again, as a run on this machine
does.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from traces.database.results import ResultsDatabase
from traces.database.rows import COLUMNS
from traces.storage import replace_file, storage_errors

_LAST = "run.json"  # a folder without it is no run yet


@dataclass(frozen=True)
class History:
    """Rows of the results database about one neuron, as `ResultsDatabase` wrote them."""

    openings: tuple[tuple[Any, ...], ...] = ()
    results: tuple[tuple[Any, ...], ...] = ()


def history_of(database: ResultsDatabase, model: str, neuron: str, corpus: str) -> History:
    """What is known of a neuron's sealed folds, `model` and `corpus` by their fingerprints.

    Raises:
        StorageError: the database cannot be used.
    """
    key = (model, neuron, corpus)
    where = "o.model = ? AND o.neuron = ? AND o.corpus = ?"
    with database.reading() as connection:
        if connection is None:
            return History()
        openings = connection.execute(f"SELECT * FROM sealed_openings o WHERE {where}", key).fetchall()
        columns = ", ".join(f"r.{name}" for name in COLUMNS)
        results = connection.execute(
            f"SELECT {columns} FROM results r JOIN sealed_openings o USING (run_id, neuron) WHERE {where}", key
        ).fetchall()
    return History(tuple(openings), tuple(results))


def put_history(history: History, database: ResultsDatabase) -> None:
    """Write it into an empty database."""
    with database.transaction() as connection:
        for table, columns, rows in (
            ("sealed_openings", "", history.openings),
            ("results", f"({', '.join(COLUMNS)})", history.results),
        ):
            for row in rows:
                marks = ", ".join("?" * len(row))
                connection.execute(f"INSERT INTO {table} {columns} VALUES ({marks})", row)


def pack(run: Path) -> dict[str, bytes]:
    """The files of a run by their paths in its folder; none where it has not begun.

    Raises:
        StorageError: they cannot be read.
    """
    if not (run / _LAST).is_file():
        return {}
    with storage_errors("read", run):
        return {str(path.relative_to(run)): path.read_bytes() for path in sorted(run.rglob("*")) if path.is_file()}


def unpack(files: dict[str, bytes], run: Path) -> None:
    """Write the files of a run, each whole or not at all, and last of all the one that makes the folder a run.

    Raises:
        StorageError: they cannot be written.
    """
    for name in sorted(files, key=lambda name: (name == _LAST, name)):
        with storage_errors("create", run / name):
            (run / name).parent.mkdir(parents=True, exist_ok=True)
        replace_file(run / name, files[name])


def moved(text: str, here: Path, there: Path) -> str:
    """A text about a run in `here`, rewritten for the same run in `there`."""
    return text.replace(str(here), str(there))


def moved_files(files: dict[str, bytes], here: Path, there: Path) -> dict[str, bytes]:
    """The same for JSON files. `here` must be a name that means nothing else."""
    old, new = (json.dumps(str(path), ensure_ascii=False)[1:-1].encode() for path in (here, there))
    return {name: data.replace(old, new) for name, data in files.items()}
