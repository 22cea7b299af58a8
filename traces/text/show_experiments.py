"""The experiments of a run as text: the most telling ones, minimal pairs, what refuted the runner-up, what is
untested.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from tools.scoring.log_score import MINIMAL_PAIR
from traces.analysis.refutations import Fate, losers, winner_of
from traces.analysis.story import Round, Story, Trial
from traces.events.experiment import TextChange
from traces.text.formatting import shorten, visible
from traces.text.lines import Line, end_of, joined, section, start_of, wrapped

_N_TELLING = 2
_N_SHOWN_PREDICTIONS = 4
_N_SHOWN_PAIRS = 3
_N_SHOWN_TOKENS = 12
_CONTEXT_CHARACTERS = 48
_CHANGED_CHARACTERS = 30


def experiment_lines(story: Story, width: int) -> Iterator[str | Line]:
    """All rounds, and their conclusions."""
    rounds = [story.rounds[number] for number in sorted(story.rounds)]
    own = [this for this in rounds if not _is_fixed(this)]
    for this in own:
        yield from _round(this, story, _N_TELLING if len(own) == 1 else 1, width)
    if fixed := [this for this in rounds if _is_fixed(this)]:
        yield from section("Fixed probe set")
        for this in fixed:
            yield from _counted(this, width)
    yield from _minimal_pairs(story)
    yield from _runner_up(story, width)
    yield from _coverage(story, width)


def _is_fixed(this: Round) -> bool:
    tests = this.experiments.values()
    return bool(tests) and all(trial.experiment.generator == "fixed_probe" for trial in tests)


def _round(this: Round, story: Story, n_telling: int, width: int) -> Iterator[str | Line]:
    if not this.experiments and not this.decisions:
        return
    yield from section(f"Round {this.number}")
    yield from _counted(this, width)
    telling = [trial for trial in this.experiments.values() if trial.fired is not None and trial.predicted]
    for trial in sorted(telling, key=lambda trial: -round(trial.disagreement, 6))[:n_telling]:
        yield from _trial(trial, story, width)
    if this.beliefs:
        most = sorted(this.beliefs, key=lambda h: (-this.beliefs[h], h))[:_N_SHOWN_PREDICTIONS]
        yield "  belief after: " + ", ".join(f"{name} {this.beliefs[name]:.2f}" for name in most)
    for decided in this.decisions:
        about = f" {decided.hypothesis}" if decided.hypothesis else ""
        yield from wrapped(f"{decided.action}{about}: {decided.reason}", width, "  > ")


def _counted(this: Round, width: int) -> Iterator[str]:
    """The number of experiments, by generator, and their outcomes."""
    tests = this.experiments.values()
    if not tests:
        return
    made = [f"{_said(name)} {n}" for name, n in Counter(t.experiment.generator for t in tests).most_common()]
    none = f"; none from {', '.join(map(_said, this.without_text))}" if this.without_text else ""
    read = [trial for trial in tests if trial.fired is not None]
    changed = " with one word changed" if _is_fixed(this) and any(trial.change for trial in tests) else ""
    fired = sum(bool(trial.fired) for trial in read)
    yield from wrapped(
        f"{len(tests)} experiments{changed} ({', '.join(made)}{none}); {len(read)} read, {fired} fired", width
    )


def _said(generator: str) -> str:
    return generator.replace("_", " ")


def _trial(trial: Trial, story: Story, width: int, among: tuple[str, ...] = ()) -> Iterator[str | Line]:
    """A text, its outcome, and the rivals' predictions: those in `among`, or else those with the highest belief."""
    outcome = "fired" if trial.fired else "silent"
    yield Line.of(f"  {_said(trial.experiment.generator)}: ", *_marked(trial.experiment).parts)
    most = sorted(trial.predicted, key=lambda h: (-story.beliefs.get(h, 0.0), h))[:_N_SHOWN_PREDICTIONS]
    names = [name for name in among if name in trial.predicted] or most
    predicted = ", ".join(f"{h} {trial.predicted[h]:.2f}{' WRONG' if trial.was_wrong(h) else ''}" for h in names)
    yield from wrapped(f"read {trial.value:.3f}, {outcome}; predicted {predicted}", width, "      ")


def _marked(experiment: Any) -> Line:
    """The experiment's text on one line, cut around the scored token, which is between guillemets."""
    if experiment.position is None or not 0 <= experiment.position < len(experiment.tokens):
        return Line.of(shorten(experiment.text, 2 * _CONTEXT_CHARACTERS))
    at = experiment.position
    return Line.of(
        end_of(joined(experiment.tokens[:at]), _CONTEXT_CHARACTERS),
        (f"«{start_of(visible(experiment.tokens[at]), _CONTEXT_CHARACTERS)}»", "bold"),
        start_of(joined(experiment.tokens[at + 1 :]), _CONTEXT_CHARACTERS // 2),
    )


def _minimal_pairs(story: Story) -> Iterator[str | Line]:
    """The pairs with the largest change: what was removed and added, and the raw values before and after."""
    pairs = [
        (abs(trial.value - before), trial, change, before, trial.value)
        for this in story.rounds.values()
        for trial in this.experiments.values()
        if trial.experiment.generator == MINIMAL_PAIR and trial.value is not None
        for change, before in [(trial.change, trial.experiment.expectations.before_the_change)]
        if change is not None and before is not None
    ]
    if not pairs:
        return
    yield from section("Minimal pairs")
    yield f"  {len(pairs)} read; those with the largest change of the raw value ([-removed-] {{+added+}}):"
    for _, trial, change, before, after in sorted(pairs, key=lambda pair: -pair[0])[:_N_SHOWN_PAIRS]:
        outcome = "fired" if trial.fired else "silent"
        yield Line.of(f"  {before:.3f} → {after:.3f}, {outcome}: ", *_change(trial, change).parts)


def _change(trial: Trial, change: TextChange) -> Line:
    tokens = trial.experiment.tokens
    parts: list[str | tuple[str, str]] = [end_of(joined(tokens[: change.at]), _CONTEXT_CHARACTERS)]
    if change.removed:
        parts.append((f"[-{start_of(joined(change.removed), _CHANGED_CHARACTERS)}-]", "red"))
    if change.added:
        parts.append((f"{{+{start_of(joined(change.added), _CHANGED_CHARACTERS)}+}}", "green"))
    parts.append(start_of(joined(tokens[change.at + len(change.added) :]), _CONTEXT_CHARACTERS // 2))
    return Line.of(*parts)


def _runner_up(story: Story, width: int) -> Iterator[str | Line]:
    """Which experiment refuted the runner-up; if none did, also the next rival."""
    winner = winner_of(story)
    lost = losers(story)
    if winner is None or not lost:
        return
    yield from section("What decided between rivals")
    beaten = next((fate for fate in lost if fate.was_refuted), None)
    if beaten is not lost[0]:
        yield from wrapped(f"{lost[0].name} came second; {_not_refuted(lost[0], winner)}", width)
    won = [d.reason for r in story.rounds.values() for d in r.decisions if d.action == "win"]
    if won:
        yield from wrapped(f"who wins: {won[-1]}", width)
    if beaten is not None:
        yield from _beaten(beaten, winner, story, width)


def _not_refuted(fate: Fate, winner: str) -> str:
    if not fate.lost:
        return f"no experiment favoured {winner} over it"
    return f"experiments did not refute it: {fate.in_sum(winner)}; it lost on its development score"


def _beaten(fate: Fate, winner: str, story: Story, width: int) -> Iterator[str | Line]:
    heaviest = fate.lost[0]
    yield from wrapped(
        f"{fate.name} lost to {winner}: {fate.in_sum(winner)}; the heaviest for {winner}, {heaviest.nats:.2f} nats, "
        f"in round {heaviest.round}:",
        width,
    )
    yield from _trial(heaviest.trial, story, width, (winner, fate.name))


def _coverage(story: Story, width: int) -> Iterator[str | Line]:
    """How often each kind of test and each part of the explanation was tested, and what was never tested."""
    tests, claims = story.result.tests or {}, story.result.claims or []
    if not tests and not claims:
        return
    yield from section("What was tested, and what never")
    if tests:
        counted = [
            f"{kind} {count.passed} of {count.n}" if count.n else f"{kind} never" for kind, count in tests.items()
        ]
        yield from wrapped(f"passed, by kind of test: {', '.join(counted)}", width)
    untested: dict[str, list[str]] = {}
    for claim in claims:
        if claim.token is None:
            much = f"right {claim.right} of {claim.n}" if claim.n else "NEVER TESTED"
            yield "  " + shorten(f"{much}: {claim.clause}", max(20, width - 2))
            untested[claim.clause] = []
        elif not claim.n:
            untested.setdefault(claim.clause, []).append(claim.token)
    for clause, tokens in untested.items():
        if tokens:
            names = ", ".join(f"`{visible(token)}`" for token in tokens[:_N_SHOWN_TOKENS])
            more = f" and {len(tokens) - _N_SHOWN_TOKENS} more" if len(tokens) > _N_SHOWN_TOKENS else ""
            yield from wrapped(f"never tested: {names}{more} ({shorten(clause, _CONTEXT_CHARACTERS)})", width)
