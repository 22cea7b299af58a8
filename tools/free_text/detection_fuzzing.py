"""Detection and fuzzing as the field does them: an LLM is asked, five excerpts a call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from tools.free_text.asking import ask_each
from tools.free_text.simulator import each_of, unless_all_unread
from tools.free_text.token_strings import TokenStrings
from tools.llm.chat import ChatModel, ChatReply, ChatRequest
from tools.prompts import detection, fuzzing
from tools.prompts.answers import MOST_EXCERPTS
from tools.records.result import Unscored

T = TypeVar("T")
Answers = list[bool | Unscored]


class FreeTextDetector:
    """Implements `tools.roles.Detector`.

    Args:
        model: who is asked.
        texts: the subject model's tokens.
    """

    def __init__(self, model: ChatModel, texts: TokenStrings) -> None:
        self.model = model
        self.texts = texts

    @property
    def name(self) -> str:
        """As a result calls it."""
        return self.model.name

    def detect(self, sentence: str, texts: Sequence[tuple[int, ...]]) -> Answers:
        """Does the neuron fire somewhere in each text of token ids?"""
        calls = _calls([self.texts.of(text) for text in texts])
        return self._ask(calls, [detection.request(sentence, call) for call in calls], detection.parse)

    def fuzz(self, sentence: str, marked: Sequence[tuple[tuple[int, ...], Sequence[bool]]]) -> Answers:
        """Are the marked tokens of each text those on which the neuron fires?"""
        calls = _calls([(self.texts.of(text), list(marks)) for text, marks in marked])
        requests = [fuzzing.request(sentence, [text for text, _ in call], [m for _, m in call]) for call in calls]
        return self._ask(calls, requests, fuzzing.parse)

    def _ask(
        self,
        calls: Sequence[Sequence[object]],
        requests: Sequence[ChatRequest],
        parse: Callable[[str, int], Answers],
    ) -> Answers:
        def read(i: int, reply: ChatReply) -> Answers | Unscored:
            return unless_all_unread(parse(reply.text, len(calls[i])))

        found = ask_each(self.model, requests, read)
        return [one for call, each in zip(calls, found, strict=True) for one in each_of(each, len(call))]


def _calls(cases: Sequence[T]) -> list[Sequence[T]]:
    return [cases[first : first + MOST_EXCERPTS] for first in range(0, len(cases), MOST_EXCERPTS)]
