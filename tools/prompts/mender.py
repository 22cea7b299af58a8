"""The mender: explanations that break the rules of what an explanation is, to be said anew."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import BaseModel, WithJsonSchema

from tools.llm.chat import ChatRequest, Message
from tools.prompts.hypothesis_format import GUIDELINES, LENGTH, plain
from tools.prompts.numbered import by_number
from tools.prompts.quoting import DATA_RULE, block, escaped, listed, quoted
from tools.prompts.structured import bounded, parsed, schema_of
from tools.records.result import Unscored

PROMPT = "mender/4"

_SYSTEM = (
    f"You wrote explanations of what makes a neuron of a language model fire, and these break the rules. {GUIDELINES} "
    f"It has {LENGTH}. Say each anew so that it keeps them: the same meaning and width, the core of it where all does "
    "not fit. "
    f'Reply with JSON only: {{"explanations":[{{"number":1,"explanation":"..."}},...]}}.\n\n{DATA_RULE}'
)


class _Explanation(BaseModel):
    number: int
    explanation: str


class _Explanations(BaseModel):
    # Each is checked on its own: a bad one spoils no other.
    explanations: list[Annotated[Any, WithJsonSchema(schema_of(_Explanation))]]


_SCHEMA = schema_of(_Explanations)


def request(broken: Sequence[tuple[str, str]]) -> ChatRequest:
    """Ask for explanations anew, given each with what is wrong with it."""
    lines = listed(f"{quoted(sentence)}: {escaped(why)}" for sentence, why in broken)
    return ChatRequest(
        role="explainer",
        prompt=PROMPT,
        messages=(Message("system", _SYSTEM), Message("user", f"Explanations, and what is wrong:\n{block(lines)}")),
        max_tokens=64 + 80 * len(broken),
        schema=bounded(_SCHEMA, explanations=len(broken)),
    )


def parse(text: str, n: int) -> list[str | Unscored]:
    """Each of `n` explanations said anew."""
    found = parsed(text, _Explanations)
    if isinstance(found, Unscored):
        return [found] * n
    return [
        one if isinstance(one, Unscored) else plain(str(one.get("explanation", ""))) or Unscored(reason="it is empty")
        for one in by_number(found.explanations, n, "explanation")
    ]
