"""What a story says of a single experiment, and who refuted whom."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from traces_samples import sample_result, sample_run

from tools.records.effects import OutputWeights
from tools.records.simulated_excerpts import SimulatedExcerpts
from traces.analysis.refutations import fates, losers, lost_experiments, winner_of
from traces.analysis.story import Story, Trial, read_story
from traces.events import kinds as e
from traces.events.experiment import PlannedExperiment, TextChange
from traces.events.store import TraceWriter

WINNER, SECOND, THIRD = 'Fires at 9 on " import" after a line break.', "Fires at 5 on keywords.", "Fires on verbs."


def planned(name: str, carrier: str, **more: Any) -> dict[str, Any]:
    return {
        "id": name, "generator": "minimal_pair", "purpose": "swap", "carrier": carrier, "text": "a b", "position": 1,
        "tokens": ["a", " b"],
    } | more  # fmt: skip


def edit(name: str, carrier: str) -> dict[str, Any]:
    change = {"at": 1, "removed": [" c"], "added": [" b"]}
    return planned(name, carrier, expectations={"before_the_change": 2.5, "change": change})


def told(folder: Path, *events: e.Event, end: list[e.Event] | None = None) -> Story:
    """The sample run as far as its first round, with these events in place of it."""
    begin = sample_run()[:6]
    begin.append(e.HypothesisProposed(hypothesis="h3", form="rules", sentence=THIRD, words=3, round=0, origin="rules"))
    path = folder / "events.jsonl"
    with TraceWriter(path) as writer:
        for event in [*begin, *events, *(end or [])]:
            writer.emit(event)
    return read_story(path)


def read(values: list[list[float]]) -> e.ToolCall:
    return e.ToolCall(
        call_id="0001-read_activations", tool="read_activations", arguments={}, outcome="ok", result={"values": values}
    )


@pytest.fixture
def story(tmp_path: Path) -> Story:
    """Two texts of one carrier and one of another, all of which fire; then a probe, which moves no belief."""
    names = ["e1", "e2", "e3"]
    result = sample_result()
    result["rivals"] = [
        {"explanation": WINNER, "score": {"reason": "x"}, "status": "winner", "name": "h1"},
        {"explanation": SECOND, "score": {"reason": "x"}, "status": "survived", "name": "h2"},
        {"explanation": THIRD, "score": {"reason": "x"}, "status": "survived", "name": "h3"},
    ]
    return told(
        tmp_path,
        e.ExperimentsDesigned(round=1, experiments=[edit("e1", "s1"), planned("e2", "s1"), planned("e3", "s2")]),
        e.PredictionsRegistered(
            round=1, experiment_ids=names, predictions={"h1": [0.8, 0.8, 0.8], "h2": [0.2, 0.4, None], "h3": [0.8] * 3}
        ),
        e.PredictionsRegistered(round=1, experiment_ids=["e1-before"], predictions={"h1": [0.3], "h2": [None]}),
        read([[0.1, 3.0], [0.2, 2.0], [0.0, 1.0]]),
        e.ReadingsRevealed(round=1, experiment_ids=names, values=[3.0, 2.0, 1.0], fired=[True] * 3),
        e.BeliefUpdated(round=1, beliefs={"h1": 0.8, "h2": 0.1, "h3": 0.1}),
        e.ExperimentsDesigned(round=2, experiments=[planned("p1", "s9")]),
        e.PredictionsRegistered(round=2, experiment_ids=["p1"], predictions={"h1": [0.9], "h2": [0.1]}),
        e.ReadingsRevealed(round=2, experiment_ids=["p1"], values=[1.0], fired=[True]),
        e.Scored(hypothesis="h1", split="development", protocol="p", score={"value": 0.6}),
        e.Scored(hypothesis="h2", split="development", protocol="p", score={"value": 0.5}),
        e.Scored(hypothesis="h3", split="development", protocol="p", score={"reason": "x"}),
        end=[e.Finished(result=result)],
    )


def test_an_edit(story: Story) -> None:
    first, second, third = story.rounds[1].experiments.values()
    assert first.change == TextChange(at=1, removed=[" c"], added=[" b"])
    assert second.change is None
    assert first.predicted == {"h1": 0.8, "h2": 0.2, "h3": 0.8}
    assert first.predicted_before == {"h1": 0.3}  # who said nothing of it is left out
    assert "h2" not in third.predicted
    assert first.values == [0.1, 3.0]
    assert story.rounds[2].experiments["p1"].values is None  # no reading stands before it


def test_texts_of_one_carrier_share_one_unit_of_evidence(story: Story) -> None:
    first, _, third = story.rounds[1].experiments.values()
    assert [trial.share for trial in story.rounds[1].experiments.values()] == [0.5, 0.5, 1]
    assert first.log_score("h1") == pytest.approx(0.5 * math.log(0.8))
    assert third.log_score("h1") == pytest.approx(math.log(0.8))
    assert third.log_score("h2") is None


def test_what_was_only_looked_at_earns_nothing(tmp_path: Path) -> None:
    story = told(
        tmp_path,
        e.ExperimentsDesigned(round=1, experiments=[planned("e1", "s1")]),
        e.PredictionsRegistered(round=1, experiment_ids=["e1"], predictions={"h1": [0.8]}),
        e.ReadingsRevealed(round=1, experiment_ids=["e1"], values=[1.0], fired=[True], exploratory=True),
    )
    (trial,) = story.rounds[1].experiments.values()
    assert trial.log_score("h1") is None


def test_an_older_trace_says_no_change(tmp_path: Path) -> None:
    story = told(
        tmp_path,
        e.ExperimentsDesigned(
            round=1, experiments=[planned("e1", "s1", expectations={"before_the_change": 1.0}), planned("e2", "s1")]
        ),
        e.ReadingsRevealed(round=1, experiment_ids=["e1", "e2"], values=[1.0, 0.0], fired=[True, False]),
    )
    assert [trial.change for trial in story.rounds[1].experiments.values()] == [None, None]
    assert (story.shown, story.output) == (SimulatedExcerpts(), None)


def test_readings_that_do_not_fit_are_left_out(tmp_path: Path) -> None:
    """Values per token are kept only where there is one for each token."""
    story = told(
        tmp_path,
        e.ExperimentsDesigned(round=1, experiments=[planned("e1", "s1")]),
        read([[0.1, 0.2, 0.3]]),
        e.ReadingsRevealed(round=1, experiment_ids=["e1"], values=[0.3], fired=[False]),
    )
    (trial,) = story.rounds[1].experiments.values()
    assert (trial.value, trial.values) == (0.3, None)


def test_what_is_shown_of_the_end(tmp_path: Path) -> None:
    shown = {"excerpts": [], "slope": 0.5, "intercept": 0.0}
    story = told(
        tmp_path,
        e.ToolCall(call_id="1", tool="confirm", arguments={}, outcome="ok", result={"shown": shown}),
        e.ToolCall(call_id="2", tool="claim_output", arguments={}, outcome="ok", result={"promoted": [["a", 1.0]]}),
    )
    assert story.shown == SimulatedExcerpts(slope=0.5, intercept=0.0)
    assert story.output == OutputWeights(promoted=[("a", 1.0)])


def test_what_spoke_against_a_rival(story: Story) -> None:
    """The heaviest first; not what only one had predicted, and not the fixed probe set."""
    found = lost_experiments(story, "h2", "h1")
    assert [(one.trial.experiment.id, one.round) for one in found] == [("e1", 1), ("e2", 1)]
    assert [one.nats for one in found] == [
        pytest.approx(0.5 * math.log(0.8 / 0.2), abs=1e-4), pytest.approx(0.5 * math.log(0.8 / 0.4), abs=1e-4),
    ]  # fmt: skip
    assert lost_experiments(story, "h1", "h2") == lost_experiments(story, "h3", "h1") == []


def test_how_rivals_ended(story: Story) -> None:
    assert winner_of(story) == "h1"
    found = {fate.name: fate for fate in fates(story)}
    assert list(found) == ["h1", "h2", "h3"]  # the winner, then by score
    assert [fate.how for fate in found.values()] == ["winner", "survived", "survived"]
    assert found["h1"].lost == []
    assert (found["h2"].n_right, found["h2"].n_predicted) == (0, 3)
    assert (found["h1"].n_right, found["h1"].n_predicted) == (4, 4)
    second = next(iter(losers(story)), None)
    assert second is not None
    assert second.name == "h2"


def test_the_winner_of_an_older_run_is_no_runner_up(tmp_path: Path) -> None:
    """Its result names no rivals."""
    path = tmp_path / "events.jsonl"
    with TraceWriter(path) as writer:
        for event in sample_run():
            writer.emit(event)
    story = read_story(path)
    assert [(fate.name, fate.how) for fate in fates(story)] == [("h1", "winner"), ("h2", "merged")]
    second = next(iter(losers(story)), None)
    assert second is not None
    assert second.name == "h2"


def test_without_an_explanation_nobody_won(tmp_path: Path) -> None:
    result = sample_result() | {"explanation": None, "rivals": []}
    story = told(tmp_path, end=[e.Finished(result=result)])
    assert winner_of(story) is None
    assert [fate.lost for fate in fates(story)] == [[], [], []]
    assert all(fate.how == "competing" for fate in fates(story))


@pytest.mark.parametrize(("probability", "fired"), [(0.0, True), (1.0, False)])
def test_a_prediction_that_was_certain_and_wrong_costs_much_and_not_everything(probability: float, fired: bool) -> None:
    trial = Trial(PlannedExperiment(**planned("r1e0", "c")), predicted={"H1": probability}, fired=fired)
    found = trial.log_score("H1")
    assert found is not None
    assert -30 < found < -10
