"""The node `judge`: merges and drops rivals, and decides whether to go on, by `agent.graph.policy`."""

from __future__ import annotations

from typing import Literal

from langgraph.runtime import Runtime
from langgraph.types import Command

from agent.graph import policy
from agent.graph.nodes.meanings import is_split, meanings_of, n_own_tests
from agent.graph.nodes.propose import score
from agent.graph.state import BASE_RATE, REFERENCES, Context, Investigation, LoopState
from agent.graph.verdict import is_refuting, tests_by_kind, untested
from agent.setup.config import ROUND_COST, TEST_COST
from tools.catalogue.meanings import Agreement, Agreements
from tools.records.coverage import FoundMeaning
from tools.records.hypothesis import Hypothesis
from tools.rules.language import n_words
from traces.events.kinds import Decided, Stage

SPLIT_COST = TEST_COST + 1
"""Units to let each meaning compete for itself: score, design, read."""

MOST_TEST_ROUNDS = 4


def judge(
    state: LoopState, runtime: Runtime[Context]
) -> Command[Literal["before_experiments", "refine", "before_confirm"]]:
    """Merge what says the same, drop what is refuted, then stop or go on; a winner is tested before the end."""
    run, round_ = Investigation.at(state, runtime.context), state.round
    run.trace.emit(Stage(stage="judge", round=round_))
    _merge(run, round_)
    scores = {h.name: h.score for h in run.competing()}
    untried = frozenset(h.name for h in run.competing() if not h.record.chosen)
    # A weak twin is no reason to drop what nobody has read: that may say more than the words it was found by.
    read = {name: one for name, one in run.contenders().items() if name not in run.unread}
    for name, reason in policy.to_drop(read, scores, untried):
        run.drop(name, reason, round_, reason.partition(":")[0])  # what follows may quote text
    best = run.note_leader()
    refuted = any(map(is_refuting, tests_by_kind(best).values()))
    standing = policy.Standing(
        best.score, run.gain, round_, run.config.patience, run.config.max_rounds, run.toolbox.left,
        ROUND_COST + TEST_COST, refuted,
    )  # fmt: skip
    if run.stop == "perfect" and refuted and run.toolbox.left >= ROUND_COST:
        reason = f"{best.name} fits development text and failed its tests"
        run.trace.emit(Decided(action="refine", reason=reason, hypothesis=best.name, round=round_))
        return Command(goto="refine", update=run.update(stop=None))
    stop = run.stop
    if stop is None:
        decided = policy.should_stop(standing)
        if decided is None:
            reason = f"{best.name} leads on development text; another round may tell rivals apart"
            run.trace.emit(Decided(action="refine", reason=reason, hypothesis=best.name, round=round_))
            return Command(goto="before_experiments", update=run.update(round=round_ + 1))
        stop, said = decided
        run.trace.emit(Decided(action="stop", reason=f"{stop}: {said}", hypothesis=best.name, round=round_))
    if stop != "rounds" and _test_again(run, best, round_):
        return Command(goto="before_experiments", update=run.update(stop=stop, round=round_ + 1))
    return Command(goto="before_confirm", update=run.update(stop=stop))


def _merge(run: Investigation, round_: int) -> None:
    rivals = [h for h in run.competing() if h.name not in REFERENCES and run.study.simulations.is_exact(h.sentence)]
    if len(rivals) < 2:
        return
    found: Agreements = run.toolbox.call("agreement", Agreement(sentences=[h.sentence for h in rivals]))
    pairs = [(rivals[pair.first].name, rivals[pair.second].name) for pair in found.pairs]
    scores = {h.name: h.score for h in rivals}
    words = {h.name: n_words(h.sentence) for h in rivals}
    for gone, kept in policy.to_merge(pairs, scores, run.beliefs, words):
        run.merge(gone, kept, round_)


def _test_again(run: Investigation, best: Hypothesis, round_: int) -> bool:
    """Whether another round is worth its cost, though nothing is written any more: what the winner says, or one of the
    meanings it seems to have, was hardly put to the test yet, and the last such round brought tests."""
    if best.name == BASE_RATE or run.toolbox.left < TEST_COST or run.test_rounds >= MOST_TEST_ROUNDS:
        return False
    tests = tests_by_kind(best)
    kinds = untested(tests)
    found = meanings_of(run, best)
    unsure = len(found) > 1 and not is_split(found)
    if unsure and best.name not in run.separated and run.config.revision and run.toolbox.left >= SPLIT_COST:
        _separate(run, best, found, round_)
    elif not kinds and not unsure:
        return False
    counts = {kind: tests[kind].passed + tests[kind].failed for kind in kinds} | (
        {"own": n_own_tests(found)} if unsure else {}
    )
    before = run.tested.get(best.name)
    if before is not None and all(n <= before.get(what, -1) for what, n in counts.items()):
        return False
    run.tested[best.name] = counts
    run.test_rounds += 1
    return True


def _separate(run: Investigation, best: Hypothesis, found: list[FoundMeaning], round_: int) -> None:
    """Each meaning of the leader enters as a rival that knows of no other, so that experiments tell them apart."""
    run.separated.add(best.name)
    shares = ", ".join(f"{meaning.share:.0%}" for meaning in found)
    reason = f"it seems to have {len(found)} unrelated meanings ({shares} of the firing); each competes for itself"
    run.trace.emit(Decided(action="split", reason=reason, hypothesis=best.name, round=round_))
    form = f"one meaning of {best.name}"
    told = [m.sentence for m in found if run.study.why_not(m.sentence) is None]
    new = run.enter([Hypothesis(form, sentence, by=best.by, origin="split") for sentence in told], round_)
    score(run, new, round_, None)
