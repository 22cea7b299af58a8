"""Replies that come as server-sent events though nobody asked for that."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tools.llm.chat import ChatFailure, ChatReply, ChatRequest, Message
from tools.llm.wire import read_reply

REQUEST = ChatRequest("simulator", "t/1", (Message("user", "say"),), 50)


def chunk(delta: dict[str, Any], finish: str | None = None, **more: Any) -> dict[str, Any]:
    return {
        "object": "chat.completion.chunk",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish, **more}],
    }


def stream(*pieces: dict[str, Any], end: str = "data: [DONE]\n\n") -> bytes:
    return ("".join(f"data: {json.dumps(piece)}\n\n" for piece in pieces) + end).encode()


def reply(data: bytes) -> ChatReply:
    found = read_reply(data, REQUEST)
    assert isinstance(found, ChatReply), found
    return found


def test_pieces_make_a_reply() -> None:
    usage = {"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 3}}
    found = reply(
        stream(
            chunk({"role": "assistant", "content": ""}),
            chunk({"content": '{"a"'}),
            chunk({"content": ":1}"}),
            chunk({}, "stop"),
            usage,
        )
    )
    assert (found.text, found.finish) == ('{"a":1}', "stop")
    assert (found.usage.input_tokens, found.usage.output_tokens, found.usage.estimated) == (7, 3, False)


def test_comments_events_and_line_ends_are_no_matter() -> None:
    data = stream(chunk({"content": "yes"}, "stop")).replace(b"\n", b"\r\n")
    found = reply(b": keep-alive\r\n\r\nevent: message\r\n" + data)
    assert found.text == "yes"
    assert found.usage.estimated


def test_a_stream_that_breaks_off_is_cut_off() -> None:
    assert reply(stream(chunk({"content": "half a"}), end='data: {"choi')).finish == "length"


def test_calls_are_put_together() -> None:
    first = {"index": 0, "id": "c1", "function": {"name": "read_text", "arguments": '{"te'}}
    rest = {"index": 0, "function": {"arguments": 'xts":[]}'}}
    found = reply(stream(chunk({"tool_calls": [first]}), chunk({"tool_calls": [rest]}, "tool_calls")))
    assert [(call.id, call.name, call.arguments) for call in found.calls] == [("c1", "read_text", '{"texts":[]}')]


def test_log_probabilities_are_put_together() -> None:
    def told(token: str) -> dict[str, Any]:
        return {"content": [{"token": token, "top_logprobs": [{"token": token, "logprob": -0.5}]}]}

    found = reply(
        stream(chunk({"content": "7"}, logprobs=told("7")), chunk({"content": "\t9"}, "stop", logprobs=told("\t9")))
    )
    assert found.choices is not None
    assert [choice.token for choice in found.choices] == ["7", "\t9"]


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (stream({"error": {"message": "overloaded"}}), "server error"),
        (stream(chunk({"content": ""}, "stop")), "empty reply"),
        (stream({"choices": []}), "empty reply"),
        (b"data: what?\n\n", "malformed reply"),
        (b"<html>no</html>", "malformed reply"),
    ],
)
def test_what_cannot_be_read_is_a_failure(data: bytes, kind: str) -> None:
    found = read_reply(data, REQUEST)
    assert isinstance(found, ChatFailure)
    assert found.kind == kind
