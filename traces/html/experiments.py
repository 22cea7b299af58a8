"""Every experiment as text, predictions, activation, and who was wrong; as many as fit on a page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from traces.analysis.story import Round, Story, Trial
from traces.events.experiment import TextChange
from traces.events.kinds import Decided
from traces.html.heat import Cell, cells

N_WITH_VALUES = 40
"""How many of the most telling experiments are shown with the value of every token."""

MOST = 3_000
"""The highest number of experiments on a page; the least telling beyond it are left out and counted."""

_BEFORE, _AFTER = 400, 120
"""How many characters of a text are shown before and after the scored token."""

_MOST_CHANGED = 12
"""How many tokens of a change are shown, on each side."""


@dataclass(frozen=True)
class Piece:
    """A stretch of text: `same`, `removed`, `added`, or `target`, the scored token."""

    kind: str
    text: str


@dataclass(frozen=True)
class Said:
    """What a rival predicted (probability of firing), and whether it was wrong; None before the outcome is known."""

    name: str
    probability: float
    was_wrong: bool | None


@dataclass(frozen=True)
class Shown:
    """One experiment. `cells` are its tokens with values, only for the most telling ones."""

    id: str
    generator: str
    purpose: str
    pieces: list[Piece]
    said: list[Said]
    value: float | None
    fired: bool | None
    before: float | None
    is_exploratory: bool
    cells: list[Cell]

    @property
    def wrong(self) -> list[str]:
        """Who was wrong."""
        return [said.name for said in self.said if said.was_wrong]


@dataclass(frozen=True)
class ShownRound:
    """A round, or the fixed probe set; `left_out` of its experiments are not on the page."""

    number: int
    title: str
    is_fixed: bool
    generators: list[tuple[str, int]]
    n: int
    n_read: int
    n_fired: int
    experiments: list[Shown]
    left_out: int
    decisions: list[Decided]


def rounds_of(story: Story) -> list[ShownRound]:
    """All rounds with experiments or decisions, by number; in each round the most telling experiments first."""
    trials = [trial for this in story.rounds.values() for trial in this.experiments.values()]
    kept = sorted(trials, key=_rank)[:MOST]
    in_view = {id(trial) for trial in kept}
    valued = {id(trial) for trial in [t for t in kept if t.values and not _is_fixed([t])][:N_WITH_VALUES]}
    highest = max((v for t in trials if id(t) in valued for v in t.values or []), default=0.0)
    out = []
    for number in sorted(story.rounds):
        this = story.rounds[number]
        own = list(this.experiments.values())
        if not own and not this.decisions:
            continue
        shown = [
            _shown(trial, story, highest if id(trial) in valued else None)
            for trial in sorted(own, key=_rank)
            if id(trial) in in_view
        ]
        read = [trial for trial in own if trial.fired is not None]
        out.append(
            ShownRound(
                number, _title(this, own), _is_fixed(own), Counter(t.experiment.generator for t in own).most_common(),
                len(own), len(read), sum(bool(t.fired) for t in read), shown, len(own) - len(shown), this.decisions,
            )
        )  # fmt: skip
    return out


def _rank(trial: Trial) -> tuple[bool, float]:
    return trial.fired is None, -round(trial.disagreement, 6)


def _is_fixed(trials: Sequence[Trial]) -> bool:
    return bool(trials) and all(trial.experiment.generator == "fixed_probe" for trial in trials)


def _title(this: Round, own: list[Trial]) -> str:
    if not _is_fixed(own):
        return f"Round {this.number}"
    return "Fixed probe set, one word changed" if any(t.predicted_before for t in own) else "Fixed probe set"


def _shown(trial: Trial, story: Story, highest: float | None) -> Shown:
    names = sorted(trial.predicted, key=lambda name: (-story.beliefs.get(name, 0.0), name))
    return Shown(
        id=trial.experiment.id,
        generator=trial.experiment.generator.replace("_", " "),
        purpose=trial.experiment.purpose,
        pieces=pieces_of(trial),
        said=[
            Said(name, trial.predicted[name], None if trial.fired is None else trial.was_wrong(name)) for name in names
        ],
        value=trial.value,
        fired=trial.fired,
        before=trial.experiment.expectations.before_the_change,
        is_exploratory=trial.exploratory,
        cells=cells(trial.experiment.tokens, trial.values or [], highest, story.theta) if highest else [],
    )


def pieces_of(trial: Trial) -> list[Piece]:
    """The pieces of an experiment's text."""
    planned = trial.experiment
    return pieces(planned.tokens, planned.position, trial.change) or [Piece("same", planned.text)]


def pieces(tokens: Sequence[str], position: int | None, change: TextChange | None = None) -> list[Piece]:
    """The pieces of a text: what was removed and added, the scored token, and the cut rest around it."""
    kinds = ["same"] * len(tokens)
    if change is not None:
        for at in range(change.at, min(change.at + len(change.added), len(tokens))):
            kinds[at] = "added"
    if position is not None and 0 <= position < len(tokens):
        kinds[position] = "target added" if kinds[position] == "added" else "target"
    out: list[Piece] = []

    def put(kind: str, text: str) -> None:
        if out and out[-1].kind == kind:
            out[-1] = Piece(kind, out[-1].text + text)
        else:
            out.append(Piece(kind, text))

    for at in range(len(tokens) + 1):
        if change is not None and at == change.at and change.removed:
            more = len(change.removed) - _MOST_CHANGED
            put("removed", (f"[{more} tokens]…" if more > 0 else "") + "".join(change.removed[-_MOST_CHANGED:]))
        if at < len(tokens):
            put(kinds[at], tokens[at])
    return _cut(out)


def _cut(found: list[Piece]) -> list[Piece]:
    """Shortens long unchanged stretches on the side away from the change and the scored token."""
    out = []
    for at, piece in enumerate(found):
        is_last, limit = at == len(found) - 1, _AFTER if at == len(found) - 1 and at else _BEFORE
        if len(piece.text) <= limit:
            out.append(piece)
        elif is_last and at:
            out.append(Piece(piece.kind, piece.text[:limit] + "…"))
        else:
            out.append(Piece(piece.kind, "…" + piece.text[-limit:]))
    return out
