"""What the page of a trace says in words: its answers, and the commands that it names."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from traces_samples import sample_result, sample_run

from tools.scoring.log_score import earned_by_order
from traces.analysis.story import Story, read_story
from traces.events import kinds as e
from traces.events.experiment import Expectations
from traces.events.store import TraceWriter
from traces.html.render import story_html
from traces.html.view import view_of
from traces.text.show import show_run, where

RUN_ID = "20260131T120102Z-mini-L5N131-3f9a1c"


def story_of(runs_dir: Path, events: list[e.Event]) -> Story:
    path = runs_dir / RUN_ID / "neurons" / "mini.L5N131" / "events.jsonl"
    path.parent.mkdir(parents=True)
    (runs_dir / RUN_ID / "run.json").write_text("{}")
    with TraceWriter(path) as writer:
        for event in events:
            writer.emit(event)
    return read_story(path)


def answers(story: Story) -> dict[str, str]:
    return {answer.question: answer.words for answer in view_of(story, RUN_ID, None).answers}


def test_nobody_has_come_second_before_a_run_has_ended(tmp_path: Path) -> None:
    told = answers(story_of(tmp_path, [*sample_run()[:-1], e.Interrupted(reason="stopped by the user")]))
    assert told["Which experiment refuted the runner-up?"] == ("None yet: the run has not ended.")


def test_generators_that_a_run_wanted_texts_of_and_that_made_none(tmp_path: Path) -> None:
    quotas = {"minimal_pair": 4, "look_alike": 2, "written": 0, "sampled": 2}
    call = e.ToolCall(call_id="d", tool="design_experiments", arguments={"quotas": quotas}, outcome="ok")
    events = sample_run()
    at = next(i for i, event in enumerate(events) if isinstance(event, e.ExperimentsDesigned))
    story = story_of(tmp_path, [*events[:at], call, *events[at:]])
    assert view_of(story, RUN_ID, None).unused_generators == ["look_alike", "sampled"]
    assert answers(story)["What was never tested?"].startswith("Nothing came from look alike, sampled; ")


def test_a_sentence_in_free_words_is_ended_before_the_next_one(tmp_path: Path) -> None:
    none = {"value": None, "reason": "not measured"}
    output = {"sentence": "It pushes towards `a`.", "test": none, "holds": True}
    causal = {"ablation_score": none, "beside_peers": none, "output": output}
    result = sample_result() | {"explanation": "the letters e and a", "causal": causal}
    told = answers(story_of(tmp_path, [*sample_run()[:-1], e.Finished(result=result)]))
    assert told["What does the neuron do?"].startswith("the letters e and a. ")


def test_commands_say_where_the_run_is(tmp_path: Path) -> None:
    runs_dir = tmp_path / "my runs"
    story = story_of(runs_dir, [*sample_run()[:-1], e.Interrupted(reason="stopped by the user")])
    page = story_html(story, RUN_ID, None)
    option = f"{RUN_ID} --runs-dir &#39;{runs_dir}&#39;"
    for command in ("agent resume", "agent trace replay", "agent trace show"):
        assert f"{command} {option}" in page
    assert f"agent resume {RUN_ID} --runs-dir '{runs_dir}'" in show_run(runs_dir, RUN_ID, width=500)


@pytest.mark.parametrize("path", ["runs/r/neurons/mini.L5N131/events.jsonl", "sent-to-me.jsonl", "a/b/c/d/e.jsonl"])
def test_commands_need_no_option_for_the_usual_folder_or_a_trace_alone(path: str) -> None:
    assert where(Path(path)) == ""


def test_a_rival_without_a_score_did_not_lose_on_it(tmp_path: Path) -> None:
    events = sample_run()
    late = e.HypothesisProposed(
        round=2, hypothesis="h9", origin="rules", form="tokens", sentence="Never fires.", words=2
    )
    page = story_html(story_of(tmp_path, [*events[:-2], late, *events[-2:]]), RUN_ID, None)
    assert "It has no development score to win with." in page


def test_experiments_that_spoke_for_the_loser_are_counted_too(tmp_path: Path) -> None:
    events = sample_run()
    at = next(i for i, event in enumerate(events) if isinstance(event, e.PredictionsRegistered))
    predictions: dict[str, list[float | None]] = {"h1": [0.9, 0.5], "h2": [0.2, 0.1]}  # e1 fires, e2 does not
    events[at] = e.PredictionsRegistered(round=1, experiment_ids=["e1", "e2"], predictions=predictions)
    story = story_of(tmp_path, events)
    page = story_html(story, RUN_ID, None)
    assert re.search(r"1 experiment spoke for h1 and 1 for h2, in sum \S+ nats for h1 \(\S+ against \S+\)", page)
    assert (
        "1 experiment spoke for h1 and 1 for h2, in sum 0.92 nats for h1 (1.50 against 0.59)."
        in answers(story)["Which experiment refuted the runner-up?"]
    )


def test_of_a_pair_that_counts_by_its_order_the_order_is_told(tmp_path: Path) -> None:
    events = sample_run()
    planned = next(event for event in events if isinstance(event, e.ExperimentsDesigned))
    first = planned.experiments[0]
    paired = first.model_copy(update={"expectations": Expectations(before_the_change=9.0, scored_by="order")})
    events[events.index(planned)] = planned.model_copy(update={"experiments": [paired, *planned.experiments[1:]]})
    at = next(i for i, event in enumerate(events) if isinstance(event, e.PredictionsRegistered))
    said: dict[str, list[float | None]] = {"h1": [0.9], "h2": [0.1]}
    events.insert(at + 1, e.PredictionsRegistered(round=1, experiment_ids=[f"{first.id}-before"], predictions=said))
    story = story_of(tmp_path, events)
    trial = story.rounds[1].experiments[first.id]
    assert trial.order == "fell"
    for name in ("h1", "h2"):
        expected = earned_by_order(trial.predicted_before[name], trial.predicted[name], "fell") * trial.share
        assert trial.log_score(name) == pytest.approx(expected)
    del trial.predicted_before["h2"]
    assert trial.log_score("h2") is None  # it was not asked about the text before
