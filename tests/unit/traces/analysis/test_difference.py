"""Two runs side by side: what is said to differ, and how it reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from traces_samples import sample_result, sample_run

from traces.analysis.difference import Pair, Piece, differences, word_difference
from traces.analysis.event_difference import compared, first_event
from traces.analysis.story import read_story
from traces.events import kinds as e
from traces.events.store import TraceWriter
from traces.text.difference import difference_text

FIXTURES = Path(__file__).resolve().parents[3] / "fixtures"


def written(path: Path, events: list[e.Event]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with TraceWriter(path) as writer:
        for event in events:
            writer.emit(event)
    return path


def other_run() -> list[e.Event]:
    """The sample run with another budget, reading, rival, fold and end."""
    events = sample_run()
    begun = events[0]
    assert isinstance(begun, e.RunStarted)
    config = begun.config | {"budget": 8, "llm": {"url": "u"}, "mood": "good"}
    events[0] = begun.model_copy(update={"config": config, "versions": {"python": "3.12", "torch": "2.13.0"}})
    for i, event in enumerate(events):
        if isinstance(event, e.ReadingsRevealed):
            events[i] = event.model_copy(update={"values": [0.25, 0.5], "fired": [False, True]})
        elif isinstance(event, e.SealedOpened):
            events[i] = event.model_copy(update={"fold": 1, "opening": 2})
        elif isinstance(event, e.HypothesisProposed) and event.hypothesis == "h2":
            events[i] = event.model_copy(update={"sentence": "Fires at 5 on verbs."})
    interval = {"value": 0.7, "low": 0.6, "high": 0.8}
    result = sample_result() | {
        "verdict": "split", "explanation": 'Fires at 8 on " import".', "score": sample_result()["score"] | interval,
    }  # fmt: skip
    return [*events[:-1], e.Finished(result=result)]


@pytest.fixture
def both(tmp_path: Path) -> Any:
    a = written(tmp_path / "a" / "events.jsonl", sample_run())
    b = written(tmp_path / "b" / "events.jsonl", other_run())
    return differences(read_story(a), read_story(b))


def test_what_differs(both: Any) -> None:
    assert both.apart == ["the final scores are on different sealed folds (0 and 1): not comparable excerpt by excerpt"]
    assert both.same_fold is False
    assert both.settings == [Pair("budget", 20, 8)]
    assert (both.unsaid_a, both.unsaid_b) == (["llm.url", "mood"], [])
    assert both.versions == [Pair("python", "3.11", "3.12")]
    assert both.outcome == [Pair("verdict", "supported", "split"), Pair("stopped", "plateau", "plateau")]
    assert [pair.name for pair in both.scores if pair.differs] == ["score"]
    assert both.explanation == [
        Piece("both", "Fires at"), Piece("a", "9"), Piece("b", "8"), Piece("both", 'on "'),
        Piece("a", 'import" after a line break.'), Piece("b", 'import".'),
    ]  # fmt: skip
    assert [rival.sentence for rival in both.rivals] == ['Fires at 9 on " import" after a line break.']
    assert both.rivals[0].belief == Pair("belief", 0.8, 0.8)
    assert [[rival.sentence for rival in only] for only in (both.only_a, both.only_b)] == [
        ["Fires at 5 on keywords."], ["Fires at 5 on verbs."],
    ]  # fmt: skip
    assert [(r.a.value, r.b.value, r.differs, r.outcome_differs) for r in both.readings] == [
        (3.25, 0.25, True, True), (0.0, 0.5, True, True),
    ]  # fmt: skip
    first = both.events.first
    assert (first.number, first.type, first.field) == (5, "hypothesis_proposed", "sentence")
    assert (first.a, first.b) == ("Fires at 5 on keywords.", "Fires at 5 on verbs.")
    assert both.events.changed == {
        "hypothesis_proposed": 1, "readings_revealed": 1, "sealed_opened": 1, "finished": 1,
    }  # fmt: skip


def test_how_it_reads(both: Any) -> None:
    assert difference_text(both, "run-a", "run-b").splitlines() == [
        "A  run-a  mini/L5N131",
        "B  run-b  mini/L5N131",
        "! the final scores are on different sealed folds (0 and 1): not comparable excerpt by excerpt",
        "",
        "Settings and versions",
        "---------------------",
        "  budget  20    8",
        "  python  3.11  3.12",
        "  run A is from another version and does not record: llm.url, mood",
        "",
        "Result",
        "------",
        "                     A                                  B",
        "  verdict            supported                          split",
        "  stopped            plateau                            plateau",
        "  score              0.612 [0.550, 0.660]               0.700 [0.600, 0.800]",
        "  development        0.650 [0.600, 0.700]               0.650 [0.600, 0.700]",
        "  token-lookup-30    0.310 [0.250, 0.370]               0.310 [0.250, 0.370]",
        "  token-lookup-full  0.500 [0.450, 0.550]               0.500 [0.450, 0.550]",
        "  null               no score (no other neuron fires …  no score (no other neuron fires …",
        "  explanation, [-only A-] and {+only B+}:",
        '    Fires at [-9-] {+8+} on " [-import" after a line break.-] {+import".+}',
        "",
        "Rivals",
        "------",
        "  1 in both:",
        "        belief A  belief B  development A  development B",
        "    h1  0.80      0.80      0.650          0.650",
        "  1 only in A:",
        "    h2 (token set): Fires at 5 on keywords.",
        "  1 only in B:",
        "    h2 (token set): Fires at 5 on verbs.",
        "",
        "Experiments that both read",
        "--------------------------",
        "  2 texts; 2 read with another value, 2 of them with another outcome",
        "    …import os [red]x[/red]",
        "      A 3.25 fired, B 0.25 silent",
        "    …export",
        "      A 0 silent, B 0.5 fired",
        "",
        "Cost",
        "----",
        "  budget used       3    3",
        "  tool calls        2    2",
        "  texts             2    2",
        "  subject tokens    6    6",
        "  seconds in tools  0.1  0.1",
        "  seconds           7.5  7.5",
        "",
        "Events",
        "------",
        "  the first that differs: event 5 (hypothesis_proposed), sentence",
        "    A Fires at 5 on keywords.",
        "    B Fires at 5 on verbs.",
        "  4 in both but different: hypothesis_proposed 1, readings_revealed 1, sealed_opened 1, finished 1",
    ]


def test_the_same_run_twice(tmp_path: Path) -> None:
    """Clocks and names of the run are no difference."""
    a = written(tmp_path / "a.jsonl", sample_run())
    renamed = sample_run()
    renamed[0] = renamed[0].model_copy(update={"run_id": "another", "commit": None})
    renamed[-1] = e.Finished(result=sample_result() | {"run_id": "another", "trace": "elsewhere", "seconds": 99.0})
    b = written(tmp_path / "b.jsonl", renamed)
    found = differences(read_story(a), read_story(b))
    assert found.same_fold is True
    assert found.events is not None
    assert (found.events.first, found.events.changed, found.events.n_a) == (None, {}, len(renamed))
    text = difference_text(found, "a", "b")
    assert "  the same\n" in text
    assert "  2 texts, each read with the same value\n" in text
    assert "  all 24 events are the same, apart from clocks and run names\n" in text
    assert "explanation, the same: Fires at 9" in text


def test_other_neurons_and_unfinished_runs(tmp_path: Path) -> None:
    events = sample_run()[:14]
    events[0] = events[0].model_copy(update={"neuron": "L0N0", "model": "gpt2"})
    a, b = written(tmp_path / "a.jsonl", sample_run()), written(tmp_path / "b.jsonl", events)
    found = differences(read_story(a), read_story(b))
    assert found.apart == [
        "run B is interrupted, so it is compared as far as it goes",
        "the runs are about different neurons: mini/L5N131 and gpt2/L0N0",
    ]
    assert found.outcome[0] == Pair("verdict", "supported", "interrupted")
    assert found.same_fold is None
    assert found.events is not None
    assert found.events.first is not None
    assert (found.events.first.number, found.events.first.b) == (14, "nothing more")
    assert sum(found.events.only_a.values()) == 10
    assert "explanation, [-only A-] and {+only B+}:" in difference_text(found, "a", "b")
    for path in (tmp_path / "none.jsonl", tmp_path / "damaged.jsonl"):
        path.write_text("" if path.stem == "none" else "{}\n")
        broken = differences(read_story(a), read_story(path))
        assert "run B is" in broken.apart[0]
        assert difference_text(broken, "a", "b")


def test_traces_of_all_formats(tmp_path: Path) -> None:
    stories = [read_story(FIXTURES / f"trace_v{version}" / "events.jsonl") for version in (1, 2, 3)]
    for a in stories:
        for b in stories:
            found = differences(a, b)
            assert found.events is not None
            assert (found.events.first is None) == (a is b)
            assert difference_text(found, "a", "b").count("\n") > 20


def test_hostile_text_moves_no_cursor(tmp_path: Path) -> None:
    nasty = "\x1b[2J\u202e\r\n"
    events = other_run()
    events[5] = events[5].model_copy(update={"sentence": nasty, "form": nasty})
    events[-1] = e.Finished(result=sample_result() | {"explanation": nasty, "stop_reason": nasty})
    a, b = written(tmp_path / "a.jsonl", sample_run()), written(tmp_path / "b.jsonl", events)
    text = difference_text(differences(read_story(a), read_story(b)), nasty, nasty)
    assert not set("\x1b\u202e\r") & set(text)


def test_events_are_aligned_by_kind() -> None:
    """What is new or gone is passed over, so that what follows is still compared with its like."""
    events = sample_run()
    more = [*events[:3], e.Note(message="new"), *events[3:]]
    found = compared(events, more)
    assert (found.changed, found.only_a, found.only_b) == ({}, {}, {"note": 1})
    assert found.first is not None
    assert (found.first.number, found.first.a, found.first.b) == (3, "stage", "note")
    assert compared(events, [*events[:-1], e.Interrupted(reason="x")]).only_a == {"finished": 1}
    assert first_event(events, events) is None


def test_where_only_numbers_differ() -> None:
    """Rounding is told from anything else by how far numbers lie apart."""

    def scored(value: float | None, n: int = 3) -> list[e.Event]:
        score = {"value": value, "n": n, "all": [1.0, {"low": 0.25}]}
        return [e.Scored(hypothesis="h1", split="s", protocol="p", score=score)]

    assert compared(scored(2.0), scored(2.002)).apart == pytest.approx(1e-3, rel=1e-2)
    assert compared(scored(0.0), scored(1e-9)).apart == 1
    for other in (scored(2.0), scored(None), scored(2.1, n=4), [*scored(2.1), e.Note(message="x")]):
        assert compared(scored(2.0), other).apart is None


def test_words() -> None:
    assert word_difference("", "") == []
    assert word_difference("a b", "a b") == [Piece("both", "a b")]
    assert word_difference("a b c", "a x c") == [
        Piece("both", "a"), Piece("a", "b"), Piece("b", "x"), Piece("both", "c"),
    ]  # fmt: skip


def test_planted_neurons_of_one_name_are_not_taken_for_one(tmp_path: Path) -> None:
    stories = []
    for name, function, model in (("a", "plants:one", "f1"), ("b", "plants:other", "f2")):
        events = sample_run()
        begun = events[0]
        assert isinstance(begun, e.RunStarted)
        more = {"config": begun.config | {"planted": [function]}, "model_fingerprint": model}
        events[0] = begun.model_copy(update=more)
        stories.append(read_story(written(tmp_path / name / "events.jsonl", events)))
    found = differences(*stories)
    assert found.same_fold is False  # of another neuron, though it has the same number
    assert found.apart == [
        "the planted neurons differ, though they have the same name: plants:one against plants:other"
    ]
