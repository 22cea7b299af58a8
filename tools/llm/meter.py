"""What a run may spend on LLM calls, what it has spent, by role, and every call for the trace.

A reply counts with its original cost, cached or not. So a repeated run stops at the same place, and no run exceeds its
limit.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from tools.llm.capabilities import ROOM_TO_THINK, room_within
from tools.llm.chat import ChatFailure, ChatModel, ChatReply, ChatRequest, FailureKind, Usage
from tools.llm.prices import Price
from tools.llm.wire import size_of
from tools.records.costs import Cost, RoleCost
from tools.records.llm import LLMCall

Answer = ChatReply | ChatFailure

LOOP_SHARE, NULL_SHARE = 0.6, 0.8
"""Shares of the limits that the loop may spend, and with the matched null: the rest is for the sealed score."""

_TOKENS_FOR_A_NULL = 20_000
"""Within a lower limit, what the loop leaves is needed to score the explanation itself."""

_GUESS_AT_FIRST = 2.0
"""A question's tokens before any was counted, over what they are guessed to be: endpoints add to a question."""

_REPLIES_TO_TRUST = 8
"""So many replies within their limit, and an LLM counts as one that does not think beyond it."""

_DOUBT = 16
"""Where a limit leaves no room to think, such a part of it is set aside all the same for a server that takes it."""

LIMIT_REACHED: FailureKind = "limit reached"


def null_share(max_tokens: int | None) -> float:
    """The share of a limit that may be spent before the sealed score."""
    return NULL_SHARE if max_tokens is None or max_tokens >= _TOKENS_FOR_A_NULL else LOOP_SHARE


class Meter(Protocol):
    """What the toolbox needs to know of LLM calls: those that a tool made, and that recorded ones were served."""

    def drain(self) -> list[LLMCall]:
        """The calls since this was last asked."""

    def restore(self, calls: Sequence[LLMCall]) -> None:
        """Count calls that stand in a trace that is being resumed."""

    @property
    def is_spent(self) -> bool:
        """Whether the limits of the run leave nothing to go on with."""


@dataclass
class Spent:
    """Calls and tokens of one role; `usd` is None where the price is not known, `n_cached` were kept from before."""

    n_calls: int = 0
    n_failed: int = 0
    n_cached: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    estimated: bool = False
    usd: float | None = 0.0
    paid_usd: float | None = 0.0

    @property
    def tokens(self) -> int:
        """In and out."""
        return self.input_tokens + self.output_tokens

    def add(self, call: LLMCall) -> None:
        """Count one call."""
        self.n_calls += 1
        self.n_failed += call.reply is None
        self.n_cached += call.cached
        self.input_tokens += call.input_tokens
        self.output_tokens += call.output_tokens
        self.estimated |= call.estimated
        self.usd = None if self.usd is None or call.usd is None else self.usd + call.usd
        if not call.cached:
            self.paid_usd = None if self.paid_usd is None or call.usd is None else self.paid_usd + call.usd

    def role_cost(self) -> RoleCost:
        """For a result."""
        return RoleCost(
            calls=self.n_calls, failed=self.n_failed, input_tokens=self.input_tokens,
            output_tokens=self.output_tokens, estimated=self.estimated,
            usd=None if self.usd is None else round(self.usd, 6),
        )  # fmt: skip


@dataclass
class Account:
    """Limits of a run over all its LLMs, and what was spent.

    Attributes:
        max_tokens: in and out; None for no limit.
        max_usd: US dollars; None for no limit. Only with known prices: an unknown price cannot be kept within a limit.
        share: of the limits, that may be spent by now; what comes later needs the rest.
        by_role: what was spent.
    """

    max_tokens: int | None = None
    max_usd: float | None = None
    share: float = LOOP_SHARE
    by_role: dict[str, Spent] = field(default_factory=dict)
    _reserved_tokens: int = 0
    _reserved_usd: float = 0.0

    @property
    def tokens(self) -> int:
        """Spent so far, in and out."""
        return sum(spent.tokens for spent in self.by_role.values())

    def cost(self) -> Cost:
        """Spent so far, for a result."""
        return Cost(tokens=self.tokens, usd=None if self.usd is None else round(self.usd, 6))

    def paid_usd(self) -> float | None:
        """US dollars spent so far on replies that were not kept from before; None where a price is not known."""
        parts = [spent.paid_usd for spent in self.by_role.values()]
        known = [part for part in parts if part is not None]
        return round(sum(known), 6) if len(known) == len(parts) else None

    @property
    def usd(self) -> float | None:
        """US dollars spent so far; None where a price is not known."""
        parts = [spent.usd for spent in self.by_role.values()]
        known = [part for part in parts if part is not None]
        return sum(known) if len(known) == len(parts) else None

    def reserve(self, usage: Usage, price: Price | None) -> bool:
        """Set aside what a call may cost; False where that is not left."""
        tokens, usd = _total(usage), price.of(usage) if price else 0.0
        if self.max_tokens is not None and self.tokens + self._reserved_tokens + tokens > self.share * self.max_tokens:
            return False
        if self.max_usd is not None and (self.usd or 0.0) + self._reserved_usd + usd > self.share * self.max_usd:
            return False
        self._reserved_tokens += tokens
        self._reserved_usd += usd
        return True

    @property
    def is_limited(self) -> bool:
        """Whether there is a limit to keep."""
        return self.max_tokens is not None or self.max_usd is not None

    def release(self) -> None:
        """Nothing is set aside any more."""
        self._reserved_tokens, self._reserved_usd = 0, 0.0

    def add(self, call: LLMCall) -> None:
        """Count one call."""
        self.by_role.setdefault(call.role, Spent()).add(call)


@dataclass
class Metered:
    """Implements `tools.llm.chat.ChatModel` and `Meter`: an LLM that a run asks, within its account.

    Attributes:
        model: who is asked.
        price: what it costs; None where that is not known.
        account: of the run.
        restored: is told of calls that stand in a trace that is being resumed.
    """

    model: ChatModel
    price: Price | None
    account: Account
    restored: Callable[[Sequence[LLMCall]], None] | None = None
    _calls: list[LLMCall] = field(default_factory=list)
    _counted: set[str] = field(default_factory=set)
    _is_spent: bool = False
    _n_replies: int = 0
    _thinks: bool = False
    _longer: float = 1.0
    """The most that a question had, over what it was guessed to have."""

    @property
    def name(self) -> str:
        """As a result calls it."""
        return self.model.name

    def ask(self, requests: Sequence[ChatRequest]) -> list[Answer]:
        """Ask what the account allows, in order; the rest is a `ChatFailure` that says so. See `ChatModel.ask`."""
        answers: dict[int, Answer] = {}
        keys = [request.key("", self.name) for request in requests]
        told: set[str] = set()
        waiting = list(range(len(requests)))
        while waiting:
            now = []
            for i in waiting:
                if not self.account.reserve(self._at_most(requests[i]), self.price):
                    break
                now.append(i)
                if self.account.is_limited and not self._n_replies:
                    break  # what the first one costs tells what others may
            if not now:
                break
            try:
                found = self.model.ask([requests[i] for i in now])
            finally:
                self.account.release()
            for i, answer in zip(now, found, strict=True):
                answers[i] = answer
                if (key := keys[i]) not in told:  # asked twice at once, it was sent once
                    told.add(key)
                    self._note(key, requests[i], answer)
            waiting = waiting[len(now) :]
        for i in waiting:
            answers[i] = ChatFailure(LIMIT_REACHED, "the limit on tokens or on money leaves nothing for this call")
            self._note(keys[i], requests[i], answers[i])
        return [answers[i] for i in range(len(requests))]

    def _note(self, key: str, request: ChatRequest, answer: Answer) -> None:
        if answer.cached and key in self._counted:  # asked before in this run: it is neither paid nor told twice
            return
        usage = answer.usage or Usage(0, 0)
        call = LLMCall(
            role=request.role,
            model=self.name,
            prompt=request.prompt,
            key=key,
            question=request.messages[-1].content if request.messages else "",
            reply=_said(answer) if isinstance(answer, ChatReply) else None,
            error=answer.reason if isinstance(answer, ChatFailure) else None,
            input_tokens=usage.input_tokens,
            output_tokens=usage.output_tokens,
            guessed_tokens=size_of(request),
            max_tokens=request.max_tokens,
            estimated=usage.estimated,
            usd=0.0 if answer.usage is None else None if self.price is None else round(self.price.of(usage), 9),
            cached=answer.cached,
            seconds=answer.seconds,
        )
        self._calls.append(call)
        self._count(call)

    def _count(self, call: LLMCall) -> None:
        self._counted.add(call.key)
        if call.input_tokens + call.output_tokens:
            self._n_replies += 1
            self._thinks |= call.output_tokens > call.max_tokens
            self._longer = max(self._longer, call.input_tokens / max(call.guessed_tokens, 1))
        self.account.add(call)
        if self.account.share == LOOP_SHARE:
            self._is_spent |= (call.error or "").startswith(LIMIT_REACHED)

    def _at_most(self, request: ChatRequest) -> Usage:
        """The most that a call is expected to cost, judged by earlier calls: a model that thinks may write for long."""
        longer = self._longer if self._n_replies else _GUESS_AT_FIRST
        # With each reply that kept to its limit it is less likely that the next one takes room to think.
        most = room_within(self.account.max_tokens) or (self.account.max_tokens or 0) // _DOUBT
        doubted = min(most, ROOM_TO_THINK >> self._n_replies) if self._n_replies < _REPLIES_TO_TRUST else 0
        room = ROOM_TO_THINK if self._thinks else doubted
        return Usage(round(longer * size_of(request)), request.max_tokens + room)

    @property
    def is_spent(self) -> bool:
        """Whether a call of the loop was refused because the limits of the run left nothing for it."""
        return self._is_spent

    def drain(self) -> list[LLMCall]:
        """The calls since this was last asked."""
        calls, self._calls = self._calls, []
        return calls

    def restore(self, calls: Sequence[LLMCall]) -> None:
        """Count calls that stand in a trace that is being resumed."""
        own = [call for call in calls if call.model == self.name]
        for call in own:
            self._count(call)
        if self.restored is not None:
            self.restored(own)


@dataclass
class Meters:
    """Implements `Meter` for all LLMs of a run together.

    Attributes:
        account: that they share.
        models: each LLM.
        others_go_on: whether the run has somebody who costs nothing and goes on when the limits are reached.
    """

    account: Account
    models: list[Metered] = field(default_factory=list)
    others_go_on: bool = False

    def drain(self) -> list[LLMCall]:
        """The calls since this was last asked."""
        return [call for model in self.models for call in model.drain()]

    def restore(self, calls: Sequence[LLMCall]) -> None:
        """Count calls that stand in a trace that is being resumed."""
        for model in self.models:
            model.restore(calls)

    @property
    def is_reached(self) -> bool:
        """Whether a call of the loop was refused because the limits of the run left nothing for it."""
        return any(model.is_spent for model in self.models)

    @property
    def is_spent(self) -> bool:
        """Whether that ends the run."""
        return self.is_reached and not self.others_go_on


def _total(usage: Usage) -> int:
    return usage.input_tokens + usage.output_tokens


def _said(reply: ChatReply) -> str:
    calls = [json.dumps({"call": call.name, "arguments": call.arguments}) for call in reply.calls]
    return "\n".join([*([reply.text] if reply.text else []), *calls])


def asked_again(request: ChatRequest) -> ChatRequest:
    """The same question, asked once more because the reply to it could not be used."""
    return replace(request, attempt=request.attempt + 1)
