"""Scores each hypothesis's predictions, on the run's own experiments and on the fixed probe set."""

from __future__ import annotations

import numpy as np

from agent.graph.nodes.experiment import names_of, register
from agent.graph.state import Investigation
from tools.catalogue.experiments import Designed, ProbeSet, Read, Values
from tools.catalogue.predictions import DesignedPairs
from tools.records.hypothesis import Hypothesis, TestKind
from tools.records.predictions import PredictionScores, Registered
from tools.scoring.skill import CHOSEN_PROTOCOL, PROTOCOL, prediction_scores
from traces.events.kinds import PredictionsRegistered, PredictionsScored, ReadingsRevealed


def score_predictions(run: Investigation, round_: int) -> dict[str, dict[str, PredictionScores]]:
    """Per hypothesis, scores of its registered predictions: `chosen` for all that predicted in the run, `probe` for all
    that still compete. The fixed probe set is predicted and read for that in a round of its own, `round_`."""
    pairs = _probe(run, round_)
    found: dict[str, dict[str, PredictionScores]] = {}
    for h in run.hypotheses.values():
        if h.record.chosen:
            rng = np.random.default_rng(run.config.seed)
            found.setdefault(h.name, {})["chosen"] = prediction_scores(
                h.record.chosen, h.record.chosen, CHOSEN_PROTOCOL, "chosen", run.theta, rng
            )
        if h.record.probe:
            rng = np.random.default_rng(run.config.seed)
            found.setdefault(h.name, {})["probe"] = prediction_scores(
                h.record.probe, pairs[h.name], PROTOCOL, "probe", run.theta, rng
            )
    for name, by_set in found.items():
        for which, scores in by_set.items():
            event = {"hypothesis": name, "experiments": which, "scores": scores}
            run.trace.emit(PredictionsScored.model_validate(event))
    return found


def _probe(run: Investigation, round_: int) -> dict[str, list[Registered]]:
    """Read the fixed probe set and one change of each of its texts, all predicted first; the changes by hypothesis."""
    winner = run.best()
    # Of those who cost something to ask, only the winner is asked about nearly two hundred texts.
    rivals = [h for h in run.competing() if h.table and (h is winner or run.study.simulations.is_exact(h.sentence))]
    if not rivals:
        return {}
    sentences = ProbeSet(sentences=[run.predicts_as(h).sentence for h in rivals])
    designed: Designed = run.toolbox.call("design_probe_set", sentences)
    if not designed.experiments:
        return {}
    register(run, round_, designed, rivals)
    values = _read(run, round_, "read_probe_set", designed)
    changed: DesignedPairs = run.toolbox.call("design_probe_pairs", sentences)
    after = Designed(experiments=changed.experiments, predictions=changed.after)
    register(run, round_ + 1, after, rivals, before=[text for _, text in run.study.fixed_probe])
    ids = [f"{name}-before" for name in names_of(round_ + 1, after.experiments)]
    before = {h.name: row for h, row in zip(rivals, changed.before, strict=True)}
    run.trace.emit(PredictionsRegistered(round=round_ + 1, experiment_ids=ids, predictions=before))
    values_after = _read(run, round_ + 1, "read_probe_pairs", after)
    pairs = {}
    for h, said, said_after in zip(rivals, designed.predictions, changed.after, strict=True):
        h.record.probe_numbers = [number for number, p in enumerate(said) if p is not None]
        h.record.probe = [
            Registered(p, value > run.theta, text.carrier, value)
            for text, p, value in zip(designed.experiments, said, values, strict=True)
            if p is not None
        ]
        pairs[h.name] = [
            Registered(p, value > run.theta, text.carrier, value, earlier, earlier_value)
            for text, p, value, earlier, earlier_value in zip(
                after.experiments, said_after, values_after, before[h.name], values, strict=True
            )
            if p is not None
        ]
        _count_tests(h, pairs[h.name], run.theta)
    return pairs


def _count_tests(h: Hypothesis, pairs: list[Registered], theta: float) -> None:
    """Let the fixed probe set count as tests: nobody chose its texts, so they are the same whatever the rivals were."""
    for p in h.record.probe:
        kind: TestKind = "predicted positive" if p.probability >= 0.5 else "predicted negative"
        h.record.outcomes[kind].setdefault(str(p.carrier), []).append((p.probability >= 0.5) == p.fired)
    for p in pairs:
        if p.before is None or p.value_before is None:
            continue
        fires, fired_before = p.probability >= 0.5, p.value_before > theta
        # It says that the change turns the neuron off, or on, and it was right of the text as it was.
        if fires != fired_before and (p.before >= 0.5) == fired_before:
            h.record.outcomes["minimal pair"].setdefault(str(p.carrier), []).append(fires == p.fired)


def _read(run: Investigation, round_: int, tool: str, designed: Designed) -> list[float]:
    """The raw values at the ends of the texts, revealed in the trace."""
    read: Values = run.toolbox.call(tool, Read(texts=[e.tokens for e in designed.experiments]))
    values = [row[-1] for row in read.values]
    names = names_of(round_, designed.experiments)
    fired = [value > run.theta for value in values]
    run.trace.emit(ReadingsRevealed(round=round_, experiment_ids=names, values=values, fired=fired))
    return values
