"""Simulation of whole excerpts: the LLM names the tokens that an explanation says are active, with their levels."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, WithJsonSchema

from tools.llm.chat import ChatReply, ChatRequest, Message
from tools.prompts import examples
from tools.prompts.alignment import placed
from tools.prompts.evidence import DATA_RULE, block, explanation_block, numbered, numbered_tokens
from tools.prompts.numbered import by_number
from tools.prompts.structured import parsed, schema_of, validated
from tools.records.result import Unscored

PROMPT = "simulator/2"

TASK = (
    "A neuron of a language model reads text token by token; at each token it knows that token and what came before, "
    "and nothing of what follows. From an explanation of when it fires, predict its level at each token: a whole "
    "number from 0 (silent) to 10 (its largest activation). A word, name or phrase of several tokens is marked from "
    "the token at which it can be known, not as a whole. Most tokens of most texts are 0."
)
_SYSTEM = (
    f"{TASK}\n\n"
    "Give only the tokens whose level is above 0, with the index that stands before them, spelled as shown; for an "
    "excerpt without any give an empty list. Reply with JSON only, every excerpt in it: "
    '{"excerpts":[{"number":1,"active":[{"index":...,"token":...,"level":...},...]},...]}.\n\n'
    f"{DATA_RULE}"
)


class _Active(BaseModel):
    index: int
    token: str
    level: Annotated[Any, WithJsonSchema({"type": "integer"})]


class _Tokens(BaseModel):
    active: list[_Active]


class _Excerpt(BaseModel):
    number: int
    active: list[_Active]


class _Excerpts(BaseModel):
    # Each is checked on its own: a bad one spoils no other.
    excerpts: list[Annotated[Any, WithJsonSchema(schema_of(_Excerpt))]]


_SCHEMA = schema_of(_Excerpts)

_PER_TOKEN = 12
"""Tokens of a reply that are allowed for each token of an excerpt: as if every other one were active."""


def request(explanation: str, excerpts: Sequence[Sequence[str]]) -> ChatRequest:
    """Ask for the levels of all tokens of all excerpts at once."""
    sample = [(examples.TOKENS, examples.LEVELS), (examples.SILENT_TOKENS, examples.SILENT_LEVELS)]
    return ChatRequest(
        role="simulator",
        prompt=PROMPT,
        messages=(
            Message("system", _SYSTEM),
            Message("user", _question(examples.EXPLANATION, [tokens for tokens, _ in sample])),
            Message("assistant", _answer(sample)),
            Message("user", _question(explanation, excerpts)),
        ),
        max_tokens=64 + sum(16 + _PER_TOKEN * len(tokens) for tokens in excerpts),
        schema=_SCHEMA,
    )


def parse(reply: ChatReply, excerpts: Sequence[Sequence[str]]) -> list[NDArray[np.float64] | Unscored]:
    """Levels 0..10, float64 [n tokens], for each excerpt that was asked for: 0 where none was given.

    Index and token must agree. Of a single excerpt, its active tokens alone will do.
    """
    if len(excerpts) == 1 and isinstance(single := parsed(reply.text, _Tokens), _Tokens):
        return [_levels(single, excerpts[0])]
    found = parsed(reply.text, _Excerpts)
    if isinstance(found, Unscored):
        return [found for _ in excerpts]
    answers = by_number(found.excerpts, len(excerpts), "excerpt")
    return [_levels(answer, tokens) for answer, tokens in zip(answers, excerpts, strict=True)]


def question(explanation: str, lines: Sequence[str]) -> str:
    """The user's message of every simulation: an explanation, then what it is about, line by line."""
    return f"{explanation_block(explanation)}\n{block(lines)}"


def _levels(answer: object, tokens: Sequence[str]) -> NDArray[np.float64] | Unscored:
    if isinstance(answer, Unscored):
        return answer
    found = answer if isinstance(answer, _Tokens) else validated(answer, _Tokens)
    if isinstance(found, Unscored):
        return found
    return placed(tokens, [(one.index, one.token, one.level) for one in found.active])


def _question(explanation: str, excerpts: Sequence[Sequence[str]]) -> str:
    return question(explanation, numbered(numbered_tokens(tokens) for tokens in excerpts))


def _answer(sample: Sequence[tuple[Sequence[str], Sequence[int]]]) -> str:
    excerpts = [
        {
            "number": number,
            "active": [
                {"index": index, "token": token, "level": level}
                for index, (token, level) in enumerate(zip(tokens, levels, strict=True), 1)
                if level > 0
            ],
        }
        for number, (tokens, levels) in enumerate(sample, 1)
    ]
    return json.dumps({"excerpts": excerpts}, separators=(",", ":"))
