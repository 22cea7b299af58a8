"""Addresses of results: the part of a URL, and the folder on disk. No address leads out of the folder of runs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from tools.errors import BadInput
from traces.events.runs import NeuronFolder, RunFolder, safe_name


@dataclass(frozen=True)
class Address:
    """A run's id and the name of a folder of its neurons, such as `mini.L5N131`."""

    run_id: str
    folder: str

    @classmethod
    def of(cls, run_id: str, model: str, neuron: str) -> Address:
        """From what a result says."""
        return cls(run_id, f"{safe_name(model)}.{neuron}")

    @classmethod
    def read(cls, text: str) -> Address:
        """From `run/folder`, as addresses of two runs have it.

        Raises:
            BadInput: it is not of that form.
        """
        run_id, slash, folder = text.partition("/")
        if not slash or not run_id or not folder:
            raise BadInput("choose two runs: an address of the form ?a=RUN/NEURON&b=RUN/NEURON.")
        return cls(run_id, folder)

    def __str__(self) -> str:
        return f"{self.run_id}/{self.folder}"

    @property
    def url(self) -> str:
        """The address of its page."""
        return f"/runs/{quote(self.run_id, safe='')}/{quote(self.folder, safe='')}"

    @property
    def neuron(self) -> str:
        """As in `L5N131`."""
        return self.folder.rpartition(".")[2]

    def find(self, runs_dir: Path) -> tuple[RunFolder, NeuronFolder] | None:
        """Its folders; None if there is no such run or neuron (any more).

        Both names are looked up in folder listings, so that no part of them can act as a path.
        """
        run = RunFolder(runs_dir / self.run_id)
        if not _is_name(self.run_id) or not _is_name(self.folder) or not (run.path / "run.json").is_file():
            return None
        neuron = NeuronFolder(run.path / "neurons" / self.folder)
        return (run, neuron) if neuron.path.is_dir() else None


def _is_name(text: str) -> bool:
    """Whether a text can only be the name of one entry of a folder."""
    return bool(text) and text not in (".", "..") and not any(c in "/\\\x00" for c in text) and len(text) <= 255


def is_number(text: str) -> bool:
    """Whether a part of an address is a whole number from 0 that is no longer than any we write."""
    return text.isascii() and text.isdigit() and len(text) < 10
