"""The nodes `propose` and `refine`: rivals are written first from text, later in the light of experiments."""

from __future__ import annotations

from dataclasses import replace
from math import inf
from typing import Any, Literal

from langgraph.runtime import Runtime
from langgraph.types import Command

from agent.graph import policy
from agent.graph.nodes.generalise import tell_changes, too_wide
from agent.graph.nodes.twins import compare_twins, put_off, stand_in_for_unread, to_score, with_twins
from agent.graph.state import BASE_RATE, LOOKUP, REFERENCES, Context, Investigation, LoopState
from agent.setup.config import TEST_COST
from tools.catalogue.hypotheses import Lookup, Proposals, Propose, Revise
from tools.catalogue.predictor import FindPredictor
from tools.catalogue.scores import DevelopmentScore, Scores
from tools.errors import BudgetSpent
from tools.records.hypothesis import Hypothesis
from tools.records.result import ScoreValue, Unscored
from tools.roles import NOT_SIMULATED, TriedRival
from tools.rules.clauses import Rule
from tools.rules.language import render
from tools.scoring.claim_sampling import Claimant
from traces.events.kinds import Decided, Note, Stage

_START_COST = 2
_SHOWN, _SHOWN_UNSCORED = 4, 2
_WIDE = 1

_TRIED = 8
"""Rivals besides the best that an LLM is told of: those that it wrote itself last, and then the best."""


def propose(state: LoopState, runtime: Runtime[Context]) -> Command[Literal["before_experiments", "before_confirm"]]:
    """The first rivals, scored on development text."""
    run = Investigation.at(state, runtime.context)
    run.trace.emit(Stage(stage="propose"))
    rivals = starters(run)
    unreadable: list[str] = []
    try:
        if run.toolbox.left >= _START_COST:  # with less, what is written could not be scored
            proposed: Proposals = run.toolbox.call("propose", Propose(n=run.config.n_rivals))
            rivals += [replace(one, origin=one.by) for one in proposed.proposals]
            unreadable = proposed.unreadable
            take_texts(run, proposed)
            rivals = with_twins(run, rivals)
        find_predictor(run, unreadable)
        new = run.enter(rivals, 0)
        score(run, new, 0, None)
    except BudgetSpent as spent:
        if not run.hypotheses:
            run.enter(rivals, 0)
        return _out_of_budget(run, 0, spent)
    if run.config.max_rounds == 0:
        run.trace.emit(Decided(action="stop", reason="rounds: no experiments were asked for"))
        return Command(goto="before_confirm", update=run.update(stop="rounds"))
    stop = policy.should_stop(policy.Standing(run.best().score, None, 0, 1, None, run.toolbox.left, TEST_COST))
    if stop and stop[0] == "perfect":  # nothing is left to write; what it says is put to the test all the same
        run.trace.emit(Decided(action="stop", reason=f"perfect: {stop[1]}", hypothesis=run.best().name))
        return Command(goto="before_experiments", update=run.update(round=1, stop="perfect"))
    return Command(goto="before_experiments", update=run.update(round=1))


def starters(run: Investigation) -> list[Hypothesis]:
    """What stands in every run: base rate and the 30 tokens, for reference, and a user's own sentences."""
    rivals = [Hypothesis(BASE_RATE, render(Rule(())), origin="reference")]
    if run.config.lookup_competes:
        lookup: Proposals = run.toolbox.call("lookup", Lookup())
        rivals += [Hypothesis(LOOKUP, p.sentence, origin="reference") for p in lookup.proposals]
    return rivals + [Hypothesis("own words", sentence, origin="user") for sentence in run.config.rivals]


def find_predictor(run: Investigation, candidates: list[str]) -> None:
    """Learn once what the best rule of any form predicts; it is shown beside the explanation and decides nothing."""
    if run.toolbox.left <= 0:  # not charged, but it takes time, and that may be up
        return
    run.predictor = run.toolbox.call("predictor", FindPredictor(candidates=candidates))


def refine(state: LoopState, runtime: Runtime[Context]) -> Command[Literal["judge", "before_confirm"]]:
    """New hypotheses from explore text and revealed experiments, scored beside the best so far."""
    run, round_ = Investigation.at(state, runtime.context), state.round
    run.trace.emit(Stage(stage="propose", round=round_))
    # Those that experiments favour though they have no score are shown too, or nobody would learn from what they said.
    shown, rest = run.ranked()[:_SHOWN], run.ranked()[_SHOWN:]
    best = [h.sentence for h in [*shown, *[h for h in rest if h.merit is None][:_SHOWN_UNSCORED]]]
    try:
        if run.toolbox.left < _START_COST:
            raise BudgetSpent(f"a revision needs {_START_COST} units and {run.toolbox.left:g} are left")
        new: list[Hypothesis] = []
        if run.config.revision:
            asked = Revise(
                best=best,
                n_revealed=len(run.log.revealed),
                too_wide=too_wide(run)[:_WIDE],
                told=told(run, best) if run.study.writer is not None else [],
                tried=tried(run, best) if run.study.writer is not None else [],
                stand_ins={
                    h.sentence: run.hypotheses[h.stand_in].sentence
                    for h in run.hypotheses.values()
                    if h.sentence in best and h.stand_in in run.hypotheses
                },
            )
            revised: Proposals = run.toolbox.call("revise", asked)
            written = [replace(one, origin="revised") for one in revised.proposals]
            new = run.enter(with_twins(run, written), round_)
            tell_changes(run, revised.proposals, round_)
            take_texts(run, revised)
        score(run, new, round_, run.bests[max(0, len(run.bests) - run.config.patience)])
    except BudgetSpent as spent:
        return _out_of_budget(run, round_, spent)
    return Command(goto="judge", update=run.update())


def told(run: Investigation, best: list[str]) -> list[TriedRival]:
    """The best as an LLM is told of them, with their authors' texts, by their scores; those without one last."""
    shown = [
        _as_told(run, h).model_copy(update={"texts": h.texts}) for h in run.hypotheses.values() if h.sentence in best
    ]
    return sorted(shown, key=lambda one: -inf if one.score is None else one.score, reverse=True)


def tried(run: Investigation, best: list[str]) -> list[TriedRival]:
    """Other rivals and what became of them: what an LLM must not say again, and what it can learn from."""
    own = run.study.explainer.name
    others = [h for h in run.hypotheses.values() if h.sentence not in best and h.name not in REFERENCES]
    entered = {h.name: i for i, h in enumerate(others)}

    def rank(h: Hypothesis) -> tuple[bool, float]:
        return h.by == own, entered[h.name] if h.by == own else (-inf if h.merit is None else h.merit)

    kept = sorted(others, key=rank, reverse=True)[:_TRIED]
    return [_as_told(run, h) for h in others if h in kept]


def _as_told(run: Investigation, h: Hypothesis) -> TriedRival:
    """Without the reason why it has no score, which may quote text that no author may see."""
    if h.name in run.unread:  # its twin's score says little of it
        return TriedRival(sentence=h.sentence, fate=NOT_SIMULATED)
    score = round(h.score.value, 2) if isinstance(h.score, ScoreValue) else None
    return TriedRival(sentence=h.sentence, score=score, fate=h.fate)


def take_texts(run: Investigation, written: Proposals) -> None:
    """Note the texts that hypotheses came with, to be read in a round to come, and what was not written."""
    run.wrote |= {explainer.name for explainer in run.study.explainers} - set(written.unwritten)
    for explainer, reason in written.unwritten.items():
        run.unwritten.setdefault(explainer, []).append(reason)
    run.log.written += [text for proposal in written.proposals for text in proposal.texts]
    none = [f"{explainer} wrote no hypothesis: {reason}" for explainer, reason in written.unwritten.items()]
    for message in [*none, *written.refused]:
        run.trace.emit(Note(message=message, level="warning"))


def score(run: Investigation, new: list[Hypothesis], round_: int, since: str | None) -> dict[str, DevelopmentScore]:
    """Score newcomers on development text, and the best of all against what was best `patience` rounds ago.

    Rivals that had too little evidence for a score are scored again, since newcomers' claims add excerpts. One whose
    simulation costs something is scored again only if the neuron fired in an experiment where it predicted so.

    Returns:
        What was found, by sentence.
    """
    before = run.scored_as(run.best()) if run.bests else None
    new, unread = put_off(run, new)
    hypotheses = [*new, before] if before is not None and before not in new else list(new)
    contenders, is_exact = run.contenders(), run.study.simulations.is_exact
    again = [
        h for h in run.ranked()
        if isinstance(h.score, Unscored) and h.name not in run.unread
        and (contenders[h.name].was_right or is_exact(h.sentence))
    ]  # fmt: skip
    hypotheses += [h for h in again if h not in hypotheses]
    reference = run.scored_as(run.hypotheses[since]).sentence if since is not None else None
    claiming = run.study.simulations.claimants = claimants(run)
    scores: Scores = run.toolbox.call("score", to_score(run, new, hypotheses, reference))
    run.take_scores(hypotheses, scores.scores)
    entries = {entry.sentence: entry for entry in scores.scores}
    for hypothesis in [*new, *(h for h in again if not isinstance(h.score, Unscored))]:
        run.tell_score(hypothesis, round_)
        # What predicts nothing no experiment can speak for or against.
        if not hypothesis.table and entries[hypothesis.sentence].behind is None:
            reason = f"it cannot be simulated: {getattr(hypothesis.score, 'reason', '')}"
            run.drop(hypothesis.name, reason, round_, "too few excerpts could be simulated by it")
    compare_twins(run, entries, round_)
    stand_in_for_unread(run, unread)
    left = {h.sentence for h in run.competing()}
    run.study.simulations.claimants = tuple(one for one in claiming if one.sentence in left)
    best = run.note_leader()
    run.bests.append(best.name)
    entry = entries.get(run.scored_as(best).sentence)
    run.gain = None if entry is None else entry.gain
    return entries


def claimants(run: Investigation) -> tuple[Claimant, ...]:
    """Explanations whose claims select extra excerpts for costly simulations: every one that costs something, and the
    best of the others. Excerpts that only a lesser rule claims tell little about who wins."""
    is_exact = run.study.simulations.is_exact
    free = [h for h in run.ranked() if is_exact(h.sentence)][:1]
    return tuple(
        Claimant(h.sentence, h.words)
        for h in run.competing()
        if h in free or not (is_exact(h.sentence) or h.name in run.unread)
    )


def _out_of_budget(run: Investigation, round_: int, spent: BudgetSpent) -> Command[Any]:
    run.trace.emit(Decided(action="stop", reason=f"budget: {spent}", round=round_))
    return Command(goto="before_confirm", update=run.update(stop="budget"))
