"""An LLM as a reader of packets: each text is a separate question, so no other explanation can influence it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from evals.readers.answers import read_answers, write_answers
from evals.readers.lineup import LETTERS, LineupItem, LineupKey
from evals.readers.packets import Item, Key
from evals.records import Record
from tools.free_text.asking import ask_each
from tools.llm.chat import ChatModel, ChatReply
from tools.prompts import lineup, simulator
from tools.prompts.quoting import marked
from tools.records.result import Unscored


class Asked(Record):
    """The answered packets.

    `kept` are packets that already had answers by another reader; `unread` counts unanswered questions by reason."""

    reader: str
    packets: list[str]
    kept: list[str]
    n_questions: int
    unread: dict[str, int]


def ask(folder: Path, key: Key | LineupKey, model: ChatModel) -> Asked:
    """Have an LLM answer every packet without answers by another reader, and write the answers beside it.

    Answered questions are asked again, which is free with cached replies and fills in missing answers. A packet without
    any usable reply gets no answers.

    Raises:
        BadInput: existing answers cannot be read.
        LLMNotAvailable: it cannot be reached.
        StorageError: the answers cannot be written.
    """
    unread: Counter[str] = Counter()
    n_questions = 0
    asked, kept = [], []
    for packet in key.packets:
        before = read_answers(folder, packet.name)
        if before is not None and before[0] != model.name:
            kept.append(packet.name)
            continue
        levels = [item for item in packet.items if isinstance(item, Item)]
        lineups = [item for item in packet.items if isinstance(item, LineupItem)]
        found, n = _levels(levels, model, unread) if levels else _chosen(lineups, model, unread)
        n_questions += n
        if any(found.values()):
            write_answers(folder, packet.name, model.name, found)
            asked.append(packet.name)
    return Asked(reader=model.name, packets=asked, kept=kept, n_questions=n_questions, unread=dict(unread))


def _levels(items: Sequence[Item], model: ChatModel, unread: Counter[str]) -> tuple[dict[str, Any], int]:
    places = [(number, text) for number, item in enumerate(items, 1) for text in range(1, len(item.excerpts) + 1)]
    shown = [(items[number - 1].sentence, items[number - 1].excerpts[text - 1].tokens) for number, text in places]

    def read(i: int, reply: ChatReply) -> Any:
        return simulator.parse(reply, [shown[i][1]])[0]

    found = ask_each(model, [simulator.request(sentence, [tokens]) for sentence, tokens in shown], read)
    answers: dict[str, Any] = {str(number): {} for number in range(1, len(items) + 1)}
    for (number, text), levels in zip(places, found, strict=True):
        if isinstance(levels, Unscored):
            unread[levels.reason] += 1
        else:
            answers[str(number)][str(text)] = {str(k): float(v) for k, v in enumerate(levels) if v > 0}
    return answers, len(places)


def _chosen(items: Sequence[LineupItem], model: ChatModel, unread: Counter[str]) -> tuple[dict[str, Any], int]:
    answers: dict[str, Any] = {}
    for number, chosen in enumerate(chosen_letters(items, model), 1):
        if isinstance(chosen, Unscored):
            unread[chosen.reason] += 1
        else:
            answers[str(number)] = chosen
    return answers, len(items)


def chosen_letters(items: Sequence[LineupItem], model: ChatModel) -> list[str | Unscored]:
    """The neuron that an LLM chooses in each lineup.

    Raises:
        LLMNotAvailable: it cannot be reached.
    """
    requests = [
        lineup.request(
            item.sentence,
            [
                (letter, [marked(excerpt.tokens, excerpt.fires) for excerpt in neuron])
                for letter, neuron in zip(LETTERS, item.neurons, strict=False)
            ],
        )
        for item in items
    ]
    return ask_each(
        model, requests, lambda i, reply: lineup.parse(reply.text, LETTERS[: len(items[i].neurons)]), least_read=0
    )
