"""Simulation of whole excerpts: the LLM repeats every token with the level that an explanation predicts for it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, WithJsonSchema

from tools.llm.chat import ChatReply, ChatRequest, Message
from tools.prompts import examples
from tools.prompts.alignment import aligned
from tools.prompts.evidence import DATA_RULE, block, explanation_block, numbered, token_lines
from tools.prompts.lines import lines_in
from tools.prompts.numbered import by_number
from tools.prompts.structured import CUT_OFF, parsed, schema_of, validated
from tools.records.result import Unscored

PROMPT = "simulator/1"

TASK = (
    "A neuron of a language model reads text token by token, and at each token only knows what came before. From an "
    "explanation of when it fires, predict its level at each token: a whole number from 0 (silent) to 10 (its largest "
    "activation). A token only knows what came before, so a word, name or phrase of several tokens is marked from the "
    "token at which it can be known, not as a whole. Most tokens of most texts are 0."
)
_SYSTEM = (
    f"{TASK}\n\n"
    'Reply with JSON only: {"excerpts":[{"number":1,"tokens":[{"token":...,"level":...},...]},...]}, with every token '
    f"of every excerpt, in order and spelled as shown.\n\n{DATA_RULE}"
)


class _TokenLevel(BaseModel):
    token: str
    level: Annotated[Any, WithJsonSchema({"type": "integer"})]


class _Tokens(BaseModel):
    tokens: list[_TokenLevel]


class _Excerpt(BaseModel):
    number: int
    tokens: list[_TokenLevel]


class _Excerpts(BaseModel):
    # Each is checked on its own: a bad one spoils no other.
    excerpts: list[Annotated[Any, WithJsonSchema(schema_of(_Excerpt))]]


_SCHEMA = schema_of(_Excerpts)


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
        max_tokens=64 + sum(16 + 24 * len(tokens) for tokens in excerpts),
        schema=_SCHEMA,
    )


def parse(reply: ChatReply, excerpts: Sequence[Sequence[str]]) -> list[NDArray[np.float64] | Unscored]:
    """Levels 0..10, float64 [n tokens], for each excerpt that was asked for.

    Of a single excerpt, its tokens alone will do, and so will lines of token, tab and level.
    """
    if len(excerpts) == 1 and (single := _single(reply, excerpts[0])) is not None:
        return [single]
    found = parsed(reply.text, _Excerpts)
    if isinstance(found, Unscored):
        return [found for _ in excerpts]
    answers = by_number(found.excerpts, len(excerpts), "excerpt")
    return [_levels(answer, tokens) for answer, tokens in zip(answers, excerpts, strict=True)]


def question(explanation: str, lines: Sequence[str]) -> str:
    """The user's message of every simulation: an explanation, then what it is about, line by line."""
    return f"{explanation_block(explanation)}\n{block(lines)}"


def _single(reply: ChatReply, tokens: Sequence[str]) -> NDArray[np.float64] | Unscored | None:
    """The levels of the only excerpt, where the reply is not in the form for several."""
    found = parsed(reply.text, _Tokens)
    if isinstance(found, _Tokens):
        return _levels(found, tokens)
    lines = lines_in(reply.text, reply.finish)
    if not lines or isinstance(parsed(reply.text, _Excerpts), _Excerpts):
        return None
    levels = aligned(tokens, [(line.token, line.level) for line in lines])
    if isinstance(levels, Unscored) and reply.finish == "length":
        return Unscored(reason=f"{CUT_OFF}: {levels.reason}")
    return levels


def _levels(answer: object, tokens: Sequence[str]) -> NDArray[np.float64] | Unscored:
    if isinstance(answer, Unscored):
        return answer
    found = answer if isinstance(answer, _Tokens) else validated(answer, _Tokens)
    if isinstance(found, Unscored):
        return found
    return aligned(tokens, [(item.token, item.level) for item in found.tokens])


def _question(explanation: str, excerpts: Sequence[Sequence[str]]) -> str:
    return question(explanation, numbered(token_lines(tokens) for tokens in excerpts))


def _answer(sample: Sequence[tuple[Sequence[str], Sequence[int]]]) -> str:
    excerpts = [
        {
            "number": number,
            "tokens": [{"token": token, "level": level} for token, level in zip(tokens, levels, strict=True)],
        }
        for number, (tokens, levels) in enumerate(sample, 1)
    ]
    return json.dumps({"excerpts": excerpts}, separators=(",", ":"))
