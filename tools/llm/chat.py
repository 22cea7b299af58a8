"""What is asked of an LLM and what comes back, whoever serves it.

A reply is what the endpoint said, to the letter; whether it can be used is for the parser beside its prompt. What went
wrong on the way is a `ChatFailure`, which is never a reply and never becomes a value.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

Role = Literal["explainer", "reviser", "writer", "simulator", "detector", "fuzzer", "agent"]
"""Who asks; tokens and money are counted by role."""

TOP_LOGPROBS = 15
"""Alternatives asked for at each token, as OpenAI's simulator did."""


@dataclass(frozen=True)
class FunctionCall:
    """A function that the LLM wants called; `arguments` is JSON text as the LLM wrote it, which may be no JSON."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True)
class Message:
    """One turn of a conversation.

    Attributes:
        role: who speaks.
        content: what is said; may be empty where an assistant only calls functions.
        calls: functions that an assistant wants called.
        call_id: of a "tool" message: the call that it answers.
    """

    role: Literal["system", "user", "assistant", "tool"]
    content: str
    calls: tuple[FunctionCall, ...] = ()
    call_id: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "calls", tuple(self.calls))  # a checkpoint gives lists back


@dataclass(frozen=True)
class Function:
    """A function that the LLM may call; `parameters` is the JSON schema of its arguments."""

    name: str
    about: str
    parameters: dict[str, Any]


@dataclass(frozen=True)
class ChatRequest:
    """One question.

    Attributes:
        role: who asks.
        prompt: name and version of the template, such as `simulator/2`.
        messages: the conversation so far; the last one is what is asked.
        max_tokens: of the reply.
        schema: JSON schema that the reply must follow; None for free text. The messages say the same in words, so that
            an endpoint that knows no schemas can be asked too.
        logprobs: whether the most likely alternatives at each token are wanted.
        temperature: of sampling; left to the endpoint where it accepts none.
        seed: of sampling; None for none.
        functions: what the LLM may call.
        attempt: 0, 1, ...: the same question asked again is another question, with a reply of its own.
    """

    role: Role
    prompt: str
    messages: tuple[Message, ...]
    max_tokens: int
    schema: dict[str, Any] | None = None
    logprobs: bool = False
    temperature: float = 0.0
    seed: int | None = None
    functions: tuple[Function, ...] = ()
    attempt: int = 0

    def key(self, endpoint: str, model: str) -> str:
        """SHA-256 (hex) of everything that decides the reply: what a kept reply is found by."""
        whole = {"endpoint": endpoint, "model": model, **vars(self)}
        text = json.dumps(whole, sort_keys=True, separators=(",", ":"), default=vars)
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True)
class Usage:
    """Tokens of a question and its reply. `estimated`: the endpoint did not say, so they are guessed from the text."""

    input_tokens: int
    output_tokens: int
    estimated: bool = False


@dataclass(frozen=True)
class TokenChoice:
    """A token of a reply, and the most likely tokens there with their natural log probabilities."""

    token: str
    alternatives: tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class ChatReply:
    """What the endpoint said.

    Attributes:
        text: the content; empty where only functions are called.
        finish: why it ended, in the endpoint's words: `stop`, `length`, `tool_calls`, `content_filter`, ...
        usage: what it cost.
        choices: one per token of the text where log probabilities came back; None where they did not.
        calls: functions that the LLM wants called.
        cached: whether it was kept from before, and so cost nothing now.
        seconds: from the question to the reply.
    """

    text: str
    finish: str
    usage: Usage
    choices: tuple[TokenChoice, ...] | None = None
    calls: tuple[FunctionCall, ...] = ()
    cached: bool = False
    seconds: float = 0.0


FailureKind = Literal[
    "refusal", "empty reply", "malformed reply", "timeout", "connection", "rate limit", "server error", "rejected",
    "too long", "limit reached", "not kept",
]  # fmt: skip


@dataclass(frozen=True)
class ChatFailure:
    """Why there is no reply, as a kind that can be counted and a sentence.

    Attributes:
        usage: what was paid all the same, as for a refusal.
    """

    kind: FailureKind
    message: str
    usage: Usage | None = None
    cached: bool = False
    seconds: float = 0.0

    @property
    def reason(self) -> str:
        """For an `Unscored`."""
        return f"{self.kind}: {self.message}"


class ChatModel(Protocol):
    """An LLM at an endpoint."""

    @property
    def name(self) -> str:
        """As a result calls it: `openai:MODEL`."""

    def ask(self, requests: Sequence[ChatRequest]) -> list[ChatReply | ChatFailure]:
        """Ask all at once and wait; answers in the order of the questions.

        Raises:
            LLMNotAvailable: the endpoint cannot be reached, or refuses us altogether.
        """
