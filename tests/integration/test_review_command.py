"""`agent review` and `agent review export` as they are typed."""

import csv
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from agent.cli import main
from traces.database.results import ResultsDatabase
from traces.database.reviews import Review, add_review

CODE = "import sys; from agent.cli import main; sys.exit(main())"


def test_it_serves_until_it_is_interrupted(tmp_path: Path) -> None:
    command = [sys.executable, "-c", CODE, "review", "--runs-dir", str(tmp_path / "runs"), "--port", "0"]
    server = subprocess.Popen(
        [*command, "--no-browser"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=Path.cwd(),
    )  # fmt: skip
    try:
        assert server.stdout is not None
        line = server.stdout.readline()
        found = re.search(r"http://127\.0\.0\.1:\d+/", line)
        assert found is not None, line
        with urllib.request.urlopen(found[0], timeout=30) as reply:
            assert "There are no results in" in reply.read().decode()
        server.send_signal(signal.SIGINT)
        out, err = server.communicate(timeout=30)
    finally:
        server.kill()
        server.wait()
    assert (server.returncode, out, err) == (0, "", "")


def test_a_port_that_is_taken_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["review", "--runs-dir", str(tmp_path), "--port", str(port), "--no-browser"]) == 2
    assert capsys.readouterr().err == (
        f"agent: port {port} is taken: give another one with --port, or 0 for any that is free.\n"
    )


def test_it_says_who_can_reach_it(tmp_path: Path) -> None:
    command = [sys.executable, "-c", CODE, "review", "--runs-dir", str(tmp_path), "--port", "0", "--host", "0.0.0.0"]
    server = subprocess.Popen([*command, "--no-browser"], stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        assert "Reviewing the runs in" in server.stdout.readline()
        assert server.stdout.readline().startswith("Warning: no password; everybody who can reach this machine")
    finally:
        server.terminate()
        server.communicate(timeout=30)


def test_what_is_missing_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.cli.commands.review.find_spec", lambda name: None if name == "uvicorn" else object())
    assert main(["review", "--runs-dir", str(tmp_path), "--no-browser"]) == 3
    assert capsys.readouterr().err == "agent: agent review needs uvicorn: pip install uvicorn gets it.\n"


def test_labels_are_exported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    review = Review("run", "mini", "L5N131", "agree", "a note", "Ada", "Fires on `x`.")
    add_review(ResultsDatabase(tmp_path / "r"), review)
    path = tmp_path / "labels.csv"
    assert main(["review", "export", str(path), "--runs-dir", str(tmp_path / "r")]) == 0
    assert capsys.readouterr().out == f"1 review written to {path}.\n"
    with path.open(newline="", encoding="utf-8") as file:
        (row,) = csv.DictReader(file)
    assert (row["opinion"], row["note"], row["reviewer"], row["explanation"]) == (
        "agree", "a note", "Ada", "Fires on `x`.",
    )  # fmt: skip
    assert main(["review", "export", str(tmp_path / "labels.txt"), "--runs-dir", str(tmp_path / "r")]) == 2
    assert main(["review", "export", str(tmp_path), "--runs-dir", str(tmp_path / "r")]) == 2
    assert "end it with .csv or .jsonl" in capsys.readouterr().err
