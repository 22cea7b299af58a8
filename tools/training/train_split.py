"""A corpus in two parts: what a model learns from, and what is held out of its training."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from itertools import compress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tools.errors import BadInput
from tools.evidence.splits.training_overlap import MAX_SHARE_SEEN, fingerprint_runs, share_seen
from tools.mini.text import part_of

Ids = NDArray[np.int64]


@dataclass(frozen=True)
class TrainSplit:
    """What a model is trained on and measured on: (name, text) of each.

    Attributes:
        name: what the corpus is called.
        fingerprint: SHA-256 (hex) of the whole corpus; None for the standard library.
        near_copies: names of the texts that are in neither part, because they share too much with the training part.
    """

    name: str
    training: list[tuple[str, str]]
    held_out: list[tuple[str, str]]
    fingerprint: str | None = None
    near_copies: tuple[str, ...] = ()

    def save(self, out: Path) -> None:
        """Write the names of the texts of each part to `used.json` in the folder `out`."""
        facts = {"corpus": self.name, "fingerprint": self.fingerprint}
        names = {
            "training": sorted(name for name, _ in self.training),
            "held_out": sorted(name for name, _ in self.held_out),
            "near_copies": sorted(self.near_copies),
        }
        record = facts | names
        (out / "used.json").write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def split_texts(name: str, texts: list[tuple[str, str]], fingerprint: str) -> TrainSplit:
    """Part `texts` by the hash of each alone (see `tools.mini.text.part_of`).

    Raises:
        BadInput: all texts fall into one part.
    """
    training = [text for text in texts if part_of(text[1]) == "training"]
    held_out = [text for text in texts if part_of(text[1]) == "corpus"]
    if not training or not held_out:
        raise BadInput(f"the corpus {name} has {len(texts)} texts, too few for two parts: give more, or smaller ones.")
    return TrainSplit(name, training, held_out, fingerprint)


def without_near_copies(parts: TrainSplit, training: list[Ids], held_out: list[Ids]) -> tuple[TrainSplit, list[Ids]]:
    """`parts` without the held-out texts of whose runs of 12 tokens too many are in the training part.

    Args:
        parts: the texts.
        training: tokens of each training text, [n_tokens] each.
        held_out: tokens of each held-out text, [n_tokens] each.

    Returns:
        What is left, and the tokens of its held-out texts.

    Raises:
        BadInput: nothing is left.
    """
    seen = fingerprint_runs(ids.astype(np.int32) for ids in training)
    kept = [share_seen(ids.astype(np.int32), seen) <= MAX_SHARE_SEEN for ids in held_out]
    if not any(kept):
        raise BadInput(f"every held-out text of {parts.name} is much like a training text: give another corpus.")
    copies = tuple(name for (name, _), is_kept in zip(parts.held_out, kept, strict=True) if not is_kept)
    left = replace(parts, held_out=list(compress(parts.held_out, kept)), near_copies=copies)
    return left, list(compress(held_out, kept))


def write_texts(texts: list[tuple[str, str]], folder: Path) -> None:
    """Write each text to a file of its name in `folder`, to be read as a corpus."""
    for name, text in texts:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="")
