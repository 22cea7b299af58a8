"""Protects the app: which requests are answered, and what a browser may do with the answers.

A page of somebody else's that is open in the same browser can send requests to this machine. It must learn nothing and
change nothing. The Host header gives away a foreign domain name that points here, the Origin header a foreign form or
script, and a GET request never changes anything.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from agent.review.addresses import is_number

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

LARGEST_BODY = 64 * 1024
_LOCAL = ("127.0.0.1", "localhost", "[::1]")
_METHODS = ("GET", "HEAD", "POST")

HEADERS: tuple[tuple[bytes, bytes], ...] = (
    (
        b"content-security-policy",
        b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        b"form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    # Not no-referrer: then a browser would send forms with `Origin: null`, and nobody could tell whose they are.
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
)


@dataclass(frozen=True)
class Bound:
    """Where the server listens: an address as it was typed, and a port."""

    host: str
    port: int

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach it."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    @property
    def is_everywhere(self) -> bool:
        """Whether it listens on every address of this machine."""
        return self.host in ("", "0.0.0.0", "::")

    def is_own(self, host: str) -> bool:
        """Whether a Host header names this server. If it listens on every address, any address will do, and this
        machine's own name; other names are refused, since anybody can make a name point here.
        """
        name, port = _split(host.lower())
        if port != self.port:
            return False
        if name in _LOCAL and (self.is_local or self.is_everywhere):
            return True
        if self.is_everywhere:
            return _is_address(name) or name in _own_names()
        return name in (self.host.lower(), f"[{self.host.lower()}]")


@cache
def _own_names() -> tuple[str, str]:
    """This machine's; asked for once, since a name server may take seconds and every other request would wait."""
    return socket.gethostname().lower(), socket.getfqdn().lower()


def _split(host: str) -> tuple[str, int]:
    name, colon, port = host.rpartition(":")
    if not colon or host.endswith("]"):
        return host, 80
    return name, int(port) if is_number(port) else -1


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.removeprefix("[").removesuffix("]"))
    except ValueError:
        return False
    return True


class Guard:
    """ASGI middleware: checks Host, method, Origin and size before the app sees a request; adds `HEADERS`."""

    def __init__(self, app: App, bound: Bound) -> None:
        self.app, self.bound = app, bound

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return  # nothing here speaks WebSocket

        is_answered = False

        async def answer(message: Message) -> None:
            nonlocal is_answered
            if message["type"] == "http.response.start":
                is_answered = True
                given = [(name, value) for name, value in message["headers"] if name.lower() not in _NAMES]
                message = {**message, "headers": [*given, *HEADERS]}
            await send(message)

        refused = self._why_not(scope)
        if refused is None and scope["method"] == "POST":
            body = await _body(receive)
            if body is None:
                refused = 413, f"what was sent is larger than {LARGEST_BODY // 1024} KiB."
            else:
                receive = _again(body, receive)
        if refused is not None:
            await _refuse(answer, *refused)
            return
        try:
            await self.app(scope, receive, answer)
        except Exception:
            if not is_answered:
                raise
            # The app has said and logged what went wrong; the server would log it again, with the value of every
            # variable, which for a long trace takes minutes in which nothing is answered.

    def _why_not(self, scope: MutableMapping[str, Any]) -> tuple[int, str] | None:
        headers: dict[str, list[str]] = {}
        for name, value in scope["headers"]:
            headers.setdefault(name.decode("latin-1").lower(), []).append(value.decode("latin-1"))
        hosts = headers.get("host", [])
        if len(hosts) != 1 or not self.bound.is_own(hosts[0]):
            return 421, "this server answers only at the address that it was started with."
        if scope["method"] not in _METHODS:
            return 405, "this method is not supported here."
        if scope["method"] == "POST":
            if headers.get("origin") != [f"http://{hosts[0]}"]:
                return 403, "only pages of this server may send something here."
            if headers.get("sec-fetch-site", ["same-origin"]) != ["same-origin"]:
                return 403, "only pages of this server may send something here."
            lengths = headers.get("content-length", [])
            if any(not is_number(n) or int(n) > LARGEST_BODY for n in lengths):
                return 413, f"what was sent is larger than {LARGEST_BODY // 1024} KiB."
        return None


_NAMES = tuple(name for name, _ in HEADERS)


async def _body(receive: Receive) -> bytes | None:
    """The whole body; None if it is too large or incomplete."""
    body = b""
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        body += bytes(message.get("body", b""))
        if len(body) > LARGEST_BODY:
            return None
        if not message.get("more_body", False):
            return body


def _again(body: bytes, receive: Receive) -> Receive:
    """A `receive` that gives the body once more, and then whatever follows."""
    given = False

    async def once() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return once


async def _refuse(send: Send, status: int, why: str) -> None:
    text = f"Refused: {why}\n".encode()
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(text)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": [*headers, (b"connection", b"close")]})
    await send({"type": "http.response.body", "body": text})
