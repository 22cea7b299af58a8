from pathlib import Path

import pytest
from traces_samples import sample_run

from tools.errors import BadInput, StorageError
from tools.records.neuron import NeuronId
from traces.events import CallError, Confirmed, Event, Failed, Finished, Interrupted
from traces.runs import RunFolder
from traces.show import list_runs, show_run
from traces.store import TraceWriter

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures" / "trace_v1"
RUN_ID = "20260131T120102Z-mini-L5N131-3f9a1c"


def make_run(runs_dir: Path, events: list[Event], run_id: str = RUN_ID) -> Path:
    path = RunFolder.create(runs_dir, run_id, {}).neuron("mini", NeuronId(5, 131)).events
    with TraceWriter(path) as writer:
        for event in events:
            writer.emit(event)
    return path


def test_the_whole_story(tmp_path: Path) -> None:
    path = make_run(tmp_path, [])
    path.write_bytes((FIXTURES / "events.jsonl").read_bytes())
    assert show_run(tmp_path, RUN_ID) == (FIXTURES / "show.txt").read_text()


def test_the_final_scores_stand_in_a_table_and_nowhere_else(tmp_path: Path) -> None:
    interval = {"value": 0.5, "low": 0.4, "high": 0.6}
    unscored = {"value": None, "reason": "of 201 excerpts none activates, so there is nothing to tell apart"}
    confirmed = Confirmed(
        scores={
            "score": interval,
            "baselines": {"null": unscored},
            "gains": {"null": unscored},
            "scores": {"detection": {"explanation": interval, "null": unscored}},
            "leaders": [interval],
            "previous": interval,
        }
    )
    result = sample_run()[-1].result
    step = {"development": interval, "sealed": interval}
    anytime = [{"used": used, **step} for used in (2, 6)] + [{"used": 9, **step, "sealed": unscored}]
    finished = Finished(result=result | {"anytime": anytime, "gains": {"token_lookup_30": interval}})
    make_run(tmp_path, [*sample_run()[:-2], confirmed, finished])
    story = show_run(tmp_path, "last")
    assert "0.310 [0.250, 0.370]   the explanation's gain over it: 0.500 [0.400, 0.600]" in story
    end = story[story.index("End\n") : story.index("Cost\n")]
    assert end.splitlines() == [
        "End",
        "---",
        "  stopped: plateau",
        "  sealed fold 0, opening 1 for this neuron and corpus",
        "  sealed score of who led, by units of budget used: 0.500 [0.400, 0.600] from 2 on, no score (of 201",
        "  excerpts none activates, so there is nothing to tell apart) from 9 on",
        "  an earlier run's explanation on this fold: 0.500 [0.400, 0.600]",
        "",
        "Scores on sealed text",
        "---------------------",
        "                       explanation           token-lookup-30  null",
        "  correlation          0.500 [0.400, 0.600]                   no score",
        "  detection, accuracy  0.500 [0.400, 0.600]                   no score",
        "  null, no score (correlation; detection, accuracy): of 201 excerpts none activates, so there is",
        "  nothing to tell apart",
        "",
    ]


def test_every_beginning_of_a_run_can_be_shown_and_listed(tmp_path: Path) -> None:
    whole = (FIXTURES / "events.jsonl").read_bytes()
    path = make_run(tmp_path, [])
    for n_bytes in range(0, len(whole), 97):
        path.write_bytes(whole[:n_bytes])
        story = show_run(tmp_path, RUN_ID)
        assert f"agent resume {RUN_ID}" in story
        assert "interrupted" in list_runs(tmp_path)
        if whole[:n_bytes] and not whole[:n_bytes].endswith(b"\n"):
            assert "half-written" in story


def test_the_list_says_how_each_run_stands(tmp_path: Path) -> None:
    assert "There are no runs" in list_runs(tmp_path / "none")
    make_run(tmp_path, sample_run(), "r1")
    make_run(tmp_path, [*sample_run()[:6], Interrupted(reason="Ctrl-C")], "r2")
    make_run(tmp_path, [*sample_run()[:13], Failed(error=CallError(kind="StorageError", message="disk full"))], "r3")
    make_run(tmp_path, [], "r4").write_text("{}\n")
    writer = TraceWriter(RunFolder.create(tmp_path, "r5", {}).neuron("mini", NeuronId(0, 7)).events)
    lines = list_runs(tmp_path).splitlines()
    writer.close()
    table = [line for line in lines if not line.startswith("    ")]
    assert table == [
        "run  model  neuron  verdict or state  score                 budget",
        "r1   mini   L5N131  supported         0.612 [0.550, 0.660]  3 of 20",
        "r2   mini   L5N131  interrupted       -                     0 of 20",
        "r3   mini   L5N131  failed            -                     1 of 20",
        "r4   mini   L5N131  damaged           -                     0",
        "r5   mini   L0N7    running           -                     0",
    ]
    assert '    Fires at 9 on " import" after a line break.' in lines
    assert "    failed: StorageError: disk full" in lines
    assert max(map(len, list_runs(tmp_path, width=70).splitlines())) <= 70


def test_a_damaged_trace_says_so(tmp_path: Path) -> None:
    make_run(tmp_path, []).write_text("{}\n")
    assert "line 1 of" in show_run(tmp_path, "last")


def test_unknown_runs_and_neurons_name_what_there_is(tmp_path: Path) -> None:
    make_run(tmp_path, sample_run())
    with pytest.raises(BadInput, match=rf"the closest: {RUN_ID}"):
        show_run(tmp_path, "20260131T120102Z-mini-L5N131-3f9a1d")
    with pytest.raises(BadInput, match=r"no neuron 'L0N0'; it has: mini.L5N131"):
        show_run(tmp_path, "last", neuron="L0N0")
    assert show_run(tmp_path, "last", neuron="L5N131") == show_run(tmp_path, "last")
    RunFolder.create(tmp_path, "z", {})
    assert "before it reached a neuron" in show_run(tmp_path, "z")
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError):
        list_runs(tmp_path / "file")


def test_nothing_in_a_trace_reaches_the_terminal_as_a_control_character(tmp_path: Path) -> None:
    nasty = "\x1b[2J\u202e\r\n"
    events = sample_run()[:-1]
    events[0] = events[0].model_copy(update={"model": nasty, "seed": 1, "config": {"variant": nasty}})
    events[4] = events[4].model_copy(update={"form": nasty, "sentence": nasty})
    make_run(tmp_path, [*events, Failed(error=CallError(kind=nasty, message=nasty))])
    for text in (show_run(tmp_path, "last"), list_runs(tmp_path)):
        assert not set("\x1b\u202e\r") & set(text)
        assert "\\x1b[2J" in text
