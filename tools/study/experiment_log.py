"""The log of experiments on one neuron: the texts that were predicted, and those that were read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field

from tools.records.hypothesis import WrittenText
from tools.roles import Revealed

Tokens = tuple[int, ...]


def texts_sha256(texts: list[Tokens]) -> str:
    """SHA-256 (hex) over a list of token texts."""
    return hashlib.sha256(json.dumps(texts).encode()).hexdigest()


@dataclass
class ExperimentLog:
    """The experiments on one neuron so far.

    Attributes:
        revealed: experiments that were predicted and then read.
        carriers: excerpts that they were cut from; each has been a witness once.
        registered: hashes of the lists of texts for which predictions stand in the trace.
        written: texts that somebody wrote, waiting to be read.
        seen: texts that were looked at without a prediction: neither they nor their beginnings can be evidence any
            more.
    """

    revealed: list[Revealed] = field(default_factory=list)
    carriers: set[str] = field(default_factory=set)
    registered: set[str] = field(default_factory=set)
    written: list[WrittenText] = field(default_factory=list)
    seen: list[Tokens] = field(default_factory=list)

    def __post_init__(self) -> None:
        # A checkpoint gives lists back.
        self.seen = [tuple(text) for text in self.seen]

    def register(self, texts: list[Tokens]) -> None:
        """Note that predictions for these texts are on record; only then may they be read as evidence."""
        self.registered.add(texts_sha256(texts))

    def see(self, texts: Sequence[Tokens]) -> None:
        """Note texts whose values were looked at."""
        self.seen += texts

    def known_texts(self) -> set[Tokens]:
        """Texts whose values were read before for this neuron, and the beginnings of those that were looked at."""
        beginnings = {text[:end] for text in self.seen for end in range(1, len(text) + 1)}
        return {experiment.tokens for experiment in self.revealed} | beginnings
