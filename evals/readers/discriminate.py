"""How often a reader picks the right neuron for an explanation, out of ten."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from evals.readers.answers import answers_path, number_in, read_answers
from evals.readers.lineup import CHANCE, LETTERS, LineupKey
from evals.records import Outcome, Record
from evals.statistics import counted_share
from tools.errors import BadInput
from tools.records.result import Compared, Unscored


class Choice(Record):
    """An explanation and whether its neuron was found."""

    neuron: str
    kind: str
    reader: str
    sentence: str
    outcome: Outcome | Unscored


class KindChoices(Record):
    """One kind of explanation; ties and constant answers are misses.

    Attributes:
        n_right, n_wrong, n_tied, n_constant: of the `n` with an answer.
        right: the share with its interval.
        chance: the share by guessing.
        unscored: those without an answer, by reason.
    """

    kind: str
    n: int
    n_right: int
    n_wrong: int
    n_tied: int
    n_constant: int
    right: Compared
    chance: float = CHANCE
    unscored: dict[str, int]


class Choices(Record):
    """All of it. `left_out` counts runs, by reason."""

    choices: list[Choice]
    kinds: list[KindChoices]
    left_out: dict[str, int]


def counted(choices: Sequence[Choice], left_out: dict[str, int]) -> Choices:
    """Shares by kind, in the order in which kinds come first."""
    kinds = []
    for kind in dict.fromkeys(choice.kind for choice in choices):
        own = [choice.outcome for choice in choices if choice.kind == kind]
        n_of = Counter(outcome for outcome in own if not isinstance(outcome, Unscored))
        kinds.append(
            KindChoices(
                kind=kind, n=n_of.total(), n_right=n_of["right"], n_wrong=n_of["wrong"], n_tied=n_of["tied"],
                n_constant=n_of["constant"], right=counted_share(n_of["right"], n_of.total()),
                unscored=dict(Counter(one.reason for one in own if isinstance(one, Unscored))),
            )
        )  # fmt: skip
    return Choices(choices=list(choices), kinds=kinds, left_out=left_out)


def answered(folder: Path, key: LineupKey) -> Choices:
    """The readers' choices.

    Raises:
        BadInput: an answer has an unknown number or names no neuron; the message says which.
        StorageError: a file cannot be read.
    """
    choices = []
    for packet in key.packets:
        reader, given = read_answers(folder, packet.name) or ("", {})
        path = answers_path(folder, packet.name)
        said: dict[int, str] = {}
        for name, letter in given.items():
            number = number_in(name, len(packet.items), path, "sentence {!r}")
            letters = LETTERS[: len(packet.items[number - 1].neurons)]
            if not isinstance(letter, str) or len(letter.strip()) != 1 or letter.strip().upper() not in letters:
                raise BadInput(f"{path}: sentence {number}: {letter!r} is not one of the neurons {', '.join(letters)}.")
            said[number] = letter.strip().upper()
        for number, item in enumerate(packet.items, 1):
            outcome: Outcome | Unscored = Unscored(reason="not answered")
            if number in said:
                outcome = "right" if said[number] == item.answer else "wrong"
            choices.append(
                Choice(neuron=item.neuron, kind=item.kind, reader=reader, sentence=item.sentence, outcome=outcome)
            )
    choices.sort(key=lambda choice: (choice.kind != "explanation", choice.kind, choice.neuron))
    return counted(choices, key.left_out)
