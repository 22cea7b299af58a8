"""The agent that investigates by itself: its instructions, its calls of tools, and what it is told of them."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from pydantic import BaseModel

from tools.llm.chat import ChatReply, ChatRequest, Function, Message
from tools.prompts.quoting import DATA_RULE, block, escaped, quoted
from tools.prompts.structured import CUT_OFF, brief, decoded, parsed
from tools.records.result import Unscored

PROMPT = "agent/2"

MAX_TOKENS = 1500

WHOLE_MESSAGES = 16
"""The last so many messages are told in full, of older results so many characters."""
OLD_CHARACTERS = 300

_OPENING = 2

_SYSTEM = (
    "You investigate what makes one neuron of a language model fire, by calling tools. A neuron reads text token by "
    "token, and at each token only knows what came before. Calls cost units of a budget; what is used and left is "
    "stated with every result.\n\n"
    "Seek refutations: try the texts on which your explanation is most likely to fail, and look-alikes where it says "
    "that the neuron is silent. Readings that you take to explore earn no evidence. Only registered hypotheses, "
    "tested by experiments whose outcome they predicted beforehand, do. A counterexample counts more than "
    "confirmations; to narrow, to widen and to give up an explanation are equally welcome. Call finish when you are "
    "done, or when what is left of the budget cannot change your mind.\n\n"
    'If you cannot call functions, reply with one JSON object only: {"tool":name,"arguments":{...}}.'
)
_NAMED = "The tools, each of which says what it costs: "
_HARMFUL = re.compile(r"[^ !-;=?-~]")
_TYPES: dict[str, type | tuple[type, ...]] = {
    "string": str, "boolean": bool, "integer": int, "number": (int, float), "array": list, "object": dict,
}  # fmt: skip


@dataclass(frozen=True)
class Call:
    """A tool to be called; `id` is the endpoint's, None where the call was written as text."""

    name: str
    arguments: dict[str, Any]
    id: str | None = None


@dataclass(frozen=True)
class BadCall:
    """A call that cannot be made, and why; `shown_back` tells the LLM."""

    name: str
    reason: str
    id: str | None = None


class _WrittenCall(BaseModel):
    tool: str
    arguments: Any


def opening(functions: Sequence[Function], facts: str, used: int, limit: int | None) -> tuple[Message, Message]:
    """The first two messages of an investigation.

    Args:
        functions: what may be called; only named here, since every request sends what they are along.
        facts: what is known of the neuron so far, as lines.
        used: units of the budget.
        limit: units allowed; None for no limit.
    """
    system = f"{_SYSTEM}\n\n{_NAMED}{', '.join(f.name for f in functions)}.\n\n{DATA_RULE}"
    return (
        Message("system", system),
        Message("user", f"The neuron:\n{_lines_block(facts)}\n{budget(used, limit)}"),
    )


def request(messages: Sequence[Message], functions: Sequence[Function]) -> ChatRequest:
    """Ask what to do next in a conversation that began with `opening`; old results are cut short, since each turn pays
    for all of them again."""
    first_whole = max(_OPENING, len(messages) - WHOLE_MESSAGES)
    told = [m if i < _OPENING or i >= first_whole else _shortened(m) for i, m in enumerate(messages)]
    return ChatRequest(
        role="agent", prompt=PROMPT, messages=tuple(told), max_tokens=MAX_TOKENS, functions=tuple(functions)
    )


def described(functions: Sequence[Function]) -> str:
    """What may be called, in words, for an LLM whose endpoint passes no functions on."""
    about = [f"- {f.name}: {f.about} Arguments: {json.dumps(f.parameters, sort_keys=True)}" for f in functions]
    return "\n".join(["Tools:", *about])


def _shortened(message: Message) -> Message:
    if message.role == "assistant" or len(message.content) <= OLD_CHARACTERS:
        return message
    head, data, rest = message.content.partition("<data>\n")
    cut = rest[: max(0, OLD_CHARACTERS - len(head))] if data else ""
    return replace(message, content=f"{head}{data}{cut}...\n</data>\n(The rest of this old result is left out.)")


def budget(used: int, limit: int | None) -> str:
    """The state of the budget as a sentence."""
    if limit is None:
        return f"Budget: {used} units used, no limit."
    return f"Budget: {used} of {limit} units used, {max(0, limit - used)} left."


def shown_back(call: Call | BadCall, outcome: object, used: int, limit: int | None) -> Message:
    """The message that tells the outcome of a call, which is JSON, and the state of the budget.

    Of a bad call its own reason is told; `outcome` is then left out.
    """
    told = {"error": f"not called: {call.reason}"} if isinstance(call, BadCall) else outcome
    content = f"Result:\n{block([as_json(told)])}\n{budget(used, limit)}"
    return Message("user", content) if call.id is None else Message("tool", content, call_id=call.id)


def as_json(value: object) -> str:
    """JSON on one line, in which whatever is not plainly visible is escaped, so that it cannot close a block."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return _HARMFUL.sub(lambda found: _escaped(found[0]), text)


def _escaped(character: str) -> str:
    if character in "<>":
        return f"\\u{ord(character):04x}"
    return character if escaped(character) == character else json.dumps(character)[1:-1]


def parse(reply: ChatReply, functions: Sequence[Function]) -> list[Call | BadCall] | Unscored:
    """The calls that a reply asks for: the endpoint's, or else one written in the text. Unscored where there is none.

    Every call is checked against its function: that there is one, and that names and types of arguments are its own.
    """
    known = {function.name: function for function in functions}
    if reply.calls:
        return [_checked(c.name, _arguments(c.arguments, reply.finish), c.id, known) for c in reply.calls]
    found = parsed(reply.text, _WrittenCall)
    if isinstance(found, Unscored):
        return found
    return [_checked(found.tool, found.arguments, None, known)]


def _arguments(written: str, finish: str) -> object:
    arguments = decoded(written)
    if isinstance(arguments, Unscored) and finish == "length" and arguments.reason != CUT_OFF:
        return Unscored(reason=f"{CUT_OFF}: {arguments.reason}")
    return arguments


def _checked(name: str, arguments: object, call_id: str | None, known: dict[str, Function]) -> Call | BadCall:
    if name not in known:
        return BadCall(name, f"there is no tool {brief(name)}; there are: {', '.join(known)}", call_id)
    if isinstance(arguments, Unscored):
        return BadCall(name, arguments.reason, call_id)
    if not isinstance(arguments, dict):
        return BadCall(name, f"arguments must be a JSON object, not {brief(str(arguments))}", call_id)
    wrong = _wrong(arguments, known[name].parameters)
    return BadCall(name, wrong, call_id) if wrong else Call(name, arguments, call_id)


def _wrong(arguments: dict[str, Any], schema: dict[str, Any]) -> str | None:
    """The first thing about arguments that their schema does not allow, by names and plain types only."""
    try:
        json.dumps(arguments, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return "an argument holds half of a surrogate pair, which no text has"
    fields = schema.get("properties", {})
    for name in schema.get("required", ()):
        if name not in arguments:
            return f"the argument {name} is missing"
    for name, value in arguments.items():
        if name not in fields:
            return f"there is no argument {brief(name)}; there are: {', '.join(fields) or 'none'}"
        wanted = fields[name].get("type")
        types = _TYPES.get(wanted) if isinstance(wanted, str) else None
        is_other = types is not None and not isinstance(value, types)
        if is_other or (isinstance(value, bool) and wanted in ("integer", "number")):
            return f"the argument {name} must be of type {wanted}, not {brief(str(value))}"
    return None


def _lines_block(text: str) -> str:
    return block(quoted(line) for line in text.split("\n"))


def nothing_called(why: str, functions: Sequence[Function], used: int, limit: int | None) -> Message:
    """The message that follows a reply without a call, and says what may be called; `why` may quote the reply."""
    asked = f"Call one, or finish. {budget(used, limit)}"
    return Message("user", f"No tool was called:\n{_lines_block(why)}\n{described(functions)}\n{asked}")
