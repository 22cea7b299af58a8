"""Runs on corpora of other formats than plain text: they resume, and a pipe is read where it can be."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import agent
from agent.cli import main
from tools.errors import BadInput
from traces.events.kinds import Note, without_clock

SETTINGS: dict[str, Any] = {"corpus_tokens": 30_000, "budget": 8}


@pytest.fixture
def texts(world: Any) -> list[str]:
    return [path.read_text(encoding="utf-8") for path in sorted(world.corpus.iterdir())]


@pytest.fixture
def lines(texts: list[str]) -> bytes:
    return "".join(json.dumps({"text": text}) + "\n" for text in texts).encode()


def test_a_run_on_a_parquet_file_is_resumed_and_is_the_run_on_the_same_texts_in_files(world, texts, lines, tmp_path):
    import pyarrow
    from pyarrow import parquet

    corpus = tmp_path / "texts.parquet"
    parquet.write_table(pyarrow.table({"text": texts}), corpus)
    done = agent.explain("L1N3", model=str(world.model), corpus=str(corpus), **SETTINGS)
    (path,) = Path("runs").glob("*/neurons/*/events.jsonl")
    events = agent.load_trace("last").events
    said = [event.message for event in events if isinstance(event, Note)]
    assert f"Read {len(texts)} texts from 1 file (parquet)." in said
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[: len(events) // 2]))
    path.with_name("result.json").unlink()
    Path("runs/results.sqlite").unlink()
    resumed = agent.resume("last")
    assert without_clock(resumed.to_json()) == without_clock(done.to_json())
    assert [without_clock(event) for event in agent.load_trace("last").events] == [without_clock(e) for e in events]
    (tmp_path / "texts.jsonl").write_bytes(lines)
    same = agent.explain(
        "L1N3", model=str(world.model), corpus=str(tmp_path / "texts.jsonl"), **SETTINGS, runs_dir="other"
    )
    assert (same.explanation, same.score, same.corpus.fingerprint) == (
        done.explanation,
        done.score,
        done.corpus.fingerprint,
    )


def test_a_corpus_through_a_pipe(world, lines):
    command = [sys.executable, "-m", "agent.cli", "top", "L1N3", "-n", "1", "--model", world.model, "--corpus"]
    for spec in ("-", "/dev/stdin"):
        done = subprocess.run([*command, spec], input=lines, capture_output=True, check=True)
        assert b"Read 60 texts from 1 file (JSON lines)." in done.stderr
        assert b"/L1N3 on standard input" in done.stdout


def test_a_pipe_is_refused_where_a_corpus_is_read_more_than_once(world, capsys):
    for command in (["batch", "--sample", "2", "--model", str(world.model)], ["eval", "run", "planted"]):
        assert main([*command, "--corpus", "-"]) == BadInput.exit_code
        assert "the corpus - is a pipe, which can be read only once" in capsys.readouterr().err
