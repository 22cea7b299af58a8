"""One model at one endpoint: asks within the process's limit, again where that may help, and nothing twice."""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from tools.errors import AgentError, LLMNotAvailable
from tools.evidence.progress import NoProgress, Progress
from tools.garbage_collection import without_collection
from tools.llm.capabilities import Capabilities, Discovery, is_too_long
from tools.llm.chat import ChatFailure, ChatReply, ChatRequest, FailureKind, Usage
from tools.llm.exchange import GRACE_S, Exchange, exchange, headers_of
from tools.llm.secrets import HIDDEN, LEAST_SECRET, scrubbed
from tools.llm.settings import Access, LLMSettings, access
from tools.llm.wire import body_of, is_json, packed, read_reply, unpacked

if TYPE_CHECKING:
    import openai

Answer = ChatReply | ChatFailure

FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 60.0

GIVE_UP_AFTER = 5
"""So many requests in a row that got no answer with all their attempts, and the endpoint counts as gone."""

_TRIES_BEFORE_ANY_ANSWER = 2
_PASSING = frozenset({408, 409, 425, 429})
_OF_THE_QUESTION = frozenset({400, 413, 422, 500})
"""With which servers refuse a question that is too long."""

_MOST_LESSONS = 12

_BROKEN = "HTTP 500"
_RETRIES_WHEN_BROKEN = 2
"""Many servers answer a question that they cannot take with a bare 500, each time anew."""

_RETRIES_WHEN_LATE = 2
"""A server that is too slow for a question is as slow the next time, unless it is asked less at once."""

_BROKEN_GIVE_UP_AFTER = 20
"""So many different questions in a row with a bare 500, of an endpoint that replied before, and it has died."""

_FORBIDDEN_GIVE_UP_AFTER = 20
"""So many different questions in a row that are forbidden, and it is not the questions."""

_MODERATED = re.compile(
    r"moderation|flagged|content[_ ](filter|policy|management)|responsibleaipolicy|safety", re.IGNORECASE
)
_MODERATED_CODE = re.compile(r'"(content_filter|content_policy_violation|ResponsibleAIPolicyViolation)"')
"""Where a bad request is none: it was looked through and held back."""

_KEPT: frozenset[FailureKind] = frozenset({"refusal"})
"""Failures that are an answer. An empty reply is none: a server that is mended must not be remembered by it."""


class _Passing(Exception):
    """Something went wrong that may not go wrong again; `nobody`: there was no one to connect to."""

    def __init__(self, failure: ChatFailure, wait_s: float | None = None, nobody: bool = False) -> None:
        super().__init__(failure.message)
        self.failure = failure
        self.wait_s = wait_s
        self.nobody = nobody


@dataclass
class _Time:
    """Of one request with all its attempts. It runs from when the request is first sent: before that it waits for
    others of ours, which on a slow server may take long."""

    allowed_s: float
    _deadline: float | None = None

    def deadline(self) -> float:
        """When it ends, on the loop's clock; it begins to run when this is first asked for."""
        if self._deadline is None:
            self._deadline = asyncio.get_running_loop().time() + self.allowed_s
        return self._deadline


@dataclass
class Endpoint:
    """Implements `tools.llm.chat.ChatModel`.

    Attributes:
        model: as the endpoint calls it.
        settings: of the connection.
        where: the endpoint and the key.
        shared: what all calls of the process share.
        learnt: what the endpoint honours.
        progress: shows how far it is; only ever called by the thread that asks.
    """

    model: str
    settings: LLMSettings
    where: Access
    shared: Exchange
    learnt: Discovery
    progress: Progress = field(default_factory=NoProgress)
    _has_answered: bool = False
    _has_replied: bool = False
    _failed_in_a_row: int = 0
    _broken_in_a_row: int = 0
    _is_let_in: bool = False
    """Whether the key was ever good enough."""
    _forbidden_in_a_row: int = 0
    _forbidden: str = ""
    """What was said the last time that a question was forbidden."""
    _is_over: bool = False
    """Nothing more is sent for what is being asked now."""
    _asking: dict[str, asyncio.Task[Answer]] = field(default_factory=dict)
    _on_their_way: set[asyncio.Task[Any]] = field(default_factory=set)
    _jitter: random.Random = field(default_factory=random.Random)
    """Of waiting times alone, so that no result depends on it."""

    @classmethod
    def open(cls, model: str, settings: LLMSettings, shared: Exchange | None = None) -> Endpoint:
        """Get ready to ask; nothing is sent yet.

        Raises:
            BadInput: the URL cannot be used.
            LLMNotAvailable: OpenAI's endpoint, and no key.
        """
        where = access(settings)
        return cls(model, settings, where, shared or exchange(settings), Discovery.begin(settings, where))

    @property
    def name(self) -> str:
        """As a result calls it."""
        return f"openai:{self.model}"

    def ask(self, requests: Sequence[ChatRequest]) -> list[Answer]:
        """Ask all at once, within the limit, and wait; answers in the order of the questions.

        Raises:
            LLMNotAvailable: it cannot be reached, has stopped answering, refuses the key, or has no such model.
            StorageError: replies cannot be kept.
        """
        keys = [request.key(self.where.url, self.model) for request in requests]
        with without_collection():
            kept = {key: found for key, data in self.shared.replies.get(keys).items() if (found := unpacked(data))}
        missing = {key: request for key, request in zip(keys, requests, strict=True) if key not in kept}
        if missing:
            self.shared.replies.prepare()
            self._is_over = False
            kept |= self.shared.run(self._ask_all(missing), self._shown(missing))
        return [kept[key] for key in keys]

    @contextmanager
    def _shown(self, requests: Collection[str]) -> Iterator[Callable[[], None]]:
        """Progress on what is being asked, from when it has taken a moment; to be called now and then."""
        shown: int | None = None

        def show() -> None:
            nonlocal shown
            if shown is None:
                self.progress.start(len(requests), f"asking {self.name}")
                shown = 0
            done = len(requests) - sum(key in self._asking for key in requests)
            self.progress.advance(done - shown)
            shown = done

        try:
            yield show
        finally:
            if shown is not None:
                self.progress.advance(len(requests) - shown)
                self.progress.finish()

    async def _ask_all(self, requests: dict[str, ChatRequest]) -> dict[str, Answer]:
        with without_collection():
            for key, request in requests.items():
                if key not in self._asking:  # another thread may be waiting for the same answer
                    self._asking[key] = task = asyncio.create_task(self._answer(key, request))
                    task.add_done_callback(lambda _, key=key: self._asking.pop(key, None))  # type: ignore[misc]
            tasks = {key: self._asking[key] for key in requests}
        try:
            done, _ = await asyncio.wait(tasks.values(), return_when=asyncio.FIRST_EXCEPTION)
        except asyncio.CancelledError:
            await self._stop(tasks.values())
            raise
        failed = next((error for task in done if not task.cancelled() and (error := task.exception())), None)
        if failed is not None:
            await self._stop(tasks.values())
            raise failed
        if self._forbidden_in_a_row and not self._is_let_in:
            raise self._refuses_the_key(self._forbidden)
        return {key: task.result() for key, task in tasks.items()}

    async def _stop(self, tasks: Collection[asyncio.Task[Answer]]) -> None:
        """Send nothing more; what is on its way is paid for, so it is waited for a little, and kept."""
        self._is_over = True
        waiting = {task for task in tasks if not task.done()}
        sent = waiting & self._on_their_way
        for task in waiting - sent:
            task.cancel()
        if sent:
            _, late = await asyncio.wait(sent, timeout=GRACE_S)
            for task in late:
                task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _answer(self, key: str, request: ChatRequest) -> Answer:
        task = asyncio.current_task()
        assert task is not None
        try:
            answer = await self._with_attempts(request)
            if isinstance(answer, ChatReply) or (answer.kind in _KEPT and answer.usage is not None):
                # Shielded: whoever asked may give up, and what was paid for is kept all the same.
                await asyncio.shield(asyncio.wrap_future(self.shared.replies.put(key, packed(answer))))
        except AgentError:
            self._is_over = True
            raise
        finally:
            self._on_their_way.discard(task)
        return answer

    async def _with_attempts(self, request: ChatRequest) -> Answer:
        loop = asyncio.get_running_loop()
        task = asyncio.current_task()
        assert task is not None
        started = loop.time()
        time = _Time(self.settings.deadline_s)
        attempt = 0
        paid: list[Usage] = []
        trial: Capabilities | None = None
        while True:
            try:
                answer = await self._with_less(request, time, paid, trial)
            except _Passing as passing:
                attempt += 1
                was_tried, trial = trial is not None, self._trial(request, attempt, passing)
                if was_tried and trial is None:
                    self.learnt.tried_in_vain()
                self._on_their_way.discard(task)  # what it waits for now was not paid for
                wait_s = passing.wait_s if passing.wait_s is not None else self._wait_s(1 if trial else attempt)
                if not self._may_try_again(attempt, passing, trial) or loop.time() + wait_s >= time.deadline():
                    self._count_failure(passing.failure)
                    usage = _total(paid) if paid else None
                    return replace(passing.failure, usage=usage, seconds=round(loop.time() - started, 4))
                if passing.failure.kind in ("rate limit", "timeout") or passing.nobody:
                    self.shared.limit.too_much(wait_s)
                await asyncio.sleep(wait_s)
            else:
                self._failed_in_a_row = 0
                if isinstance(answer, ChatReply):
                    self._has_replied, self._broken_in_a_row = True, 0
                return replace(answer, seconds=round(loop.time() - started, 4))

    def _trial(self, request: ChatRequest, attempt: int, passing: _Passing) -> Capabilities | None:
        """In which form to ask a server that broke on a request and did not say at what; None for the same as ever."""
        if not passing.failure.message.startswith(_BROKEN):
            return None
        trials = self.learnt.trials(request, self.learnt.now)
        number = attempt - _RETRIES_WHEN_BROKEN
        return trials[number] if 0 <= number < len(trials) else None

    def _may_try_again(self, attempt: int, passing: _Passing, trial: Capabilities | None) -> bool:
        if passing.failure.message.startswith(_BROKEN) and attempt > _RETRIES_WHEN_BROKEN and trial is None:
            return False
        if passing.failure.kind == "timeout" and attempt > _RETRIES_WHEN_LATE:
            return False
        if passing.nobody and not self._has_answered and attempt >= _TRIES_BEFORE_ANY_ANSWER:
            return False
        return attempt <= self.settings.retries

    def _wait_s(self, attempt: int) -> float:
        longest = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2.0 ** (attempt - 1))
        return longest * self._jitter.uniform(0.5, 1.0)

    def _count_failure(self, failure: ChatFailure) -> None:
        if failure.message.startswith(_BROKEN):  # it is there, and cannot take this question; or has died since
            self._broken_in_a_row += 1
            if not self._has_replied or self._broken_in_a_row < _BROKEN_GIVE_UP_AFTER:
                return
            self._failed_in_a_row = GIVE_UP_AFTER
        self._failed_in_a_row += 1
        what = f"the LLM endpoint {self.where.url}"
        if not self._has_answered and failure.kind == "connection":
            raise LLMNotAvailable(
                f"{what} cannot be reached ({failure.message}): start it, or name another one with `llm.url`, or use "
                "`explainer=rules`, which needs none.",
                settings=("llm.url", "explainer"),
            )
        if self._failed_in_a_row >= GIVE_UP_AFTER:
            raise LLMNotAvailable(
                f"{what} has stopped answering ({failure.reason}, after {self.settings.retries + 1} attempts each): "
                "every reply so far is kept, so nothing is paid twice when you go on later."
            )

    async def _with_less(
        self, request: ChatRequest, time: _Time, paid: list[Usage], trial: Capabilities | None = None
    ) -> Answer:
        """Ask for everything that the endpoint is thought to honour, and for less where it turns out not to.

        What every reply cost is added to `paid`. `trial` is asked for at first in place of all that.
        """
        for _ in range(_MOST_LESSONS):
            async with self.shared.limit:
                if self._is_over:
                    raise asyncio.CancelledError
                # what was found out while this waited for its turn counts
                asked, is_trial, trial = trial or self.learnt.now, trial is not None, None
                sent = await self._send(request, asked, time.deadline())
            if sent is None:
                continue
            answer = sent if isinstance(sent, ChatFailure) else await self._read(sent, request)
            if answer.usage is not None:
                paid.append(answer.usage)
            if isinstance(answer, ChatReply):
                if is_trial:
                    self.learnt.succeeded(asked)
                self.learnt.replied(request, asked, answer, request.schema is None or is_json(answer.text))
            elif answer.kind == "empty reply" and "cut off" in answer.message and self.learnt.thinks(asked):
                continue
            return replace(answer, usage=_total(paid)) if paid else answer
        return ChatFailure("rejected", "the endpoint refuses every form of this request")

    async def _read(self, data: bytes, request: ChatRequest) -> Answer:
        if (
            len(self.where.key) >= LEAST_SECRET
        ):  # an endpoint may repeat it anywhere; a short one is a stand-in for none
            data = data.replace(self.where.key.encode(), HIDDEN.encode())
        async with self.shared.reading:
            answer = read_reply(data, request)
            await asyncio.sleep(0)
        if isinstance(answer, ChatFailure):
            answer = replace(answer, message=self._said(answer.message))
            if answer.kind in ("malformed reply", "server error"):  # a proxy's page, or an error sent as a success
                raise _Passing(answer)
        return answer

    async def _send(self, request: ChatRequest, asked: Capabilities, deadline: float) -> bytes | ChatFailure | None:
        """One attempt; None when the endpoint refuses what was asked, and less is to be asked next.

        Raises:
            _Passing: it may go better another time.
            LLMNotAvailable: it will not.
        """
        import httpx2
        import openai

        loop = asyncio.get_running_loop()
        timeout = min(self.settings.timeout_s, deadline - loop.time())
        if timeout <= 0:
            raise _Passing(ChatFailure("timeout", f"no reply within {self.settings.deadline_s:g} s"))
        task = asyncio.current_task()
        assert task is not None
        self._on_their_way.add(task)
        try:
            # Not through the typed methods, which cost more than everything else about a call.
            async with asyncio.timeout(timeout):  # the transport's own counts from byte to byte
                response = await self.shared.client(self.where).post(
                    "/chat/completions",
                    cast_to=httpx2.Response,
                    body=body_of(request, self.model, asked),
                    options={"timeout": timeout, "headers": headers_of(self.where)},
                )
        except openai.APIStatusError as refused:
            self._has_answered = True
            return self._refused(request, asked, refused)
        except TimeoutError as late:
            raise _Passing(ChatFailure("timeout", f"no whole reply within {timeout:.4g} s")) from late
        except openai.APIConnectionError as broken:
            raise self._broken(broken, timeout) from broken
        self._has_answered = self._is_let_in = True
        self._forbidden_in_a_row = 0
        self.shared.limit.went_well()
        return response.content

    def _broken(self, error: openai.APIConnectionError, timeout: float) -> _Passing:
        """What became of a request without an answer; the causes tell, since the transport calls much a time-out."""
        import aiohttp
        import httpx2

        causes: list[BaseException] = []
        cause: BaseException | None = error
        while cause is not None:
            causes.append(cause)
            cause = cause.__cause__
        broken = [one for one in causes if isinstance(one, aiohttp.ClientError) and not isinstance(one, TimeoutError)]
        if not broken and any(isinstance(one, (TimeoutError, httpx2.TimeoutException)) for one in causes):
            return _Passing(ChatFailure("timeout", f"no reply within {timeout:.4g} s"))
        nobody = any(isinstance(one, (httpx2.ConnectError, aiohttp.ClientConnectorError)) for one in causes)
        return _Passing(ChatFailure("connection", self._said(str((broken or causes)[-1]))), nobody=nobody)

    def _refused(self, request: ChatRequest, asked: Capabilities, error: openai.APIStatusError) -> ChatFailure | None:
        status, text = error.status_code, error.response.text
        said = self._said(text) or f"HTTP {status}"
        if status == 401:
            raise self._refuses_the_key(said)
        if status == 403:
            return self._forbade(said)
        if status == 404:
            raise LLMNotAvailable(
                f"the LLM endpoint {self.where.url} has no model {self.model!r} ({said}): name one that it serves, "
                "or mend the URL, which ends in /v1 with most servers."
            )
        if "insufficient_quota" in text or status == 402:
            raise LLMNotAvailable(f"the account at {self.where.url} has nothing left to spend ({said}).")
        if status == 429:
            raise _Passing(ChatFailure("rate limit", said), _retry_after(error.response.headers))
        if status in (400, 422) and _MODERATED_CODE.search(text):
            return ChatFailure("refusal", f"HTTP {status}: {said}")
        if status in _OF_THE_QUESTION and is_too_long(text):
            return ChatFailure(
                "too long", f"the question does not fit into the model's context (HTTP {status}: {said})"
            )
        if status >= 500 and self.learnt.broke(request, asked, text):
            return None
        if status in _PASSING or status >= 500:
            failure = ChatFailure("server error", f"HTTP {status}: {said}")
            raise _Passing(failure, _retry_after(error.response.headers))
        if status in (400, 422) and self.learnt.refused(request, asked, text):
            return None
        return ChatFailure("rejected", f"HTTP {status}: {said}")

    def _forbade(self, said: str) -> ChatFailure:
        """A refusal of one question, unless nothing but such came so far, or has for long: then it is about the key."""
        if not _MODERATED.search(said):
            self._forbidden_in_a_row += 1
            self._forbidden = said
            if self._forbidden_in_a_row >= (_FORBIDDEN_GIVE_UP_AFTER if self._is_let_in else GIVE_UP_AFTER):
                raise self._refuses_the_key(said)
        return ChatFailure("refusal", f"HTTP 403: {said}")

    def _refuses_the_key(self, said: str) -> LLMNotAvailable:
        return LLMNotAvailable(
            f"the LLM endpoint {self.where.url} refuses the key ({said}): set OPENAI_API_KEY to one that it takes."
        )

    def _said(self, text: str) -> str:
        return scrubbed(text, self.where.key)


def _retry_after(headers: Any) -> float | None:
    """Seconds to wait, as the endpoint says; None when it does not, or not so that it can be read."""
    from datetime import UTC, datetime

    try:
        if (ms := headers.get("retry-after-ms")) is not None:
            wait = float(ms) / 1000
        elif (after := headers.get("retry-after")) is not None:
            wait = float(after) if after[:1].isdigit() else (
                parsedate_to_datetime(after) - datetime.now(UTC)
            ).total_seconds()  # fmt: skip
        else:
            return None
    except (TypeError, ValueError):
        return None
    return max(wait, 0.0) if wait < float("inf") else None


def _total(paid: Sequence[Usage]) -> Usage:
    return Usage(
        sum(usage.input_tokens for usage in paid),
        sum(usage.output_tokens for usage in paid),
        any(usage.estimated for usage in paid),
    )
