"""A question as the protocol has it, and a reply read from its bytes.

Replies are read from the raw bytes, not through the client's types: with log probabilities those cost several times as
much as everything else about a call. What cannot be read is a `ChatFailure`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from math import isfinite
from typing import Any

import orjson

from tools.garbage_collection import without_collection
from tools.llm.capabilities import Capabilities
from tools.llm.chat import (
    TOP_LOGPROBS,
    ChatFailure,
    ChatReply,
    ChatRequest,
    FailureKind,
    Function,
    FunctionCall,
    Message,
    TokenChoice,
    Usage,
)
from tools.llm.streamed import joined

_THOUGHTS_END = re.compile(r"</think(?:ing)?>\s*")
_THOUGHTS_BEGIN = re.compile(r"\s*<think(?:ing)?>")
_THOUGHTS = ("reasoning_content", "reasoning")
_FENCED = re.compile(r"\s*```\w*\n(.*)\n```\s*", re.DOTALL)
_BOM = b"\xef\xbb\xbf"
_BYTES_A_TOKEN = 3
_TOKENS_A_MESSAGE = 4
_MOST_TOKENS = 2**40
_AGAIN_TEMPERATURE = 0.3
"""At least, where a question is asked again: the same reply would be of no more use."""


def body_of(request: ChatRequest, model: str, can: Capabilities) -> dict[str, Any]:
    """The JSON of a request to an endpoint that honours `can`."""
    messages = request.messages if can.system else _folded(request.messages)
    body: dict[str, Any] = {"model": model, "messages": [_message(m) for m in messages]}
    body[can.token_field] = request.max_tokens + can.room
    if can.temperature:
        body["temperature"] = (
            request.temperature if not request.attempt else max(request.temperature, _AGAIN_TEMPERATURE)
        )
    if can.seed and request.seed is not None:
        body["seed"] = request.seed + request.attempt
    if can.logprobs and request.logprobs:
        body |= {"logprobs": True, "top_logprobs": TOP_LOGPROBS}
    if request.schema is not None and can.structure == "json_schema":
        schema = request.schema if can.bounds else _unbounded(request.schema)
        named = {"name": request.prompt.partition("/")[0].replace("-", "_"), "strict": True, "schema": schema}
        body["response_format"] = {"type": "json_schema", "json_schema": named}
    elif request.schema is not None and can.structure == "json_object":
        body["response_format"] = {"type": "json_object"}
    if request.functions and can.functions:
        body["tools"] = [_tool(function) for function in request.functions]
    return body


def _unbounded(schema: Any) -> Any:
    """A schema without bounds on the length of lists."""
    if isinstance(schema, list):
        return [_unbounded(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    is_list = schema.get("type") == "array"
    return {name: _unbounded(value) for name, value in schema.items() if not (is_list and name == "maxItems")}


def _folded(messages: Sequence[Message]) -> list[Message]:
    """The same conversation where no one but user and assistant may speak: what the system says begins the first
    message of the user."""
    said = "\n\n".join(message.content for message in messages if message.role == "system")
    others = [message for message in messages if message.role != "system"]
    first = next((i for i, message in enumerate(others) if message.role == "user"), None)
    if not said or first is None:
        return others if not said else [Message("user", said), *others]
    whole = replace(others[first], content=f"{said}\n\n{others[first].content}")
    return [*others[:first], whole, *others[first + 1 :]]


def _message(message: Message) -> dict[str, Any]:
    out: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.calls:
        out["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in message.calls
        ]
    if message.call_id is not None:
        out["tool_call_id"] = message.call_id
    return out


def _tool(function: Function) -> dict[str, Any]:
    inner = {"name": function.name, "description": function.about, "parameters": function.parameters}
    return {"type": "function", "function": inner}


def guessed_tokens(texts: Sequence[str]) -> int:
    """Tokens of messages where nobody counts them: rather too many than too few."""
    return sum(-(-len(text.encode("utf-8", "replace")) // _BYTES_A_TOKEN) + _TOKENS_A_MESSAGE for text in texts)


def size_of(request: ChatRequest) -> int:
    """A guess at the tokens of a question."""
    texts = [message.content for message in request.messages]
    texts += [call.arguments for message in request.messages for call in message.calls]
    texts += [orjson.dumps(function.parameters).decode() + function.about for function in request.functions]
    return guessed_tokens(texts)


def read_reply(data: bytes, request: ChatRequest) -> ChatReply | ChatFailure:
    """A reply from the body of a response with status 200."""
    with without_collection():
        return _read_reply(data, request)


def _read_reply(data: bytes, request: ChatRequest) -> ChatReply | ChatFailure:
    try:
        body = orjson.loads(data.removeprefix(_BOM))
    except orjson.JSONDecodeError:
        body = joined(data.removeprefix(_BOM))
        if body is None:
            return _failed("malformed reply", f"the endpoint's answer is no JSON: {data[:80]!r}")
    if not isinstance(body, dict):
        return _failed("malformed reply", f"the endpoint's answer is no object: {data[:80]!r}")
    if body.get("error"):
        return _failed("server error", f"the endpoint answered with an error: {orjson.dumps(body['error']).decode()}")
    choices = body.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    message = choice.get("message") if isinstance(choice, dict) else None
    if not isinstance(choice, dict) or not isinstance(message, dict):
        usage = _usage(body.get("usage"), request, "") if isinstance(body.get("usage"), dict) else None
        return _failed("empty reply", "the endpoint's answer has no choices", usage)
    content = _content(message.get("content"))
    text = _without_thoughts(content) if isinstance(content, str) else ""
    calls = _calls(message.get("tool_calls"))
    finish = choice.get("finish_reason")
    finish = finish if isinstance(finish, str) else "stop"
    if not text.strip() and not calls and finish != "length":
        text = _among_thoughts(message, request)
    usage = _usage(body.get("usage"), request, text + "".join(call.arguments for call in calls))
    refusal = message.get("refusal")
    if isinstance(refusal, str) and refusal:
        return _failed("refusal", refusal, usage)
    if not text.strip() and not calls:
        if finish == "content_filter":
            return _failed("refusal", "the endpoint's filter held the reply back", usage)
        if finish == "length":
            return _failed(
                "empty reply", f"the reply was cut off at {usage.output_tokens} tokens before it began", usage
            )
        return _failed("empty reply", "the reply holds no text", usage)
    logprobs = choice.get("logprobs")
    found = _choices(logprobs.get("content")) if isinstance(logprobs, dict) else None
    return ChatReply(text, finish, usage, found if text == content else None, calls)


def _content(given: Any) -> Any:
    """The text of a message; some servers send it in parts."""
    if not isinstance(given, list):
        return given
    parts = [
        part.get("text") for part in given if isinstance(part, dict) and part.get("type") in ("text", "output_text")
    ]
    return "".join(part for part in parts if isinstance(part, str))


def _among_thoughts(message: dict[str, Any], request: ChatRequest) -> str:
    """The answer of a server that takes all of a reply for thoughts, and sends them beside an empty text.

    Real thoughts may hold a draft, which is no answer: where JSON is asked for, nothing may stand around it.
    """
    for name in _THOUGHTS:
        if isinstance(given := message.get(name), str) and (text := _without_thoughts(given)).strip():
            fenced = _FENCED.fullmatch(text)
            whole = fenced[1] if fenced else text.strip()
            return text if request.schema is None or is_json(whole) else ""
    return ""


def _without_thoughts(text: str) -> str:
    """What follows the thoughts that some models write into their reply; a draft in them is no answer.

    Some templates open the thoughts in the question, so that only their end is seen; thoughts that were cut off have no
    end, and nothing follows them.
    """
    ends = [found.end() for found in _THOUGHTS_END.finditer(text)]
    text = text[ends[-1] :] if ends else text
    return "" if _THOUGHTS_BEGIN.match(text) else text


def _failed(kind: FailureKind, message: str, usage: Usage | None = None) -> ChatFailure:
    return ChatFailure(kind, message, usage)


def _usage(given: Any, request: ChatRequest, text: str) -> Usage:
    if isinstance(given, dict):
        asked, answered = given.get("prompt_tokens"), given.get("completion_tokens")
        if type(asked) is int and type(answered) is int and 0 <= asked < _MOST_TOKENS and 0 <= answered < _MOST_TOKENS:
            return Usage(asked, answered)
    return Usage(size_of(request), guessed_tokens([text]), estimated=True)


def _calls(given: Any) -> tuple[FunctionCall, ...]:
    out = []
    for number, call in enumerate(given if isinstance(given, list) else []):
        function = call.get("function") if isinstance(call, dict) else None
        if not isinstance(function, dict) or not isinstance(function.get("name"), str):
            continue
        arguments = function.get("arguments")
        if not isinstance(arguments, str):  # some endpoints send the object itself
            arguments = orjson.dumps(arguments).decode()
        name, own = function["name"], call.get("id")
        out.append(FunctionCall(own if isinstance(own, str) and own else f"call_{number}", name, arguments))
    return tuple(out)


def _choices(content: Any) -> tuple[TokenChoice, ...] | None:
    if not isinstance(content, list) or not content:
        return None
    try:
        return tuple(
            TokenChoice(
                str(entry["token"]),
                tuple(
                    (str(other["token"]), number)
                    for other in entry.get("top_logprobs") or ()
                    if isfinite(number := float(other["logprob"]))  # "-Infinity" stands for a token that never comes
                ),
            )
            for entry in content
        )
    except (KeyError, TypeError, ValueError, AttributeError):  # another shape is as good as none
        return None


def is_json(text: str) -> bool:
    """Whether a text is one JSON document and nothing else."""
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        return False
    return True


def packed(answer: ChatReply | ChatFailure) -> bytes:
    """An answer as it is kept."""
    usage = (
        None
        if answer.usage is None
        else [answer.usage.input_tokens, answer.usage.output_tokens, answer.usage.estimated]
    )
    if isinstance(answer, ChatFailure):
        return orjson.dumps({"failure": answer.kind, "message": answer.message, "usage": usage})
    return orjson.dumps(
        {
            "text": answer.text, "finish": answer.finish, "usage": usage,
            "choices": answer.choices and [[c.token, c.alternatives] for c in answer.choices],
            "calls": [[c.id, c.name, c.arguments] for c in answer.calls],
        }
    )  # fmt: skip


def unpacked(data: bytes) -> ChatReply | ChatFailure | None:
    """A kept answer; None where it is damaged, so that it is asked for again."""
    try:
        kept = orjson.loads(data)
        usage = None if kept["usage"] is None else Usage(*kept["usage"])
        if "failure" in kept:
            return ChatFailure(kept["failure"], kept["message"], usage, cached=True)
        if usage is None:
            return None
        choices = kept["choices"] and tuple(
            TokenChoice(token, tuple((other, float(p)) for other, p in others)) for token, others in kept["choices"]
        )
        calls = tuple(FunctionCall(*call) for call in kept["calls"])
        return ChatReply(kept["text"], kept["finish"], usage, choices or None, calls, cached=True)
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
        return None
