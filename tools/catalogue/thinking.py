"""Tools for an LLM that picks what to do: its own turn, a look at any text, and predictions for texts of its own."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
from pydantic import BaseModel, Field

from tools.catalogue.experiments import Designed, Planned, chances
from tools.catalogue.explore import Passages
from tools.catalogue.subject import Found
from tools.errors import BadInput
from tools.experiments.committee import Member
from tools.llm.chat import ChatFailure, Function, Message
from tools.prompts import agent as prompt
from tools.records.result import Unscored
from tools.study.study import Study
from tools.toolbox import Arguments, Outcome, Tool

MOST_TEXTS = 32


class Think(Arguments):
    """The number of the turn, and SHA-256 (hex) of the conversation so far, which is the thinker's own."""

    turn: int
    conversation: str


class WantedCall(BaseModel):
    """A tool that the LLM wants called, with the endpoint's id of the call, None where the call was written as text.

    `reason` is why it cannot be made, where name or arguments are off.
    """

    id: str | None
    tool: str
    arguments: dict[str, Any]
    reason: str | None = None


class Turn(Outcome):
    """What the LLM said and wants done: calls as they are understood, and `raw` as it wrote them.

    `nothing` is why there is no call in it, and `failed` why there is no reply.
    """

    said: str
    calls: list[WantedCall] = Field(default_factory=list)
    raw: list[tuple[str, str, str]] = Field(default_factory=list)
    nothing: str | None = None
    failed: str | None = None


class ReadText(Arguments):
    """Texts to look at. What is seen earns no hypothesis any evidence."""

    texts: list[str] = Field(min_length=1, max_length=MOST_TEXTS)


class SeenTexts(Outcome):
    """Tokens and raw values of each text."""

    tokens: list[list[str]]
    values: list[list[float]]


class Predict(Arguments):
    """Rivals, and texts at whose last tokens they predict the neuron."""

    rivals: list[Member] = Field(min_length=1)
    texts: list[str] = Field(min_length=1, max_length=MOST_TEXTS)


def conversation_sha256(messages: list[Message]) -> str:
    """SHA-256 (hex) over a conversation."""
    plain = [[m.role, m.content, [[c.id, c.name, c.arguments] for c in m.calls], m.call_id] for m in messages]
    return hashlib.sha256(json.dumps(plain).encode()).hexdigest()


OFFERED = (
    "read_text", "find_word", "top_excerpts", "search_corpus", "generate_text", "simulate", "ablate", "logit_effects"
)  # fmt: skip
"""Tools of the registry that an LLM may call as they are."""


@dataclass(frozen=True)
class Action:
    """Something that an LLM may do to the run: its arguments, whose docstring says what it does, and its cost."""

    arguments: type[Arguments]
    cost: str


def functions(tools: dict[str, Tool[Any, Any]], actions: dict[str, Action]) -> tuple[Function, ...]:
    """What an LLM may call: tools of the registry, and actions on the run; each says beforehand what it costs."""
    found = [_function(name, tools[name].about, tools[name].arguments, tools[name].cost) for name in OFFERED]
    return tuple(
        found
        + [
            _function(name, " ".join((action.arguments.__doc__ or "").split()), action.arguments, action.cost)
            for name, action in actions.items()
        ]
    )


def _function(name: str, about: str, arguments: type[Arguments], cost: str) -> Function:
    return Function(name, f"{about} Cost: {cost}.", _untitled(arguments.model_json_schema()))


def _untitled(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema without what only a person needs who reads it by itself."""
    kept = {name: value for name, value in schema.items() if name not in ("title", "description")}
    if "properties" in kept:
        kept["properties"] = {name: _untitled(field) for name, field in kept["properties"].items()}
    return kept


def as_reply(answer: Outcome) -> dict[str, Any]:
    """A result as an LLM is told it: every token beside its value, and no numbers of tokens or names of excerpts."""
    if isinstance(answer, Found):
        return {"texts": [{"text": text.text, "level": round(text.level, 1)} for text in answer.texts]}
    if isinstance(answer, Passages):
        shown = [{"value": place.value, "tokens": _pairs(place.tokens, place.values)} for place in answer.places]
        return {"n": answer.n, "n_fired": answer.n_fired, "places": shown}
    plain: dict[str, Any] = answer.model_dump(mode="json")
    tokens = plain.pop("tokens", None)
    if tokens is None:
        return plain
    ((name, series),) = plain.items()
    return {name: [_pairs(*one) for one in zip(tokens, series, strict=True)]}


def _pairs(tokens: list[str], values: list[float]) -> list[list[Any]]:
    return [[token, float(f"{value:.3g}")] for token, value in zip(tokens, values, strict=True)]


def thinking_tools(study: Study) -> list[Tool[Any, Any]]:
    """`think`, `read_text` and `predict_texts`, bound to one neuron."""
    strings = study.vocabulary.strings

    def think(arguments: Think, rng: np.random.Generator) -> Turn:
        if study.thinker is None:
            raise BadInput("there is no LLM to think: name one with `explainer=openai:MODEL`.", settings=("explainer",))
        if conversation_sha256(study.conversation) != arguments.conversation:
            raise BadInput("the conversation is not the one that was told.")
        (answer,) = study.thinker.ask([prompt.request(study.conversation, study.offered)])
        if isinstance(answer, ChatFailure):
            return Turn(said="", failed=answer.reason)
        calls = prompt.parse(answer, study.offered)
        if isinstance(calls, Unscored):
            return Turn(said=answer.text, nothing=calls.reason)
        return Turn(
            said=answer.text,
            calls=[
                WantedCall(id=call.id, tool=call.name, arguments={}, reason=call.reason)
                if isinstance(call, prompt.BadCall)
                else WantedCall(id=call.id, tool=call.name, arguments=call.arguments)
                for call in calls
            ],
            raw=[(call.id, call.name, call.arguments) for call in answer.calls],
        )

    def read(arguments: ReadText, rng: np.random.Generator) -> SeenTexts:
        texts = study.encode_new(arguments.texts)
        return SeenTexts(tokens=[[strings[token] for token in text] for text in texts], values=study.read(texts))

    def predict(arguments: Predict, rng: np.random.Generator) -> Designed:
        known = study.log.known_texts()
        texts = [text for text in dict.fromkeys(study.encode_new(arguments.texts)) if text not in known]
        if not texts:
            raise BadInput("all of these texts were read before: a prediction of what is known is no evidence.")
        abstained: Counter[str] = Counter()
        study.simulations.prepare_ends([(r.sentence, texts) for r in arguments.rivals])
        predictions = [
            chances(r.table, study.simulations.at_ends(r.sentence, texts), abstained) for r in arguments.rivals
        ]
        planned = [
            Planned(
                tokens=list(text), generator="written", purpose="asked for by the LLM",
                carrier=f"written-{hashlib.sha256(json.dumps(text).encode()).hexdigest()[:12]}", original=None,
            )
            for text in texts
        ]  # fmt: skip
        return Designed(experiments=planned, predictions=predictions, abstained=dict(abstained))

    return [
        Tool("think", "Let the LLM say what to do next.", Think, Turn, think, charged=False),
        Tool(
            "read_text",
            "Read the neuron's raw value at every token of any texts. Exploratory: it earns no hypothesis evidence.",
            ReadText,
            SeenTexts,
            read,
            size=lambda a: study.size_of(a.texts),
        ),
        Tool("predict_texts", "What rivals predict at the ends of texts.", Predict, Designed, predict),
    ]
