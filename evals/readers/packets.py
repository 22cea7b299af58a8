"""The blind reader's test: packets for readers, and the key that no reader sees.

key.json            what is in which packet, and what the neurons did
packet-01.txt       what the first reader gets, and nothing else
answers-01.json     what that reader wrote
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, TypeVar

import numpy as np
from pydantic import ValidationError

from evals.readers.dealing import dealt
from evals.readers.runs import FinishedRun
from evals.readers.sentences import LIST, OWN, Sentence
from evals.records import Record
from tools.errors import BadInput
from tools.records.result import Unscored
from tools.roles import Simulator
from tools.study.simulations import padded
from tools.study.study import Study
from traces.storage import replace_file, storage_errors

KEY = "key.json"

_TASK = """\
You get sentences, each of which says when one neuron of a language model fires, and with each some texts, cut into
numbered tokens. Say at which tokens the neuron fires if the sentence is right, and how strongly, from 1 (a little) to
10 (as strongly as it ever does). At a token the neuron knows that token and what stands before it, and nothing behind
it: a word, name or phrase of several tokens is marked from the token at which it can be known, not as a whole.
Most tokens of most texts are silent. Where a sentence quotes tokens, ␣ stands for a space, and a number in brackets
for how strongly the neuron fires there. Leave out what it says of every token ("everywhere"), and tokens with a number
below 1.

Judge by reading: use no program, and nothing but this packet.

Write a file answers-{packet}.json:

  {{"NEURON": {{"TEXT": {{"TOKEN": LEVEL, "TOKEN": LEVEL, ...}}, ...}}, ...}}

Everything in quotes is a number as below. Tokens that are left out are silent. Write {{}} for a text in which nothing
fires; a neuron of which a text is left out counts as not answered.
"""


class Excerpt(Record):
    """A text of a packet: the neuron's value at each token, and the explanation's own simulation; None without a
    simulator.
    """

    stratum: str
    tokens: list[str]
    values: list[float]
    levels: list[float] | None


class Item(Record):
    """An explanation in a packet. `claimed` is the sealed score from its run."""

    neuron: str
    kind: str
    sentence: str
    claimed: float | None
    excerpts: list[Excerpt]


class Packet(Record):
    """What one reader gets; its items are numbered from 1."""

    name: str
    items: list[Item]


class Key(Record):
    """The key, which no reader sees. `left_out` counts unreadable runs, by reason."""

    task: Literal["levels"] = "levels"
    schema_version: Literal[1] = 1
    left_out: dict[str, int]
    packets: list[Packet]


AnyKey = TypeVar("AnyKey", bound=Record)


def make_key(
    runs: Sequence[tuple[FinishedRun, Sequence[Sentence], Study | None]],
    left_out: Mapping[str, int],
    n_kinds: int,
    n_readers: int | None,
    seed: int,
) -> Key:
    """Deal the explanations of each neuron over packets.

    Args:
        runs: each with the explanations of its neuron, and the neuron if a list must be simulated.
        left_out: unreadable runs, by reason.
        n_kinds: of sentences on a neuron, at most.
        n_readers: packets; None for the fewest.
        seed: of the order of neurons, and of texts within a neuron.

    Raises:
        BadInput: there are fewer readers than kinds.
    """
    rng = random.Random(seed)
    order = list(runs)
    rng.shuffle(order)
    by_neuron = []
    for run, sentences, study in order:
        shown = list(run.excerpts)
        rng.shuffle(shown)
        items = []
        for sentence in sentences:
            levels = _levels(sentence, [one.tokens for one in shown], study)
            if sentence.kind == OWN:
                levels = [one.levels for one in shown]
            excerpts = [
                Excerpt(stratum=one.stratum, tokens=one.tokens, values=one.values, levels=own)
                for one, own in zip(shown, levels, strict=True)
            ]
            items.append(
                Item(
                    neuron=run.name, kind=sentence.kind, sentence=sentence.text, claimed=sentence.claimed,
                    excerpts=excerpts,
                )
            )  # fmt: skip
        by_neuron.append(items)
    packets = dealt(by_neuron, n_kinds, n_readers or n_kinds)
    return Key(
        left_out=dict(left_out), packets=[Packet(name=f"{i:02}", items=items) for i, items in enumerate(packets, 1)]
    )


def _levels(sentence: Sentence, texts: Sequence[list[str]], study: Study | None) -> Sequence[list[float] | None]:
    if sentence.kind != LIST or study is None:
        return [None] * len(texts)
    found = levels_of(study.simulations.simulator, sentence.text, texts, study.vocabulary.strings)
    return [None] * len(texts) if isinstance(found, Unscored) else found


def levels_of(
    simulator: Simulator, sentence: str, texts: Sequence[Sequence[str]], strings: Sequence[str]
) -> list[list[float]] | Unscored:
    """The simulation of texts given as token strings; every model has one string per token id."""
    ids = {string: i for i, string in enumerate(strings)}
    tokens, lengths = padded([tuple(ids[token] for token in text) for text in texts])
    levels = simulator.simulate(sentence, tokens)
    if isinstance(levels, Unscored):
        return levels
    return [[round(float(v), 3) for v in np.asarray(row)[:n]] for row, n in zip(levels, lengths, strict=True)]


def packet_text(packet: Packet) -> str:
    """What a reader gets."""
    parts = [_TASK.format(packet=packet.name)]
    for number, item in enumerate(packet.items, 1):
        parts.append(f"\n##### NEURON {number}\nSENTENCE: {' '.join(item.sentence.split())}\n")
        for text, excerpt in enumerate(item.excerpts, 1):
            tokens = " ".join(f"{k}:{json.dumps(t, ensure_ascii=False)}" for k, t in enumerate(excerpt.tokens))
            parts.append(f"-- neuron {number} text {text}:\n{tokens}")
    return "\n".join(parts) + "\n"


def write_packets(out: Path, key: Record, texts: Mapping[str, str]) -> None:
    """Write the key and each packet's text into a folder without packets.

    Raises:
        BadInput: the folder already has packets.
        StorageError: it cannot be written.
    """
    if (out / KEY).exists():
        raise BadInput(f"{out} already has packets, and their answers would be lost: give another folder.")
    with storage_errors("create", out):
        out.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        replace_file(packet_path(out, name), text.encode("utf-8", "backslashreplace"))
    replace_file(out / KEY, json.dumps(key.model_dump(mode="json")).encode() + b"\n")


def packet_path(folder: Path, packet: str) -> Path:
    """The path of a packet's text."""
    return folder / f"packet-{packet}.txt"


def task_of(folder: Path) -> str:
    """The task of the packets in a folder.

    Raises:
        BadInput: it holds no packets.
        StorageError: the key cannot be read.
    """
    return str(_key(folder).get("task"))


def read_key(folder: Path, kind: type[AnyKey]) -> AnyKey:
    """The key of a folder of packets.

    Raises:
        BadInput: it holds no packets, or packets of another test.
        StorageError: the key cannot be read, or is damaged.
    """
    found = _key(folder)
    try:
        return kind.model_validate(found)
    except ValidationError as error:
        wanted = kind.model_fields["task"].default
        if found.get("task") != wanted:
            raise BadInput(f"{folder} has packets of another test ({found.get('task')}, not {wanted}).") from error
        first = error.errors()[0]
        raise BadInput(f"{folder / KEY} is damaged or from another version ({first['msg']}).") from error


def _key(folder: Path) -> dict[str, object]:
    path = folder / KEY
    if not path.is_file():
        raise BadInput(f"{folder} has no packets: `agent eval readers packet` makes them.")
    with storage_errors("read", path):
        data = path.read_bytes()
    try:
        found = json.loads(data)
    except ValueError as error:
        raise BadInput(f"{path} is damaged (not JSON).") from error
    if not isinstance(found, dict):
        raise BadInput(f"{path} is damaged (not an object).")
    return found
