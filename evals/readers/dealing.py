"""Sentences dealt out to readers, so that none sees two on one neuron."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from tools.errors import BadInput

T = TypeVar("T")


def dealt(by_neuron: Sequence[Sequence[T]], n_kinds: int, n_readers: int) -> list[list[T]]:
    """Deal the sentences on each neuron to different readers, in the way of a Latin square.

    Row by row every reader gets one, and each row begins one reader further on, so that readers get as many as one
    another, and all kinds.

    Args:
        by_neuron: the sentences on each neuron, at most `n_kinds` of them.
        n_kinds: how many there may be.
        n_readers: how many packets are made; those that would be empty are left out.

    Raises:
        BadInput: there are fewer readers than kinds.
    """
    if n_readers < n_kinds:
        raise BadInput(
            f"--readers {n_readers} is too few: of {n_kinds} sentences on a neuron a reader may see one, so give "
            f"{n_kinds} or more."
        )
    packets: list[list[T]] = [[] for _ in range(n_readers)]
    for number, sentences in enumerate(by_neuron):
        for kind, sentence in enumerate(sentences):
            row, column = divmod(number * n_kinds + kind, n_readers)
            packets[(row + column) % n_readers].append(sentence)
    return [packet for packet in packets if packet]
