"""Chooses the neurons of a batch: each option selects some, and a neuron must be selected by all."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from agent.setup.subjects import Subject
from tools.errors import BadInput
from tools.formats.published import PublishedNeuron, read_published
from tools.records.neuron import NeuronId, parse_target
from tools.subject.load import check_neuron
from tools.subject.names import short_name
from traces.database.rows import ResultRow
from traces.text.formatting import shorten

_N_SHOWN = 10


@dataclass(frozen=True)
class Criteria:
    """How neurons are to be chosen; None for an option that was not given.

    Attributes:
        below: a sealed score under this: the latest one in the results database, or the published one.
        neurons: a file with one target a line.
        layers: zero-based.
        worst: so many of what the options above leave, those with the lowest score of that kind.
        sample: so many, drawn at random from what the others leave.
        published: a folder of published explanations.
        skip_bad_lines: leave out what cannot be used instead of refusing all.
    """

    below: float | None = None
    neurons: Path | None = None
    layers: frozenset[int] | None = None
    worst: int | None = None
    sample: int | None = None
    published: Path | None = None
    skip_bad_lines: bool = False

    @property
    def by_score(self) -> bool:
        """Whether a score decides, which a neuron must have then."""
        return self.below is not None or self.worst is not None

    def given(self) -> dict[str, object]:
        """The options that were given, as JSON can say them."""
        return {
            name: sorted(value) if isinstance(value, frozenset) else str(value) if isinstance(value, Path) else value
            for name, value in vars(self).items()
            if value not in (None, False)
        }


@dataclass(frozen=True)
class Line:
    """A line of a file of neurons, `number` from 1."""

    number: int
    text: str
    model: str | None
    neuron: NeuronId


@dataclass(frozen=True)
class Chosen:
    """A neuron, and why it was chosen: the earlier result that scored low, or what was published about it."""

    neuron: NeuronId
    earlier: ResultRow | None = None
    published: PublishedNeuron | None = None


def read_lines(path: Path) -> tuple[list[Line], list[str]]:
    """The targets in a file, and what is wrong with the lines that hold none.

    Raises:
        BadInput: the file cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise BadInput(f"cannot read the neurons in {path}: {why}.") from error
    lines, bad = [], []
    for number, line in enumerate(text.split("\n"), start=1):
        words = line.partition("#")[0].strip()
        if words:
            try:
                lines.append(Line(number, words, *parse_target(words)))
            except BadInput as error:
                bad.append(_bad(number, words, error))
    return lines, bad


def choose(
    asked: Criteria, subject: Subject, model: str, lines: Sequence[Line], bad: Sequence[str], rows: Sequence[ResultRow],
    seed: int,
) -> tuple[list[Chosen], list[str]]:  # fmt: skip
    """The neurons by layer and index, and what was left out because it cannot be used.

    Args:
        asked: the options.
        subject: whose neurons.
        model: as it was typed.
        lines: of `asked.neurons`.
        bad: what is wrong with other lines of it.
        rows: the latest results; not looked at where explanations were published.
        seed: of the sample.

    Raises:
        BadInput: a line or a published file cannot be used, or nothing is left.
    """
    sides = (False, True) if subject.is_gated else (False,)
    everything = {
        NeuronId(layer, i, side) for layer in _layers(asked, subject) for i in range(subject.d_mlp) for side in sides
    }
    left, wrong = set(everything), list(bad)
    why_none = "--below, --layers and the others must all hold"
    if asked.neurons is not None:
        named = set()
        for line in lines:
            try:
                _check(line, subject, model)
                named.add(line.neuron)
            except BadInput as error:
                wrong.append(_bad(line.number, line.text, error))
        left &= named
        if not named:
            why_none = f"{asked.neurons} names none"
    published: dict[NeuronId, PublishedNeuron] = {}
    earlier: dict[NeuronId, ResultRow] = {}
    if asked.published is not None:
        for found in _published(asked.published, subject):
            if isinstance(found, BadInput):
                wrong.append(str(found))
            elif not asked.by_score or _is_low(found.score, asked.below):
                published[NeuronId(found.layer, found.index)] = found
        left &= published.keys()
    elif asked.by_score:
        for row in rows:
            if (neuron := row.neuron_id) is not None and _is_low(row.score, asked.below):
                earlier[neuron] = row
        left &= earlier.keys()
        if not earlier:
            why_none = "no run of it has such a score"
    if wrong and not asked.skip_bad_lines:
        more = f"; and {len(wrong) - _N_SHOWN} more" if len(wrong) > _N_SHOWN else ""
        said = "; ".join(one.rstrip(".") for one in wrong[:_N_SHOWN])
        raise BadInput(f"{said}{more}: correct that, or leave it out with --skip-bad-lines.")
    if not left:
        raise BadInput(f"no neuron of {subject.name} is selected: {why_none}.")
    neurons = sorted(left)
    if asked.worst is not None:
        scored: Mapping[NeuronId, ResultRow | PublishedNeuron] = published if asked.published is not None else earlier
        neurons = sorted(sorted(neurons, key=lambda neuron: scored[neuron].score or 0.0)[: asked.worst])
    if asked.sample is not None and asked.sample < len(neurons):
        neurons = sorted(random.Random(seed).sample(neurons, asked.sample))
    return [Chosen(neuron, earlier.get(neuron), published.get(neuron)) for neuron in neurons], wrong


def _is_low(score: float | None, below: float | None) -> bool:
    return score is not None and (below is None or score < below)


def _layers(asked: Criteria, subject: Subject) -> list[int]:
    if asked.layers is None:
        return list(range(subject.n_layers))
    if max(asked.layers) >= subject.n_layers:
        raise BadInput(f"there is no layer {max(asked.layers)}: {subject.name} has layers 0-{subject.n_layers - 1}.")
    return sorted(asked.layers)


def _check(line: Line, subject: Subject, model: str) -> None:
    if line.model is not None and short_name(line.model) not in (short_name(model), subject.name):
        raise BadInput(f"it is of the model {line.model}, and the batch is of {subject.name}")
    check_neuron(subject, line.neuron)


def _published(folder: Path, subject: Subject) -> Iterator[PublishedNeuron | BadInput]:
    for found in read_published(folder):
        if isinstance(found, PublishedNeuron):
            try:
                check_neuron(subject, NeuronId(found.layer, found.index))
            except BadInput as error:
                yield BadInput(f"{found.path}: {error}")
                continue
        yield found


def _bad(number: int, text: str, error: BadInput) -> str:
    return f"line {number}, '{shorten(text, 60)}': {error}"
