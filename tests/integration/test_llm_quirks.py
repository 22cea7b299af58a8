"""Whole runs against servers that do not do as OpenAI does: each is asked in the way that it understands."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from scripted_llm import Answer, Script, kind_of, scripted_llm

import agent
from agent.cli import main
from tools.llm import endpoint as module
from traces.events.kinds import ToolCall

TEXTS = [("an e", 9), ("no", 0)]


def level(explanation: str, tokens: tuple[str, ...]) -> int:
    return 8 if "e" in tokens[-1] else 0


class Quirky:
    """A script's override that answers as such a server would; remembers how often it did."""

    def __init__(self, quirk: Callable[[int, dict[str, Any], Script], Answer | None]) -> None:
        self.n = 0
        self.script = Script(level=level, hypotheses=[("words with the letter e", "token")], texts=TEXTS)
        self._plain = Script(level=level, hypotheses=self.script.hypotheses, texts=TEXTS)
        self._quirk = quirk
        self.script.override = self._answer

    def _answer(self, body: dict[str, Any]) -> Answer | None:
        self.n += 1
        return self._quirk(self.n, body, self._plain)


def no_system(_: int, body: dict[str, Any], __: Script) -> Answer | None:
    if any(message["role"] == "system" for message in body["messages"]):
        return 400, "System role not supported"
    return None


def alternating(_: int, body: dict[str, Any], __: Script) -> Answer | None:
    roles = [message["role"] for message in body["messages"]]
    if roles != ["user", "assistant"] * (len(roles) // 2) + ["user"]:
        return 500, "Conversation roles must alternate user/assistant/user/assistant/..."
    return None


def moderated(n: int, _: dict[str, Any], __: Script) -> Answer | None:
    return (403, 'Your input was flagged for "harassment" by moderation') if n % 3 == 0 else None


def forbidden(n: int, _: dict[str, Any], __: Script) -> Answer | None:
    return (403, "Forbidden") if n % 3 == 0 else None


def no_grammar(_: int, body: dict[str, Any], __: Script) -> Answer | None:
    kind = body.get("response_format", {}).get("type")
    return (500, "failed to initialize samplers: grammar") if kind == "json_schema" else None


def broken_schema(_: int, body: dict[str, Any], __: Script) -> Answer | None:
    kind = body.get("response_format", {}).get("type")
    return (500, "Internal Server Error") if kind == "json_schema" else None


def thinks_all(_: int, body: dict[str, Any], plain: Script) -> Answer | None:
    return {"content": None, "reasoning_content": plain.answer(body)}


def fenced(_: int, body: dict[str, Any], plain: Script) -> Answer | None:
    if "response_format" in body:
        return 400, "response_format is not supported"
    return f"Here is the JSON you asked for:\n\n```json\n{plain.answer(body)}\n```\nLet me know if you need more!"


def explained(server: Any, world: Any, path: str = "", *options: str) -> int:
    command = ["explain", "L1N3", "--explainer", "openai:M", "--llm-url", f"{server.url}{path}", "--budget", "4"]
    few = ["--simulated-excerpts", "8", "--corpus-tokens", "30000"]
    return main([*command, *few, *world.options, *options])


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIRST_WAIT_S", 0.002)


@pytest.mark.parametrize(
    ("quirk", "noticed"),
    [
        (no_system, "a system message is refused: from here on it begins the first message of the user"),
        (alternating, "a system message is refused: from here on it begins the first message of the user"),
        (no_grammar, "json_schema is refused: from here on json_object"),
        (broken_schema, "json_schema is answered with an error: from here on json_object"),
        (fenced, "json_object is refused: from here on instructions"),
        (thinks_all, None),
    ],
)
def test_a_server_of_its_own_kind_answers_every_question(
    quirk: Any, noticed: str | None, world: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    quirky = Quirky(quirk)
    with scripted_llm(quirky.script) as server:
        assert explained(server, world, "", "--json", "--quiet") == 0
    found = json.loads(capsys.readouterr().out)
    roles = found["llm"]["by_role"]
    assert {"explainer", "simulator"} <= set(roles)
    assert [role["failed"] for role in roles.values()] == [0] * len(roles)
    assert "silent" not in found["llm"]
    told = found["llm"]["this_time"]["noticed"]
    assert noticed is None or any(noticed in line for line in told)
    # found out once, and remembered: all but the first questions go out in the right form
    assert quirky.n - len(server.answered) <= 20 if quirk is not thinks_all else quirky.n == len(server.answered)
    rivals = {rival["explanation"]: rival for rival in found["rivals"]}
    assert rivals["words with the letter e"]["score"]["value"] is not None


@pytest.mark.parametrize("quirk", [moderated, forbidden])
def test_a_forbidden_question_is_a_refusal_of_that_question(
    quirk: Any, world: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    quirky = Quirky(quirk)
    with scripted_llm(quirky.script) as server:
        assert explained(server, world, "", "--json", "--quiet") == 0
    found = json.loads(capsys.readouterr().out)
    events = agent.load_trace("last").events
    errors = [llm.error for call in events if isinstance(call, ToolCall) for llm in call.llm if llm.error]
    assert errors
    assert all(error.startswith("refusal: HTTP 403") for error in errors)
    assert len(errors) == sum(role["failed"] for role in found["llm"]["by_role"].values()) == quirky.n // 3


def test_a_key_that_is_forbidden_from_the_first_call_on(world: Any, capsys: pytest.CaptureFixture[str]) -> None:
    with scripted_llm(Script(override=lambda _: (403, "Forbidden"))) as server:
        assert explained(server, world, "", "--quiet") == 4
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert "refuses the key" in err


def test_azure_takes_a_version_in_the_url_and_the_key_in_a_header_of_its_own(
    world: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "an-azure-key-0123456789")
    with scripted_llm(Quirky(lambda *_: None).script) as server:
        assert explained(server, world, "/openai/deployments/d/chat/completions?api-version=2024-10-21", "--quiet") == 0
    assert set(server.paths) == {"/v1/openai/deployments/d/chat/completions?api-version=2024-10-21"}
    for headers in server.headers:
        names = {name.lower(): value for name, value in headers.items()}
        assert names["api-key"] == "an-azure-key-0123456789"
        assert "authorization" not in names
    manifest = json.loads(next(Path("runs").glob("*/run.json")).read_text())
    assert manifest["config"]["llm"]["url"].endswith("/deployments/d?api-version=2024-10-21")


def first_paragraph(out: str) -> str:
    return " ".join(out.split("\n\n")[0].split())


def test_an_explainer_that_fails_throughout_is_said_first(world: Any, capsys: pytest.CaptureFixture[str]) -> None:
    def no_explainer(_: int, body: dict[str, Any], __: Script) -> Answer | None:
        return (422, "I cannot do that") if kind_of(body) in ("explainer", "reviser") else None

    with scripted_llm(Quirky(no_explainer).script) as server:
        assert explained(server, world) == 0
    said = first_paragraph(capsys.readouterr().out)
    assert said.startswith("openai:M failed ")
    assert "and wrote no explanation: rejected: HTTP 422" in said
    assert said.endswith("What follows was found without it.")


def test_replies_that_nobody_can_read_are_said_first_too(world: Any, capsys: pytest.CaptureFixture[str]) -> None:
    with scripted_llm(Script(override=lambda _: "I would rather talk about the weather.")) as server:
        assert explained(server, world) == 0
    said = first_paragraph(capsys.readouterr().out)
    assert said.startswith("openai:M failed ")
    assert "no JSON in the reply" in said


def test_a_simulator_that_fails_throughout_is_said_first(world: Any, capsys: pytest.CaptureFixture[str]) -> None:
    def no_simulator(_: int, body: dict[str, Any], __: Script) -> Answer | None:
        return (422, "too long") if kind_of(body).startswith("simulator") else None

    with scripted_llm(Quirky(no_simulator).script) as server:
        assert explained(server, world) == 0
    said = first_paragraph(capsys.readouterr().out)
    assert re.match(r"All \d+ simulations by an LLM failed", said)
