import io
import os
import pty
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from traces_samples import sample_run

from tools.records.scores import read_score
from traces.events.kinds import Event, HypothesisProposed, Note
from traces.text.console import Display, LiveDisplay, PlainDisplay, QuietDisplay, make_display
from traces.text.formatting import one_line, printable, score_text, shorten, visible
from traces.text.tokens import render_tokens, render_tokens_plain

ROOT = Path(__file__).resolve().parents[4]
STRANGE = "[red]\x1b[2J\u202e\ud800 \u0000[/nope] 日本語 🙂\r\n\t" + "w" * 300


class Terminal:
    """The far end of a pseudo-terminal: keeps what was written to it."""

    def __init__(self) -> None:
        self.written = b""
        self._master, slave = pty.openpty()
        self.stream = os.fdopen(slave, "w", encoding="utf-8", errors="backslashreplace", buffering=1)
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        try:
            while data := os.read(self._master, 65536):
                self.written += data
        except OSError:
            pass

    def close(self) -> str:
        if not self.stream.closed:
            self.stream.close()
        self._reader.join()
        os.close(self._master)
        return self.written.decode()


@contextmanager
def terminal(monkeypatch: pytest.MonkeyPatch, columns: int, term: str = "xterm-256color") -> Iterator[Terminal]:
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("TERM", term)
    monkeypatch.delenv("NO_COLOR", raising=False)
    yield Terminal()


def show_all(display: Display, events: list[Event]) -> None:
    display.start(100, "scanning " + STRANGE)
    for _ in range(10):
        display.advance(10)
    display.finish()
    for seq, event in enumerate(events):
        display.event(event.model_copy(update={"seq": seq, "at": "2026-01-31T12:01:00+00:00"}))
    display.note(STRANGE)
    display.close()
    display.close()


def strange_run() -> list[Event]:
    named = sample_run()
    strange = HypothesisProposed.model_construct(
        hypothesis="h1", form=STRANGE, sentence=STRANGE, words=1, parent=None, round=1, origin="", seq=0, at=""
    )
    return [
        *named[:4],
        strange,
        *named[5:-1],
        Note.model_construct(message=STRANGE, level="info", seq=0, at=""),
        named[-1],
    ]


def test_plain_lines_tell_the_run() -> None:
    stream = io.StringIO()
    show_all(make_display(stream=stream), sample_run())
    lines = [re.sub(r"^\d\d:\d\d:\d\d  ", "", line) for line in stream.getvalue().splitlines()]
    assert lines[2:-1] == [
        "run 20260131T120102Z-mini-L5N131-3f9a1c: mini/L5N131, seed 7",
        "gather, round 0, budget left 20 of 20",
        "firing: fires above 0.42, 12,000 excerpts to explore",
        "propose, round 0, budget left 20 of 20",
        'hypothesis h1 (rules): Fires at 9 on " import" after a line break.',
        "hypothesis h2 (token set): Fires at 5 on keywords.",
        "score of h1 on development: 0.650 [0.600, 0.700]",
        "score of h2 on development: no score (constant prediction)",
        "design, round 1, budget left 20 of 20",
        "2 predicted readings, 1 fired",
        "belief: h1 0.80, h2 0.20",
        "generate failed: no text within 10 s",
        "decision: drop h2: wrong twice",
        "decision: stop: plateau",
        "warning: one warning",
        "decision: merge h2: it says the same as h1",
        "a person let unseen text be opened",
        "sealed fold 0 opened (opening 1)",
        "finished: supported, 0.612 [0.550, 0.660]",
    ]
    assert lines[0].startswith("scanning [red]\\x1b[2J\\u202e\\ud800 \\x00[/nope] 日本語 🙂 www")
    assert lines[0].endswith("w: 0 of 100")
    assert lines[1].endswith("w: done")


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8", "cp1252", "utf-16"])
def test_plain_lines_in_any_encoding(encoding: str) -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding, errors="strict", write_through=True)
    display = PlainDisplay(stream)
    show_all(display, strange_run())
    assert not display.is_broken
    assert "finished: supported" in raw.getvalue().decode(encoding)


@pytest.mark.parametrize("columns", [1, 8, 40, 200])
def test_a_live_display_on_a_terminal_of_any_width(monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    with terminal(monkeypatch, columns) as screen:
        display = make_display(stream=screen.stream)
        assert isinstance(display, LiveDisplay)
        show_all(display, strange_run())
        written = screen.close()
        assert not display.is_broken
    assert "\x1b[2J" not in written.replace("\x1b[2K", "")
    assert written.count("\x1b[?25l") == written.count("\x1b[?25h")  # the cursor is given back
    if columns == 200:
        assert "best so far on development: 0.650" in written
        assert "design, round 1, budget left 20 of 20" in written
        assert "[red]\\x1b[2J" in written


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds that a test sets."""
    now = [100.0]
    monkeypatch.setattr("traces.text.console.time.monotonic", lambda: now[0])
    return now


def said(display: Display, stream: io.StringIO, clock: list[float], total: int | None, in_bytes: bool) -> list[str]:
    display.start(total, "reading", in_bytes=in_bytes)
    for _ in range(2):
        clock[0] += 3
        display.advance(1_300_000)
    display.finish()
    display.close()
    return [re.sub(r"^\d\d:\d\d:\d\d  ", "", line) for line in stream.getvalue().splitlines()]


@pytest.mark.parametrize(
    ("total", "in_bytes", "expected"),
    [
        (3_900_000, False, ["0 of 3,900,000", "1,300,000 of 3,900,000, about 6 s left",
                            "2,600,000 of 3,900,000, about 3 s left", "stopped at 2,600,000 of 3,900,000"]),
        (2_600_000, False, ["0 of 2,600,000", "1,300,000 of 2,600,000, about 3 s left", "2,600,000 of 2,600,000",
                            "done"]),
        (3_900_000, True, ["0 bytes of 3.9 MB", "1.3 MB of 3.9 MB, about 6 s left", "2.6 MB of 3.9 MB, about 3 s left",
                           "stopped at 2.6 MB of 3.9 MB"]),
        (None, False, [None, "1,300,000 so far", "2,600,000 so far", "2,600,000 in all"]),
    ],
)  # fmt: skip
def test_long_jobs_say_how_far_they_are_and_what_time_is_left(
    total: int | None, in_bytes: bool, expected: list[str | None], clock: list[float]
) -> None:
    stream = io.StringIO()
    lines = said(PlainDisplay(stream), stream, clock, total, in_bytes)
    assert lines == [f"reading: {told}" if told else "reading" for told in expected]


def test_a_job_that_stands_still_is_told_seldom(clock: list[float]) -> None:
    stream = io.StringIO()
    display = PlainDisplay(stream)
    display.start(2, "asking")
    for _ in range(40):  # a look every two seconds at what takes its time
        clock[0] += 2
        display.advance(0)
    assert stream.getvalue().count("asking: 0 of 2") == 3
    clock[0] += 2
    display.advance(1)
    assert "asking: 1 of 2" in stream.getvalue()


@pytest.mark.parametrize(("total", "told"), [(3_900_000, "1,300,000 of 3,900,000, about 6 s left"), (None, "so far")])
def test_a_live_display_says_what_time_is_left(
    total: int | None, told: str, clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    with terminal(monkeypatch, 120) as screen:
        display = LiveDisplay(screen.stream)
        said(display, io.StringIO(), clock, total, False)
        written = screen.close()
        assert not display.is_broken
    assert told in written


def test_a_dumb_terminal_gets_plain_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    with terminal(monkeypatch, 80, term="dumb") as screen:
        assert isinstance(make_display(stream=screen.stream), PlainDisplay)
        screen.close()


def test_a_terminal_that_goes_away_ends_the_display_and_not_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    with terminal(monkeypatch, 80) as screen:
        display = LiveDisplay(screen.stream)
        display.event(sample_run()[0])
        screen.close()
        show_all(display, sample_run())
        assert display.is_broken


def test_a_pipe_that_nobody_reads_ends_the_display_and_not_the_run() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    stream = os.fdopen(writing, "w", buffering=1)
    display = PlainDisplay(stream)
    show_all(display, sample_run())
    assert display.is_broken
    with pytest.raises(BrokenPipeError):
        stream.close()


def test_quiet_is_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    display = make_display(quiet=True)
    assert isinstance(display, QuietDisplay)
    show_all(display, sample_run())
    assert capsys.readouterr() == ("", "")


def test_progress_and_lines_go_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    show_all(make_display(), sample_run())
    out, err = capsys.readouterr()
    assert out == ""
    assert "finished: supported" in err


def test_traces_load_nothing_heavy() -> None:
    code = (
        "import sys, traces.events.store, traces.text.show, traces.text.console, traces.database.results;"
        "import traces.text.tokens;"
        "print(sorted({'torch', 'transformers', 'langgraph', 'rich', 'structlog', 'numpy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@given(st.text(), st.integers(1, 60), st.sampled_from(["ascii", "utf-8", "latin-1"]))
def test_any_text_fits_on_a_line_and_into_an_encoding(text: str, width: int, encoding: str) -> None:
    line = one_line(text)
    assert line.splitlines() in ([line], [])
    assert line == printable(line, "utf-8")
    assert len(shorten(text, width)) <= width
    printable(text, encoding).encode(encoding)


def test_control_characters_are_shown_and_not_obeyed() -> None:
    assert visible("a\n\t\x1b[31m\u202e") == "a⏎⇥\\x1b[31m\\u202e"
    assert printable("a⏎é…", "ascii") == "a\\n\\xe9..."


@pytest.mark.parametrize(
    ("score", "text"),
    [
        ({"value": 0.5, "low": 0.4, "high": 0.61234}, "0.500 [0.400, 0.612]"),
        ({"value": 0.5, "low": 0.4, "high": 0.61234, "later": 1}, "0.500 [0.400, 0.612]"),
        ({"value": 0.5}, "no score (its value has no interval)"),
        ({"value": None, "reason": "constant\nseries"}, "no score (constant series)"),
        ({}, "no score (no reason given)"),
    ],
)
def test_a_missing_score_is_never_a_number(score: object, text: str) -> None:
    assert score_text(read_score(score)) == text
    assert score_text(None) == "no score"


def test_tokens_without_colour() -> None:
    assert render_tokens_plain(["import", " os", "\n"], [0.0, 2.5, -0.125], theta=1.0) == (
        "   0.000              |import|\n"
        "   2.500 * ########## | os|\n"
        "  -0.125              |⏎|\n"
        "largest 2.500; * fires above 1"
    )
    assert render_tokens_plain([], []) == "largest 0.000"


def test_tokens_in_colour() -> None:
    text = render_tokens(["[b]x[/b]", " os", "\n", "y"], [0.0, 2.5, -0.1, 1.0], theta=1.5)
    assert text.plain.startswith("[b]x[/b] os⏎\ny\n\n")
    assert text.plain.endswith("largest 2.500; fires above 1.5 (underlined)")
    styles = {text.plain[span.start : span.end]: str(span.style) for span in text.spans}
    assert styles[" os"] == "black on color(118) bold underline"
    assert "underline" not in styles["y"]
    assert "[b]x[/b]" not in styles
    with pytest.raises(ValueError, match="one value per token"):
        render_tokens(["a"], [])


def test_a_silent_text_has_no_colours_and_no_legend() -> None:
    assert render_tokens(["a", "b"], [0.0, -0.1]).plain == "ab\nlargest 0.000"
