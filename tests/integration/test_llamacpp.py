"""Against llama.cpp's own server with a small real model: what it honours, what it cannot take, and a whole run."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from serving import Served, served_smollm2

from tools.llm.chat import ChatFailure, ChatReply, ChatRequest, Message
from tools.llm.endpoint import Endpoint
from tools.llm.exchange import Exchange
from tools.llm.replies import ReplyStore
from tools.llm.settings import LLMSettings
from tools.prompts import lineup, simulator, simulator_token
from tools.records.result import Result, Unscored
from traces.events.kinds import HypothesisProposed, ToolCall
from traces.events.store import load_trace

TOKENS = ("The", " moon", " is", " red", ".")
FREE = "names of colours"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served_smollm2(tmp_path_factory.mktemp("llamacpp")) as server:
        yield server


@contextmanager
def endpoint(served: Served, folder: Path, **settings: Any) -> Iterator[Endpoint]:
    shared = Exchange(ReplyStore(folder / "replies.sqlite"), 2)
    try:
        yield Endpoint.open(served.model, LLMSettings(url=served.base_url, **settings), shared)
    finally:
        shared.close()


def question(text: str, max_tokens: int = 8, **more: Any) -> ChatRequest:
    return ChatRequest("simulator", "test/1", (Message("user", text),), max_tokens, **more)


def test_a_schema_is_kept_to_by_grammar(served: Served, tmp_path: Path) -> None:
    """Whatever the model thinks, what it says has the form that was asked for; what it means is checked on the way."""
    with endpoint(served, tmp_path) as llm:
        (reply,) = llm.ask([simulator.request(FREE, [TOKENS])])
    assert isinstance(reply, ChatReply)
    assert llm.learnt.noticed == []
    assert reply.text.lstrip().startswith("{")
    if reply.finish == "stop":
        assert list(json.loads(reply.text)) == ["excerpts"]
    (found,) = simulator.parse(reply, [TOKENS])
    assert isinstance(found, Unscored) or found.shape == (len(TOKENS),)


def test_whoever_is_held_to_a_schema_chooses_one_of_the_neurons_shown(served: Served, tmp_path: Path) -> None:
    shown = [("A", ["a <<red>> door"]), ("B", ["they <<run>> home"]), ("C", ["<<two>> of us"])]
    with endpoint(served, tmp_path) as llm:
        (reply,) = llm.ask([lineup.request(FREE, shown)])
    assert isinstance(reply, ChatReply)
    assert lineup.parse(reply.text, "ABC") in ("A", "B", "C")


def test_log_probabilities_come_back(served: Served, tmp_path: Path) -> None:
    request = simulator_token.request(FREE, TOKENS, 3)
    with endpoint(served, tmp_path) as llm:
        (reply,) = llm.ask([request])
    assert request.logprobs
    assert isinstance(reply, ChatReply)
    assert reply.choices is not None
    assert llm.learnt.now.logprobs
    likely = [alternatives for choice in reply.choices if (alternatives := choice.alternatives)]
    assert all(len(alternatives) == 15 and alternatives[0][1] <= 0 for alternatives in likely)
    found = simulator_token.parse(reply)
    assert isinstance(found, Unscored) or 0 <= found.value <= 10


def test_a_question_that_does_not_fit_is_told_as_that(tmp_path: Path) -> None:
    (tmp_path / "small").mkdir()
    with served_smollm2(tmp_path / "small", n_context=256) as small, endpoint(small, tmp_path) as llm:
        too_long, afterwards = llm.ask([question("one two three " * 200), question("Say yes.")])
        # what fits as a question and not with its reply is cut off, and says so
        (full,) = llm.ask([question("one two three " * 60, max_tokens=200)])
    assert isinstance(too_long, ChatFailure)
    assert too_long.kind == "too long"
    assert "exceeds the available context size (256 tokens)" in too_long.message
    assert isinstance(afterwards, ChatReply)
    assert isinstance(full, ChatReply)
    assert full.finish == "length" or full.usage.input_tokens + full.usage.output_tokens <= 256
    assert llm.learnt.noticed == []


def test_two_slots_answer_at_once(served: Served, tmp_path: Path) -> None:
    """In turn, the short question would come back after the long one, which was asked first."""
    with endpoint(served, tmp_path) as llm:
        long, short = llm.ask([question("Count from one to a hundred.", 96), question("Say yes.", 2)])
    assert isinstance(long, ChatReply)
    assert isinstance(short, ChatReply)
    assert llm.shared.limit.highest == 2
    assert short.seconds < long.seconds
    used = {line.split("id ")[1].split()[0] for line in served.log.read_text().splitlines() if "launch_slot_" in line}
    assert used == {"0", "1"}


def test_a_hopeless_explainer_loses_and_the_run_ends_well(served: Served, tmp_path: Path) -> None:
    # As the default, but for its rounds: a small model takes a minute for what it has to say in each of them.
    (tmp_path / "short.toml").write_text("n_rivals = 1\nmax_rounds = 0\n", encoding="utf-8")
    command = [
        sys.executable, "-m", "agent.cli", "explain", "mini/L5N131", "--corpus-tokens", "60000", "--budget", "8",
        "--json", "--explainer", f"openai:{served.model}", "--simulator", f"openai:{served.model}",
        "--llm-url", served.base_url, "--llm-concurrency", "2", "--llm-timeout", "500", "--simulated-excerpts", "3",
        "--excerpts-per-call", "1", "--rival", FREE, "--variant", "short.toml",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr + served.log.read_text(errors="replace")[-2_000:]
    result = Result.model_validate_json(done.stdout)
    told: dict[str, Any] = json.loads(done.stdout)
    assert result.verdict in ("supported", "split", "unresolved", "noise")
    assert told["written_by"] == "rules"
    assert told["reader"] == "lexical"
    assert result.score.model_dump()["value"] is not None
    events = load_trace(tmp_path / result.trace).events
    origin = {event.sentence: event.origin for event in events if isinstance(event, HypothesisProposed)}
    assert origin[result.explanation or ""] == "rules"
    for rival in result.rivals:
        assert (rival.status == "winner") == (rival.explanation == result.explanation)
    asked = [llm for event in events if isinstance(event, ToolCall) for llm in event.llm]
    assert {llm.role for llm in asked} >= {"explainer", "simulator"}
    # it answers every question, in the form that was asked for; what it says is another matter
    assert [llm.error for llm in asked if llm.error] == []
    assert told["llm"]["this_time"]["noticed"] == []
    assert result.cost.tokens > 1000
