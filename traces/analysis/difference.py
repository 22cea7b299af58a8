"""Two runs side by side: where their settings, results, rivals and readings differ."""

from __future__ import annotations

from dataclasses import dataclass, field
from difflib import SequenceMatcher
from typing import Any, Literal

from tools.errors import StorageError
from tools.records.result import Gains
from traces.analysis.event_difference import EventComparison, compared
from traces.analysis.story import Story, Trial
from traces.database.models import is_same
from traces.events.kinds import HypothesisProposed
from traces.events.store import load_trace


@dataclass(frozen=True)
class Pair:
    """A named value of run A and of run B; None if a run does not record it."""

    name: str
    a: Any
    b: Any

    @property
    def differs(self) -> bool:
        """Whether the two are not the same."""
        return type(self.a) is not type(self.b) or bool(self.a != self.b)


@dataclass(frozen=True)
class Piece:
    """Words of an explanation: of `both` runs, or of one."""

    of: Literal["both", "a", "b"]
    text: str


@dataclass(frozen=True)
class RivalPair:
    """A rival that both runs had: the same sentence, under the name that each run gave it.

    Attributes:
        sentence: what both say.
        a: its entry in run A.
        b: its entry in run B.
        belief: at the end of the recorded run; None if it no longer competed.
        score: on development text.
    """

    sentence: str
    a: HypothesisProposed
    b: HypothesisProposed
    belief: Pair
    score: Pair


@dataclass(frozen=True)
class SharedReading:
    """A text that both runs read at the same place."""

    a: Trial
    b: Trial

    @property
    def differs(self) -> bool:
        """Whether the two raw activations differ."""
        return self.a.value != self.b.value

    @property
    def outcome_differs(self) -> bool:
        """Whether the neuron fired for one run and not for the other."""
        return self.a.fired != self.b.fired


@dataclass(frozen=True)
class Differences:
    """What two runs have in common and where they differ.

    Attributes:
        a: the first run.
        b: the second one.
        apart: caveats of the comparison, as sentences: another neuron, model or corpus, another sealed fold, an
            unfinished run.
        settings: those that both runs record and that differ, by their dotted names.
        unsaid_a: settings that only run B records, because another version of the program made run A.
        unsaid_b: settings that only run A records.
        versions: those that differ: of Python, libraries and this program, and its commit if both are known.
        outcome: verdict (or state of an unfinished run) and reason to stop, even if the same.
        explanation: the words of both explanations in order.
        scores: final scores and the run's own development score, even if the same.
        same_fold: whether the final scores are on the same sealed excerpts; None if a run opened none.
        rivals: that both had.
        only_a: rivals that only run A had.
        only_b: rivals that only run B had.
        readings: of texts that both runs read, in run A's order.
        cost: budget, texts, tokens, seconds, money, even if the same.
        events: where the traces diverge; None if one cannot be read, or nobody asked.
    """

    a: Story
    b: Story
    apart: list[str] = field(default_factory=list)
    settings: list[Pair] = field(default_factory=list)
    unsaid_a: list[str] = field(default_factory=list)
    unsaid_b: list[str] = field(default_factory=list)
    versions: list[Pair] = field(default_factory=list)
    outcome: list[Pair] = field(default_factory=list)
    explanation: list[Piece] = field(default_factory=list)
    scores: list[Pair] = field(default_factory=list)
    same_fold: bool | None = None
    rivals: list[RivalPair] = field(default_factory=list)
    only_a: list[HypothesisProposed] = field(default_factory=list)
    only_b: list[HypothesisProposed] = field(default_factory=list)
    readings: list[SharedReading] = field(default_factory=list)
    cost: list[Pair] = field(default_factory=list)
    events: EventComparison | None = None


def differences(a: Story, b: Story, *, with_events: bool = True) -> Differences:
    """Compare two runs, finished or not, even on different neurons or models.

    Args:
        a: the first run.
        b: the second one.
        with_events: also compare event by event, which reads both traces again.
    """
    same_fold = _same_fold(a, b)
    both, only_a, only_b = _rivals(a, b)
    one, other = (_flat(story.started.config if story.started else {}) for story in (a, b))
    return Differences(
        a=a,
        b=b,
        apart=_apart(a, b, same_fold),
        settings=[pair for pair in _differing(one, other) if pair.name in one and pair.name in other],
        unsaid_a=[name for name in other if name not in one],
        unsaid_b=[name for name in one if name not in other],
        versions=_versions(a, b),
        outcome=[
            Pair("verdict", a.result.verdict or a.state, b.result.verdict or b.state),
            Pair("stopped", a.stop_reason or None, b.stop_reason or None),
        ],
        explanation=word_difference(a.result.explanation or "", b.result.explanation or ""),
        scores=_scores(a, b),
        same_fold=same_fold,
        rivals=both,
        only_a=only_a,
        only_b=only_b,
        readings=_readings(a, b),
        cost=_cost(a, b),
        events=_events(a, b) if with_events else None,
    )


def word_difference(a: str, b: str) -> list[Piece]:
    """Two explanations as words that both have and words that only one has, in order."""
    one, other = a.split(), b.split()
    out: list[Piece] = []
    for what, i, j, k, m in SequenceMatcher(None, one, other, autojunk=False).get_opcodes():
        if what == "equal":
            out.append(Piece("both", " ".join(one[i:j])))
            continue
        if i < j:
            out.append(Piece("a", " ".join(one[i:j])))
        if k < m:
            out.append(Piece("b", " ".join(other[k:m])))
    return out


def _apart(a: Story, b: Story, same_fold: bool | None) -> list[str]:
    out = [
        f"run {name} is {story.state}, so it is compared as far as it goes"
        for name, story in (("A", a), ("B", b))
        if story.state != "finished"
    ]
    if not a.started or not b.started:
        return out
    one, other = ((s.model, s.model_fingerprint) for s in (a.started, b.started))
    if (a.started.model, a.started.neuron) != (b.started.model, b.started.neuron) and not (
        a.started.neuron == b.started.neuron and is_same(one, other)
    ):
        targets = [f"{story.model}/{story.neuron}" for story in (a.started, b.started)]
        out.append(f"the runs are about different neurons: {targets[0]} and {targets[1]}")
    planted = [" and ".join(story.settings.planted) for story in (a.started, b.started)]
    if planted[0] != planted[1]:
        out.append(
            f"the planted neurons differ, though they have the same name: {planted[0] or 'none'} against "
            f"{planted[1] or 'none'}"
        )
    elif a.started.model == b.started.model and a.started.model_fingerprint != b.started.model_fingerprint:
        out.append(f"the weights of {a.started.model} differ")
    if a.started.corpus != b.started.corpus:
        names = [story.corpus.name for story in (a.started, b.started)]
        out.append(
            f"the texts differ: {names[0]} and {names[1]}"
            if names[0] != names[1]
            else f"the texts differ, though both are called {names[0]}"
        )
    elif same_fold is False and a.opened and b.opened and a.opened.fold != b.opened.fold:
        out.append(
            f"the final scores are on different sealed folds ({a.opened.fold} and {b.opened.fold}): not comparable "
            "excerpt by excerpt"
        )
    return out


def _same_fold(a: Story, b: Story) -> bool | None:
    """Whether both runs were confirmed on the same excerpts."""
    if not (a.opened and b.opened and a.started and b.started):
        return None
    where = [(s.started.corpus.fingerprint, s.started.model_fingerprint, s.started.neuron) for s in (a, b) if s.started]
    return a.opened.fold == b.opened.fold and where[0] == where[1]


def _flat(config: dict[str, Any], within: str = "") -> dict[str, Any]:
    out: dict[str, Any] = {}
    for key, value in config.items():
        out |= _flat(value, f"{within}{key}.") if isinstance(value, dict) else {f"{within}{key}": value}
    return out


def _versions(a: Story, b: Story) -> list[Pair]:
    if not (a.started and b.started):
        return []
    commit = Pair("commit", a.started.commit, b.started.commit)
    is_known = commit.a is not None and commit.b is not None
    return [*_differing(a.started.versions, b.started.versions), *([commit] if is_known and commit.differs else [])]


def _differing(a: dict[str, Any], b: dict[str, Any]) -> list[Pair]:
    pairs = [Pair(name, a.get(name), b.get(name)) for name in dict.fromkeys([*a, *b])]
    return [pair for pair in pairs if pair.differs]


def _scores(a: Story, b: Story) -> list[Pair]:
    def of(story: Story) -> dict[str, Any]:
        result = story.result
        gains = {
            f"gain over {name.replace('_', '-')}": gain for name, gain in (result.gains or Gains()).by_name().items()
        }
        found = result.baselines.by_name() if result.baselines else {}
        baselines = {name.replace("_", "-"): score for name, score in found.items()}
        top = {"score": result.score, "development": result.development_score}
        return {name: score for name, score in (top | baselines | gains).items() if score is not None}

    one, other = of(a), of(b)
    return [Pair(name, one.get(name), other.get(name)) for name in dict.fromkeys([*one, *other])]


def _rivals(a: Story, b: Story) -> tuple[list[RivalPair], list[HypothesisProposed], list[HypothesisProposed]]:
    one, other = ({h.sentence: h for h in story.hypotheses.values()} for story in (a, b))
    both = [
        RivalPair(
            sentence,
            mine,
            other[sentence],
            Pair("belief", a.beliefs.get(mine.hypothesis), b.beliefs.get(other[sentence].hypothesis)),
            Pair(
                "development",
                a.scores.get((mine.hypothesis, "development")),
                b.scores.get((other[sentence].hypothesis, "development")),
            ),
        )
        for sentence, mine in one.items()
        if sentence in other
    ]
    return (
        both,
        [h for sentence, h in one.items() if sentence not in other],
        [h for sentence, h in other.items() if sentence not in one],
    )


def _readings(a: Story, b: Story) -> list[SharedReading]:
    def of(story: Story) -> dict[tuple[str, int | None], Trial]:
        found: dict[tuple[str, int | None], Trial] = {}
        for this in story.rounds.values():
            for trial in this.experiments.values():
                if trial.value is not None:
                    found.setdefault(_place(trial), trial)
        return found

    one, other = of(a), of(b)
    return [SharedReading(trial, other[place]) for place, trial in one.items() if place in other]


def _place(trial: Trial) -> tuple[str, int | None]:
    """The text, and the character at which the scored token ends: independent of the tokenizer."""
    at = trial.experiment.position
    return trial.experiment.text, None if at is None else len("".join(trial.experiment.tokens[: at + 1]))


def _cost(a: Story, b: Story) -> list[Pair]:
    def of(story: Story) -> dict[str, Any]:
        llm = [call for event in story.calls for call in event.llm]
        return {
            "budget used": story.budget_used,
            "tool calls": len(story.calls),
            "texts": sum(call.texts for call in story.calls),
            "subject tokens": sum(call.subject_tokens for call in story.calls),
            "seconds in tools": round(sum(call.seconds for call in story.calls), 1),
            "seconds": story.result.seconds,
            "LLM calls": len(llm),
            "LLM tokens": sum(call.input_tokens + call.output_tokens for call in llm),
            "US dollars": story.result.cost.usd if story.result.cost else None,
        }

    one, other = of(a), of(b)
    return [Pair(name, one[name], other[name]) for name in one]


def _events(a: Story, b: Story) -> EventComparison | None:
    try:
        return compared(load_trace(a.path).events, load_trace(b.path).events)
    except StorageError:
        return None
