import re
from pathlib import Path

import pytest
from traces_samples import sample_run

from agent.cli import main
from tools.errors import BadInput, StorageError
from tools.records.neuron import NeuronId
from traces.events.experiment import Expectations, TextChange
from traces.events.kinds import (
    CallError,
    Confirmed,
    Event,
    ExperimentsDesigned,
    Failed,
    Finished,
    HypothesisProposed,
    Interrupted,
    PredictionsRegistered,
    Scored,
    ToolCall,
)
from traces.events.runs import RunFolder
from traces.events.store import TraceWriter
from traces.text.show import list_runs, show_run

FIXTURES = Path(__file__).resolve().parents[3] / "fixtures" / "trace_v1"
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
    score = interval | {"protocol": "strata", "split": "sealed", "n_excerpts": 240}
    step = {"development": score, "sealed": score}
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
        "  sealed score of the leader, by units of budget used: 0.500 [0.400, 0.600] from 2 on, no score (of",
        "  201 excerpts none activates, so there is nothing to tell apart) from 9 on",
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


def test_a_run_that_was_stopped_before_it_had_a_trace(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path, "z", {"config": {"target": "L5N131", "model": "mini"}})
    stopped = (
        f"interrupted, stopped while it was reading the model and the corpus: `agent resume z --runs-dir {tmp_path}`"
    )
    assert show_run(tmp_path, "z") == f"Run z of mini/L5N131, {stopped} goes on with it.\n"
    _, row, told = list_runs(tmp_path).splitlines()
    assert row.split() == ["z", "mini", "L5N131", "interrupted", "-", "-"]
    assert told == "    stopped while it was reading the model and the corpus"
    with run.held():
        assert "running" in list_runs(tmp_path)
        assert show_run(tmp_path, "z") == "Run z of mini/L5N131, running, reading the model and the corpus.\n"
    run.neuron("mini", NeuronId(5, 131))  # killed before it could make the trace
    assert "interrupted" in list_runs(tmp_path)
    assert "damaged" not in list_runs(tmp_path)
    (run.path / "run.json").write_text("{}")
    assert "damaged, run.json cannot be read" in show_run(tmp_path, "z")
    assert "damaged" in list_runs(tmp_path)
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


TOKENS = ["a", " b", "\n", " cc", " d" * 30]
LISTED = 'on "x", "y" (9)'


def new_run(**more: object) -> list[Event]:
    """The sample run with what newer programs record: excerpts, edits, claims, output weights."""
    events = sample_run()
    for i, event in enumerate(events):
        if isinstance(event, ExperimentsDesigned):
            change = TextChange(at=1, removed=[" was"], added=["import"])
            first = event.experiments[0].model_copy(
                update={"expectations": Expectations(before_the_change=0.125, change=change)}
            )
            events[i] = event.model_copy(update={"experiments": [first, event.experiments[1]]})
    excerpts = [
        {"stratum": stratum, "excerpt": 7, "tokens": TOKENS, "values": values, "levels": [0.0, 9.0, 0.0, 10.0, 0.0]}
        for stratum, values in (
            ("top", [0.0, 3.0, -0.1, 2.0, 0.0]), ("top", [9.0] * 5), ("random", [0.0, -0.0, -0.1, 0.25, 0.0]),
        )
    ]  # fmt: skip
    shown = {"excerpts": excerpts, "slope": 0.25, "intercept": -0.5} | more
    calls = {
        "confirm": {"shown": shown},
        "claim_output": {"promoted": [[" the", 0.75], ["\x1b", 0.5]], "suppressed": [["no", -1.0]]},
    }
    made = [
        ToolCall(call_id=tool, tool=tool, arguments={}, outcome="ok", result=result, budget_used=3)
        for tool, result in calls.items()
    ]
    claims = [
        {"clause": clause, "token": token, "right": right, "wrong": wrong}
        for clause, token, right, wrong in (
            (LISTED, None, 3, 1), (LISTED, "x", 3, 1), (LISTED, "y", 0, 0), ("amid verbs (2)", None, 0, 0),
        )
    ]  # fmt: skip
    tests = {"predicted positive": {"passed": 3, "failed": 1}, "minimal pair": {"passed": 0, "failed": 0}}
    finished = Finished(result=sample_run()[-1].result | {"claims": claims, "tests": tests})
    return [*events[:-1], *made, finished]


def section_of(story: str, title: str) -> list[str]:
    """The lines below a heading."""
    lines = story.splitlines()
    first = lines.index(title) + 2
    return lines[first : lines.index("", first) if "" in lines[first:] else None]


def test_true_and_simulated_values_stand_one_above_the_other(tmp_path: Path) -> None:
    make_run(tmp_path, new_run())
    story = show_run(tmp_path, "last")
    assert section_of(story, "True and simulated, on sealed text") == [
        "  one scale, 0 to 3.000; above 0.420 it fires (between «»); the number is the largest value",
        "  top       true        3.000  a« b»⏎« cc»",
        "            simulated   2.000  a« b»⏎« cc»",
        "  random    true        0.250  a b⏎ cc",
        "            simulated   2.000  a« b»⏎« cc»",
    ]


def test_an_explanation_that_says_the_same_everywhere_has_no_simulated_values(tmp_path: Path) -> None:
    make_run(tmp_path, new_run(slope=None))
    (line,) = section_of(show_run(tmp_path, "last"), "True and simulated, on sealed text")
    assert "no simulated raw values" in line


def test_minimal_pairs_are_diffs(tmp_path: Path) -> None:
    make_run(tmp_path, new_run())
    assert section_of(show_run(tmp_path, "last"), "Minimal pairs") == [
        "  1 read; those with the largest change of the raw value ([-removed-] {+added+}):",
        "  0.125 → 3.250, fired: ⏎[- was-]{+import+} os⏎ [red]x[/red]",
    ]


def test_generators_that_made_no_text_are_told(tmp_path: Path) -> None:
    events = new_run()
    at = next(i for i, event in enumerate(events) if isinstance(event, ExperimentsDesigned))
    quotas = {"minimal_pair": 4, "look_alike": 2, "written": 0, "retrieval": 4}
    call = ToolCall(call_id="d", tool="design_experiments", arguments={"quotas": quotas}, outcome="ok")
    make_run(tmp_path, [*events[:at], call, *events[at:]])
    assert section_of(show_run(tmp_path, "last"), "Round 1")[0] == (
        "  2 experiments (minimal pair 1, retrieval 1; none from look alike); 2 read, 1 fired"
    )


def test_what_was_never_tested(tmp_path: Path) -> None:
    make_run(tmp_path, new_run())
    assert section_of(show_run(tmp_path, "last"), "What was tested, and what never") == [
        "  passed, by kind of test: predicted positive 3 of 4, minimal pair never",
        '  right 3 of 4: on "x", "y" (9)',
        "  NEVER TESTED: amid verbs (2)",
        '  never tested: `y` (on "x", "y" (9))',
    ]


def test_output_weights_where_nobody_watched_the_output(tmp_path: Path) -> None:
    make_run(tmp_path, new_run())
    assert section_of(show_run(tmp_path, "last"), "Output weights") == [
        "  favour `␣the` +0.75, `\\x1b` +0.50",
        "  disfavour `no` -1.00",
    ]


def test_who_came_second_without_an_experiment_against_it(tmp_path: Path) -> None:
    """It entered after the last round: the next one says what decided."""
    events = new_run()
    late = HypothesisProposed(hypothesis="h3", form="rules", sentence="Fires late.", words=2, origin="rules")
    score = Scored(hypothesis="h3", split="development", protocol="strata", score={"value": 0.6})
    make_run(tmp_path, [*events[:-3], late, score, *events[-3:]])
    found = section_of(show_run(tmp_path, "last"), "What decided between rivals")
    assert found[0] == "  h3 came second; no experiment favoured h1 over it"
    assert found[1].startswith(
        "  h2 lost to h1: 2 experiments spoke for h1 and 0 for h2, in sum 3.01 nats for h1 (3.01 against"
    )


def test_a_rival_whom_experiments_favoured_did_not_lose_to_any(tmp_path: Path) -> None:
    events = new_run()
    at = next(i for i, event in enumerate(events) if isinstance(event, PredictionsRegistered))
    predictions: dict[str, list[float | None]] = {"h1": [0.7, 0.9], "h2": [0.6, 0.1]}  # e1 fires, e2 does not
    events[at] = PredictionsRegistered(round=1, experiment_ids=["e1", "e2"], predictions=predictions)
    make_run(tmp_path, events)
    found = " ".join(line.strip() for line in section_of(show_run(tmp_path, "last"), "What decided between rivals"))
    assert found == (
        "h2 came second; experiments did not refute it: 1 experiment spoke for h1 and 1 for h2, in sum 2.04 nats for "
        "h2 (0.15 against 2.20); it lost on its development score"
    )


def test_colours(tmp_path: Path) -> None:
    """The same text: tokens are coloured by value and firing ones underlined in place of guillemets."""
    make_run(tmp_path, new_run())
    coloured = show_run(tmp_path, "last", is_coloured=True)
    without = re.sub(r"\x1b\[[0-9;]*m", "", coloured)
    assert "\x1b" not in without
    plain = show_run(tmp_path, "last").replace("between «»", "underlined")
    assert re.sub("[«»]", "", without) == re.sub("[«»]", "", plain)
    (true,) = [line for line in coloured.splitlines() if line.startswith("  top ")]
    assert "\x1b[1;4;30;48;5;118m b\x1b[0m" in true
    assert "\x1b[1;4;30;48;5;40m cc\x1b[0m" in true
    assert "\x1b[31m[- was-]\x1b[0m\x1b[32m{+import+}\x1b[0m" in coloured


def test_a_token_of_any_length_stays_on_its_line(tmp_path: Path) -> None:
    events = new_run()
    confirm = events[-3]
    assert isinstance(confirm, ToolCall)
    for excerpt in confirm.result["shown"]["excerpts"]:
        excerpt["tokens"] = ["x" * 10_000, "y" * 10_000, "\u202e", "z", "x"]
    events[-3] = confirm
    make_run(tmp_path, events)
    story = show_run(tmp_path, "last")
    assert max(map(len, section_of(story, "True and simulated, on sealed text"))) <= 130
    assert "\u202e" not in story


@pytest.mark.parametrize(
    ("options", "environment", "is_coloured"),
    [
        ([], {}, True),
        (["--no-color"], {}, False),
        ([], {"NO_COLOR": "1"}, False),
        ([], {"NO_COLOR": ""}, True),
        ([], {"TERM": "dumb"}, False),
    ],
)
def test_colours_on_a_terminal_alone(
    options: list[str],
    environment: dict[str, str],
    is_coloured: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    make_run(tmp_path, new_run())
    command = ["trace", "show", "last", "--runs-dir", str(tmp_path), *options]
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert main(command) == 0
    assert "\x1b" not in capsys.readouterr().out  # piped
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    assert main(command) == 0
    assert ("\x1b[" in capsys.readouterr().out) == is_coloured


@pytest.mark.parametrize("version", [1, 2, 3])
def test_every_format_fits_the_width(version: int, tmp_path: Path) -> None:
    path = make_run(tmp_path, [])
    path.write_bytes((FIXTURES.parent / f"trace_v{version}" / "events.jsonl").read_bytes())
    story = show_run(tmp_path, RUN_ID)
    assert [line for line in story.splitlines() if len(line) > 110] == []
