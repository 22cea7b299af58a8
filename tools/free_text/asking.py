"""Ask an LLM and read its replies; one that cannot be read is asked for once more, where most can."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from tools.llm.chat import ChatFailure, ChatModel, ChatReply, ChatRequest
from tools.llm.meter import asked_again
from tools.records.result import Unscored

T = TypeVar("T")


def ask_each(
    model: ChatModel,
    requests: Sequence[ChatRequest],
    parse: Callable[[int, ChatReply], T | Unscored],
    least_read: float = 0.5,
) -> list[T | Unscored]:
    """What the replies say, in the order of the questions.

    Args:
        model: who is asked.
        requests: the questions, asked all at once.
        parse: reads the reply to the question of that number.
        least_read: unreadable replies are asked for once more if at least this share of all replies was readable. Below
            that, the LLM cannot do the task, and asking again only costs.
    """
    found = _asked(model, requests, list(range(len(requests))), parse)
    unread = [i for i, one in enumerate(found) if isinstance(one, _Unread)]
    n_read = sum(not isinstance(one, Unscored) for one in found)
    if unread and n_read >= least_read * len(requests):
        again = [asked_again(requests[i]) for i in unread]
        for i, one in zip(unread, _asked(model, again, unread, parse), strict=True):
            found[i] = one
    return [Unscored(reason=one.reason) if isinstance(one, _Unread) else one for one in found]


class _Unread(Unscored):
    """There was a reply, and it could not be read."""


def _asked(
    model: ChatModel,
    requests: Sequence[ChatRequest],
    numbers: Sequence[int],
    parse: Callable[[int, ChatReply], T | Unscored],
) -> list[T | Unscored]:
    found: list[T | Unscored] = []
    for number, answer in zip(numbers, model.ask(requests), strict=True):
        if isinstance(answer, ChatFailure):
            found.append(Unscored(reason=answer.reason))
            continue
        read = parse(number, answer)
        found.append(_Unread(reason=read.reason) if isinstance(read, Unscored) else read)
    return found
