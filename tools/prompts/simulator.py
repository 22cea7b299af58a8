"""Simulation of whole excerpts: the LLM names the tokens that an explanation says are active, with their levels."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, WithJsonSchema

from tools.llm.chat import ChatReply, ChatRequest, Message
from tools.prompts import examples
from tools.prompts.alignment import placed, rows_of
from tools.prompts.numbered import by_number
from tools.prompts.quoting import DATA_RULE, ROWS, Scale, explanation_block, numbered, row_lines, text_question
from tools.prompts.structured import bounded, parsed, schema_of, validated
from tools.records.result import Unscored

PROMPT = "simulator/5"

TASK = (
    "A neuron of a language model reads text token by token; at each token it knows that token and what came before, "
    "and nothing of what follows. From an explanation of when it fires, predict its level at each token: a whole "
    "number from 0 (silent) to 10 (its largest activation). A word, name or phrase of several tokens is marked from "
    "the token at which it can be known, not as a whole. Most tokens of most texts are 0."
)
ALONE = "Predict by each explanation alone, as if the others were not there: they may contradict one another."
ACTIVE = (
    f"{ROWS} Give only the tokens whose level is above 0, each by itself as [number of its row, token spelled as "
    "shown, level]; for an excerpt without any give an empty list."
)
_SYSTEM = (
    f"{TASK}\n\n"
    f"{ACTIVE} Reply with JSON only, every excerpt in it: "
    '{"excerpts":[{"number":1,"active":[[row,token,level],...]},...]}.\n\n'
    f"{DATA_RULE}"
)


class _Active(NamedTuple):
    row: int
    token: str
    level: Any


# What strict modes take for a list of a number, a text and a number. As an object with names it is read as well.
_TRIPLE = {"type": "array", "items": {"anyOf": [{"type": "integer"}, {"type": "string"}]}}
_Triple = Annotated[_Active, WithJsonSchema(_TRIPLE)]


class _Tokens(BaseModel):
    active: list[_Triple]


class Excerpt(BaseModel):
    """The active tokens of an excerpt, as they are replied."""

    number: int
    active: list[_Triple]


class _Excerpts(BaseModel):
    # Each is checked on its own: a bad one spoils no other.
    excerpts: list[Annotated[Any, WithJsonSchema(schema_of(Excerpt))]]


_SCHEMA = schema_of(_Excerpts)

_PER_TOKEN = 4
"""Tokens of a reply that are allowed for each token of an excerpt: as if one of four were active."""


def request(explanation: str, excerpts: Sequence[Sequence[str]], scale: Scale | None = None) -> ChatRequest:
    """Ask for the levels of all tokens of all excerpts at once.

    Args:
        explanation: by which to predict.
        excerpts: as their tokens.
        scale: of the neuron's values; None where it is not known.
    """
    sample = [(examples.TOKENS, examples.LEVELS), (examples.SILENT_TOKENS, examples.SILENT_LEVELS)]
    return ChatRequest(
        role="simulator",
        prompt=PROMPT,
        messages=(
            Message("system", _SYSTEM),
            Message("user", _question(examples.EXPLANATION, [tokens for tokens, _ in sample])),
            Message("assistant", _answer(sample)),
            Message("user", _question(explanation, excerpts, scale)),
        ),
        max_tokens=64 + sum(16 + _PER_TOKEN * len(tokens) for tokens in excerpts),
        schema=bounded(_SCHEMA, excerpts=len(excerpts), active=max(map(len, excerpts), default=0)),
    )


def parse(reply: ChatReply, excerpts: Sequence[Sequence[str]]) -> list[NDArray[np.float64] | Unscored]:
    """Levels 0..10, float64 [n tokens], for each excerpt that was asked for: 0 where none was given.

    Row and token must agree. Of a single excerpt, its active tokens alone will do.
    """
    if len(excerpts) == 1 and isinstance(single := parsed(reply.text, _Tokens), _Tokens):
        return [_levels(single, excerpts[0])]
    found = parsed(reply.text, _Excerpts)
    if isinstance(found, Unscored):
        return [found for _ in excerpts]
    return levels_of(found.excerpts, excerpts)


def levels_of(items: Sequence[object], excerpts: Sequence[Sequence[str]]) -> list[NDArray[np.float64] | Unscored]:
    """Levels 0..10, float64 [n tokens], for each excerpt, from what was replied to each of them."""
    answers = by_number(items, len(excerpts), "excerpt")
    return [_levels(answer, tokens) for answer, tokens in zip(answers, excerpts, strict=True)]


def question(explanation: str, lines: Sequence[str], scale: Scale | None = None) -> str:
    """The user's message of every simulation by one explanation."""
    return text_question(lines, explanation_block(explanation), scale)


def _levels(answer: object, tokens: Sequence[str]) -> NDArray[np.float64] | Unscored:
    if isinstance(answer, Unscored):
        return answer
    found = answer if isinstance(answer, _Tokens) else validated(answer, _Tokens)
    if isinstance(found, Unscored):
        return found
    return placed(tokens, [(one.row, one.token, one.level) for one in found.active])


def _question(explanation: str, excerpts: Sequence[Sequence[str]], scale: Scale | None = None) -> str:
    return question(explanation, numbered(row_lines(rows_of(tokens)) for tokens in excerpts), scale)


def _answer(sample: Sequence[tuple[Sequence[str], Sequence[int]]]) -> str:
    return json.dumps({"excerpts": answered(sample)}, separators=(",", ":"))


def answered(sample: Sequence[tuple[Sequence[str], Sequence[int]]]) -> list[dict[str, Any]]:
    """Excerpts with their levels as they should be replied."""
    return [
        {
            "number": number,
            "active": [
                [number_of_row, token, level]
                for token, level, number_of_row in zip(tokens, levels, _row_numbers(tokens), strict=True)
                if level > 0
            ],
        }
        for number, (tokens, levels) in enumerate(sample, 1)
    ]


def _row_numbers(tokens: Sequence[str]) -> list[int]:
    """Of each token the number of its row."""
    return [number for number, row in enumerate(rows_of(tokens), 1) for _ in row]
