"""Who refuted whom: the experiments that separated two rivals, and the rival that came second."""

from __future__ import annotations

from dataclasses import dataclass

from tools.records.scores import Interval, Score
from traces.analysis.story import Story, Trial

BASE_RATE, LOOKUP = "base-rate", "token-lookup-30"
"""Baselines that always compete; nobody proposed them as explanations."""


@dataclass(frozen=True)
class LostExperiment:
    """An experiment on which one rival did worse than another by `nats` of evidence, and its round."""

    trial: Trial
    round: int
    nats: float


@dataclass(frozen=True)
class Fate:
    """How a rival ended.

    Attributes:
        how: winner, survived, dropped, merged or competing.
        reason: why it was dropped or merged; empty elsewhere.
        score: on development text; None without one.
        lost: experiments that favoured the winner over it, the heaviest first; empty for the winner.
        won: experiments that favoured it over the winner, the heaviest first.
        n_right: how many of its `n_predicted` registered predictions came true.
    """

    name: str
    how: str
    reason: str
    score: Score | None
    lost: list[LostExperiment]
    won: list[LostExperiment]
    n_right: int
    n_predicted: int

    @property
    def nats_against(self) -> float:
        """The evidence of the experiments against it, in nats."""
        return sum(one.nats for one in self.lost)

    @property
    def nats_for(self) -> float:
        """The evidence of the experiments for it, in nats."""
        return sum(one.nats for one in self.won)

    @property
    def was_refuted(self) -> bool:
        """Whether all experiments together spoke against it; otherwise it lost on something else."""
        return bool(self.lost) and self.nats_against > self.nats_for

    def in_sum(self, winner: str) -> str:
        """The sum of all experiments that separated it from the winner, in words."""
        n, m = len(self.lost), len(self.won)
        balance = self.nats_against - self.nats_for
        ahead = winner if balance > 0 else self.name
        return (
            f"{n} experiment{'' if n == 1 else 's'} spoke for {winner} and {m} for {self.name}, in sum "
            f"{abs(balance):.2f} nats for {ahead} ({self.nats_against:.2f} against {self.nats_for:.2f})"
        )


def winner_of(story: Story) -> str | None:
    """The name of the hypothesis that is the result's explanation; None without one."""
    explanation = story.result.explanation
    return next((name for name, h in story.hypotheses.items() if explanation and h.sentence == explanation), None)


def lost_experiments(story: Story, loser: str, winner: str) -> list[LostExperiment]:
    """The experiments, predicted by both, that moved belief from `loser` to `winner`, the heaviest first.

    The fixed probe set moves no belief and is left out.
    """
    found = []
    for number, this in story.rounds.items():
        if not this.beliefs:
            continue
        for trial in this.experiments.values():
            if loser not in trial.predicted or winner not in trial.predicted:
                continue  # of a long run that is most of them
            own, other = trial.log_score(loser), trial.log_score(winner)
            if own is not None and other is not None and other > own:
                found.append(LostExperiment(trial, number, round(other - own, 4)))
    return sorted(found, key=lambda one: (-one.nats, one.round, one.trial.experiment.id))


def fates(story: Story) -> list[Fate]:
    """How each rival ended: the winner first, then the others by how long they lasted and how they scored."""
    winner = winner_of(story)
    statuses = {rival.name: rival.status for rival in story.result.rivals or []}
    merged = {d.hypothesis: d.reason for r in story.rounds.values() for d in r.decisions if d.action == "merge"}
    out = []
    for name in story.hypotheses:
        read = [
            trial
            for this in story.rounds.values()
            for trial in this.experiments.values()
            if name in trial.predicted and trial.fired is not None and not trial.exploratory
        ]
        how = str(statuses.get(name) or ("dropped" if name in story.dropped else "competing"))
        if name in merged:
            how = "merged"
        elif name == winner:  # older results name no rivals
            how = "winner"
        out.append(
            Fate(
                name,
                how,
                story.dropped.get(name) or merged.get(name) or "",
                story.scores.get((name, "development")),
                lost_experiments(story, name, winner) if winner and winner != name else [],
                lost_experiments(story, winner, name) if winner and winner != name else [],
                sum(not trial.was_wrong(name) for trial in read),
                len(read),
            )
        )
    return sorted(out, key=lambda fate: _rank(fate, story))


def _rank(fate: Fate, story: Story) -> tuple[int, float, float]:
    order = {"winner": 0, "survived": 1, "competing": 1}
    score = fate.score.value if isinstance(fate.score, Interval) else float("-inf")
    return order.get(fate.how, 2), -score, -story.beliefs.get(fate.name, 0.0)


def losers(story: Story, ended: list[Fate] | None = None) -> list[Fate]:
    """The rivals that did not win, the runner-up first; the baselines that always compete are left out, since nobody
    proposed them. `ended` are the fates of all, where somebody has worked them out already."""
    every = fates(story) if ended is None else ended
    return [fate for fate in every if fate.how != "winner" and fate.name not in (BASE_RATE, LOOKUP)]
