"""The prompt for texts made from an explanation alone: texts in which the neuron must fire, and near misses in which it
must not."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, WithJsonSchema

from tools.llm.chat import ChatRequest, Message
from tools.prompts.explainer import NEURON
from tools.prompts.hypothesis_format import MAX_TEXT_CHARACTERS
from tools.prompts.quoting import DATA_RULE, explanation_block
from tools.prompts.structured import bounded, parsed, schema_of, validated
from tools.records.result import Unscored
from tools.roles import MadeText

PROMPT, NEAR_PROMPT = "maker/2", "near-misses/2"

_FORMAT = (
    'Reply with JSON only: {"texts":[{"text":"It is not red, she said.","words":["red"]},...]}, where words are those '
    "of the text that you mean, spelled as they stand there."
)
_COMMON = "Write them as people write, varied in topic and wording, of 8 to 30 words each; they may end anywhere."
_SYSTEM = {
    False: (
        f"You write texts from an explanation of when a neuron of a language model fires. {NEURON} Each text must hold "
        f"at least one word on which it fires by the explanation. {_COMMON} {_FORMAT}\n\n{DATA_RULE}"
    ),
    True: (
        f"You write near misses to an explanation of when a neuron of a language model fires. {NEURON} Each text must "
        "look like one in which it fires, and by the explanation it must stay silent on every word of it: the same "
        f"words where a condition does not hold, or words that are alike and not meant. {_COMMON} {_FORMAT}\n\n"
        f"{DATA_RULE}"
    ),
}


class _Text(BaseModel):
    text: str
    words: list[str]


class _Texts(BaseModel):
    # Each is checked on its own: a bad one spoils no other.
    texts: list[Annotated[Any, WithJsonSchema(schema_of(_Text))]]


_SCHEMA = schema_of(_Texts)


def request(sentence: str, n: int, near_misses: bool) -> ChatRequest:
    """Ask for `n` texts."""
    return ChatRequest(
        role="writer",
        prompt=NEAR_PROMPT if near_misses else PROMPT,
        messages=(
            Message("system", _SYSTEM[near_misses]),
            Message("user", f"{explanation_block(sentence)}\n\nTexts to write: {n}."),
        ),
        max_tokens=100 + 120 * n,
        schema=bounded(_SCHEMA, texts=n),
    )


def parse(text: str) -> list[MadeText] | Unscored:
    """The texts that can be used; empty ones, and those of over 400 characters, are left out. Words that do not stand
    in their text are no words that are meant."""
    found = parsed(text, _Texts)
    if isinstance(found, Unscored):
        return found
    made = []
    for item in found.texts:
        one = validated(item, _Text)
        if isinstance(one, Unscored) or not one.text.strip() or len(one.text) > MAX_TEXT_CHARACTERS:
            continue
        if not any("\ud800" <= c <= "\udfff" for c in one.text):  # no tokenizer takes half of a surrogate pair
            words = tuple(word for word in one.words if word.strip() and word in one.text)
            made.append(MadeText(one.text, words))
    return made or Unscored(reason=f"none of the {len(found.texts)} texts written can be used")
