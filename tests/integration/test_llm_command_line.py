"""LLMs on the command line: what is missing is said before anything is read, and no key leaves the process."""

from __future__ import annotations

import json
import os
import re
import socket
import sqlite3
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import pytest
from scripted_llm import Script, kind_of, scripted_llm

from agent.cli import main

KEY = "sk-live-0123456789abcdefGHIJ"


def closed_port() -> int:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return int(bound.getsockname()[1])


def test_no_key_and_no_url_is_said_before_anything_is_read(capsys: pytest.CaptureFixture[str]) -> None:
    nowhere = ["--model", "/no/such/model", "--corpus", "/no/such/corpus"]
    for command in (["explain", "L1N3", "--explainer", "openai:x"], ["test", "L1N3", "s", "--simulator", "openai:x"]):
        assert main([*command, *nowhere]) == 4
        out, err = capsys.readouterr()
        assert out == ""
        assert err.count("\n") == 1
        assert "OPENAI_API_KEY is not set" in err
        assert "--llm-url" in err
        assert "--explainer rules" in err
    assert not Path("runs").exists()


def test_nobody_at_the_port(world: Any, capsys: pytest.CaptureFixture[str]) -> None:
    url = f"http://127.0.0.1:{closed_port()}/v1"
    options = ["--corpus-tokens", "30000", "--quiet", *world.options]
    assert main(["explain", "L1N3", "--explainer", "openai:x", "--llm-url", url, *options]) == 4
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert err.startswith(f"agent: the LLM endpoint {url} cannot be reached")
    assert "--explainer rules" in err
    assert main(["resume", "last", "--quiet"]) == 4
    assert main(["test", "L1N3", "the letter e", "--simulator", "openai:x", "--llm-url", url, *options]) == 4
    assert capsys.readouterr().err.count("cannot be reached") == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--explainer", "openai:x", "--max-usd", "1"], "NEURON_AGENT_PRICES"),
        (["--explainer", "openai:"], "openai:MODEL"),
        (["--explainer", "gpt-4o"], "openai:MODEL"),
        (["--explainer", "openai:x", "--max-tokens", "0"], "must be a whole number of at least 1"),
        (["--explainer", "openai:x", "--max-usd", "inf"], "above 0"),
        (["--explainer", "openai:x", "--llm-url", "localhost:80"], "write it as http://localhost:8000/v1"),
        (["--explainer", "openai:x", "--llm-url", "http://u:geheim@h/v1"], "OPENAI_API_KEY"),
        (["--explainer", "openai:x", "--simulation", "guess"], "token-by-token"),
        (["--explainer", "openai:x", "--simulated-excerpts", "2"], "at least 3"),
    ],
)
def test_options_that_cannot_be_used(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    url = [] if "--llm-url" in arguments else ["--llm-url", "http://127.0.0.1:9/v1"]
    assert main(["explain", "L1N3", "--model", "mini", *arguments, *url]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert said in err
    assert "geheim" not in err
    assert not Path("runs").exists()


def test_money_is_kept_with_prices_of_ones_own(
    world: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    prices = tmp_path / "prices.toml"
    prices.write_text('["http://127.0.0.1:*"]\n"*" = { input = 1000, output = 1000 }\n')
    monkeypatch.setenv("NEURON_AGENT_PRICES", str(prices))
    with scripted_llm(Script()) as server:
        command = ["explain", "L1N3", "--explainer", "openai:x", "--llm-url", server.url, "--max-usd", "200", "--json"]
        assert main([*command, "--budget", "4", "--corpus-tokens", "30000", "--quiet", *world.options]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["cost"]["tokens"] > 0
    assert found["cost"]["usd"] == pytest.approx(found["cost"]["tokens"] / 1000)
    assert found["cost"]["usd"] <= 200
    manifest = json.loads(next(Path("runs").glob("*/run.json")).read_text())
    assert manifest["prices"]["x"]["input"] == 1000


def test_a_sentence_in_free_words(world: Any, capsys: pytest.CaptureFixture[str]) -> None:
    def level(explanation: str, tokens: tuple[str, ...]) -> int:
        return 8 if explanation == "the letter e" and "e" in tokens[-1] else 0

    with scripted_llm(Script(level=level)) as server:
        llm = ["--simulator", "openai:fake", "--llm-url", server.url, "--corpus-tokens", "30000", *world.options]
        assert main(["test", "L1N3", "the letter e", *llm]) == 0
        out, err = capsys.readouterr()
        assert set(server.kinds()) == {"simulator"}
        assert main(["test", "L1N3", "the letter e", *llm, "--json", "--quiet"]) == 0
    assert re.search(r"^  score +-?\d\.\d{3} \[.*\] +\(21 excerpts, simulated by openai:fake\)$", out, re.MULTILINE)
    assert "cannot parse this explanation, so openai:fake simulates it" in err
    assert "tokens" in out.splitlines()[-1]
    found = json.loads(capsys.readouterr().out)
    assert (found["simulator"], found["score"]["n_excerpts"]) == ("openai:fake", 21)
    assert found["cost"]["tokens"] > 0


@pytest.mark.parametrize(("sentence", "said"), [("  ", "is empty"), ("fires on \udcff", "is not UTF-8")])
def test_what_is_no_sentence(sentence: str, said: str, world: Any, capsys: pytest.CaptureFixture[str]) -> None:
    llm = ["--simulator", "openai:x", "--llm-url", "http://127.0.0.1:9/v1"]
    options = ["--corpus-tokens", "30000", "--quiet", *world.options, *llm]
    for command in (["test", "L1N3", sentence], ["explain", "L1N3", "--rival", sentence]):
        assert main([*command, *options]) == 2
        assert said in capsys.readouterr().err
    assert not Path("runs").exists()


def test_help_shows_the_options(capsys: pytest.CaptureFixture[str]) -> None:
    shared = ("--simulator", "--llm-url", "--max-tokens", "--max-usd", "--llm-concurrency", "--simulation",
              "--simulated-excerpts", "--excerpts-per-call", "--token-field", "--llm-timeout")  # fmt: skip
    for command, own in (("explain", "--explainer"), ("test", "SENTENCE")):
        assert main([command, "--help"]) == 0
        said = capsys.readouterr().out
        assert all(option in said for option in (*shared, own))
    assert main(["--help"]) == 0
    assert "OPENAI_API_KEY" in capsys.readouterr().out


def holds(path: Path, secret: str) -> bool:
    """Whether a file holds a text, also inside the compressed rows of a database."""
    found = secret.encode() in path.read_bytes()
    if path.suffix != ".sqlite":
        return found
    connection = sqlite3.connect(path)
    try:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            for row in connection.execute(f"SELECT * FROM {table}"):
                for value in row:
                    text = value if isinstance(value, bytes) else str(value).encode()
                    if isinstance(value, bytes):
                        text += zlib.decompress(value) if value[:1] == b"\x78" else b""
                    found |= secret.encode() in text
    finally:
        connection.close()
    return found


@pytest.mark.parametrize("how", ["400", "401", "refusal"])
def test_a_key_that_the_endpoint_repeats_is_shown_and_kept_nowhere(how: str, world: Any, tmp_path: Path) -> None:
    sent: list[str] = []

    def repeats(body: dict[str, Any]) -> Any:
        key = served[0].headers[-1].get("authorization") or served[0].headers[-1]["Authorization"]
        sent.append(key)
        said = f"Incorrect API key provided: {key}. Really {KEY}!"
        if how.isdigit():
            return int(how), said
        return {"content": None, "refusal": said}

    served: list[Any] = []
    cache = tmp_path / "cache"  # its own: to read a database's file would undo the locks of this process on it
    env = os.environ | {"OPENAI_API_KEY": KEY, "AGENT_LOG": "debug", "NEURON_AGENT_CACHE": str(cache)}
    with scripted_llm(Script(override=repeats)) as server:
        served.append(server)
        options = ["--budget", "3", "--corpus-tokens", "30000", "--rival", "the letter e", *world.options]
        command = [sys.executable, "-m", "agent.cli", "explain", "L1N3", "--explainer", "openai:x", *options]
        done = subprocess.run(
            [*command, "--llm-url", server.url], env=env, capture_output=True, text=True, check=False, cwd=tmp_path
        )
        shown = subprocess.run(
            [sys.executable, "-m", "agent.cli", "trace", "show", "last"],
            env=env, capture_output=True, text=True, check=False, cwd=tmp_path,
        )  # fmt: skip
    assert any(KEY in key for key in sent)
    assert done.returncode == (4 if how == "401" else 0), done.stderr
    for text in (done.stdout, done.stderr, shown.stdout, shown.stderr):
        assert KEY not in text
    files = [path for path in (tmp_path / "runs").rglob("*") if path.is_file()]
    files += list(cache.glob("*.sqlite*"))
    assert "llm-replies.sqlite" in {path.name for path in files}
    assert {"run.json", "events.jsonl"} <= {path.name for path in files}
    assert not [path for path in files if holds(path, KEY)]
    events = next((tmp_path / "runs").glob("*/neurons/*/events.jsonl")).read_text()
    assert "[hidden]" in events or how == "401"
    assert kind_of(server.bodies[0]) == "explainer"
