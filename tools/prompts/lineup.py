"""The lineup: which of several neurons does an explanation mean, from excerpts in which each fires?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel

from tools.llm.chat import ChatRequest, Message
from tools.prompts.quoting import DATA_RULE, block, explanation_block
from tools.prompts.structured import parsed, schema_of
from tools.records.result import Unscored

PROMPT = "lineup/1"

_SYSTEM = (
    "An explanation says when one neuron of a language model fires. You see excerpts of several neurons, the tokens on "
    "which each fires between << and >>. Say which neuron the explanation is about: the one that fires where the "
    'explanation says so, and is silent elsewhere. Reply with JSON only, such as {"neuron":"C"}.\n\n' + DATA_RULE
)


class _Chosen(BaseModel):
    neuron: str


def request(explanation: str, excerpts: Sequence[tuple[str, Sequence[str]]]) -> ChatRequest:
    """Ask which neuron is meant.

    Args:
        explanation: of one of them.
        excerpts: a letter and marked, escaped excerpts (`tools.prompts.quoting.marked`) of each neuron.
    """
    lines = [line for letter, shown in excerpts for line in (f"neuron {letter}", *shown)]
    return ChatRequest(
        role="detector",
        prompt=PROMPT,
        messages=(
            Message("system", _SYSTEM),
            Message("user", f"{explanation_block(explanation)}\n{block(lines)}"),
        ),
        max_tokens=32,
        schema=_schema([letter for letter, _ in excerpts]),
    )


def _schema(letters: Sequence[str]) -> dict[str, Any]:
    """With the letters in it: where a grammar holds the reply to the schema, nothing but one of them can be said."""
    schema = schema_of(_Chosen)
    schema["properties"]["neuron"]["enum"] = list(letters)
    return schema


def parse(text: str, letters: Sequence[str]) -> str | Unscored:
    """The letter chosen."""
    found = parsed(text, _Chosen)
    if isinstance(found, Unscored):
        return found
    said = found.neuron.strip().upper().removeprefix("NEURON").strip()
    return said if said in list(letters) else Unscored(reason=f"{said[:20]!r} is none of the neurons shown")
