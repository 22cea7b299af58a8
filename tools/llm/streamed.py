"""Assembles a reply that the server streamed as server-sent events, although no stream was requested."""

from __future__ import annotations

from typing import Any

import orjson

_END = b"[DONE]"


def joined(data: bytes) -> dict[str, Any] | None:
    """The body that the pieces make; None where these are no such pieces.

    Only the first choice is read. An error among the pieces stands for all of them; without an end it is cut off.
    """
    pieces, is_whole = _pieces(data)
    if not pieces:
        return None
    if (error := next((piece["error"] for piece in pieces if piece.get("error")), None)) is not None:
        return {"error": error}
    content: dict[str, str] = {}
    calls: dict[int, dict[str, Any]] = {}
    logprobs: list[Any] = []
    finish = usage = None
    is_choice = False
    for piece in pieces:
        usage = piece.get("usage") or usage
        choice = next((one for one in _list(piece.get("choices")) if isinstance(one, dict)), None)
        if choice is None or choice.get("index") not in (None, 0):
            continue
        is_choice = True
        finish = choice.get("finish_reason") or finish
        delta = choice.get("delta") or choice.get("message")
        delta = delta if isinstance(delta, dict) else {}
        for name, said in delta.items():
            if isinstance(said, str) and name != "role":
                content[name] = content.get(name, "") + said
        for number, call in enumerate(_list(delta.get("tool_calls"))):
            if isinstance(call, dict):
                at = call.get("index")
                _add_call(calls.setdefault(at if isinstance(at, int) else number, {}), call)
        if isinstance(found := choice.get("logprobs"), dict):
            logprobs += _list(found.get("content"))
    if not is_choice:
        return {"choices": [], "usage": usage}
    message: dict[str, Any] = {"content": None} | content
    if calls:
        message["tool_calls"] = [calls[at] for at in sorted(calls)]
    # Without a last piece the rest is missing, as where a reply is longer than it may be.
    whole: dict[str, Any] = {"message": message, "finish_reason": finish or ("stop" if is_whole else "length")}
    if logprobs:
        whole["logprobs"] = {"content": logprobs}
    return {"choices": [whole], "usage": usage}


def _pieces(data: bytes) -> tuple[list[dict[str, Any]], bool]:
    """The events that are JSON objects, and whether the end is among them."""
    pieces: list[dict[str, Any]] = []
    is_whole = False
    for line in data.splitlines():
        if not line.startswith(b"data:"):
            continue
        said = line.removeprefix(b"data:").strip()
        if said == _END:
            is_whole = True
            continue
        try:
            piece = orjson.loads(said)
        except orjson.JSONDecodeError:  # cut off
            continue
        if isinstance(piece, dict):
            pieces.append(piece)
    return pieces, is_whole


def _add_call(call: dict[str, Any], piece: dict[str, Any]) -> None:
    if isinstance(piece.get("id"), str):
        call["id"] = piece["id"]
    told = piece.get("function")
    if not isinstance(told, dict):
        return
    function = call.setdefault("function", {"name": "", "arguments": ""})
    if isinstance(told.get("name"), str):
        function["name"] += told["name"]
    if isinstance(told.get("arguments"), str):
        function["arguments"] += told["arguments"]


def _list(given: Any) -> list[Any]:
    return given if isinstance(given, list) else []
