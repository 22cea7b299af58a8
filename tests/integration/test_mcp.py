"""`agent mcp`: a client of the official package talks to a real server process about the bundled model."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.cli import main
from agent.mcp.session import Session
from agent.mcp.tools import EXPLAIN, SERVED
from agent.setup.config import RunConfig
from agent.setup.evidence import open_study
from agent.setup.settings import configured
from tools.catalogue import all_tools
from tools.errors import BadInput, BudgetSpent
from tools.study.study import Study
from tools.toolbox import ToolFailed
from traces.events.kinds import ReadingsRevealed, RunStarted, ToolCall
from traces.events.runs import RunFolder, run_ids
from traces.events.store import load_trace
from traces.text.console import QuietDisplay

TOKENS = 60_000
NEURON = "L5N131"
SENTENCE = 'Fires on "import".'


@pytest.fixture(scope="module")
def config() -> RunConfig:
    return configured(NEURON, model="mini", corpus_tokens=TOKENS, budget=12, variant="one-shot")


@pytest.fixture(scope="module")
def study(config: RunConfig) -> Study:
    return open_study(config, QuietDisplay())


@pytest.fixture
def session(config: RunConfig, tmp_path: Path) -> Iterator[Session]:
    made = Session(config, tmp_path / "runs", QuietDisplay())
    yield made
    made.close()


def test_costs_and_arguments_are_those_of_the_toolbox(study: Study) -> None:
    registry = {tool.name: tool for tool in all_tools(study)}
    assert list(SERVED) == ["read", "top", "search", "generate", "simulate", "score", "ablate", "explain"]
    for name, served in SERVED.items():
        assert served.description.endswith(f"Cost: {served.cost}.")
        assert len(served.description) < 300
        if name != EXPLAIN:
            assert served.cost == registry[served.tool].cost
            assert issubclass(served.arguments, registry[served.tool].arguments)


def test_no_tool_takes_a_fold_of_the_sealed_split() -> None:
    assert not any("fold" in json.dumps(served.schema()) for served in SERVED.values())


def test_sealed_text_cannot_be_read(study: Study, session: Session) -> None:
    excerpts = study.evidence.corpus.sealed.open(0)  # the texts alone, to see that they are refused
    row = int(excerpts.lengths.argmax())
    text = study.subject.tokenizer.decode(excerpts.tokens[row, : excerpts.lengths[row]].tolist())
    for name in ("read", "ablate"):
        with pytest.raises(ToolFailed, match="repeats 12 tokens of the corpus"):
            session.call(name, {"neuron": NEURON, "texts": [text]})


def test_all_neurons_share_one_budget(session: Session) -> None:
    for neuron in ("L5N131", "5/131", "mini/L5N131", "L4N7"):
        told = session.call("top", {"neuron": neuron, "n": 1})
    assert told["budget"] == {"used": 4, "left": 8}
    with pytest.raises(BudgetSpent):
        session.call("explain", {"neuron": NEURON, "budget": 9})
    assert session.used == 4
    assert session.folder is not None
    assert [folder.path.name for folder in session.folder.traced()] == ["mini.L4N7", "mini.L5N131"]


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("cook", {"neuron": NEURON}, "there is no tool 'cook'; there are read, top"),
        ("read", {"texts": ["a"]}, "neuron: say which one"),
        ("read", {"neuron": NEURON, "texts": []}, "texts: "),
        ("read", {"neuron": NEURON, "texts": ["a"], "fold": 0}, "fold: "),
        ("read", {"neuron": "L99N1", "texts": ["a"]}, "there is no neuron L99N1"),
    ],
)
def test_what_cannot_be_used_is_refused_and_costs_nothing(
    session: Session, name: str, arguments: dict[str, Any], said: str
) -> None:
    with pytest.raises(BadInput, match=said):
        session.call(name, arguments)
    assert session.used == 0


def test_without_the_package_the_command_says_how_to_get_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("mcp", "mcp.server", "mcp.server.lowlevel", "agent.mcp.server"):
        monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.delitem(sys.modules, "agent.mcp.server")
    assert main(["mcp", "--model", "mini"]) == 2
    assert "pip install -e '.[mcp]'" in capsys.readouterr().err


def test_a_client_uses_every_tool_of_a_server_process(tmp_path: Path) -> None:
    pytest.importorskip("mcp", reason="the package mcp is not installed: pip install -e '.[mcp]'")
    import anyio
    from mcp import ClientSession
    from mcp.client.stdio import StdioServerParameters, stdio_client

    runs = tmp_path / "runs"
    options = ["--model", "mini", "--corpus-tokens", str(TOKENS), "--budget", "12", "--variant", "one-shot"]
    parameters = StdioServerParameters(
        command=sys.executable,
        args=["-m", "agent.cli", "mcp", *options, "--runs-dir", str(runs), "--quiet"],
        env=dict(os.environ),
    )
    calls: dict[str, dict[str, Any]] = {
        "read": {"texts": ["import os", "def f(a, b):"]},
        "top": {"n": 2},
        "search": {"sentence": SENTENCE, "n": 2},
        "generate": {"prompt": "import", "n_texts": 2, "n_tokens": 4},
        "simulate": {"sentence": SENTENCE, "texts": ["import os"]},
        "score": {"sentences": [SENTENCE, "in words of my own"]},
        "ablate": {"texts": ["import os"]},
        "explain": {"budget": 3},
    }
    told: dict[str, dict[str, Any]] = {}

    async def talk() -> None:
        async with stdio_client(parameters) as (incoming, outgoing), ClientSession(incoming, outgoing) as client:
            begun = await client.initialize()
            assert begun.server_info.name == "neuron-agent"
            listed = (await client.list_tools()).tools
            assert [tool.name for tool in listed] == list(calls)
            assert all(tool.input_schema["required"][0] == "neuron" for tool in listed)
            refused = await client.call_tool("read", {"neuron": NEURON, "texts": []})
            assert refused.is_error
            for name, arguments in calls.items():
                reply = await client.call_tool(name, {"neuron": NEURON, **arguments})
                assert not reply.is_error, reply.content
                told[name] = json.loads(reply.content[0].text)
                assert reply.structured_content == told[name]
            spent = await client.call_tool("explain", {"neuron": NEURON, "budget": 3})
            assert spent.is_error
            assert "explain needs 3 units and 2 are left" in spent.content[0].text

    anyio.run(talk)
    assert [pair[0] for pair in told["read"]["values"][0]] == ["import", " os"]
    assert len(told["top"]["places"]) == 2
    assert told["simulate"]["levels"][0][0][1] > 0
    assert told["score"]["scores"][0]["score"]["value"] > -1
    assert "no sentence that the lexical reader understands" in told["score"]["scores"][1]["reason"]
    assert told["explain"]["verdict"]
    assert told["explain"]["budget"] == {"used": 10, "left": 2}

    of_session, of_explain = run_ids(runs)
    assert told["explain"]["run_id"] == of_explain
    events = load_trace(RunFolder(runs / of_session).traced()[0].events).events
    assert isinstance(events[0], RunStarted)
    recorded = [event for event in events if isinstance(event, ToolCall)]
    assert [call.tool for call in recorded] == [SERVED[name].tool for name in calls]
    assert recorded[-1].budget_used == 10
    assert any(isinstance(event, ReadingsRevealed) and event.exploratory for event in events)
    assert events[-1].type == "interrupted"

    agent = [sys.executable, "-m", "agent.cli"]
    shown = subprocess.run(
        [*agent, "trace", "show", of_session, "--runs-dir", str(runs)], capture_output=True, text=True, check=True
    ).stdout
    assert "closed" in shown
    assert "agent resume" not in shown
    for command in (["resume", of_session], ["trace", "replay", of_session]):
        done = subprocess.run([*agent, *command, "--runs-dir", str(runs)], capture_output=True, text=True, check=False)
        assert done.returncode == 2
        assert "session of `agent mcp`" in done.stderr
