"""Which adapter serves which model."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from tools.errors import BadInput
from tools.records.neuron import NeuronId
from tools.subject.fetch import Progress
from tools.subject.folder import ModelFolder, read_json
from tools.subject.protocol import SubjectModel
from tools.subject.resolve import resolve
from tools.subject.threads import make_waiting_passive

if TYPE_CHECKING:
    from tools.subject.bridge import BridgeModel
    from tools.subject.lean import LeanGPT2


def load_subject(
    model: str, corpus_cached: Callable[[], bool] = lambda: False, progress: Progress | None = None
) -> LeanGPT2 | BridgeModel:
    """Resolve `model` (see `tools.subject.resolve.resolve`, also for the errors) and load it for reading."""
    return open_subject(resolve(model, corpus_cached, progress))


def open_subject(folder: ModelFolder) -> LeanGPT2 | BridgeModel:
    """The subject model in `folder`: the lean reader for GPT-2's architecture, TransformerLens for every other.

    TransformerLens also where Python code of the folder's own is to run.

    Raises:
        BadInput: the folder is damaged, TransformerLens does not know the architecture, or the folder needs code of its
            own that may not run.
    """
    make_waiting_passive()
    from tools.subject.lean import LeanGPT2, can_read

    config = read_json(folder.path / "config.json")
    if can_read(config) and not (folder.trust_remote_code and "auto_map" in config):
        return LeanGPT2(folder)
    from tools.subject.bridge import open_bridge

    return open_bridge(folder)


def check_neuron(subject: SubjectModel, neuron: NeuronId) -> None:
    """Refuse a neuron that the model does not have.

    Raises:
        BadInput: the message states the range.
    """
    if not (0 <= neuron.layer < subject.n_layers and 0 <= neuron.index < subject.d_mlp):
        raise BadInput(
            f"there is no neuron {neuron}: {subject.name} has layers 0-{subject.n_layers - 1} "
            f"and neurons 0-{subject.d_mlp - 1} a layer."
        )
