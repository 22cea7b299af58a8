"""Simulation of experiments by several explanations at once: the texts are shown once."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import BaseModel, WithJsonSchema

from tools.llm.chat import ChatRequest, Message
from tools.prompts import examples
from tools.prompts.numbered import by_number
from tools.prompts.quoting import DATA_RULE, Scale, explanations_block, last_marked, listed, text_question
from tools.prompts.simulator import ALONE, TASK
from tools.prompts.simulator_last import PAIRS, levels_in
from tools.prompts.structured import bounded, parsed, schema_of
from tools.records.result import Unscored

PROMPT = "simulator-last-rivals/3"

_SYSTEM = (
    f"{TASK}\n\n"
    f"You are shown texts and several explanations. {ALONE} Predict the level at the last token of each text, marked "
    "<<so>>. Some texts are edited: a word was replaced or left out. Reply with JSON only, every explanation in it, "
    'and in each of them the number of every text with its level: {"explanations":[{"number":1,"levels":[[1,...],'
    f"[2,...],...]}},...]}}.\n\n{DATA_RULE}"
)


class _Reading(BaseModel):
    number: int
    levels: Annotated[Any, WithJsonSchema(PAIRS)]


class _Readings(BaseModel):
    # Each is checked on its own: a bad one spoils no other.
    explanations: list[Annotated[Any, WithJsonSchema(schema_of(_Reading))]]


_SCHEMA = schema_of(_Readings)


def request(explanations: Sequence[str], texts: Sequence[Sequence[str]], scale: Scale | None = None) -> ChatRequest:
    """Ask for the level at the last token of each text by each explanation.

    Args:
        explanations: by which to predict, each on its own.
        texts: as their tokens.
        scale: of the neuron's values; None where it is not known.
    """
    sample = listed(map(last_marked, (examples.TOKENS[:4], examples.SILENT_TOKENS[:2])))
    answer = [{"number": 1, "levels": [[1, 9], [2, 0]]}, {"number": 2, "levels": [[1, 9], [2, 8]]}]
    return ChatRequest(
        role="simulator",
        prompt=PROMPT,
        messages=(
            Message("system", _SYSTEM),
            Message("user", text_question(sample, explanations_block(examples.RIVALS))),
            Message("assistant", json.dumps({"explanations": answer}, separators=(",", ":"))),
            Message("user", text_question(listed(map(last_marked, texts)), explanations_block(explanations), scale)),
        ),
        max_tokens=64 + 12 * len(texts) * len(explanations),
        schema=bounded(_SCHEMA, explanations=len(explanations), levels=len(texts)),
    )


def parse(text: str, n: int, n_texts: int) -> list[list[float | Unscored]]:
    """For each of `n` explanations the level 0..10 at the last token of each of `n_texts` texts."""
    found = parsed(text, _Readings)
    if isinstance(found, Unscored):
        return [[found] * n_texts for _ in range(n)]
    return [
        [one] * n_texts if isinstance(one, Unscored) else levels_in(one.get("levels"), n_texts)
        for one in by_number(found.explanations, n, "explanation")
    ]
