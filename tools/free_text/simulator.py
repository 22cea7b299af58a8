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
from tools.prompts.evidence import Scale
from tools.records.result import Unscored
from tools.roles import Simulation

Way = Literal["excerpt", "all-at-once", "token-by-token"]
T = TypeVar("T")
Levels = NDArray[np.float64] | Unscored

Excerpt = tuple[str, tuple[str, ...]]
"""A sentence, and the tokens of an excerpt that it is to be simulated on."""

TEXTS_A_CALL = 24
"""Texts of which the level at the last token is asked for in one call."""


class FreeTextSimulator:
    """Implements `tools.roles.WordSimulator`.

    Args:
        model: who is asked.
        texts: the subject model's tokens.
        way: whole excerpts in a structured reply; all at once, with the expected value over the log probabilities; or
            token by token.
        excerpts_a_call: of whole excerpts, how many in one call at most.
        scale: of the neuron's values, by which it is said what counts as firing; None where that is not known.
    """

    def __init__(
        self,
        model: ChatModel,
        texts: TokenTexts,
        way: Way = "excerpt",
        excerpts_a_call: int = 1,
        scale: Scale | None = None,
    ) -> None:
        self.model = model
        self.texts = texts
        self.way = way
        self.excerpts_a_call = excerpts_a_call
        self.scale = scale
        self._known: dict[Excerpt, Levels] = {}
        self._place: dict[tuple[str, ...], int] = {}

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
        """Excerpts go together as they were first met, in the same order whatever the sentence: so rivals are asked
        about the same text in the same company, and what their questions share comes first."""
        calls: dict[tuple[int, str], list[tuple[str, ...]]] = {}
        for sentence, tokens in excerpts:
            place = self._place.setdefault(tokens, len(self._place))
            calls.setdefault((place // self.excerpts_a_call, sentence), []).append(tokens)
        order = sorted(calls, key=lambda call: call[0])
        shown = [sorted(calls[call], key=lambda tokens: self._place[tokens]) for call in order]
        found = ask_each(
            self.model,
            [simulator.request(sentence, some, self.scale) for (_, sentence), some in zip(order, shown, strict=True)],
            lambda i, reply: unless_all_unread(simulator.parse(reply, shown[i])),
        )
        levels = {
            (sentence, tokens): one
            for (_, sentence), some, each in zip(order, shown, found, strict=True)
            for tokens, one in zip(some, each_of(each, len(some)), strict=True)
        }
        return [levels[excerpt] for excerpt in excerpts]

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
        shown = [self.texts.of(text) for text in texts]
        new = list(dict.fromkeys(shown))
        calls = [new[first : first + TEXTS_A_CALL] for first in range(0, len(new), TEXTS_A_CALL)]
        found = ask_each(
            self.model,
            [simulator_last.request(sentence, call, self.scale) for call in calls],
            lambda i, reply: unless_all_unread(simulator_last.parse(reply.text, len(calls[i]))),
        )
        each = [one for call, some in zip(calls, found, strict=True) for one in each_of(some, len(call))]
        level = dict(zip(new, each, strict=True))
        return [level[text] for text in shown]


def unless_all_unread(answers: list[T | Unscored]) -> list[T | Unscored] | Unscored:
    """The answers of one reply, or the reason where none of them could be read."""
    unread = [one for one in answers if isinstance(one, Unscored)]
    return unread[0] if unread and len(unread) == len(answers) else answers


def each_of(answers: list[T | Unscored] | Unscored, n: int) -> list[T | Unscored]:
    """One answer for each of `n` cases, where a reply as a whole may have failed."""
    return [answers] * n if isinstance(answers, Unscored) else answers
