"""A folder of published explanations, as OpenAI's data and our own export lay it out.

    explanations/{layer}/{neuron}.jsonl              one line of NeuronSimulationResults
    collated-activations/{layer}/{neuron}.json       NeuronRecord; need not be there

They lie at the top of the folder, or below `data/` (GPT-2 XL) or `gpt2_small_data/`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tools.errors import BadInput
from tools.formats.files import read_neuron_record, read_simulation_results
from tools.formats.neuron_explainer import NeuronRecord, NeuronSimulationResults, ScoredExplanation

ROOTS = (".", "data", "gpt2_small_data")


@dataclass(frozen=True)
class PublishedNeuron:
    """What was published about a neuron.

    Attributes:
        layer: zero-based.
        index: zero-based.
        explanation: the one that scores best; of equal ones the first.
        score: its correlation score as published, on whatever text that was; None where there is none.
        path: the file of explanations.
    """

    layer: int
    index: int
    explanation: str
    score: float | None
    path: Path

    def record(self) -> NeuronRecord | None:
        """The neuron's activations; None where they were not published along.

        Raises:
            BadInput: the file is damaged.
        """
        path = self.path.parents[2] / "collated-activations" / str(self.layer) / f"{self.index}.json"
        return read_neuron_record(path) if path.exists() else None


def explanations_file(folder: Path, layer: int, index: int) -> Path:
    """Where the explanations of a neuron lie."""
    return folder / "explanations" / str(layer) / f"{index}.jsonl"


def provenance_file(folder: Path, layer: int, index: int) -> Path:
    """The path of metadata that the format has no place for: in a tree of its own, since readers list the tree of
    explanations."""
    return folder / "provenance" / str(layer) / f"{index}.json"


def read_published(folder: str | Path) -> Iterator[PublishedNeuron | BadInput]:
    """The neurons of a folder by layer and index, one file at a time, each as it is asked for.

    A file that cannot be used gives an error in its place, for the caller to raise or report.

    Raises:
        BadInput: the folder holds no explanations.
    """
    return _walk(_root(Path(folder)) / "explanations")


def _walk(explanations: Path) -> Iterator[PublishedNeuron | BadInput]:
    for layer, layer_folder in _numbered(explanations, suffix=""):
        try:
            files = _numbered(layer_folder, suffix=".jsonl")
        except BadInput as error:
            yield error
            continue
        for index, path in files:
            try:
                yield _neuron(layer, index, path)
            except BadInput as error:
                yield error


def _neuron(layer: int, index: int, path: Path) -> PublishedNeuron:
    results = read_simulation_results(path)
    found = results.neuron_id
    if (found.layer_index, found.neuron_index) != (layer, index):
        raise BadInput(
            f"{path} is about L{found.layer_index}N{found.neuron_index}, not the neuron of its name: rename it."
        )
    best = best_of(results)
    if best is None:
        raise BadInput(f"{path} holds no explanation: leave it out.")
    return PublishedNeuron(layer, index, best.explanation, best.scored_simulation.ev_correlation_score, path)


def best_of(results: NeuronSimulationResults) -> ScoredExplanation | None:
    """The explanation with the highest score, one without a score only where none has any; None without any at all."""
    worded = [one for one in results.scored_explanations if one.explanation.strip()]

    def score(one: ScoredExplanation) -> float:
        found = one.scored_simulation.ev_correlation_score
        return float("-inf") if found is None else found

    return max(worded, key=score, default=None)


def _root(folder: Path) -> Path:
    if not folder.is_dir():
        raise BadInput(f"there is no folder {folder}: name the folder that holds explanations/.")
    for name in ROOTS:
        if (folder / name / "explanations").is_dir():
            return folder / name
    raise BadInput(
        f"{folder} holds no published explanations: name the folder with explanations/LAYER/NEURON.jsonl in it, "
        "or the one above it with data/ or gpt2_small_data/."
    )


def _numbered(folder: Path, suffix: str) -> list[tuple[int, Path]]:
    """What is called by a number and `suffix` in a folder, in the order of the numbers."""
    try:
        names = [path.name for path in folder.iterdir() if path.name.endswith(suffix)]
    except OSError as error:
        raise BadInput(f"cannot read {folder}: {error.strerror or error}.") from error
    numbers = [name.removesuffix(suffix) for name in names]
    plain = [number for number in numbers if number.isascii() and number.isdigit() and str(int(number)) == number]
    return [(number, folder / f"{number}{suffix}") for number in sorted(map(int, plain))]
