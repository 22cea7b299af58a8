"""Answers to the five questions of a reader in a hurry."""

from __future__ import annotations

from dataclasses import dataclass

from tools.records.result import Gains, Interval, ScoreValue
from tools.scoring.log_score import order_chances
from traces.analysis.refutations import Fate, losers, winner_of
from traces.analysis.story import Story, Trial
from traces.html.coverage import untested
from traces.html.heat import Excerpts
from traces.html.scores import BASELINES, sealed_score
from traces.html.writing import token
from traces.text.costs import cost_sentence
from traces.text.formatting import score_text

_N_PEAKS, _N_LAST, _N_CHARACTERS = 8, 12, 200


@dataclass(frozen=True)
class Answer:
    """One question; `anchor` is the part of the page with the details."""

    question: str
    words: str
    anchor: str


def answers_of(story: Story, ended: list[Fate], excerpts: Excerpts | None) -> list[Answer]:
    """All five, for a run that may be unfinished; `ended` are the fates of its rivals."""
    return [
        Answer("What does the neuron do?", _what(story, excerpts), "sentence"),
        Answer("How sure are we?", _how_sure(story), "scores"),
        Answer("Which experiment refuted the runner-up?", _who_killed(story, losers(story, ended)), "rivals"),
        Answer("What was never tested?", untested(story), "tests"),
        Answer("What did it cost?", cost_sentence(story), "cost"),
    ]


def leader_of(story: Story) -> str | None:
    """The rival with the highest belief, for a run without a result."""
    if story.has_result or not story.beliefs:
        return None
    return max(story.beliefs, key=lambda name: (story.beliefs[name], name))


def _what(story: Story, excerpts: Excerpts | None) -> str:
    explanation = story.result.explanation
    if not explanation:
        if story.result.verdict == "dead":
            return "Nothing on this text: it never goes above the firing threshold."
        leader = leader_of(story)
        if leader in story.hypotheses:
            return f"Not settled. {leader} leads so far: {story.hypotheses[leader].sentence}"
        return "No explanation holds." if story.has_result else "Not settled."
    output = story.result.causal.output.sentence if story.result.causal else None
    peaks = ", ".join(f"`{one}`" for one in _peaks(excerpts))
    seen = f" In its top sealed excerpts it peaks on {peaks}." if peaks else ""
    ended = "" if explanation.rstrip().endswith((".", "!", "?")) or not (seen or output) else "."
    return f"{explanation}{ended}{seen}{f' {output}' if output else ''}"


def _peaks(excerpts: Excerpts | None) -> list[str]:
    """The tokens on which it peaks in the top sealed excerpts."""
    top = [pair.true for pair in (excerpts.pairs if excerpts else []) if pair.stratum == "top"]
    found = [max(cells, key=lambda cell: cell.value).token for cells in top]
    return list(dict.fromkeys(map(token, found)))[:_N_PEAKS]


def _how_sure(story: Story) -> str:
    result = story.result
    if not story.has_result:
        return f"Not at all yet: the run is {story.state}."
    score, verdict, reason = sealed_score(result), result.verdict or story.state, result.reason
    text = f"{verdict.capitalize()}{f': {reason}' if reason else ''}. Sealed score {score_text(score)}"
    n = score.n_excerpts if isinstance(score, ScoreValue) else None
    gains = (result.gains or Gains()).by_name()
    over = [
        f"{score_text(gains[name])} over {label}"
        for name, (label, _) in BASELINES.items()
        if name != "token_lookup_full" and isinstance(gains.get(name), Interval)
    ]
    gained = f"; it gains {' and '.join(over)}" if over else ""
    reused = " That text had been opened by an earlier run, so this says less." if result.sealed_reused else ""
    return f"{text}{f' on {n} excerpts' if n else ''}{gained}.{reused}"


def _who_killed(story: Story, lost: list[Fate]) -> str:
    winner = winner_of(story)
    if not story.has_result:
        return "None yet: the run has not ended."
    if winner is None or not lost:
        return "There was no runner-up."
    second = lost[0]
    if second.was_refuted:
        return _lost(second, winner)
    was_tried = any(
        trial.log_score(second.name) is not None
        for this in story.rounds.values()
        if this.beliefs
        for trial in this.experiments.values()
    )
    why = f"predicted no worse than {winner}" if was_tried else "entered after the last experiment"
    if second.won:
        why = f"was favoured by experiments ({second.in_sum(winner)})"
    told = f"None: {second.name} ({_development(second)}) {why}, and lost on that score alone."
    others = [fate for fate in lost if fate.was_refuted]
    return f"{told} Of the others, {_lost(others[0], winner)}" if others else told


def _lost(fate: Fate, winner: str) -> str:
    """The experiment that did most to refute a rival, in words."""
    heaviest = fate.lost[0]
    trial = heaviest.trial
    text = ("".join(trial.experiment.tokens[-_N_LAST:]) or trial.experiment.text)[-_N_CHARACTERS:]
    return (
        f"{fate.name} ({_development(fate)}) lost most on {trial.experiment.id} in round {heaviest.round}: at the end "
        f"of “…{text}” the neuron {_came_out(trial)}, for which {fate.name} had given "
        f"{_chance(trial, fate.name)} and {winner} {_chance(trial, winner)}. "
        f"{fate.in_sum(winner)}."
    )


def _development(fate: Fate) -> str:
    return f"{score_text(fate.score)} on development text" if fate.score else "no development score"


def _came_out(trial: Trial) -> str:
    """What the neuron did, as far as it is scored."""
    if trial.order is None:
        return "fired" if trial.fired else "stayed silent"
    moved = "stayed as high" if trial.order == "stayed" else trial.order
    return f"{'fired' if trial.fired else 'was silent'} and {moved} by the change of a word"


def _chance(trial: Trial, name: str) -> str:
    """The probability that a rival gave to the outcome."""
    p = trial.predicted[name]
    if trial.order is not None and name in trial.predicted_before:
        return f"{order_chances(trial.predicted_before[name], p)[trial.order]:.0%}"
    return f"{p if trial.fired else 1 - p:.0%}"
