"""Which adapter serves which model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tools.errors import BadInput
from tools.records.neuron import NeuronId
from tools.subject.folder import ModelFolder, check_folder, read_json
from tools.subject.protocol import SubjectModel
from tools.subject.threads import make_waiting_passive

if TYPE_CHECKING:
    from tools.subject.bridge import BridgeModel
    from tools.subject.lean import LeanModel


def open_subject(folder: ModelFolder) -> LeanModel | BridgeModel:
    """The subject model in `folder`: a lean reader for GPT-2's and Llama's families, TransformerLens for every other.

    TransformerLens also where Python code of the folder's own is to run.

    Raises:
        BadInput: the folder is damaged, TransformerLens does not know the architecture, or the folder needs code of its
            own that may not run.
    """
    make_waiting_passive()
    check_folder(folder.path)
    lean = lean_reader(folder)
    if lean is not None:
        return lean
    from tools.subject.bridge import open_bridge

    return open_bridge(folder)


def lean_reader(folder: ModelFolder, device: str = "cpu", dtype: str = "float32") -> LeanModel | None:
    """The lean reader that knows the architecture of the model in `folder`; None where none does.

    Raises:
        BadInput: the folder is damaged, or there is no such device or dtype.
    """
    from tools.subject import gpt2, llama

    config = read_json(folder.path / "config.json")
    if folder.trust_remote_code and "auto_map" in config:
        return None
    if gpt2.can_read(config):
        return gpt2.LeanGPT2(folder, device, dtype)
    if llama.can_read(config):
        return llama.LeanLlama(folder, device, dtype)
    return None


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
