"""What a sentence in anybody's words predicts, as an LLM reads it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from tools.free_text.asking import ask_each
from tools.free_text.token_strings import TokenStrings
from tools.llm.chat import ChatModel, ChatReply, ChatRequest, Usage
from tools.llm.meter import LIMIT_REACHED
from tools.prompts import (
    simulator,
    simulator_last,
    simulator_last_rivals,
    simulator_lines,
    simulator_rivals,
    simulator_token,
)
from tools.prompts.quoting import Scale, explanations_in, last_marked, listed_in, tokens_in
from tools.records.llm import LLMCall
from tools.records.result import Unscored
from tools.roles import Simulation

Way = Literal["excerpt", "all-at-once", "token-by-token"]
T = TypeVar("T")
Item = TypeVar("Item")
Text = TypeVar("Text")
Levels = NDArray[np.float64] | Unscored

Tokens = tuple[str, ...]
Excerpt = tuple[str, Tokens]
"""A sentence, and the tokens of an excerpt that it is to be simulated on."""

TEXTS_A_CALL = 40
"""Texts of which the level at the last token is asked for in one call at most."""


@dataclass(frozen=True)
class _Question(Generic[T]):
    """What is asked, and how the reply is read: of each sentence what it predicts of each text."""

    request: ChatRequest
    parse: Callable[[ChatReply], Sequence[list[T | Unscored] | Unscored]]


class FreeTextSimulator:
    """Implements `tools.roles.WordSimulator`.

    Args:
        model: who is asked.
        texts: the subject model's tokens.
        way: whole excerpts in a structured reply; all at once, with the expected value over the log probabilities; or
            token by token.
        excerpts_a_call: of whole excerpts, how many in one call at most.
        scale: of the neuron's values, by which it is said what counts as firing; None where that is not known.
        sentences_a_call: of sentences that are wanted of the same excerpts or texts, how many in one call at most.
    """

    def __init__(
        self,
        model: ChatModel,
        texts: TokenStrings,
        way: Way = "excerpt",
        excerpts_a_call: int = 1,
        scale: Scale | None = None,
        sentences_a_call: int = 1,
    ) -> None:
        self.model = model
        self.texts = texts
        self.way = way
        self.excerpts_a_call = excerpts_a_call
        self.scale = scale
        self.sentences_a_call = sentences_a_call
        self._known: dict[Excerpt, Levels] = {}
        self._known_ends: dict[tuple[str, str], float | Unscored] = {}

    @property
    def name(self) -> str:
        """The LLM, and how it simulates where that is not the usual way."""
        return self.model.name if self.way == "excerpt" else f"{self.model.name} ({self.way})"

    def simulate(self, sentence: str, tokens: NDArray[np.int32]) -> Simulation:
        """Predicted levels for tokens int32 [n, pos] with -1 past the end."""
        return self.simulate_each([(sentence, tokens)])[0]

    def simulate_each(self, wanted: Sequence[tuple[str, NDArray[np.int32]]]) -> list[Simulation]:
        """What `simulate` says of each, asked all at once. What was asked before is not asked again, failed or not."""
        excerpts = [[(sentence, self.texts.of(row)) for row in tokens] for sentence, tokens in wanted]
        new = list(dict.fromkeys(one for some in excerpts for one in some if one not in self._known))
        ways: dict[Way, Callable[[list[Excerpt]], list[Levels]]] = {
            "excerpt": self._whole, "all-at-once": self._at_once, "token-by-token": self._token_by_token,
        }  # fmt: skip
        self._known.update(zip(new, ways[self.way](new), strict=True))
        return [self._simulation(some, tokens) for some, (_, tokens) in zip(excerpts, wanted, strict=True)]

    def _simulation(self, excerpts: list[Excerpt], tokens: NDArray[np.int32]) -> Simulation:
        levels = np.zeros(tokens.shape, dtype=np.float32)
        unscored: dict[int, str] = {}
        for row, excerpt in enumerate(excerpts):
            found = self._known[excerpt]
            if isinstance(found, Unscored):
                unscored[row] = found.reason
            else:
                levels[row, : len(found)] = found
        return Simulation(levels, unscored)

    def _whole(self, excerpts: list[Excerpt]) -> list[Levels]:
        return self._together(
            excerpts,
            self.excerpts_a_call,
            lambda sentence, texts: _Question(
                simulator.request(sentence, texts, self.scale), lambda reply: [simulator.parse(reply, texts)]
            ),
            lambda sentences, texts: _Question(
                simulator_rivals.request(sentences, texts, self.scale),
                lambda reply: simulator_rivals.parse(reply, len(sentences), texts),
            ),
        )

    def _together(
        self,
        wanted: Sequence[Excerpt],
        most_texts: int,
        alone: Callable[[str, list[Tokens]], _Question[T]],
        together: Callable[[list[str], list[Tokens]], _Question[T]],
    ) -> list[T | Unscored]:
        """What each sentence predicts of each text. Texts that the same sentences are wanted of go together, in the
        order in which they were first met; and sentences that are wanted of the same texts, a few of them, go into one
        question. A sentence is asked about by itself where a question about several brought nothing on it."""
        calls = self._calls(wanted, most_texts)
        questions: list[_Question[T]] = [
            alone(sentences[0], texts) if len(sentences) == 1 else together(sentences, texts)
            for sentences, texts in calls
        ]
        found = self._asked(calls, questions)
        lost = [
            ([sentence], texts)
            for (sentences, texts) in calls
            if len(sentences) > 1
            for sentence in sentences
            if all(_is_unread(found[sentence, text]) for text in texts)
        ]
        if len(lost) > 1 and len(lost) == sum(len(sentences) for sentences, _ in calls if len(sentences) > 1):
            self.sentences_a_call = 1  # it cannot do that, and to try again would only cost
        anew: list[_Question[T]] = [alone(sentences[0], texts) for sentences, texts in lost]
        for one, level in self._asked(lost, anew).items():
            found[one] = level
        return [found[one] for one in wanted]

    def _calls(self, wanted: Sequence[Excerpt], most_texts: int) -> list[tuple[list[str], list[Tokens]]]:
        wanted_by: dict[Tokens, list[str]] = {}
        for sentence, text in wanted:
            wanted_by.setdefault(text, []).append(sentence)
        place = {text: number for number, text in enumerate(wanted_by)}
        texts_of: dict[tuple[str, ...], list[Tokens]] = {}
        for text, asking in wanted_by.items():
            for sentences in _evenly(asking, self.sentences_a_call):
                texts_of.setdefault(tuple(sentences), []).append(text)
        calls = [
            (list(sentences), some) for sentences, texts in texts_of.items() for some in _evenly(texts, most_texts)
        ]
        return sorted(calls, key=lambda call: place[call[1][0]])

    def _asked(
        self, calls: Sequence[tuple[list[str], list[Tokens]]], questions: Sequence[_Question[T]]
    ) -> dict[Excerpt, T | Unscored]:
        def read(i: int, reply: ChatReply) -> list[list[T | Unscored] | Unscored] | Unscored:
            each = [own if isinstance(own, Unscored) else unless_all_unread(own) for own in questions[i].parse(reply)]
            return unless_all_unread(each)

        if not calls:
            return {}
        found = ask_each(self.model, [question.request for question in questions], read)
        return {
            (sentence, text): one
            for (sentences, texts), answer in zip(calls, found, strict=True)
            for sentence, own in zip(sentences, each_of(answer, len(sentences)), strict=True)
            for text, one in zip(texts, each_of(own, len(texts)), strict=True)
        }

    def _at_once(self, excerpts: list[Excerpt]) -> list[Levels]:
        found = ask_each(
            self.model,
            [simulator_lines.request(sentence, tokens, self.scale) for sentence, tokens in excerpts],
            lambda i, reply: simulator_lines.parse(reply, excerpts[i][1]),
        )
        return [one if isinstance(one, Unscored) else one.values for one in found]

    def _token_by_token(self, excerpts: list[Excerpt]) -> list[Levels]:
        places = [(sentence, tokens, k) for sentence, tokens in excerpts for k in range(len(tokens))]
        found = iter(
            ask_each(
                self.model,
                [simulator_token.request(sentence, tokens, k, self.scale) for sentence, tokens, k in places],
                lambda _, reply: simulator_token.parse(reply),
            )
        )
        out: list[Levels] = []
        for _, tokens in excerpts:
            here = [next(found) for _ in tokens]
            missing = next((one for one in here if isinstance(one, Unscored)), None)
            values = [one.value for one in here if not isinstance(one, Unscored)]
            out.append(missing if missing is not None else np.array(values, dtype=np.float64))
        return out

    def at_ends(self, sentence: str, texts: Sequence[tuple[int, ...]]) -> list[float | Unscored]:
        """The predicted level, 0 to 10, at the last token of each text of token ids."""
        return self.at_ends_each([(sentence, texts)])[0]

    def at_ends_each(self, wanted: Sequence[tuple[str, Sequence[tuple[int, ...]]]]) -> list[list[float | Unscored]]:
        """What `at_ends` says of each, asked all at once. What was asked before is not asked again, failed or not."""
        shown = [[(sentence, self.texts.of(text)) for text in texts] for sentence, texts in wanted]
        new = [one for some in shown for one in some if _end(one) not in self._known_ends]
        new = list(dict.fromkeys(new))
        found = self._together(
            new,
            TEXTS_A_CALL,
            lambda sentence, texts: _Question(
                simulator_last.request(sentence, texts, self.scale),
                lambda reply: [simulator_last.parse(reply.text, len(texts))],
            ),
            lambda sentences, texts: _Question(
                simulator_last_rivals.request(sentences, texts, self.scale),
                lambda reply: simulator_last_rivals.parse(reply.text, len(sentences), len(texts)),
            ),
        )
        self._known_ends.update(zip(map(_end, new), found, strict=True))
        return [[self._known_ends[_end(one)] for one in some] for some in shown]

    def restore(self, calls: Sequence[LLMCall]) -> None:
        """Remember what was told in calls that stand in a trace, so that a run which is resumed asks the same as one
        that was never stopped. Only of calls for whole excerpts and for the ends of texts."""
        for call in calls:
            if self.way == "excerpt" and call.prompt in (simulator.PROMPT, simulator_rivals.PROMPT):
                _take_in(self._known, call, tokens_in(call.question), _levels_in)
            elif call.prompt in (simulator_last.PROMPT, simulator_last_rivals.PROMPT):
                _take_in(self._known_ends, call, listed_in(call.question), _ends_in)


def _end(excerpt: Excerpt) -> tuple[str, str]:
    """A sentence, and the text as it stands in a question about its end."""
    return excerpt[0], last_marked(excerpt[1])


def _take_in(
    known: dict[tuple[str, Text], T | Unscored],
    call: LLMCall,
    texts: list[Text],
    read: Callable[[LLMCall, int, list[Text]], Sequence[list[T | Unscored] | Unscored]],
) -> None:
    sentences = explanations_in(call.question)
    nothing = Unscored(reason=call.error or "there was no reply")
    answers = [nothing] * len(sentences) if call.reply is None else read(call, len(sentences), texts)
    for sentence, own in zip(sentences, answers, strict=True):
        for text, one in zip(texts, each_of(own, len(texts)), strict=True):
            if isinstance(known.get((sentence, text), nothing), Unscored):
                known[sentence, text] = one


def _levels_in(call: LLMCall, n: int, texts: list[Tokens]) -> Sequence[list[Levels] | Unscored]:
    reply = ChatReply(call.reply or "", "stop", Usage(call.input_tokens, call.output_tokens))
    if call.prompt == simulator.PROMPT:
        return [simulator.parse(reply, texts)]
    return simulator_rivals.parse(reply, n, texts)


def _ends_in(call: LLMCall, n: int, texts: list[str]) -> Sequence[list[float | Unscored] | Unscored]:
    if call.prompt == simulator_last.PROMPT:
        return [simulator_last.parse(call.reply or "", len(texts))]
    return simulator_last_rivals.parse(call.reply or "", n, len(texts))


def _is_unread(answer: object) -> bool:
    """Whether asking in another way may bring more."""
    return isinstance(answer, Unscored) and not answer.reason.startswith(LIMIT_REACHED)


def _evenly(items: Sequence[Item], most: int) -> list[list[Item]]:
    """In order, in as few parts of at most `most` as it takes, none of them much smaller than another."""
    n = max(1, -(-len(items) // most))
    return [list(items[len(items) * k // n : len(items) * (k + 1) // n]) for k in range(n)]


def unless_all_unread(answers: list[T | Unscored]) -> list[T | Unscored] | Unscored:
    """The answers of one reply, or the reason where none of them could be read."""
    unread = [one for one in answers if isinstance(one, Unscored)]
    return unread[0] if unread and len(unread) == len(answers) else answers


def each_of(answers: list[T | Unscored] | Unscored, n: int) -> list[T | Unscored]:
    """One answer for each of `n` cases, where a reply as a whole may have failed."""
    return [answers] * n if isinstance(answers, Unscored) else answers
