"""Which neuron: one post-activation MLP coordinate of one subject model, and which side of zero."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tools.errors import BadInput

_NAME = re.compile(r"L(\d+)N(\d+)(-?)")
_TARGET = re.compile(r"(?:(?P<model>.+)/)?(?:[Ll](?P<l>\d+)[Nn](?P<n>\d+)|(?P<layer>\d+)/(?P<index>\d+))(?P<side>-?)")


@dataclass(frozen=True, order=True)
class NeuronId:
    """A neuron by layer and index, both zero-based, and one side of it. `str()` gives `L5N131`, or `L5N131-`.

    Where an MLP is gated, a neuron goes above zero on some text and below it on other: `is_negative` means the latter.
    """

    layer: int
    index: int
    is_negative: bool = False

    def __str__(self) -> str:
        return f"L{self.layer}N{self.index}{'-' if self.is_negative else ''}"

    def other_side(self) -> NeuronId:
        """The same neuron on the other side of zero."""
        return NeuronId(self.layer, self.index, not self.is_negative)


def neuron_of(name: str) -> NeuronId | None:
    """The neuron that is called `L5N131` or `L5N131-`; None where that is no neuron's name."""
    found = _NAME.fullmatch(name)
    return NeuronId(int(found[1]), int(found[2]), bool(found[3])) if found else None


def parse_target(text: str) -> tuple[str | None, NeuronId]:
    """Read `L5N131`, `gpt2-xl/L5N131`, `5/131` or `L5N131-` (its negative side) as (model or None, neuron).

    Raises:
        BadInput: the text is none of these forms.
    """
    found = _TARGET.fullmatch(text.strip())
    if not found:
        raise BadInput(f"cannot read the target {text!r}: write it as L5N131, 5/131 or gpt2-xl/L5N131.")
    layer, index = found["l"] or found["layer"], found["n"] or found["index"]
    return found["model"], NeuronId(int(layer), int(index), bool(found["side"]))
