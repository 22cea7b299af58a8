"""An LLM that says again what a trace says it said: it costs nothing, needs no network, and is asked nothing new."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

import numpy as np

from tools.llm.capabilities import ROOM_TO_THINK
from tools.llm.chat import ChatFailure, ChatReply, ChatRequest, FailureKind, FunctionCall, Usage
from tools.llm.meter import LIMIT_REACHED
from tools.llm.prices import Price
from tools.records.llm import LLMCall

_KEPT: FailureKind = "refusal"


class NotRecorded(Exception):
    """A question that was not asked in the run that is being replayed. Control flow of a replay: it ends there."""

    def __init__(self, request: ChatRequest) -> None:
        super().__init__(f"the {request.role} is asked what is not on record")
        self.request = request


@dataclass
class RecordedReplies:
    """Implements `tools.llm.chat.ChatModel`: answers as the endpoint did, question by question.

    A question that the endpoint failed to answer is asked again as often as it was then; a reply is given as often as
    it is asked for. A trace keeps no log probabilities, so that questions which want some cannot be answered.

    Attributes:
        name: as a result calls the LLM.
        answers: by the question's key, in order.
    """

    name: str
    answers: dict[str, list[ChatReply | ChatFailure]] = field(default_factory=dict)
    _kept: dict[str, ChatReply | ChatFailure] = field(default_factory=dict)

    def add(self, call: LLMCall, functions: Sequence[Sequence[str]] = (), said: str | None = None) -> None:
        """Take in a recorded call.

        Args:
            call: as it stands in the trace.
            functions: what the LLM wanted called, as (the endpoint's id, name, arguments).
            said: the reply's text, where functions stand beside it in the call.
        """
        if call.model != self.name or (call.error or "").startswith(LIMIT_REACHED):  # nobody was asked
            return
        self.answers.setdefault(call.key, []).append(_answer(call, functions, said))

    def ask(self, requests: Sequence[ChatRequest]) -> list[ChatReply | ChatFailure]:
        """The recorded answers, in the order of the questions.

        Raises:
            NotRecorded: a question was not asked then.
        """
        given: dict[str, ChatReply | ChatFailure] = {}
        keys = [request.key("", self.name) for request in requests]
        for key, request in zip(keys, requests, strict=True):
            if key not in given:  # asked twice at once, it was sent once
                given[key] = self._next(key, request)
        return [given[key] for key in keys]

    def _next(self, key: str, request: ChatRequest) -> ChatReply | ChatFailure:
        waiting = self.answers.get(key)
        if waiting and not request.logprobs:
            answer = waiting.pop(0)
            if isinstance(answer, ChatReply) or answer.kind == _KEPT:
                self._kept[key] = replace(answer, cached=True)
            return answer
        if key in self._kept:
            return self._kept[key]
        raise NotRecorded(request)


def _answer(call: LLMCall, functions: Sequence[Sequence[str]], said: str | None) -> ChatReply | ChatFailure:
    usage = Usage(call.input_tokens, call.output_tokens, call.estimated)
    if call.reply is None:
        kind, _, message = (call.error or "").partition(": ")
        return ChatFailure(
            cast(FailureKind, kind), message, usage if usage.input_tokens + usage.output_tokens else None
        )
    calls = tuple(FunctionCall(*function) for function in functions)
    cut_off = not call.estimated and call.output_tokens in (call.max_tokens, call.max_tokens + ROOM_TO_THINK)
    finish = "length" if cut_off else "tool_calls" if calls else "stop"
    return ChatReply(call.reply if said is None else said, finish, usage, None, calls)


def recorded_price(calls: Iterable[LLMCall], likely: Price | None) -> Price | None:
    """What an LLM's tokens cost when calls were recorded; None where that was not known.

    Args:
        calls: of one LLM.
        likely: the price that is known now; taken where it gives what was recorded.
    """
    paid = [call for call in calls if call.input_tokens + call.output_tokens]
    known = [call.usd for call in paid if call.usd is not None]
    if not paid:
        return likely
    if len(known) < len(paid):
        return None
    if likely and all(call.usd == round(likely.of(Usage(call.input_tokens, call.output_tokens)), 9) for call in paid):
        return likely
    counts = np.array([[call.input_tokens, call.output_tokens] for call in paid], dtype=np.float64)
    found: Any = np.linalg.lstsq(counts, np.array(known) * 1e6, rcond=None)[0]
    return Price(round(float(found[0]), 4), round(float(found[1]), 4), "the trace")
