"""The activations of one neuron on one text. Imports little, so that `agent read` answers quickly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from agent.setup.subjects import open_model, open_neuron
from tools.errors import BadInput
from tools.records.neuron import NeuronId
from tools.subject.views import ModelView
from traces.text.console import Display, QuietDisplay


@dataclass(frozen=True)
class TextActivations:
    """One neuron on one text: token strings, and the raw value at each; BOS is not among them.

    Of a negative side (`L8N321-`) the values have their sign turned.
    """

    model: str
    neuron: NeuronId
    tokens: list[str]
    values: list[float]


def read(
    target: str, text: str, *, model: str = "auto", trust_remote_code: bool = False, display: Display | None = None
) -> TextActivations:
    """One neuron's values on any text.

    `trust_remote_code` lets Python code that the model's folder brings run, with your rights.

    Raises:
        BadInput: the text is empty or longer than the model reads, or there is no such neuron.
    """
    show = display or QuietDisplay()
    subject, neuron = open_neuron(target, model, lambda name: open_model(name, (), show, trust_remote_code))
    ids = subject.tokenizer.encode([text])[0]
    if not ids:
        what = "the model's tokenizer keeps nothing of the text" if text else "the text is empty"
        raise BadInput(f"{what}: give at least one letter.")
    tokens = np.array([ids], dtype=np.int32)
    inputs = subject.mlp_input(tokens, np.array([len(ids)]), neuron.layer)
    read_values = subject.signed_values if isinstance(subject, ModelView) else subject.neuron_values
    values = read_values(inputs, neuron.layer, neuron.index)[0]
    strings = subject.tokenizer.token_strings()
    return TextActivations(subject.name, neuron, [strings[i] for i in ids], [float(v) for v in values])
