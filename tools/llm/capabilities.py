"""What an endpoint honours of what can be asked of it: found out from its refusals and, since some say nothing and
ignore the request, from its replies."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import get_args

from tools.llm.chat import ChatReply, ChatRequest
from tools.llm.settings import Access, LLMSettings, Structure, TokenField

_STRUCTURES: tuple[Structure, ...] = get_args(Structure)
_OTHER_FIELD: dict[TokenField, TokenField] = {
    "max_tokens": "max_completion_tokens", "max_completion_tokens": "max_tokens",
}  # fmt: skip
ROOM_TO_THINK = 8192
"""Tokens added to the limit of a model that spent all of it on thoughts that it does not show."""

_TOKENS_FOR_ROOM = 40_000
"""Within a lower limit on the tokens of a run, such room for one reply would leave nothing for the others."""

_BROKE = "answered with an error"
_MOST_IN_VAIN = 5
"""After so many questions that a server breaks on in whatever form, forms are no longer tried out."""

_OF_BOUNDS = ("maxitems", "max_items", "repetition")
_OF_STRUCTURE = ("response_format", "json_schema", "json_object", "grammar", "guided")
_NO_SYSTEM = re.compile(
    r"system (role|message|prompt|instruction)s?\b.{0,40}\b(not|n't|un)|(not|n't|un)\w* support.{0,20}\bsystem\b"
    r"|roles must alternate|only user and assistant roles|developer instruction is not",
    re.IGNORECASE | re.DOTALL,
)
"""As servers say it, and the chat templates of models that know no system message."""

_TOO_LONG = re.compile(
    r"context[ _-]?(length|window|size)|maximum (prompt|input|model) length|(prompt|input|request)\b.{0,20} is too long"
    r"|exceeds the maximum number of (input )?tokens|too many (input )?tokens",
    re.IGNORECASE,
)
"""As OpenAI, llama.cpp, vLLM, Anthropic and others say it."""

_NOT_TAKEN = ("support", "unrecognized", "unexpected", "unknown", "not permitted", "forbidden", "instead", "extra")


_NO_ROOM = f"it thinks before it answers, for which a limit below {_TOKENS_FOR_ROOM:,} tokens leaves no room"


def room_within(max_tokens: int | None) -> int:
    """Tokens that a reply may take to think, within a limit on the tokens of a run."""
    return ROOM_TO_THINK if max_tokens is None or max_tokens >= _TOKENS_FOR_ROOM else 0


@dataclass(frozen=True)
class Capabilities:
    """What is asked of the endpoint, as far as it is known to honour it."""

    structure: Structure
    token_field: TokenField
    logprobs: bool = True
    functions: bool = True
    temperature: bool = True
    seed: bool = True
    system: bool = True
    bounds: bool = True
    room: int = 0


@dataclass
class Discovery:
    """Learns what one model at one endpoint honours.

    Attributes:
        now: what is asked from here on.
        noticed: what was found out, as sentences, in order.
        most_room: tokens that may be added to the limit of a model that thinks.
    """

    now: Capabilities
    noticed: list[str] = field(default_factory=list)
    most_room: int = ROOM_TO_THINK
    _may_change_field: bool = True
    _may_change_structure: bool = True
    _honoured: set[Structure] = field(default_factory=set)
    """Structures in which a reply has come."""
    _hears_system: bool = False
    """Whether a reply has come to a question with a system message."""
    _tried_in_vain: int = 0

    @classmethod
    def begin(cls, settings: LLMSettings, where: Access) -> Discovery:
        """Hopeful at first: everything is asked for that the settings do not fix."""
        likely: TokenField = "max_completion_tokens" if where.is_openai else "max_tokens"
        return cls(
            Capabilities(
                structure="json_schema" if settings.structure == "auto" else settings.structure,
                token_field=likely if settings.token_field == "auto" else settings.token_field,
            ),
            _may_change_field=settings.token_field == "auto",
            _may_change_structure=settings.structure == "auto",
        )

    def refused(self, request: ChatRequest, asked: Capabilities, said: str) -> bool:
        """Learn from a refusal; whether to ask again, with less.

        Args:
            request: what was asked.
            asked: with what.
            said: everything that the endpoint said.
        """
        if asked != self.now:  # found out meanwhile by another request
            return True
        if self.broke(request, asked, said):
            return True
        said = said.lower()
        # The name of a setting alone tells little: a refusal of the question may quote all of it.
        names: list[tuple[bool, tuple[str, ...], Callable[[str], None]]] = [
            (request.logprobs and asked.logprobs, ("logprobs",), lambda why: self._without("logprobs", why)),
            (bool(request.functions) and asked.functions, ("tools", "tool_choice", "function"),
             lambda why: self._without("functions", why)),
            (asked.temperature, ("temperature",), lambda why: self._without("temperature", why)),
            (request.seed is not None and asked.seed, ("seed",), lambda why: self._without("seed", why)),
            (self._may_change_field and any(word in said for word in _NOT_TAKEN),
             (asked.token_field,), self._other_field),
        ]  # fmt: skip
        for applies, words, act in names:
            if applies and any(word in said for word in words):
                act("refused")
                return True
        return False

    def broke(self, request: ChatRequest, asked: Capabilities, said: str) -> bool:
        """Learn from an error of the server that names what it cannot do; whether to ask again, with less.

        Servers that fail at a grammar or at a chat template often say so with a 500.
        """
        said = said.lower()
        if is_too_long(said):
            return False
        if _has_system(request) and asked.system and _NO_SYSTEM.search(said):
            if asked == self.now:
                self._without_system("refused")
            return True
        has_bounds = self._is_structured(request, asked) and asked.structure == "json_schema" and asked.bounds
        if has_bounds and any(word in said for word in _OF_BOUNDS):
            if asked == self.now:
                self._without("bounds", "refused")
            return True
        if self._is_structured(request, asked) and any(word in said for word in _OF_STRUCTURE):
            if asked == self.now:
                self._less_structure("refused")
            return True
        return False

    def trials(self, request: ChatRequest, asked: Capabilities) -> list[Capabilities]:
        """What to try, in order, where the server breaks on a request and does not say at what.

        Nothing that a reply has come to before: then it is the question that it breaks on.
        """
        if self._tried_in_vain >= _MOST_IN_VAIN:
            return []
        out = []
        if self._is_structured(request, asked) and asked.structure not in self._honoured:
            less = _STRUCTURES[_STRUCTURES.index(asked.structure) + 1 :]
            out = [replace(asked, structure=structure) for structure in less]
        if _has_system(request) and asked.system and not self._hears_system:
            out.append(replace(out[-1] if out else asked, system=False))
        return out

    def tried_in_vain(self) -> None:
        """Learn that the server breaks on a question in whatever form."""
        self._tried_in_vain += 1

    def succeeded(self, asked: Capabilities) -> None:
        """Learn that a trial got a reply where what is asked for otherwise got none."""
        while self._may_change_structure and _STRUCTURES.index(self.now.structure) < _STRUCTURES.index(asked.structure):
            self._less_structure(_BROKE)
        if self.now.system and not asked.system:
            self._without_system(_BROKE)

    def _is_structured(self, request: ChatRequest, asked: Capabilities) -> bool:
        return request.schema is not None and asked.structure != "instructions" and self._may_change_structure

    def replied(self, request: ChatRequest, asked: Capabilities, reply: ChatReply, is_json: bool) -> None:
        """Learn from a reply: an endpoint that ignores what it was asked does not say so."""
        self._hears_system |= asked.system and _has_system(request)
        if request.schema is not None and is_json:
            self._honoured.add(asked.structure)
        if asked != self.now:
            return
        whole = reply.finish != "length"
        if request.schema is not None and not is_json and whole and asked.structure != "instructions":
            if self._may_change_structure:
                self._less_structure("ignored")
        elif request.logprobs and asked.logprobs and reply.choices is None and reply.text:
            self._without("logprobs", "ignored")
        limit = request.max_tokens + asked.room
        if self._may_change_field and not reply.usage.estimated and reply.usage.output_tokens > limit + 8:
            self._other_field("ignored")

    def thinks(self, asked: Capabilities) -> bool:
        """Learn that a reply was used up by thoughts before it began; whether to ask again, with more room."""
        if asked.room:
            return False
        if not self.most_room:
            if _NO_ROOM not in self.noticed:
                self.noticed.append(_NO_ROOM)
            return False
        if not self.now.room:
            self.now = replace(self.now, room=self.most_room)
            self.noticed.append(f"it thinks before it answers: {self.most_room:,} tokens more are allowed a reply")
        return True

    def _less_structure(self, why: str) -> None:
        structure = _STRUCTURES[_STRUCTURES.index(self.now.structure) + 1]
        self.noticed.append(f"{self.now.structure} is {why}: from here on {structure}")
        self.now = replace(self.now, structure=structure)

    def _without_system(self, why: str) -> None:
        self.noticed.append(f"a system message is {why}: from here on it begins the first message of the user")
        self.now = replace(self.now, system=False)

    def _without(self, what: str, why: str) -> None:
        told = {"logprobs": "log probabilities", "bounds": "a bound on the length of a list"}.get(what, what)
        self.noticed.append(f"{told} is {why}: from here on without")
        self.now = replace(self.now, **{what: False})  # type: ignore[arg-type]

    def _other_field(self, why: str) -> None:
        self._may_change_field = False
        other = _OTHER_FIELD[self.now.token_field]
        self.noticed.append(f"{self.now.token_field} is {why}: from here on {other}")
        self.now = replace(self.now, token_field=other)


def _has_system(request: ChatRequest) -> bool:
    return any(message.role == "system" for message in request.messages)


def is_too_long(said: str) -> bool:
    """Whether it is the length of the question that was refused."""
    return bool(_TOO_LONG.search(said))
