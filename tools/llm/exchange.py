"""The process's one way to LLM endpoints: one event loop, one limit for all that is in flight, one store of replies,
one pool of connections an endpoint.

The loop runs in a thread of its own, so that the subject model can be read while replies are on their way.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from tools.cache import default_cache_dir
from tools.errors import LLMNotAvailable
from tools.llm.limiter import AdaptiveLimit
from tools.llm.replies import ReplyStore
from tools.llm.settings import API_VERSION, MOST_AT_ONCE, Access, LLMSettings

if TYPE_CHECKING:
    import httpx2
    from openai import AsyncOpenAI

T = TypeVar("T")

GRACE_S = 5.0
"""After Ctrl-C nothing more is sent, and what is on its way, and paid for, is waited for so long."""

_LOOK_EVERY_S = 0.5


class Exchange:
    """Everything that LLM calls of one process share; `exchange()` gives the process's own.

    Args:
        replies: the store of replies.
        concurrency: requests in flight, at most.
        transport: in place of the network, for tests.

    Attributes:
        limit: what is in flight; belongs to the loop.
        reading: a lock around the reading of a reply, so that a burst of replies is read one by one and new requests go
            out in between.
    """

    def __init__(
        self, replies: ReplyStore, concurrency: int, transport: httpx2.AsyncBaseTransport | None = None
    ) -> None:
        self.replies = replies
        self.limit = AdaptiveLimit(concurrency)
        self.reading = asyncio.Lock()
        self._transport = transport
        self._clients: dict[Access, AsyncOpenAI] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="llm", daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T], shown: AbstractContextManager[Callable[[], None]] | None = None) -> T:
        """Run `work` on the loop and wait for it. Ctrl-C cancels it, and waits until it has ended.

        `shown` is called every half second meanwhile, by the thread that waits.
        """
        ended = threading.Event()

        async def until_ended() -> T:
            try:
                return await work
            finally:
                ended.set()

        running: Future[T] = asyncio.run_coroutine_threadsafe(until_ended(), self._loop)
        try:
            with shown or nullcontext(lambda: None) as show:
                while True:
                    try:
                        return running.result(timeout=_LOOK_EVERY_S)
                    except TimeoutError:
                        if running.done():  # it ended just now, or the time-out is its own
                            return running.result()
                        show()
        except BaseException:
            if not running.done():
                running.cancel()
                ended.wait(GRACE_S + 1)
            raise

    def allow(self, concurrency: int) -> None:
        """From here on so many requests in flight, at most."""
        self._loop.call_soon_threadsafe(self.limit.allow, concurrency)

    def client(self, where: Access) -> AsyncOpenAI:
        """The client of an endpoint, with its pool of connections; only to be called on the loop.

        Raises:
            LLMNotAvailable: the environment names a proxy that cannot be used.
        """
        if where not in self._clients:
            import httpx2
            import openai

            # The limit is ours. A number, since None would leave aiohttp at its own limit of 100.
            many = httpx2.Limits(max_connections=MOST_AT_ONCE, max_keepalive_connections=MOST_AT_ONCE)
            if self._transport is not None:
                http = httpx2.AsyncClient(transport=self._transport)
            else:
                proxy = None if where.is_here else proxy_of(where.url)
                try:
                    if proxy is not None and proxy.startswith("socks"):
                        raise ValueError("it is a SOCKS proxy, and only HTTP proxies are spoken to")
                    http = openai.DefaultAioHttpClient(limits=many, trust_env=not where.is_here)
                except (ImportError, ValueError) as error:
                    raise LLMNotAvailable(
                        f"the LLM endpoint {where.url} cannot be reached, since the proxy that the environment names "
                        f"cannot be used ({str(error).rstrip('.')}): set HTTPS_PROXY to another one, or name the "
                        "endpoint's host in NO_PROXY."
                    ) from error
            self._clients[where] = openai.AsyncOpenAI(
                api_key=where.key or "none", base_url=where.base, max_retries=0, http_client=http,
                default_query={API_VERSION: where.api_version} if where.api_version else None,
            )  # fmt: skip
        return self._clients[where]

    def close(self) -> None:
        """Close connections, end the thread, and wait until every reply is on disk."""

        async def close_clients() -> None:
            left = asyncio.all_tasks() - {asyncio.current_task()}
            for task in left:  # of a run that was stopped twice
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)
            for client in self._clients.values():
                await client.close()

        if self._thread.is_alive():
            self.run(close_clients())
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()
        self.replies.close()


def headers_of(where: Access) -> dict[str, Any]:
    """What is said of the key beside what the client says: Azure has a header of its own for it, and takes what stands
    where others have it for a token of another kind."""
    if where.api_version is None:
        return {}
    import openai

    return {"Authorization": openai.Omit(), "api-key": where.key or "none"}


def proxy_of(url: str) -> str | None:
    """The proxy through which the environment has `url` asked; None for none."""
    from urllib.request import getproxies, proxy_bypass  # which takes longer to import than all else here

    parts, found = urlsplit(url), getproxies()
    if proxy_bypass(parts.hostname or ""):
        return None
    return found.get(parts.scheme) or found.get("all")


def replies_path() -> Path:
    """The file in which replies are kept."""
    return default_cache_dir() / "llm-replies.sqlite"


_own: dict[tuple[int, Path], Exchange] = {}
_making = threading.Lock()


def exchange(settings: LLMSettings) -> Exchange:
    """The exchange of this process, made when it is first asked for; a forked process makes its own.

    The latest caller sets the limit on requests in flight. If NEURON_AGENT_CACHE now names another folder, there is
    another exchange: replies are cached in the current folder.
    """
    with _making:
        here = os.getpid(), replies_path()
        if here not in _own:
            if not _own:
                atexit.register(close_exchange)
            _own[here] = Exchange(ReplyStore(here[1]), settings.concurrency)
        _own[here].allow(settings.concurrency)
        return _own[here]


def close_exchange() -> None:
    """Close what this process has opened; whoever asks next opens it anew."""
    with _making:
        for (process, _), one in _own.items():
            if process == os.getpid():
                one.close()
        _own.clear()
