"""Experiments on classes of words: finds rivals that name a class that is too wide."""

from __future__ import annotations

from collections.abc import Sequence

from agent.graph.state import REFERENCES, Investigation
from tools.embedded import EmbeddedReader
from tools.readable.generalisation import Generalisation
from tools.records.hypothesis import Hypothesis
from traces.events.kinds import Decided


def too_wide(run: Investigation) -> list[str]:
    """Sentences that name a class whose unseen members were silent and that nobody has changed yet."""
    found = _generalisation(run)
    if found is None:
        return []
    rivals = [h.sentence for h in run.competing() if h.name not in REFERENCES and h.sentence not in run.narrowed]
    return [sentence for sentence in rivals if found.is_too_wide(sentence)]


def tell_changes(run: Investigation, proposals: Sequence[Hypothesis], round_: int) -> None:
    """Put on record how the classes of a rival were narrowed or widened in those that were made from it, new or not,
    with what experiments on unseen members had said."""
    found, simulator = _generalisation(run), run.study.simulations.simulator
    if found is None or not isinstance(simulator, EmbeddedReader):
        return
    reader = simulator.lexical
    names = {h.sentence: h.name for h in run.hypotheses.values()}
    for both in ((parent, one.sentence) for one in proposals for parent in one.parents):
        if (
            both[1] in run.narrowed.get(both[0], [])
            or both[0] == both[1]
            or not all(one in names and reader.understands(one) for one in both)
        ):
            continue
        run.narrowed.setdefault(both[0], []).append(both[1])
        parent, child = map(reader.language.parse, both)
        for change in found.changes(names[both[0]], parent, child):
            name = names[both[1]]
            run.trace.emit(Decided(action=change.action, reason=change.reason, hypothesis=name, round=round_))


def _generalisation(run: Investigation) -> Generalisation | None:
    study = run.study
    if not isinstance(study.simulations.simulator, EmbeddedReader):
        return None
    return Generalisation(study.simulations.simulator.lexical, run.log.revealed, study.evidence.explore.excerpts.tokens)
