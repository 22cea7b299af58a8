"""The rivals of a run on its page: how each ended, and how belief in them moved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from traces.analysis.refutations import Fate, LostExperiment
from traces.analysis.story import Story
from traces.events.kinds import HypothesisProposed
from traces.html import drawing

_N_LOST = 5
_MOST_ROUNDS = 60


@dataclass(frozen=True)
class RivalSection:
    """A rival on the page: its proposal, how it ended, and the heaviest experiments that favoured the winner over it.

    It is put together from events, so that it can show any trace; the run's own type is
    `tools.records.hypothesis.Hypothesis`. `belief` is the one at the end; None if it no longer competed.
    """

    proposed: HypothesisProposed
    belief: float | None
    fate: Fate
    lost: list[LostExperiment]


@dataclass(frozen=True)
class Beliefs:
    """Belief after each round that recorded it.

    Attributes:
        rounds: their numbers.
        table: per rival that was ever believed, its belief after each of `rounds`; None if it did not compete.
        shown: the indices in `rounds` that a table shows; if there are many rounds, a selection with the last.
    """

    rounds: list[int]
    table: list[tuple[str, list[float | None]]]
    shown: list[int]

    @property
    def plot(self) -> Markup | None:
        """As a drawing; None without any belief."""
        if not self.table:
            return None
        return drawing.beliefs([name for name, _ in self.table], self.rounds, [values for _, values in self.table])


def rivals_of(story: Story, fates: Sequence[Fate]) -> list[RivalSection]:
    """The winner, the runner-up, and so on."""
    return [
        RivalSection(story.hypotheses[fate.name], story.beliefs.get(fate.name), fate, fate.lost[:_N_LOST])
        for fate in fates
    ]


def beliefs_of(story: Story, fates: Sequence[Fate]) -> Beliefs:
    """The rivals in the order of `fates`."""
    numbers = [number for number, this in sorted(story.rounds.items()) if this.beliefs]
    noted = [story.rounds[number].beliefs for number in numbers]
    table = [(f.name, [b.get(f.name) for b in noted]) for f in fates if any(f.name in b for b in noted)]
    n = len(numbers)
    step = -(-n // _MOST_ROUNDS) or 1
    return Beliefs(numbers, table, sorted({*range(0, n, step), n - 1}) if n else [])
