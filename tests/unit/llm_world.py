"""An endpoint without a wire: a transport that answers as it is told and remembers what it was asked."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2

from tools.llm.chat import ChatRequest, Message
from tools.llm.endpoint import Endpoint
from tools.llm.exchange import Exchange
from tools.llm.replies import ReplyStore
from tools.llm.settings import LLMSettings

URL = "http://localhost:9/v1"
Answer = Callable[[dict[str, Any]], httpx2.Response]


def completion(text: str | None = "yes", **more: Any) -> dict[str, Any]:
    """A chat completion as servers send it. `usage=None` leaves that out; `message` and `choice` add to those."""
    message = {"role": "assistant", "content": text} | more.pop("message", {})
    choice = {"index": 0, "message": message, "finish_reason": "stop"} | more.pop("choice", {})
    body = {"id": "chatcmpl-1", "object": "chat.completion", "model": "m", "choices": [choice]}
    body |= {"usage": {"prompt_tokens": 20, "completion_tokens": 5, "total_tokens": 25}} | more
    return {name: value for name, value in body.items() if value is not None}


def ok(text: str | None = "yes", **more: Any) -> httpx2.Response:
    return httpx2.Response(200, json=completion(text, **more))


def refused(status: int, message: str, headers: dict[str, str] | None = None, **more: Any) -> httpx2.Response:
    return httpx2.Response(status, json={"error": {"message": message} | more}, headers=headers)


class Server:
    """Answers with what `answer` makes of a request's body, after `delay_s`; counts what is in flight."""

    def __init__(self, answer: Answer, delay_s: float = 0.0) -> None:
        self.answer = answer
        self.delay_s = delay_s
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[httpx2.Headers] = []
        self.in_flight = 0
        self.highest = 0

    async def handle(self, request: httpx2.Request) -> httpx2.Response:
        self.in_flight += 1
        self.highest = max(self.highest, self.in_flight)
        try:
            body = json.loads(request.content)
            self.bodies.append(body)
            self.headers.append(request.headers)
            await asyncio.sleep(self.delay_s)
            return self.answer(body)
        finally:
            self.in_flight -= 1


def question(text: str = "are you there?", **more: Any) -> ChatRequest:
    return ChatRequest("simulator", "test/1", (Message("user", text),), 50, **more)


@contextmanager
def endpoint(server: Server, folder: Path, concurrency: int = 8, **settings: Any) -> Iterator[Endpoint]:
    """An endpoint whose transport is `server`, with a store of replies in `folder`."""
    shared = Exchange(ReplyStore(folder / "replies.sqlite"), concurrency, httpx2.MockTransport(server.handle))
    try:
        yield Endpoint.open("m", LLMSettings(url=URL, concurrency=concurrency, **settings), shared)
    finally:
        shared.close()
