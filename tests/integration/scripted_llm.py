"""A local OpenAI-compatible server that plays an LLM by a script, for whole runs over a real wire.

It is a scripted LLM that knows how to do what it is asked: it reads the prompts as our own parsers would, and answers
from a rule about tokens, so that what it says of a text is right or wrong for a known reason.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

import agent
from tools.prompts.quoting import rows_in, unescape
from tools.records.result import Result
from traces.events.kinds import Event, ToolCall, without_clock

Level = Callable[[str, tuple[str, ...]], int]
"""(explanation, tokens up to and including the one in question) -> level 0..10."""

Answer = str | dict[str, Any] | tuple[int, str]

_FORMS = {
    "explainer": '{\\"hypotheses\\":[', "mender": '{\\"explanations\\":[{\\"number\\":1,\\"explanation',
    "writer": '{\\"texts\\":[',
    "explainer_short": '{\\"explanation\\":\\"',
    "simulator_last_rivals": '{\\"number\\":1,\\"levels', "simulator_rivals": '{\\"explanations\\":[{',
    "simulator": '{\\"excerpts\\":[', "simulator_last": '{\\"levels\\":[', "fuzzing": "the tokens marked",
    "detection": '{\\"answers\\":[',
}  # fmt: skip

_MARKED = re.compile(r'^\d+\. "(.*)"$', re.MULTILINE)


def kind_of(body: dict[str, Any]) -> str:
    """The prompt's name, by what is asked for."""
    if "tools" in body:
        return "agent"
    name: str = body.get("response_format", {}).get("json_schema", {}).get("name", "")
    return name or _kind_in_words(json.dumps(body["messages"], ensure_ascii=False))


def _kind_in_words(asked: str) -> str:
    """The prompt's name where no schema bears it, by the form of the answer that is asked for."""
    if "revis" in asked and "hypotheses" in asked:
        return "reviser"
    return next((kind for kind, words in _FORMS.items() if words in asked), "")


def question_of(body: dict[str, Any]) -> str:
    """The last message."""
    text: str = body["messages"][-1]["content"]
    return text


def explanation_in(question: str) -> str:
    """The explanation that a simulator or a scorer is asked about."""
    block = question[question.rindex("<data>") + len("<data>") : question.rindex("</data>")]
    return unescape(block.strip().strip('"'))


def explanations_in(question: str) -> list[str]:
    """Those that a simulator is asked about side by side."""
    return [unescape(one) for one in _MARKED.findall(question[question.rindex("<data>") :])]


@dataclass
class Script:
    """What the LLM says.

    Attributes:
        level: how it simulates.
        hypotheses: what it proposes and revises to, each an explanation with its form.
        texts: what it writes, each with a level.
        words: for each explanation, words by which excerpts that it claims can be found.
        override: given a request's body, an answer in place of the script's, or None. An answer is a text, a whole
            message, or a status with what is said beside it.
        delay_s: before each answer.
    """

    level: Level = lambda explanation, tokens: 0
    hypotheses: list[tuple[str, str]] = field(default_factory=lambda: [("nothing in particular", "none")])
    texts: list[tuple[str, int]] = field(default_factory=list)
    words: dict[str, list[str]] = field(default_factory=dict)
    override: Callable[[dict[str, Any]], Answer | None] = lambda _: None
    delay_s: float = 0.0

    def answer(self, body: dict[str, Any]) -> Answer:
        """The reply's text, a whole message, or a status with an error."""
        own = self.override(body)
        if own is not None:
            return own
        kind, question = kind_of(body), question_of(body)
        match kind:
            case "explainer" | "reviser":
                texts = [{"text": text, "level": level} for text, level in self.texts[:4]]
                found = [
                    {"explanation": e, "label": e, "form": form, "words": self.words.get(e, []), "texts": texts}
                    for e, form in self.hypotheses
                ]
                return json.dumps({"hypotheses": found})
            case "explainer_short":
                explanation = self.hypotheses[0][0]
                return json.dumps({"explanation": explanation, "words": self.words.get(explanation, [])})
            case "writer":
                return json.dumps({"texts": [{"text": text, "level": level} for text, level in self.texts]})
            case "simulator":
                return json.dumps({"excerpts": self._excerpts(question, explanation_in(question))})
            case "simulator_last":
                explanation = explanation_in(question)
                ends = [self._last(explanation, line) for line in _MARKED.findall(question)]
                return json.dumps({"levels": list(enumerate(ends, 1))})
            case "simulator_rivals":
                read = [self._excerpts(question, one) for one in explanations_in(question)]
                return json.dumps({"explanations": [{"number": i, "excerpts": own} for i, own in enumerate(read, 1)]})
            case "simulator_last_rivals":
                told = explanations_in(question)
                lines = _MARKED.findall(question)[: -len(told)]
                levels = [
                    {"number": i, "levels": [(k, self._last(one, line)) for k, line in enumerate(lines, 1)]}
                    for i, one in enumerate(told, 1)
                ]
                return json.dumps({"explanations": levels})
            case "detection" | "fuzzing":
                explanation = explanation_in(question)
                lines = _MARKED.findall(question)
                fires = [self._says(kind, explanation, line) for line in lines]
                return json.dumps({"answers": [{"number": i, "fires": yes} for i, yes in enumerate(fires, 1)]})
        return "I have nothing to say."

    def _excerpts(self, question: str, explanation: str) -> list[dict[str, Any]]:
        return [{"number": i, "active": self._active(explanation, rows)} for i, rows in enumerate(rows_in(question), 1)]

    def _active(self, explanation: str, rows: list[tuple[str, ...]]) -> list[list[Any]]:
        tokens = tuple(token for row in rows for token in row)
        row_of = [number for number, row in enumerate(rows, 1) for _ in row]
        return [
            [row_of[k], json.dumps(token)[1:-1], level]
            for k, token in enumerate(tokens)
            if (level := self.level(explanation, tokens[: k + 1])) > 0
        ]

    def _last(self, explanation: str, line: str) -> int:
        before, _, marked = line.rpartition("<<")
        return self.level(explanation, (unescape(before), unescape(marked.removesuffix(">>"))))

    def _says(self, kind: str, explanation: str, line: str) -> bool:
        if kind == "fuzzing":
            marks = [unescape(mark) for mark in re.findall("<<(.*?)>>", line)]
            return sum(self.level(explanation, (mark,)) > 0 for mark in marks) * 2 > len(marks)
        pieces = re.findall(r"\s*\w+", unescape(line))
        return any(self.level(explanation, (piece,)) > 0 for piece in pieces)


@dataclass
class Scripted:
    """A running server: where it is, what it was asked, and what of that it has answered."""

    url: str
    script: Script
    bodies: list[dict[str, Any]] = field(default_factory=list)
    answered: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    in_flight: int = 0
    highest: int = 0

    def kinds(self) -> Counter[str]:
        """How often each prompt was asked."""
        return Counter(map(kind_of, self.bodies))


@contextmanager
def scripted_llm(script: Script) -> Iterator[Scripted]:
    """Serve `script` on a free loopback port."""
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            with lock:
                served.bodies.append(body)
                served.headers.append(dict(self.headers))
                served.paths.append(self.path)
                served.in_flight += 1
                served.highest = max(served.highest, served.in_flight)
            try:
                time.sleep(script.delay_s)
                said = script.answer(body)
            finally:
                with lock:
                    served.in_flight -= 1
            if isinstance(said, tuple):
                self._send(said[0], {"error": {"message": said[1]}})
                return
            message = said if isinstance(said, dict) else {"content": said}
            finish = "tool_calls" if message.get("tool_calls") else "stop"
            reply = {
                "id": "c", "object": "chat.completion", "model": body["model"],
                "choices": [{"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}],
                "usage": {
                    "prompt_tokens": sum(len(m["content"] or "") for m in body["messages"]) // 4,
                    "completion_tokens": len(message.get("content") or "") // 4,
                },
            }  # fmt: skip
            self._send(200, reply)
            with lock:
                served.answered.append(body)

        def _send(self, status: int, reply: dict[str, Any]) -> None:
            data = json.dumps(reply).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: Any) -> None:
            pass

    class Quiet(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: Any) -> None:  # a client that was killed
            pass

    server = Quiet(("127.0.0.1", 0), Handler)
    served = Scripted(f"http://127.0.0.1:{server.server_port}/v1", script)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


MODULE = '''
def fires(before, token):
    return token.strip() in ("e", "a") and before.count(" ") % 2 == 0

def parity(tokens):
    """Fires on e and a after an even number of spaces, which no rule can say."""
    return [(5.0 if "e" in t else 3.0) if fires("".join(tokens[:k]), t) else 0.0 for k, t in enumerate(tokens)]
'''
TRUTH = "the letters e and a after an even number of spaces"
WRONG = "the letter t"
TEXTS = [("x = 1; y = e", 9), ("no spaces at all: a", 9), ("z z z z t", 0), ("k k q", 0)]


def truth(explanation: str, tokens: tuple[str, ...]) -> int:
    """What an LLM says that understands both explanations."""
    if explanation == TRUTH:
        return 9 if tokens[-1].strip() in ("e", "a") and "".join(tokens[:-1]).count(" ") % 2 == 0 else 0
    return 9 if explanation == WRONG and "t" in tokens[-1] else 0


def script(**more: Any) -> Script:
    return Script(**({"level": truth, "hypotheses": [(TRUTH, "context"), (WRONG, "token")], "texts": TEXTS} | more))


@contextmanager
def planted(
    world: Any, tmp_path_factory: pytest.TempPathFactory, neuron: str, module: str = MODULE
) -> Iterator[dict[str, Any]]:
    """Settings of a run on a neuron of `module`, which can be imported while this lasts."""
    name, folder = f"plants_of_{neuron}", tmp_path_factory.mktemp("plants")
    (folder / f"{name}.py").write_text(module, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NEURON_AGENT_CACHE", str(tmp_path_factory.getbasetemp() / "evidence"))
        patch.syspath_prepend(folder)
        yield {
            "model": str(world.model), "corpus": str(world.corpus), "corpus_tokens": 30_000, "seed": 3,
            "planted": [f"{name}:{neuron}"],
        }  # fmt: skip


class Run:
    """A run against a server, with everything that can be known of it afterwards."""

    def __init__(self, server: Scripted, runs: Path, target: str = "L0N0", **settings: Any) -> None:
        before = len(server.bodies)
        llm = {"url": server.url} | settings.pop("llm", {})
        self.result: Result = agent.explain(target, llm=llm, runs_dir=runs, **settings)
        self.bodies = server.bodies[before:]
        self.events: list[Event] = agent.load_trace("last", runs_dir=runs).events
        self.told: dict[str, Any] = self.result.to_json()

    def of(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    def calls(self, tool: str) -> list[ToolCall]:
        return [call for call in self.of(ToolCall) if call.tool == tool]

    def asked(self) -> list[tuple[ToolCall, Any]]:
        return [(call, llm) for call in self.of(ToolCall) for llm in call.llm]

    def rival(self, sentence: str) -> Any:
        (found,) = [rival for rival in self.result.rivals if rival.explanation == sentence]
        return found

    def plain(self) -> list[str]:
        """The events without clock and names of the run."""
        out = []
        for event in self.events:
            plain = without_clock(event)
            plain.pop("commit", None)
            if event.type == "finished":
                del plain["result"]["trace"]
            out.append(json.dumps(plain, sort_keys=True).replace(self.result.run_id, "RUN"))
        return out

    def adds_up(self) -> None:
        """What the result says of cost is the sum of what the trace says of calls."""
        by_role = self.told["llm"]["by_role"]
        assert {llm.role for _, llm in self.asked()} == set(by_role)
        for role, told in by_role.items():
            mine = [llm for _, llm in self.asked() if llm.role == role]
            assert told["calls"] == len(mine)
            assert told["failed"] == sum(llm.reply is None for llm in mine)
            assert told["input_tokens"] == sum(llm.input_tokens for llm in mine)
            assert told["output_tokens"] == sum(llm.output_tokens for llm in mine)
        assert self.result.cost.tokens == sum(llm.input_tokens + llm.output_tokens for _, llm in self.asked())
