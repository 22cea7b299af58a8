"""Deals explanations to readers, so that none sees two of one neuron."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from tools.errors import BadInput

T = TypeVar("T")


def dealt(by_neuron: Sequence[Sequence[T]], n_kinds: int, n_readers: int) -> list[list[T]]:
    """Deal the explanations of each neuron to different readers, as in a Latin square.

    In each row every reader gets one, and each row starts one reader further on, so that all readers get the same
    number, of all kinds.

    Args:
        by_neuron: the sentences on each neuron, at most `n_kinds` of them.
        n_kinds: the highest number per neuron.
        n_readers: the number of packets; empty ones are left out.

    Raises:
        BadInput: there are fewer readers than kinds.
    """
    if n_readers < n_kinds:
        raise BadInput(
            f"--readers {n_readers} is too few: a reader may see one of {n_kinds} explanations of a neuron, so give "
            f"{n_kinds} or more."
        )
    packets: list[list[T]] = [[] for _ in range(n_readers)]
    for number, sentences in enumerate(by_neuron):
        for kind, sentence in enumerate(sentences):
            row, column = divmod(number * n_kinds + kind, n_readers)
            packets[(row + column) % n_readers].append(sentence)
    return [packet for packet in packets if packet]
