"""What the page of a trace is made of: texts in pieces, drawings, and the answers to a reader's five questions."""

import itertools
import re
from pathlib import Path

import pytest

from agent.cli import main
from tools.records.predictions import Bin
from traces.analysis.refutations import fates
from traces.analysis.story import read_story
from traces.events.experiment import TextChange
from traces.html import experiments
from traces.html.answers import answers_of
from traces.html.drawing import Bar, beliefs, calibration, intervals
from traces.html.experiments import Piece, pieces, rounds_of
from traces.html.heat import N_SHADES, shade, shown_excerpts
from traces.html.writing import LONGEST_TOKEN, token

TRACE = Path(__file__).resolve().parents[3] / "fixtures" / "trace_v3" / "events.jsonl"


@pytest.fixture
def story():
    return read_story(TRACE)


def test_an_edit_is_shown_as_what_was_removed_and_what_was_added():
    change = TextChange(at=1, removed=[" red"], added=[" blue"])
    assert pieces(["the", " blue", " car"], 2, change) == [
        Piece("same", "the"), Piece("removed", " red"), Piece("added", " blue"), Piece("target", " car"),
    ]  # fmt: skip


def test_a_token_that_is_new_and_counts_is_both():
    change = TextChange(at=1, removed=[" red"], added=[" blue"])
    assert pieces(["the", " blue"], 1, change)[-1] == Piece("target added", " blue")


def test_a_text_that_lost_its_beginning_says_how_much():
    change = TextChange(at=0, removed=[f"w{i} " for i in range(15)], added=[])
    first, *rest = pieces(["end"], 0, change)
    assert first.kind == "removed"
    assert first.text == "[3 tokens]…" + "".join(f"w{i} " for i in range(3, 15))
    assert rest == [Piece("target", "end")]


def test_more_experiments_than_a_page_holds_are_counted(story, monkeypatch):
    monkeypatch.setattr(experiments, "MOST", 3)
    rounds = rounds_of(story)
    assert sum(len(one.experiments) for one in rounds) == 3
    assert sum(one.left_out for one in rounds) == sum(one.n for one in rounds) - 3 > 0


def test_every_experiment_has_its_reading_and_who_was_wrong(story):
    shown = {e.id: e for one in rounds_of(story) for e in one.experiments}
    trials = {name: trial for this in story.rounds.values() for name, trial in this.experiments.items()}
    assert set(shown) == set(trials)
    for name, trial in trials.items():
        wrong = {h for h in trial.predicted if trial.fired is not None and trial.was_wrong(h)}
        assert (shown[name].value, shown[name].fired, set(shown[name].wrong)) == (trial.value, trial.fired, wrong)


def test_simulated_values_lie_on_the_line_of_the_run_and_both_on_one_scale(story):
    found = shown_excerpts(story)
    slope, intercept = story.shown.slope, story.shown.intercept
    for pair, row in zip(found.pairs, story.shown.excerpts, strict=True):
        assert [cell.value for cell in pair.true] == row.values
        assert [cell.value for cell in pair.simulated] == [intercept + slope * level for level in row.levels]
    cells = [cell for pair in found.pairs for cell in (*pair.true, *pair.simulated)]
    assert found.highest == max(cell.value for cell in cells)
    assert all(cell.shade == shade(cell.value, found.highest) for cell in cells)
    assert all(cell.fires == (cell.value > story.theta) for cell in cells)


@pytest.mark.parametrize(("value", "expected"), [(-1, 0), (0, 0), (0.01, 1), (5, 5), (10, N_SHADES), (11, N_SHADES)])
def test_shades_go_from_nothing_to_the_largest(value, expected):
    assert shade(value, 10) == expected


def test_nothing_has_a_shade_where_nothing_is_above_zero():
    assert shade(1.0, 0.0) == 0


def test_drawings_escape_names_and_are_told_to_who_cannot_see_them():
    hostile = "<script>alert(1)</script>"
    drawn = [
        intervals([Bar(hostile, 0.5, -0.2, 1.2, is_main=True)]),
        beliefs([hostile], [1, 2], [[None, 0.25]]),
        calibration([("chosen", [Bin(low=0.5, high=0.6, n=3, predicted=0.5, fired=1.0)])]),
    ]
    for svg in drawn:
        assert "<script" not in svg
        assert re.search(r'role="img" aria-label="[^"]+"', svg)
    assert "&lt;script&gt;alert(1)… 0.25" in drawn[1]


def test_names_of_beliefs_that_end_alike_do_not_cover_each_other():
    svg = beliefs([f"H{i}" for i in range(8)], [1, 2], [[0.125, 0.01]] * 8)
    heights = sorted(float(y) for y in re.findall(r'<text class="name[^>]* y="([\d.]+)"', svg))
    assert len(heights) == 8
    assert min(b - a for a, b in itertools.pairwise(heights)) >= 14


def test_no_belief_and_no_score_make_no_line():
    assert "polyline" not in beliefs(["H1"], [1], [[None]])
    assert "circle" not in intervals([])


@pytest.mark.parametrize(
    ("given", "shown"),
    [(" the", "␣the"), ("\n\t", "\\n\\t"), ("\\xf0\\x9f", "\\xf0\\x9f"), ("\u202eabc", "\\u202eabc"), ("", "∅")],
)
def test_tokens_are_shown_as_the_tokenizer_has_them(given, shown):
    assert token(given) == shown


def test_a_very_long_token_is_cut_and_says_how_long_it_is():
    assert token("x" * 10_000) == "x" * LONGEST_TOKEN + "… (10,000 characters)"


def test_five_questions_are_answered(story):
    answers = {answer.question: answer.words for answer in answers_of(story, fates(story), shown_excerpts(story))}
    assert list(answers) == [
        "What does the neuron do?", "How sure are we?", "Which experiment refuted the runner-up?",
        "What was never tested?", "What did it cost?",
    ]  # fmt: skip
    assert answers["What does the neuron do?"].startswith(story.result.explanation)
    score = story.result.score
    assert f"Sealed score {score.value:.3f} [{score.low:.3f}, {score.high:.3f}]" in answers["How sure are we?"]
    assert answers["What did it cost?"].startswith(f"{story.budget_used} units")
    assert all(answers.values())


def test_a_run_that_goes_on_is_not_said_to_be_sure(tmp_path):
    trace = tmp_path / "events.jsonl"
    trace.write_bytes(b"".join(TRACE.read_bytes().splitlines(keepends=True)[:40]))
    story = read_story(trace)
    answers = [answer.words for answer in answers_of(story, fates(story), shown_excerpts(story))]
    assert answers[1] == "Not at all yet: the run is interrupted."
    assert answers[2] == "None yet: the run has not ended."


def test_a_page_that_cannot_be_written_says_how_to_put_it_elsewhere(tmp_path, capsys):
    (tmp_path / "file").touch()
    out = tmp_path / "file" / "page.html"
    assert main(["trace", "open", str(TRACE), "--out", str(out), "--no-browser"]) == 5
    assert capsys.readouterr().err == (
        f"agent: cannot write {out}: a part of the path is a file, not a folder; name another with --out.\n"
    )
