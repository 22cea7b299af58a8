"""The nodes `design` and `measure`: one round of experiments. Rivals predict before the neuron is read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from langgraph.runtime import Runtime
from langgraph.types import Command

from agent.graph import belief
from agent.graph.nodes.twins import who_predicts
from agent.graph.state import Context, Investigation, LoopState
from tools.catalogue.experiments import Design, Designed, Planned, Read, Values
from tools.catalogue.hypotheses import WriteTexts, Written
from tools.catalogue.predictions import Before, Calibrated, Predicted, Unchanged
from tools.errors import BudgetSpent
from tools.experiments.change import changed
from tools.records.hypothesis import Hypothesis, TestKind
from tools.records.predictions import Registered
from tools.records.result import StopReason
from tools.roles import Revealed
from tools.scoring.log_score import MINIMAL_PAIR, order_of
from tools.study.experiment_log import Tokens
from traces.events.experiment import Expectations, PlannedExperiment, TextChange
from traces.events.kinds import (
    BeliefUpdated,
    Decided,
    ExperimentsDesigned,
    Note,
    PredictionsRegistered,
    ReadingsRevealed,
    Stage,
)

_SHOWN_TO_WRITER = 3

_ROUND_WITHOUT_WRITING = 2
"""Units that design and read take: no text is written that could not be read."""


def design(state: LoopState, runtime: Runtime[Context]) -> Command[Literal["measure", "before_confirm"]]:
    """Choose experiments on which believed rivals disagree, and put every rival's prediction on record."""
    run, round_ = Investigation.at(state, runtime.context), state.round
    run.trace.emit(Stage(stage="design", round=round_))
    rivals = run.competing()
    readers = who_predicts(run, rivals)
    best = run.best()
    arguments = Design(
        rivals=[run.member(h, by) for h, by in zip(rivals, readers, strict=True) if by is not None],
        leader=sum(by is not None for by in readers[: rivals.index(best)]),
        quotas=run.config.quotas_of_a_round(),
        choice=run.config.choice,
    )
    try:
        _write_texts(run, round_)
        designed: Designed = run.toolbox.call("design_experiments", arguments)
    except BudgetSpent as spent:
        return _stop(run, "budget", str(spent))
    if not designed.experiments:
        return _stop(run, "plateau", "no text is left that was not read before")
    run.designed = designed = _of_all(designed, readers)
    note_idle(run, round_, arguments.quotas, designed)
    register(run, round_, designed, rivals)
    predict_before(run, round_, designed, rivals, readers)
    return Command(goto="measure", update=run.update())


def note_idle(run: Investigation, round_: int, quotas: Mapping[str, int], designed: Designed) -> None:
    """Put on record which generators made none of the texts that were wanted of them."""
    made = {experiment.generator for experiment in designed.experiments}
    if idle := [name for name, wanted in quotas.items() if wanted and name not in made]:
        run.trace.emit(Note(message=f"round {round_}: no new text came from {', '.join(idle)}"))


def _of_all(designed: Designed, readers: Sequence[Hypothesis | None]) -> Designed:
    """With an empty row for each rival that was not asked."""
    nothing: list[float | None] = [None] * len(designed.experiments)

    def every(rows: list[list[float | None]]) -> list[list[float | None]]:
        given = iter(rows)
        return [nothing if by is None else next(given) for by in readers]

    levels = every(designed.levels) if designed.levels else []
    return designed.model_copy(update={"predictions": every(designed.predictions), "levels": levels})


def _write_texts(run: Investigation, round_: int) -> None:
    """Let an LLM write texts that could refute the leader. Texts that came with hypotheses already wait to be read."""
    wanted = run.config.quotas_of_a_round()["written"]
    if run.study.writer is None or not wanted or run.toolbox.left <= _ROUND_WITHOUT_WRITING:
        return
    if run.stop is not None:  # nothing will be revised by what they show
        return
    ranked = run.ranked()
    # At first hypotheses come with texts enough, and nothing is known by which to attack one of them.
    if not ranked or (not run.log.revealed and len(run.log.written) >= wanted):
        return
    leader = run.best()  # a baseline as long as no rival may lead, and nobody is to refute that
    best = [h.sentence for h in sorted(ranked, key=lambda h: h is not leader)][:_SHOWN_TO_WRITER]
    written: Written = run.toolbox.call(
        "write_texts", WriteTexts(best=best, n_revealed=len(run.log.revealed), n=wanted)
    )
    run.log.written += written.texts
    if written.reason:
        run.trace.emit(Note(message=f"round {round_}: no texts were written: {written.reason}", level="warning"))


def predict_before(
    run: Investigation,
    round_: int,
    designed: Designed,
    rivals: list[Hypothesis],
    readers: Sequence[Hypothesis | None],
) -> None:
    """Put on record what each rival says of the texts of edits as they were, so that it predicts a change.

    `readers` say it for the rivals, see `agent.graph.nodes.twins.who_predicts`. A rival that an LLM simulates predicts
    only the originals of minimal pairs, and only where it predicted the changed text.
    """
    experiments = designed.experiments
    edits = [(i, e.carrier, e.original) for i, e in enumerate(experiments) if e.original is not None]
    texts = [None if e.original is None else run.study.text_before(e.carrier, e.original) for e in experiments]
    run.by_order = [
        e.generator == MINIMAL_PAIR and text is not None for e, text in zip(experiments, texts, strict=True)
    ]

    def edits_for(by: Hypothesis, said: list[float | None]) -> list[int] | None:
        if run.study.simulations.is_exact(by.sentence):
            return None
        return [k for k, (i, _, _) in enumerate(edits) if run.by_order[i] and said[i] is not None]

    arguments = Before(
        rivals=[
            Calibrated(sentence=by.sentence, table=by.table, of=edits_for(by, said))
            for by, said in zip(readers, designed.predictions, strict=True)
            if by is not None
        ],
        texts=[Unchanged(carrier=carrier, value=value) for _, carrier, value in edits],
    )
    said: Predicted = run.toolbox.call("predict_before", arguments)
    run.before = [[None] * len(experiments) for _ in rivals]
    asked = [row for row, by in zip(run.before, readers, strict=True) if by is not None]
    for row, given in zip(asked, said.predictions, strict=True):
        for (i, _, _), p in zip(edits, given, strict=True):
            row[i] = p
    known = [i for i, _, _ in edits if texts[i] is not None and any(row[i] is not None for row in run.before)]
    names = names_of(round_, experiments)
    if known:
        predictions = {h.name: [row[i] for i in known] for h, row in zip(rivals, run.before, strict=True)}
        before = [f"{names[i]}-before" for i in known]
        run.trace.emit(PredictionsRegistered(round=round_, experiment_ids=before, predictions=predictions))


def register(
    run: Investigation,
    round_: int,
    designed: Designed,
    rivals: list[Hypothesis],
    before: Sequence[Tokens | None] | None = None,
) -> None:
    """Put experiments and every rival's predictions on record; from then on they may be read.

    `before` are the texts that the experiments' texts were made from; those of edits of explore text are found.
    """
    names = names_of(round_, designed.experiments)
    if before is None:
        before = [
            None if e.original is None else run.study.text_before(e.carrier, e.original) for e in designed.experiments
        ]
    each = zip(names, designed.experiments, before, strict=True)
    run.trace.emit(ExperimentsDesigned(round=round_, experiments=[_planned(run, *one) for one in each]))
    run.trace.emit(Stage(stage="predict", round=round_))
    predictions = {h.name: row for h, row in zip(rivals, designed.predictions, strict=True)}
    run.trace.emit(PredictionsRegistered(round=round_, experiment_ids=names, predictions=predictions))
    run.log.register([tuple(e.tokens) for e in designed.experiments])


def measure(state: LoopState, runtime: Runtime[Context]) -> Command[Literal["refine", "judge", "before_confirm"]]:
    """Read the neuron on the experiments, and move belief by how well each rival had predicted."""
    run, round_ = Investigation.at(state, runtime.context), state.round
    try:
        observe(run, round_)
    except BudgetSpent as spent:
        return _stop(run, "budget", str(spent))
    return Command(goto="refine" if run.stop is None else "judge", update=run.update(designed=None))


def observe(run: Investigation, round_: int) -> list[float]:
    """Read the neuron on what was designed and predicted, and move belief; gives the raw values.

    Raises:
        BudgetSpent: reading costs more than is left.
    """
    assert run.designed is not None
    experiments = run.designed.experiments
    run.trace.emit(Stage(stage="measure", round=round_))
    read: Values = run.toolbox.call("read_activations", Read(texts=[e.tokens for e in experiments]))
    values = [row[-1] for row in read.values]
    fired = [value > run.theta for value in values]
    names = names_of(round_, experiments)
    run.trace.emit(ReadingsRevealed(round=round_, experiment_ids=names, values=values, fired=fired))
    first = len(run.log.revealed)
    rivals = run.competing()
    predictions = {h.name: row for h, row in zip(rivals, run.designed.predictions, strict=True)}
    # What a twin says is shown as the twin's own, and of nobody else.
    levels = {h.name: row for h, row in zip(rivals, run.designed.levels, strict=False) if run.predicts_as(h) is h}
    run.log.revealed += [
        Revealed(
            tuple(e.tokens),
            value,
            fired[i],
            tuple((h.sentence, predictions[h.name][i]) for h in rivals),
            e.generator,
            e.about,
            tuple((h.sentence, levels[h.name][i]) for h in rivals if h.name in levels),
        )
        for i, (e, value) in enumerate(zip(experiments, values, strict=True))
    ]
    run.log.carriers |= {e.carrier for e in experiments}
    orders = [
        order_of(e.original, value, run.theta) if e.original is not None and is_pair else None
        for e, value, is_pair in zip(experiments, values, run.by_order, strict=True)
    ]
    before = {h.name: row for h, row in zip(rivals, run.before, strict=True)}
    scores = belief.log_scores(predictions, fired, [e.carrier for e in experiments], before, orders)
    run.beliefs = belief.updated(run.beliefs, scores)
    for hypothesis, said_before in zip(rivals, run.before, strict=True):
        for i, (experiment, p, fires) in enumerate(zip(experiments, predictions[hypothesis.name], fired, strict=True)):
            if p is None:  # it said nothing, so it is neither right nor wrong
                continue
            hypothesis.record.chosen_numbers.append(first + i)
            hypothesis.record.chosen.append(
                Registered(p, fires, experiment.carrier, values[i], said_before[i], experiment.original)
            )
            for kind in kinds_of(experiment, p, run.theta):
                came_true = (p >= 0.5) == fires
                hypothesis.record.outcomes[kind].setdefault(experiment.carrier, []).append(came_true)
    run.trace.emit(BeliefUpdated(round=round_, beliefs=run.beliefs, log_scores=scores))
    return values


def kinds_of(experiment: Planned, probability: float, theta: float) -> list[TestKind]:
    """The kinds of test that an experiment is for a rival that gave it this probability of firing.

    A minimal pair is one word swapped, deleted or masked, for a rival that says the change turns the neuron off where
    it fired, or on where it did not. Other words swept through a text are chosen to look alike: they are harder.
    """
    kinds: list[TestKind] = ["predicted positive" if probability >= 0.5 else "predicted negative"]
    fired_before = experiment.original is not None and experiment.original > theta
    if experiment.generator == MINIMAL_PAIR and fired_before != (probability >= 0.5):
        kinds.append("minimal pair")
    return kinds


def names_of(round_: int, experiments: list[Planned]) -> list[str]:
    """What the trace calls the experiments of a round."""
    return [f"r{round_}e{i}" for i in range(len(experiments))]


def _planned(run: Investigation, name: str, experiment: Planned, before: Tokens | None) -> PlannedExperiment:
    strings = run.study.vocabulary.strings
    change = None
    if before is not None:
        at, removed, added = changed(before, tuple(experiment.tokens))
        change = TextChange(
            at=at, removed=[strings[token] for token in removed], added=[strings[token] for token in added]
        )
    is_by_order = change is not None and experiment.generator == MINIMAL_PAIR and experiment.original is not None
    return PlannedExperiment(
        id=name,
        generator=experiment.generator,
        purpose=experiment.purpose,
        carrier=experiment.carrier,
        text=run.study.subject.tokenizer.decode(experiment.tokens),
        tokens=[strings[token] for token in experiment.tokens],
        position=len(experiment.tokens) - 1,
        expectations=Expectations(
            before_the_change=experiment.original,
            about=experiment.about or None,
            scored_by="order" if is_by_order else None,
            change=change,
        ),
    )


def _stop(run: Investigation, why: StopReason, said: str) -> Command[Any]:
    """End the loop; a reason that was decided before, when only a last test was missing, stays the reason."""
    run.trace.emit(Decided(action="stop", reason=f"{why}: {said}", round=run.round))
    return Command(goto="before_confirm", update=run.update(stop=run.stop or why))
