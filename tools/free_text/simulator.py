"""What a sentence in anybody's words predicts, as an LLM reads it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from tools.free_text.asking import ask_each
from tools.free_text.texts import TokenTexts
from tools.llm.chat import ChatModel
from tools.prompts import simulator, simulator_last, simulator_lines, simulator_token
from tools.records.result import Unscored
from tools.roles import Simulation

Way = Literal["excerpt", "all-at-once", "token-by-token"]
T = TypeVar("T")
Levels = NDArray[np.float64] | Unscored

TEXTS_A_CALL = 16
"""Texts of which the level at the last token is asked for in one call."""


class FreeTextSimulator:
    """Implements `tools.roles.Reader`.

    Args:
        model: who is asked.
        texts: the subject model's tokens.
        way: whole excerpts in a structured reply; all at once, with the expected value over the log probabilities; or
            token by token.
        excerpts_a_call: of whole excerpts, how many in one call.
    """

    def __init__(self, model: ChatModel, texts: TokenTexts, way: Way = "excerpt", excerpts_a_call: int = 1) -> None:
        self.model = model
        self.texts = texts
        self.way = way
        self.excerpts_a_call = excerpts_a_call

    @property
    def name(self) -> str:
        """The LLM, and how it simulates where that is not the usual way."""
        return self.model.name if self.way == "excerpt" else f"{self.model.name} ({self.way})"

    def simulate(self, sentence: str, tokens: NDArray[np.int32]) -> Simulation:
        """Predicted levels for tokens int32 [n, pos] with -1 past the end."""
        ways: dict[Way, Callable[[str, list[tuple[str, ...]]], list[Levels]]] = {
            "excerpt": self._whole, "all-at-once": self._at_once, "token-by-token": self._token_by_token,
        }  # fmt: skip
        levels = np.zeros(tokens.shape, dtype=np.float32)
        unscored: dict[int, str] = {}
        for row, found in enumerate(ways[self.way](sentence, [self.texts.of(row) for row in tokens])):
            if isinstance(found, Unscored):
                unscored[row] = found.reason
            else:
                levels[row, : len(found)] = found
        return Simulation(levels, unscored)

    def _whole(self, sentence: str, excerpts: list[tuple[str, ...]]) -> list[Levels]:
        n = self.excerpts_a_call
        calls = [excerpts[first : first + n] for first in range(0, len(excerpts), n)]
        found = ask_each(
            self.model,
            [simulator.request(sentence, call) for call in calls],
            lambda i, reply: unless_all_unread(simulator.parse(reply, calls[i])),
        )
        return [one for call, each in zip(calls, found, strict=True) for one in each_of(each, len(call))]

    def _at_once(self, sentence: str, excerpts: list[tuple[str, ...]]) -> list[Levels]:
        found = ask_each(
            self.model,
            [simulator_lines.request(sentence, tokens) for tokens in excerpts],
            lambda i, reply: simulator_lines.parse(reply, excerpts[i]),
        )
        return [one if isinstance(one, Unscored) else one.values for one in found]

    def _token_by_token(self, sentence: str, excerpts: list[tuple[str, ...]]) -> list[Levels]:
        places = [(tokens, k) for tokens in excerpts for k in range(len(tokens))]
        found = iter(
            ask_each(
                self.model,
                [simulator_token.request(sentence, tokens, k) for tokens, k in places],
                lambda _, reply: simulator_token.parse(reply),
            )
        )
        out: list[Levels] = []
        for tokens in excerpts:
            here = [next(found) for _ in tokens]
            missing = next((one for one in here if isinstance(one, Unscored)), None)
            values = [one.value for one in here if not isinstance(one, Unscored)]
            out.append(missing if missing is not None else np.array(values, dtype=np.float64))
        return out

    def at_ends(self, sentence: str, texts: Sequence[tuple[int, ...]]) -> list[float | Unscored]:
        """The predicted level, 0 to 10, at the last token of each text of token ids."""
        shown = [self.texts.of(text) for text in texts]
        calls = [shown[first : first + TEXTS_A_CALL] for first in range(0, len(shown), TEXTS_A_CALL)]
        found = ask_each(
            self.model,
            [simulator_last.request(sentence, call) for call in calls],
            lambda i, reply: unless_all_unread(simulator_last.parse(reply.text, len(calls[i]))),
        )
        return [one for call, each in zip(calls, found, strict=True) for one in each_of(each, len(call))]


def unless_all_unread(answers: list[T | Unscored]) -> list[T | Unscored] | Unscored:
    """The answers of one reply, or the reason where none of them could be read."""
    unread = [one for one in answers if isinstance(one, Unscored)]
    return unread[0] if unread and len(unread) == len(answers) else answers


def each_of(answers: list[T | Unscored] | Unscored, n: int) -> list[T | Unscored]:
    """One answer for each of `n` cases, where a reply as a whole may have failed."""
    return [answers] * n if isinstance(answers, Unscored) else answers
