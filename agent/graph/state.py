"""The graph's state, the context that its nodes work with, and one node's work on both.

The state is what LangGraph means by it: typed, small, and safe to write into a checkpoint. A node works on a copy of it
(`Investigation.at`) and returns what it changed (`Investigation.update`). What is heavy or alive, such as the model,
the evidence, the tools and the trace, is the context. What a node does follows from the state alone: run again with the
same state in another context of the same run, it returns the same update.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

from agent.graph import belief
from agent.graph.policy import Contender, leader, weights
from agent.graph.steering import Pauses
from agent.graph.verdict import tests_by_kind
from agent.setup.config import RunConfig
from agent.setup.sealed_folds import CountedOpenings, SealedFolds
from tools.catalogue.experiments import Designed, Member
from tools.catalogue.predictor import FoundPredictor
from tools.catalogue.scores import DevelopmentScore
from tools.catalogue.thinking import Turn
from tools.llm.chat import FunctionCall, Message
from tools.llm.meter import LOOP_SHARE
from tools.records.costs import SilentExplainer
from tools.records.gated import AlwaysOn, OtherSide
from tools.records.hypothesis import Hypothesis, TrackRecord, WrittenText
from tools.records.predictions import Registered
from tools.records.result import Interval, Result, ScoreValue, StopReason, Unscored
from tools.roles import AsksAnLLM, Revealed
from tools.scoring.claim_sampling import Claimant
from tools.study.experiment_log import ExperimentLog
from tools.study.study import Study
from tools.toolbox import Recorder, Tool, Toolbox
from traces.events.kinds import Decided, HypothesisProposed, Scored
from traces.events.store import TraceWriter

BASE_RATE = "base-rate"
LOOKUP = "token-lookup-30"
REFERENCES = (BASE_RATE, LOOKUP)
"""Baselines that every run simulates and shows beside its rivals; they never win."""

PERSON = "person"
"""The origin of what somebody added while the run was paused."""


@dataclass(frozen=True)
class Lead:
    """Who led when so many units were used."""

    used: int
    hypothesis: str


@dataclass
class LoopState:
    """Where an investigation is; nodes return updates of it, and a checkpoint of it can be written and read again.

    Attributes:
        round: rounds begun.
        stop: why the loop stops, once that is known.
        budget_used: units that were charged so far.
        added: units that a person has allowed beyond the budget of the settings.
        n_calls: tool calls so far; a call draws from a generator that knows its number.
        seconds: that they took, as recorded.
        llm_share: the share (0 to 1) of the limits on tokens and US dollars that may be spent by now.
        theta: the raw value above which the neuron fires, as it stands in the trace.
        always_on: of a neuron that is nearly always on.
        other_side: of a gated neuron, what its other side does.
        hypotheses: by name, in the order in which they entered.
        beliefs: of those that compete.
        predictor: the best machine-readable rule, for reference; None before it was looked for.
        bests: the best hypothesis after each scoring, the first one before any round.
        leaders: whenever the lead may have changed.
        gain: paired development gain of the best over what was best `patience` rounds ago.
        log: the experiments so far: texts that were predicted, read, or looked at.
        claimants: sentences by whose claims some excerpts are drawn, where simulating costs something.
        part_read: sentences in free words that the LLM simulates on the first development excerpts alone; see
            `tools.study.simulations.Simulations`.
        designed: the experiments of this round.
        before: for each rival of this round, what it says of its experiments' texts as they were before the change.
        by_order: of those experiments, which are scored by the order of what was read before and after the change.
        narrowed: by explanation, its changed versions that the trace already reports.
        separated: hypotheses of which each meaning has entered as a rival.
        tested: by leader, how many tests of each missing kind it had when the last extra round of tests began.
        test_rounds: rounds spent on nothing but tests.
        unwritten: by explainer, why it wrote nothing, once for each such request.
        wrote: explainers that ever wrote something.
        twins: the lexical twin of each sentence in free words; None where it has none.
        unread: explanations in free text that the LLM has not simulated yet; their lexical twins stand in for them.
        over_twins: the largest amount (in correlation) by which a simulation by the LLM has beaten its twin so far; at
            least 0.
        conversation: with the LLM, where it picks the tools.
        turns: it has had so many.
        silent_turns: its turns in a row without a call that could be made.
        turn: what it said last.
        finished: why it is done, once it has said so.
        pauses: places passed at which a person may step in.
        acted: what a person has done at this one.
        answer: what came of the last of it, for them to read; empty outside a pause.
        untold: what a person did of which the LLM that picks the tools was not told yet.
        result: at the end.
    """

    round: int = 0
    stop: StopReason | None = None
    budget_used: int = 0
    added: int = 0
    n_calls: int = 0
    seconds: float = 0.0
    llm_share: float = LOOP_SHARE
    theta: float = 0.0
    always_on: AlwaysOn | None = None
    other_side: OtherSide | None = None
    hypotheses: dict[str, Hypothesis] = field(default_factory=dict)
    beliefs: dict[str, float] = field(default_factory=dict)
    predictor: FoundPredictor | None = None
    bests: list[str] = field(default_factory=list)
    leaders: list[Lead] = field(default_factory=list)
    gain: Interval | None = None
    log: ExperimentLog = field(default_factory=ExperimentLog)
    claimants: tuple[Claimant, ...] = ()
    part_read: dict[str, str | None] = field(default_factory=dict)
    designed: Designed | None = None
    before: list[list[float | None]] = field(default_factory=list)
    by_order: list[bool] = field(default_factory=list)
    narrowed: dict[str, list[str]] = field(default_factory=dict)
    separated: set[str] = field(default_factory=set)
    tested: dict[str, dict[str, int]] = field(default_factory=dict)
    test_rounds: int = 0
    unwritten: dict[str, list[str]] = field(default_factory=dict)
    wrote: set[str] = field(default_factory=set)
    twins: dict[str, str | None] = field(default_factory=dict)
    unread: set[str] = field(default_factory=set)
    over_twins: float = 0.0
    conversation: list[Message] = field(default_factory=list)
    turns: int = 0
    silent_turns: int = 0
    turn: Turn | None = None
    finished: str | None = None
    pauses: int = 0
    acted: int = 0
    answer: str = ""
    untold: list[str] = field(default_factory=list)
    result: Result | None = None

    def __post_init__(self) -> None:
        self.claimants = tuple(self.claimants)  # a checkpoint gives lists back


STORED = (
    Hypothesis, TrackRecord, Lead, FoundPredictor, Designed, Interval, ScoreValue, Unscored, Registered, Turn, Result,
    AlwaysOn, OtherSide, ExperimentLog, Revealed, WrittenText, Claimant, Message, FunctionCall,
)  # fmt: skip
"""Types of our own that a checkpoint of the state holds."""


@dataclass(frozen=True)
class Context:
    """What the nodes of one run on one neuron work with; no node learns from it what another one did.

    Four things in it change all the same. `trace` and `recorder` keep what happened. The account of `study.meters`
    keeps what LLMs have cost: money that is spent stays spent, whatever becomes of a state. `openings` keeps which
    openings of sealed folds are counted. And what tools know of the run so far lies on the `study`, where each node
    puts it from its copy of the state before it calls any; see `Investigation.at`. The rest are caches.

    Attributes:
        run_id: names the run.
        config: its settings.
        study: the neuron.
        openings: lets the study open a sealed fold once its opening is counted.
        tools: what can be done to the neuron.
        recorder: keeps the calls of tools.
        trace: where events go.
        folds: says which sealed fold to open, and what an earlier run found.
        trace_name: what the result calls the trace.
        steering: where a person steps in.
    """

    run_id: str
    config: RunConfig
    study: Study
    openings: CountedOpenings
    tools: Sequence[Tool[Any, Any]]
    recorder: Recorder
    trace: TraceWriter
    folds: SealedFolds
    trace_name: str
    steering: Pauses = field(default_factory=Pauses)


_FIELDS = tuple(one.name for one in fields(LoopState))


@dataclass
class Investigation(LoopState):
    """One node's work: a copy of the state that it may change, what the context holds, and a toolbox."""

    context: Context = field(kw_only=True)
    start: LoopState = field(kw_only=True)
    toolbox: Toolbox = field(init=False)

    run_id: str = field(init=False)
    config: RunConfig = field(init=False)
    study: Study = field(init=False)
    openings: CountedOpenings = field(init=False)
    tools: Sequence[Tool[Any, Any]] = field(init=False)
    recorder: Recorder = field(init=False)
    trace: TraceWriter = field(init=False)
    folds: SealedFolds = field(init=False)
    trace_name: str = field(init=False)
    steering: Pauses = field(init=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        for one in fields(Context):
            setattr(self, one.name, getattr(self.context, one.name))
        config, study = self.config, self.study
        self.toolbox = Toolbox(self.tools, self.recorder, config.seed, self.limit, config.max_seconds, study.meters)
        self.toolbox.used, self.toolbox.n_calls, self.toolbox.seconds = self.budget_used, self.n_calls, self.seconds
        study.log, study.conversation = self.log, self.conversation
        study.simulations.claimants, study.simulations.part_read = self.claimants, self.part_read
        self.may_spend(self.llm_share)

    @property
    def limit(self) -> int:
        """Units that may be used, with what a person has added."""
        return self.config.budget + self.added

    def allow(self, units: int) -> None:
        """Let so many units more be used."""
        self.added += units
        self.toolbox.limit = self.limit

    def may_spend(self, share: float) -> None:
        """From here on, allow LLM calls this share (0 to 1) of the limits on tokens and US dollars."""
        self.llm_share = share
        if self.study.meters is not None:
            self.study.meters.account.share = share

    @classmethod
    def at(cls, state: LoopState, context: Context) -> Investigation:
        """Work that begins with `state`, which stays as it is. Tools know of the run so far what is in its copy."""
        return cls(context=context, start=state, **{name: _copied(getattr(state, name)) for name in _FIELDS})

    def update(self, **more: Any) -> dict[str, Any]:
        """What is no longer as it was in the state; `more` is set first."""
        for name, value in more.items():
            setattr(self, name, value)
        self.budget_used, self.n_calls, self.seconds = self.toolbox.used, self.toolbox.n_calls, self.toolbox.seconds
        self.claimants = self.study.simulations.claimants
        return {name: getattr(self, name) for name in _FIELDS if getattr(self, name) != getattr(self.start, name)}

    def enter(self, written: Sequence[Hypothesis], round_: int) -> list[Hypothesis]:
        """Let hypotheses compete under names of their own; sentences that are known already are passed over."""
        known = {h.sentence: h.name for h in self.hypotheses.values()}
        new = []
        for one in written:
            if one.sentence in known:
                continue
            n = sum(h.name.startswith("H") for h in self.hypotheses.values()) + 1
            name = one.form if one.form in REFERENCES else f"H{n}"
            hypothesis = replace(one, name=name, status="competing", texts=(), record=TrackRecord())
            known[one.sentence] = name
            parent = self.bests[-1] if self.bests and one.origin == "revised" else None
            parent = known.get(one.parents[0], parent) if one.parents else parent
            self.hypotheses[hypothesis.name] = hypothesis
            new.append(hypothesis)
            self.trace.emit(
                HypothesisProposed(
                    hypothesis=name, form=one.form, sentence=one.sentence, words=len(one.sentence.split()),
                    parent=parent, round=round_, origin=one.origin,
                )
            )  # fmt: skip
        self.beliefs = belief.joined(self.beliefs, [h.name for h in new])
        return new

    def drop(self, name: str, reason: str, round_: int, fate: str = "") -> None:
        """Let a hypothesis compete no more; `fate` is the reason in words that quote no text, where `reason` does."""
        self.unread.discard(name)
        self.hypotheses[name].status = "dropped"
        self.hypotheses[name].fate = f"dropped: {fate or reason}"
        self.beliefs = belief.without(self.beliefs, name)
        self.trace.emit(Decided(action="drop", reason=reason, hypothesis=name, round=round_))

    def merge(self, gone: str, kept: str, round_: int) -> None:
        """Two rivals that say the same become one."""
        self.unread.discard(gone)
        self.hypotheses[gone].status = "merged"
        self.hypotheses[gone].fate = f"merged: it says the same as “{self.hypotheses[kept].sentence}”"
        self.beliefs = belief.merged(self.beliefs, gone, kept)
        reason = f"it says the same as {kept} on development text, and {kept} is believed more or says it better"
        self.trace.emit(Decided(action="merge", reason=reason, hypothesis=gone, round=round_))

    def member(self, hypothesis: Hypothesis, predicts_as: Hypothesis | None = None) -> Member:
        """A hypothesis as the design of experiments sees it; `predicts_as` makes its predictions, if that is another
        one."""
        by = predicts_as or hypothesis
        return Member(sentence=by.sentence, belief=self.beliefs[hypothesis.name], table=by.table)

    def predicts_as(self, hypothesis: Hypothesis) -> Hypothesis:
        """Who says what a hypothesis predicts of experiments: itself, or the twin that stands in for it."""
        twin = self.hypotheses.get(hypothesis.stand_in)
        return twin if twin is not None and twin.table else hypothesis

    def scored_as(self, hypothesis: Hypothesis) -> Hypothesis:
        """Whose scores are a hypothesis's: its own, or its twin's while no LLM has read it."""
        return self.hypotheses.get(hypothesis.stand_in, hypothesis) if hypothesis.name in self.unread else hypothesis

    def silent(self) -> list[SilentExplainer]:
        """Explainers that were asked and never wrote anything: how often that was, and why not the last time."""
        return [
            SilentExplainer(explainer=name, times=len(reasons), reason=reasons[-1])
            for name, reasons in self.unwritten.items()
            if name not in self.wrote
        ]

    def competing(self) -> list[Hypothesis]:
        """Those still believed in, in order of entry."""
        return [self.hypotheses[name] for name in self.beliefs]

    def take_scores(self, hypotheses: list[Hypothesis], scored: list[DevelopmentScore]) -> None:
        """Note development scores and calibrations."""
        for hypothesis, entry in zip(hypotheses, scored, strict=True):
            hypothesis.score, hypothesis.table, hypothesis.merit = entry.score, entry.table, entry.merit

    def tell_score(self, hypothesis: Hypothesis, round_: int) -> None:
        """Put a development score on record."""
        self.trace.emit(
            Scored(
                hypothesis=hypothesis.name,
                split="development",
                protocol=getattr(hypothesis.score, "protocol", ""),
                score=hypothesis.score.model_dump(mode="json"),
                round=round_,
            )
        )

    def best(self) -> Hypothesis:
        """The leader among rivals; see `agent.graph.policy.weights`. Base rate when none of them can lead yet."""
        name = leader(self.contenders())
        return self.hypotheses[name if name is not None else BASE_RATE]

    def contenders(self) -> dict[str, Contender]:
        """The rivals that can win, in order of entry, with their beliefs and scores. Baselines and rivals that could
        not be simulated are left out."""
        return {
            h.name: Contender(
                self.beliefs[h.name],
                h.merit,
                h.score.n_excerpts if isinstance(h.score, ScoreValue) else 0,
                tests_by_kind(h)["predicted positive"].passed > 0,
            )
            for h in self.competing()
            if h.table and h.name not in REFERENCES
        }

    def note_leader(self) -> Hypothesis:
        """The leader, noted beside the budget used so far: as its twin, while nobody has read it."""
        best = self.best()
        self.leaders.append(Lead(self.toolbox.used, self.scored_as(best).name))
        return best

    def ranked(self) -> list[Hypothesis]:
        """Those that may win, the one that is worth most first; see `agent.graph.policy.weights`."""
        worth = weights(self.contenders())
        return [self.hypotheses[name] for name in sorted(worth, key=lambda name: -worth[name])]

    def null_tries(self, winner: Hypothesis) -> dict[str, int]:
        """How many explanations of other neurons the matched null has of each explainer.

        Where the lexical reader understands the winner, all of them are rules: as many as there were candidates, by an
        explainer whose sentences the same reader reads. Explanations by an LLM would cost calls to write and to
        simulate, and two different readers would be compared. They are rules too where only finalists were read:
        candidates were chosen by their lexical twins.
        """
        tries = self.n_candidates()
        rules = [one.name for one in self.study.explainers if one.has_null and not isinstance(one, AsksAnLLM)]
        by_rules = self.config.reads == "finalists" or self.study.simulations.is_exact(winner.sentence)
        if rules and by_rules:
            return {rules[0]: sum(tries.values())}
        return tries

    def n_candidates(self) -> dict[str, int]:
        """How many candidates of each explainer this run has scored: what a matched null must match.

        What nobody here wrote counts for the explainer that the run was told to use.
        """
        own = self.study.explainer.name
        scored = [h for h in self.hypotheses.values() if h.name.startswith("H") and h.merit is not None]
        counts = Counter(h.by or own for h in scored)
        return dict(counts) or {own: 1}


def _copied(value: Any) -> Any:
    """A copy as deep as anything can be changed: what is frozen is shared."""
    if isinstance(value, dict):
        return {key: _copied(item) for key, item in value.items()}
    if isinstance(value, (list, set)):
        return type(value)(_copied(item) for item in value)
    if isinstance(value, Hypothesis | TrackRecord | ExperimentLog):
        return replace(value, **{one.name: _copied(getattr(value, one.name)) for one in fields(value)})
    return value
