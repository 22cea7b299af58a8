"""Lexical twins: exact rules that approximate explanations in free text.

A twin competes by itself, at no cost. The LLM simulates an explanation on development text unless its twin is clearly
below the leader there; and if simulation and twin agree, the twin makes the explanation's predictions of experiments.
Where only finalists are read, the twin stands for the explanation in all of this until the loop is over.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from agent.graph import belief, policy
from agent.graph.state import PERSON, REFERENCES, Investigation
from agent.setup.config import MOST_FINALISTS
from tools.catalogue.scores import AGREES, DevelopmentScore, Score, Scores
from tools.catalogue.twins import FindTwins, FoundTwins, InFreeWords
from tools.readable import explainer as rules
from tools.records.hypothesis import NOT_READ, Hypothesis, TrackRecord
from tools.records.result import ScoreValue
from tools.scoring.claim_sampling import Claimant
from traces.events.kinds import Note

_ASKED_FOR = ("user", PERSON)
"""Origins of sentences that a person entered, before the run or while it was paused."""

COVERS = 0.5
"""Share of the words that a sentence's author names on which its twin must hold: else it speaks of something else, and
only competes. Where finalists alone are read, any twin is better than none."""


def with_twins(run: Investigation, written: Sequence[Hypothesis]) -> list[Hypothesis]:
    """What was written, and the twins of those in free words that are new."""
    known = {h.sentence for h in run.hypotheses.values()} | set(run.twins)
    study = run.study
    writer = study.twin_writer
    new = [] if writer is None else [
        one for one in written if one.by == study.explainer.name and one.sentence not in known
        and not study.simulations.is_exact(one.sentence)
    ]  # fmt: skip
    if writer is None or not new:
        return list(written)
    wanted = FindTwins(sentences=[InFreeWords(sentence=one.sentence, words=list(one.words)) for one in new])
    found: FoundTwins = run.toolbox.call("find_twins", wanted)
    enough = 0.0 if run.config.reads == "finalists" else COVERS
    run.twins |= {
        one.sentence: twin if twin is not None and writer.covers(twin, one.words) >= enough else None
        for one, twin in zip(new, found.twins, strict=True)
    }
    return [
        *written,
        *(
            Hypothesis("lexical twin", twin, by=rules.NAME, parents=(one.sentence,), origin="twin")
            for one, twin in zip(new, found.twins, strict=True)
            if twin is not None
        ),
    ]


def put_off(run: Investigation, new: Sequence[Hypothesis]) -> tuple[list[Hypothesis], list[Hypothesis]]:
    """Split newcomers into those to score now, and those that the LLM simulates only if they become finalists."""
    if run.config.reads != "finalists":
        return list(new), []
    is_exact = run.study.simulations.is_exact
    later = [h for h in new if h.origin not in _ASKED_FOR and not is_exact(h.sentence)]
    return [h for h in new if h not in later], later


def stand_in_for_unread(run: Investigation, unread: Sequence[Hypothesis]) -> None:
    """Give postponed explanations the scores and predictions of their twins; one without a twin waits without any."""
    by_sentence = {h.sentence: h for h in run.hypotheses.values()}
    for h in unread:
        run.unread.add(h.name)
        twin = by_sentence.get(run.twins.get(h.sentence) or "")
        if twin is not None:
            h.stand_in, h.table, h.merit, h.score = twin.name, twin.table, twin.merit, twin.score


def read_finalists(run: Investigation) -> None:
    """Simulate the finalists among the postponed explanations with the LLM. The others cannot win.

    This ignores how far their twins are behind, because an explanation may score much higher than the rule made of its
    words. If simulation and twin disagree, the twin's predictions do not count for the explanation: its record is
    emptied, and its belief is a newcomer's.
    """
    read = _finalists(run)
    for name in run.unread:
        run.hypotheses[name].score, run.hypotheses[name].table = NOT_READ, []
    run.unread = set()
    if not read:
        return
    run.study.simulations.claimants = tuple(Claimant(h.sentence, h.words) for h in read)
    sentences = [h.sentence for h in read]
    wanted = Score(
        sentences=sentences, new=sentences, leading=[run.best().sentence], none_read=True,
        twins={sentence: run.twins.get(sentence) for sentence in sentences},
    )  # fmt: skip
    scores: Scores = run.toolbox.call("score_finalists", wanted)
    run.take_scores(read, scores.scores)
    for h, entry in zip(read, scores.scores, strict=True):
        run.tell_score(h, run.round)
        if entry.agreement is None or entry.agreement < AGREES:
            if h.stand_in:
                said = f"what {h.stand_in} predicted of experiments is no test of {h.name}"
                run.trace.emit(Note(message=f"{said}: they do not say the same on development text."))
            h.stand_in, h.record = "", TrackRecord()
            run.beliefs = belief.joined(belief.without(run.beliefs, h.name), [h.name])
    compare_twins(run, {entry.sentence: entry for entry in scores.scores}, run.round)


def _finalists(run: Investigation) -> list[Hypothesis]:
    """The best explanation of each twin, then those without a twin (the newest first), then the others."""
    ranked = [h for h in run.ranked() if h.name in run.unread]
    best: dict[str, Hypothesis] = {}
    others = [h for h in ranked if best.setdefault(h.stand_in, h) is not h]
    without = [h for h in reversed(run.competing()) if h.name in run.unread and not h.table]
    return [*best.values(), *without, *others][:MOST_FINALISTS]


def to_score(
    run: Investigation, new: Sequence[Hypothesis], hypotheses: Sequence[Hypothesis], since: str | None
) -> Score:
    """What to score, with what is known by twins of those that nobody has read yet."""
    read = [
        h for h in run.hypotheses.values()
        if h.sentence in run.twins and h.merit is not None and h.name not in run.unread
    ]  # fmt: skip
    unread = {h.sentence: run.twins[h.sentence] for h in new if h.sentence in run.twins}
    # Of those that an LLM reads the leader alone, which is read with the newcomers: others would be read for nothing.
    is_exact = run.study.simulations.is_exact
    leading = [
        h.sentence for h in run.competing()
        if h.name not in REFERENCES and (is_exact(h.sentence) or (h in hypotheses and h.merit is not None))
    ]  # fmt: skip
    # A person, or an LLM that picks the tools, is told the whole score of what they entered.
    races = run.config.policy != "react"
    costly = [h.sentence for h in new if races and h.origin not in _ASKED_FOR and not is_exact(h.sentence)]
    return Score(
        sentences=[h.sentence for h in hypotheses],
        reference=since,
        twins=unread,
        leading=leading if costly else [],
        merits={
            h.sentence: h.merit
            for h in run.competing()
            if costly and h.sentence in leading and h.merit is not None and not is_exact(h.sentence)
        },
        over_twins=max(run.over_twins, 0.0),
        none_read=not read,
        new=costly,
    )


def compare_twins(run: Investigation, entries: Mapping[str, DevelopmentScore], round_: int) -> None:
    """Record how simulations agree with twins, and drop explanations that were not worth simulating."""
    names = {h.sentence: h.name for h in run.hypotheses.values()}
    for sentence, entry in entries.items():
        h = run.hypotheses[names[sentence]]
        twin = names.get(run.twins.get(sentence) or "")
        if entry.behind is not None:
            run.drop(h.name, _why_behind(entry, names[entry.behind], twin), round_, _fate_behind(entry))
        _note_part_read(run, entry)
        if entry.over_twin is not None:
            run.over_twins = max(run.over_twins, entry.over_twin)
        if twin is not None and entry.agreement is not None and entry.agreement >= AGREES:
            h.stand_in = twin
            agree = f"on development text both say nearly the same ({entry.agreement:.2f})"
            run.trace.emit(Note(message=f"{twin} says for {h.name} what it predicts of experiments: {agree}."))


def _note_part_read(run: Investigation, entry: DevelopmentScore) -> None:
    """What the tool that scored it noted, if it was not served from a trace."""
    twin = run.twins.get(entry.sentence)
    agrees = entry.agreement is not None and entry.agreement >= AGREES
    if entry.part_read:
        run.part_read[entry.sentence] = twin if agrees else None
    else:
        run.part_read.pop(entry.sentence, None)


def _why_behind(entry: DevelopmentScore, best: str, twin: str | None) -> str:
    if isinstance(entry.score, ScoreValue):
        return f"it is clearly below {best} on the {entry.score.n_excerpts} excerpts of development text read of it"
    return f"its lexical twin {twin} is clearly below {best} on development text, so it was not read"


def _fate_behind(entry: DevelopmentScore) -> str:
    """The same for who knows rivals by their sentences, and none by its name in the trace."""
    if isinstance(entry.score, ScoreValue):
        return f"clearly below the leader on the {entry.score.n_excerpts} excerpts read of it"
    return "a rule of the words that it speaks of is clearly below the leader, so it was not read"


def who_predicts(run: Investigation, rivals: Sequence[Hypothesis]) -> list[Hypothesis | None]:
    """For each rival who says what it predicts of experiments: itself or its twin; None where an LLM would have to be
    asked and the answer could hardly change who wins."""
    readers = [run.predicts_as(h) for h in rivals]
    costly = {h.name for h, by in zip(rivals, readers, strict=True) if not run.study.simulations.is_exact(by.sentence)}
    asked = policy.worth_asking(run.contenders(), costly) | {run.best().name}
    return [by if h.name not in costly or h.name in asked else None for h, by in zip(rivals, readers, strict=True)]
