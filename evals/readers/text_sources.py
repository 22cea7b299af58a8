"""Texts made from explanations, by a maker or by people.

People write a file `{"MODEL/NEURON": {"positives": [...], "near_misses": [...]}}`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from evals.readers.sentences import OWN, Sentence
from tools.errors import BadInput
from tools.records.result import Unscored
from tools.roles import MadeText, TextMaker
from traces.storage import replace_file, storage_errors

_PARTS = ("positives", "near_misses")

_TASK = (
    "For each sentence, which says when one neuron of a language model fires, write texts from the sentence alone. "
    "positives: texts of 8 to 30 words in each of which the neuron must fire somewhere if the sentence is right. "
    "near_misses: texts that look like them, and in which it must stay silent throughout. Ten of each, varied, written "
    "as people write; a text may end anywhere. Fill in the lists and give the file back; a text may also be "
    '{"text": "...", "words": ["the words in it that you mean"]}.'
)


@dataclass(frozen=True)
class MadeTexts:
    """Texts in which a neuron must fire, and near misses in which it must not, if an explanation is right."""

    positives: list[MadeText] | Unscored
    near_misses: list[MadeText] | Unscored


class TextSource(Protocol):
    """The source of the texts for an explanation."""

    @property
    def name(self) -> str:
        """Its name in tables."""

    def texts(self, neuron: str, sentence: Sentence, rng: np.random.Generator) -> MadeTexts:
        """The texts for an explanation of `MODEL/NEURON`."""


@dataclass(frozen=True)
class FromMaker:
    """Implements `TextSource`: `n` texts of either sort from a maker, who gets only the explanation."""

    maker: TextMaker
    n: int

    @property
    def name(self) -> str:
        """The maker's."""
        return self.maker.name

    def texts(self, neuron: str, sentence: Sentence, rng: np.random.Generator) -> MadeTexts:
        """The texts for an explanation."""
        return MadeTexts(
            self.maker.positives(sentence.text, self.n, rng), self.maker.near_misses(sentence.text, self.n, rng)
        )


@dataclass(frozen=True)
class FromFile:
    """Implements `TextSource`: texts written by people, by `text_key`."""

    path: Path
    written: dict[str, MadeTexts]

    @property
    def name(self) -> str:
        """The file's."""
        return self.path.name

    def texts(self, neuron: str, sentence: Sentence, rng: np.random.Generator) -> MadeTexts:
        """The texts for an explanation; Unscored if nobody wrote any."""
        nothing = Unscored(reason="nobody wrote texts")
        return self.written.get(text_key(neuron, sentence.kind), MadeTexts(nothing, nothing))


def text_key(neuron: str, kind: str) -> str:
    """The key of an explanation in a file of texts: `MODEL/NEURON`, with `#list` or the like if it is not the run's
    own.
    """
    return neuron if kind == OWN else f"{neuron}#{kind}"


def written_texts(path: Path) -> FromFile:
    """Texts written by people.

    Raises:
        BadInput: the file has another content; the message says where.
        StorageError: it cannot be read.
    """
    with storage_errors("read", path):
        data = path.read_bytes()
    try:
        found = json.loads(data)
    except ValueError as error:
        raise BadInput(f"{path} is not JSON ({error}).") from error
    if not isinstance(found, dict):
        raise BadInput(f'{path} must hold {{"MODEL/NEURON": {{"positives": [...], "near_misses": [...]}}}}.')
    found.pop("task", None)
    return FromFile(path, {key: _texts(path, key, value) for key, value in found.items()})


def _texts(path: Path, key: str, value: Any) -> MadeTexts:
    known = {*_PARTS, "sentence"}
    if not isinstance(value, dict) or not value.keys() <= known:
        raise BadInput(f"{path}: {key} must hold the lists positives and near_misses.")
    found = [_list(path, f"{key}, {part}", value.get(part, [])) for part in _PARTS]
    return MadeTexts(*(texts or Unscored(reason="nobody wrote texts") for texts in found))


def _list(path: Path, where: str, value: Any) -> list[MadeText]:
    if not isinstance(value, list):
        raise BadInput(f"{path}: {where} must be a list of texts.")
    return [_text(path, f"{where}, text {number}", one) for number, one in enumerate(value, 1)]


def _text(path: Path, where: str, value: Any) -> MadeText:
    text, words = (value.get("text"), value.get("words", [])) if isinstance(value, dict) else (value, [])
    if not isinstance(text, str) or not text.strip():
        raise BadInput(f"{path}: {where} is not a text.")
    if not isinstance(words, list) or not all(isinstance(word, str) and word in text for word in words):
        raise BadInput(f"{path}: {where}: the meant words must occur in the text.")
    return MadeText(text, tuple(word for word in words if word))


def write_for_writers(path: Path, sentences: Sequence[tuple[str, Sentence]]) -> None:
    """Write the file for somebody who makes texts: the task, and only the explanation of each neuron.

    Raises:
        BadInput: the file exists.
        StorageError: it cannot be written.
    """
    if path.exists():
        raise BadInput(f"{path} exists and may hold texts: give another name.")
    content: dict[str, Any] = {"task": _TASK}
    for neuron, sentence in sentences:
        content[text_key(neuron, sentence.kind)] = {"sentence": sentence.text, "positives": [], "near_misses": []}
    replace_file(path, json.dumps(content, ensure_ascii=False, indent=2).encode("utf-8", "backslashreplace") + b"\n")
