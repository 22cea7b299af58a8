"""What is looked up in the free parts of a trace, of whatever version or program."""

import json
from pathlib import Path
from typing import Any

import pytest

from tools.records.scores import Interval, ScoreValue, Unscored, as_far_as_readable
from tools.records.simulated_excerpts import SimulatedExcerpts
from traces.events.kinds import Confirmed, Finished, RunStarted, Scored
from traces.events.recorded import ConfirmResult, FinalScores, RecordedRun, RecordedSettings, SentenceTable
from traces.events.store import load_trace

FIXTURES = Path(__file__).resolve().parents[3] / "fixtures"
HALF = {"value": 0.5, "low": 0.4, "high": 0.6}


@pytest.mark.parametrize("odd", [None, 7, "x", [], {}, {"config": 3, "model": "gpt2"}, {"config": {"budget": "much"}}])
def test_a_run_json_that_says_nothing(odd: Any) -> None:
    assert as_far_as_readable(RecordedRun, odd) == RecordedRun()


def test_one_setting_that_cannot_be_read_costs_no_other() -> None:
    found = as_far_as_readable(RecordedRun, {"config": {"budget": "much", "variant": "v", "later": 1}, "seed": 3})
    assert found.config == RecordedSettings(variant="v")


def test_settings_scores_and_results_of_each_fixture() -> None:
    for path in sorted(FIXTURES.glob("trace_v*/events.jsonl")):
        events = load_trace(path).events
        begun, last = events[0], events[-1]
        assert isinstance(begun, RunStarted)
        assert isinstance(last, Finished)
        assert (begun.settings.variant, begun.settings.explainer) == ("tournament", "rules")
        assert last.found.explanation == last.result["explanation"]
        for event in events:
            if isinstance(event, Scored):
                value = event.score["value"]
                assert event.measured.value == value
                assert isinstance(event.measured, Unscored) == (value is None)


def test_final_scores_have_the_names_of_the_confirmation_and_keep_what_is_new() -> None:
    scores = {
        "score": HALF | {"protocol": "p", "split": "sealed", "n_excerpts": 3}, "baselines": {"null": HALF},
        "gains": None, "scores": {"detection": {"explanation": {"value": None, "reason": "nothing"}}},
        "optimism_gap": 0.1, "later": {"inner": HALF},
    }  # fmt: skip
    found = Confirmed(scores=scores).final
    assert isinstance(found.score, ScoreValue)
    assert found.by_name() == {
        "sealed": found.score, "baseline.null": Interval(**HALF), "detection.explanation": Unscored(reason="nothing"),
        "later.inner": Interval(**HALF),
    }  # fmt: skip
    assert found.others == {"optimism_gap": 0.1, "later": {"inner": Interval(**HALF)}}
    assert FinalScores.read({}).by_name() == {}


def test_an_event_is_written_as_it_was_read_once_its_parts_were_looked_at() -> None:
    event = Scored(hypothesis="H1", split="development", protocol="p", score=HALF | {"later": 1})
    before = event.model_dump_json()
    assert event.measured == Interval(**HALF)
    assert event.model_dump_json() == before
    assert event == Scored.model_validate(json.loads(before))


def test_what_is_no_result_of_a_tool_has_nothing() -> None:
    for odd in (None, [], {"shown": 3}, {"shown": {"excerpts": [{"tokens": ["a"]}]}}):
        assert as_far_as_readable(ConfirmResult, odd).shown == SimulatedExcerpts()
    assert as_far_as_readable(SentenceTable, {"sentence": "s", "table": [0.5] * 10}) == SentenceTable(sentence="s")
