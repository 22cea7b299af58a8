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
from typing import Any

from tools.prompts.evidence import tokens_in, unescape

Level = Callable[[str, tuple[str, ...]], int]
"""(explanation, tokens up to and including the one in question) -> level 0..10."""

_MARKED = re.compile(r'^\d+\. "(.*)"$', re.MULTILINE)


def kind_of(body: dict[str, Any]) -> str:
    """The prompt's name, by what is asked for."""
    if "tools" in body:
        return "agent"
    name: str = body.get("response_format", {}).get("json_schema", {}).get("name", "")
    return name


def question_of(body: dict[str, Any]) -> str:
    """The last message."""
    text: str = body["messages"][-1]["content"]
    return text


def explanation_in(question: str) -> str:
    """The explanation that a simulator or a scorer is asked about."""
    first = question.index("<data>") + len("<data>")
    return unescape(question[first : question.index("</data>")].strip().strip('"'))


@dataclass
class Script:
    """What the LLM says.

    Attributes:
        level: how it simulates.
        hypotheses: what it proposes and revises to, each an explanation with its form.
        texts: what it writes, each with a level.
        override: given a request's body, an answer in place of the script's, or None.
        delay_s: before each answer.
    """

    level: Level = lambda explanation, tokens: 0
    hypotheses: list[tuple[str, str]] = field(default_factory=lambda: [("nothing in particular", "none")])
    texts: list[tuple[str, int]] = field(default_factory=list)
    override: Callable[[dict[str, Any]], str | dict[str, Any] | None] = lambda _: None
    delay_s: float = 0.0

    def answer(self, body: dict[str, Any]) -> str | dict[str, Any]:
        """The reply's text, or a whole message."""
        own = self.override(body)
        if own is not None:
            return own
        kind, question = kind_of(body), question_of(body)
        match kind:
            case "explainer" | "reviser":
                texts = [{"text": text, "level": level} for text, level in self.texts[:4]]
                found = [{"explanation": e, "form": form, "texts": texts} for e, form in self.hypotheses]
                return json.dumps({"hypotheses": found})
            case "writer":
                return json.dumps({"texts": [{"text": text, "level": level} for text, level in self.texts]})
            case "simulator":
                return json.dumps({"excerpts": self._excerpts(question)})
            case "simulator_last":
                explanation = explanation_in(question)
                ends = [self._last(explanation, line) for line in _MARKED.findall(question.rpartition("<data>")[2])]
                return json.dumps({"levels": [{"number": i, "level": level} for i, level in enumerate(ends, 1)]})
            case "detection" | "fuzzing":
                explanation = explanation_in(question)
                lines = _MARKED.findall(question.rpartition("<data>")[2])
                fires = [self._says(kind, explanation, line) for line in lines]
                return json.dumps({"answers": [{"number": i, "fires": yes} for i, yes in enumerate(fires, 1)]})
        return "I have nothing to say."

    def _excerpts(self, question: str) -> list[dict[str, Any]]:
        explanation = explanation_in(question)
        shown = question[question.rindex("<data>") :]
        return [
            {
                "number": number,
                "tokens": [
                    {"token": json.dumps(token)[1:-1], "level": self.level(explanation, tokens[: k + 1])}
                    for k, token in enumerate(tokens)
                ],
            }
            for number, tokens in enumerate(tokens_in(shown), 1)
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
    """A running server: where it is, and what it was asked."""

    url: str
    script: Script
    bodies: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
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
                served.in_flight += 1
                served.highest = max(served.highest, served.in_flight)
            try:
                time.sleep(script.delay_s)
                said = script.answer(body)
            finally:
                with lock:
                    served.in_flight -= 1
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
            data = json.dumps(reply).encode()
            self.send_response(200)
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
