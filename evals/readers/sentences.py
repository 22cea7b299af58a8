"""Which sentences on a neuron are compared: the run's own, the list of 30 tokens, and those of somebody else."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from evals.readers.runs import FinishedRun
from tools.errors import BadInput
from tools.records.result import Compared, Interval, Measured
from tools.study.study import Study
from traces.storage import storage_errors

OWN = "explanation"
LIST = "list"


@dataclass(frozen=True)
class Sentence:
    """A sentence on a neuron.

    Attributes:
        kind: `explanation`, `list`, or the name of the file that it is from.
        text: what a reader is given.
        claimed: the sealed score that the run gives for it; None where it gives none.
    """

    kind: str
    text: str
    claimed: float | None


def kinds_of(with_list: bool, files: Mapping[str, Mapping[str, str]]) -> list[str]:
    """The kinds that are compared, the run's own first."""
    return [OWN, *([LIST] if with_list else []), *files]


def own_sentence(run: FinishedRun) -> Sentence:
    """The explanation of a run."""
    return Sentence(OWN, run.sentence, value_of(run.result.score))


def sentences_on(run: FinishedRun, study: Study | None, files: Mapping[str, Mapping[str, str]]) -> list[Sentence]:
    """The sentences on the neuron of a run, at most one of each kind.

    Args:
        run: which.
        study: the neuron, whose list is wanted too; None where it is not.
        files: further sentences, by the name of their file and `MODEL/NEURON`.
    """
    found = [own_sentence(run)]
    if study is not None and study.lookup_sentence is not None:
        found.append(Sentence(LIST, study.lookup_sentence, value_of(run.result.baselines.token_lookup_30)))
    return found + [Sentence(kind, said[run.name], None) for kind, said in files.items() if run.name in said]


def value_of(score: Measured | Compared | None) -> float | None:
    """The number of a score that has one."""
    return score.value if isinstance(score, Interval) else None


def read_sentences(paths: Sequence[str]) -> dict[str, dict[str, str]]:
    """Files of sentences, `{"MODEL/NEURON": "sentence"}`, by their names without the ending.

    Raises:
        BadInput: one is no such file, or two have one name.
        StorageError: it cannot be read.
    """
    found: dict[str, dict[str, str]] = {}
    for path in map(Path, paths):
        with storage_errors("read", path):
            data = path.read_bytes()
        try:
            said = json.loads(data)
        except ValueError as error:
            raise BadInput(f"{path} is no JSON ({error}).") from error
        if not isinstance(said, dict) or not all(isinstance(one, str) and one.strip() for one in said.values()):
            raise BadInput(f'{path} must hold {{"MODEL/NEURON": "sentence", ...}}.')
        if path.stem in (OWN, LIST, *found):
            raise BadInput(f"two kinds of sentences are called {path.stem}: give {path} another name.")
        found[path.stem] = said
    return found
