"""Which traces a command is about: what is typed for RUN, as the files that it means."""

from __future__ import annotations

from pathlib import Path

from tools.errors import BadInput
from traces.runs import RunFolder

_TRACE = "events.jsonl"


def traces_of(runs_dir: str | Path, name: str, neuron: str | None = None) -> list[Path]:
    """The traces of a run by its id, a part of it, or `last`; or by the path of a folder or of an `events.jsonl`, which
    may lie anywhere.

    Raises:
        BadInput: there is no such run, no such neuron in it, or no trace yet.
        StorageError: it cannot be read.
    """
    path = Path(name)
    if path.is_file():
        return [path]
    if (path / _TRACE).is_file():
        return [path / _TRACE]
    places = [place for place in (path, Path(runs_dir) / name) if name and (place / "neurons").is_dir()]
    run = RunFolder(places[0]) if places else RunFolder.find(runs_dir, name)
    folders = run.traced()
    wanted = [folder for folder in folders if neuron is None or folder.path.name.endswith(f".{neuron}")]
    if not folders:
        raise BadInput(f"the run {run.run_id} stopped before it reached a neuron: it has no trace yet.")
    if not wanted:
        known = ", ".join(folder.path.name.rpartition(".")[2] for folder in folders)  # as --neuron takes it
        raise BadInput(f"run {run.run_id} has no neuron {neuron!r}; it has: {known}.")
    return [folder.events for folder in wanted]
