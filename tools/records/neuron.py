"""Which neuron: one post-GELU MLP coordinate of one subject model."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tools.errors import BadInput

_TARGET = re.compile(r"(?:(?P<model>.+)/)?(?:[Ll](?P<l>\d+)[Nn](?P<n>\d+)|(?P<layer>\d+)/(?P<index>\d+))")


@dataclass(frozen=True, order=True)
class NeuronId:
    """A neuron by layer and index, both zero-based. `str()` gives `L5N131`."""

    layer: int
    index: int

    def __str__(self) -> str:
        return f"L{self.layer}N{self.index}"


def parse_target(text: str) -> tuple[str | None, NeuronId]:
    """Read `L5N131`, `gpt2-xl/L5N131` or `5/131` as (model or None, neuron).

    Raises:
        BadInput: the text is none of these forms.
    """
    found = _TARGET.fullmatch(text.strip())
    if not found:
        raise BadInput(f"cannot read the target {text!r}: write it as L5N131, 5/131 or gpt2-xl/L5N131.")
    layer, index = found["l"] or found["layer"], found["n"] or found["index"]
    return found["model"], NeuronId(int(layer), int(index))
