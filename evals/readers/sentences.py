"""The explanations to compare: the run's own, the list of 30 tokens, and those from other sources."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from evals.readers.runs import FinishedRun
from tools.errors import BadInput
from tools.records.scores import number_of
from tools.study.study import Study
from traces.storage import storage_errors

OWN = "explanation"
LIST = "list"


@dataclass(frozen=True)
class Sentence:
    """An explanation of a neuron.

    Attributes:
        kind: `explanation`, `list`, or the name of its file.
        text: what a reader gets.
        claimed: its sealed score in the run; None without one.
    """

    kind: str
    text: str
    claimed: float | None


def kinds_of(with_list: bool, files: Mapping[str, Mapping[str, str]]) -> list[str]:
    """The kinds to compare, the run's own first."""
    return [OWN, *([LIST] if with_list else []), *files]


def own_sentence(run: FinishedRun) -> Sentence:
    """The explanation of a run."""
    return Sentence(OWN, run.sentence, number_of(run.result.score))


def sentences_on(run: FinishedRun, study: Study | None, files: Mapping[str, Mapping[str, str]]) -> list[Sentence]:
    """The explanations of a run's neuron, at most one of each kind.

    Args:
        run: the run.
        study: the neuron, if its list is wanted too; else None.
        files: more explanations, by the name of their file and `MODEL/NEURON`.
    """
    found = [own_sentence(run)]
    if study is not None and study.lookup_sentence is not None:
        found.append(Sentence(LIST, study.lookup_sentence, number_of(run.result.baselines.token_lookup_30)))
    return found + [Sentence(kind, said[run.name], None) for kind, said in files.items() if run.name in said]


def read_sentences(paths: Sequence[str]) -> dict[str, dict[str, str]]:
    """Files of explanations, `{"MODEL/NEURON": "explanation"}`, by their names without the ending.

    Raises:
        BadInput: a file has another content, or two have the same name.
        StorageError: it cannot be read.
    """
    found: dict[str, dict[str, str]] = {}
    for path in map(Path, paths):
        with storage_errors("read", path):
            data = path.read_bytes()
        try:
            said = json.loads(data)
        except ValueError as error:
            raise BadInput(f"{path} is not JSON ({error}).") from error
        if not isinstance(said, dict) or not all(isinstance(one, str) and one.strip() for one in said.values()):
            raise BadInput(f'{path} must hold {{"MODEL/NEURON": "sentence", ...}}.')
        if path.stem in (OWN, LIST, *found):
            raise BadInput(f"two files are called {path.stem}: give {path} another name.")
        found[path.stem] = said
    return found
