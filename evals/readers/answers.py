"""The answers of readers, strictly checked: a missing answer is never 0."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from evals.readers.correlations import Floats
from evals.readers.packets import Excerpt, Packet
from tools.errors import BadInput
from tools.records.result import Unscored
from traces.storage import replace_file, storage_errors

READER = "reader"
"""The key for the reader's name beside the answers."""

Marks = dict[int, float]
"""Levels by token; a token that is left out is silent."""

Answer = dict[int, Marks]
"""The answers on one neuron, by text (from 1)."""


def answers_path(folder: Path, packet: str) -> Path:
    """The path of the answers to a packet."""
    return folder / f"answers-{packet}.json"


def write_answers(folder: Path, packet: str, reader: str, answers: dict[str, Any]) -> None:
    """Write the answers to a packet.

    Raises:
        StorageError: they cannot be written.
    """
    text = json.dumps({READER: reader, **answers}, ensure_ascii=False, indent=1)
    replace_file(answers_path(folder, packet), text.encode() + b"\n")


def read_answers(folder: Path, packet: str) -> tuple[str, dict[str, Any]] | None:
    """The reader of a packet (may be empty) and the answers by neuron; None if there are no answers.

    Raises:
        BadInput: the file is not a JSON object, or has a key twice.
        StorageError: it cannot be read.
    """
    path = answers_path(folder, packet)
    if not path.is_file():
        return None
    with storage_errors("read", path):
        data = path.read_bytes()
    try:
        found = json.loads(data, object_pairs_hook=_once)
    except ValueError as error:
        raise BadInput(f"{path} is not JSON ({error}).") from error
    if not isinstance(found, dict):
        raise BadInput(f'{path} must hold {{"1": ..., "2": ...}}, the answers by neuron.')
    reader = found.pop(READER, "")
    if not isinstance(reader, str):
        raise BadInput(f"{path}: the reader must be a name.")
    return reader, found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"an object has the key {twice!r} twice")
    return found


def number_in(key: str, most: int, path: Path, what: str, first: int = 1) -> int:
    """A key as a number from `first` to `most`.

    Raises:
        BadInput: it is not; `what` says what is numbered, and where.
    """
    if not (key.isascii() and key.isdigit()) or not first <= int(key) <= most:
        raise BadInput(f"{path}: there is no {what.format(key)}: they are numbered {first} to {most}.")
    return int(key)


def levels_in(folder: Path, packet: Packet, given: dict[str, Any]) -> dict[int, Answer]:
    """The answers to a packet by neuron, each by text.

    Raises:
        BadInput: there is no such neuron, text or token, or a level is not a number from 0 to 10; the message says
            where.
    """
    path = answers_path(folder, packet.name)
    found: dict[int, Answer] = {}
    for neuron_key, by_text in given.items():
        neuron = number_in(neuron_key, len(packet.items), path, "neuron {!r}")
        excerpts = packet.items[neuron - 1].excerpts
        found[neuron] = {}
        for text_key, by_token in _object(by_text, path, f"neuron {neuron}").items():
            text = number_in(text_key, len(excerpts), path, f"text {{!r}} of neuron {neuron}")
            where = f"neuron {neuron}, text {text}"
            last = len(excerpts[text - 1].tokens) - 1
            marks = found[neuron][text] = {}
            for token_key, level in _object(by_token, path, where).items():
                token = number_in(token_key, last, path, f"token {{!r}} in {where}", first=0)
                if isinstance(level, bool) or not isinstance(level, (int, float)) or not 0 <= level <= 10:
                    raise BadInput(f"{path}: {where}, token {token}: {level!r} is not a level from 0 to 10.")
                marks[token] = float(level)
    return found


def _object(value: Any, path: Path, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise BadInput(f"{path}: {where}: expected an object, not {str(value)[:40]!r}.")
    return value


def said_on(excerpts: Sequence[Excerpt], answer: Answer | None) -> Floats | Unscored:
    """The reader's levels at all tokens of all texts, concatenated; Unscored if a text was not answered."""
    if answer is None:
        return Unscored(reason="not answered")
    missing = [text for text in range(1, len(excerpts) + 1) if text not in answer]
    if missing:
        return Unscored(reason=f"not answered on text {', '.join(map(str, missing))}")
    parts = []
    for text, excerpt in enumerate(excerpts, 1):
        levels = np.zeros(len(excerpt.tokens))
        for token, level in answer[text].items():
            levels[token] = level
        parts.append(levels)
    return np.concatenate(parts)
