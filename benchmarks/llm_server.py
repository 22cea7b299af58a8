"""An OpenAI-compatible endpoint that answers every question alike after a fixed delay, at next to no cost of its own.

    python benchmarks/llm_server.py --port 0 --delay 0.5

prints its port and serves until it is ended. It exists to measure a client that runs beside it on the same few cores,
so it speaks just enough HTTP/1.1 and every reply is serialised once, before the first question.

    POST /v1/chat/completions    a small reply; with "logprobs": true in the question, a simulation of 32 tokens in 128
                                 tokens with 15 alternatives each; with --body, the bytes of that file whatever is asked
    GET  /counts                 {"requests": ..., "in_flight": ..., "highest_in_flight": ...}

Another benchmark starts it in a process of its own:

    with running_server(delay=0.5) as server:
        ask(server.base_url)
        print(server.counts().requests)
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import resource
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

N_CONNECTIONS = 4_096
"""Connections that may wait to be accepted, and files that may be open, where the system allows as many."""

N_LINES, N_ALTERNATIVES = 32, 15


@dataclass
class Counts:
    """What was asked since the server started. A question is in flight from its last byte to its reply's first."""

    requests: int = 0
    in_flight: int = 0
    highest_in_flight: int = 0


@dataclass(frozen=True)
class Server:
    """A running server; `base_url` is as OpenAI's clients want it."""

    base_url: str

    def counts(self) -> Counts:
        """As they stand now."""
        with urllib.request.urlopen(f"{self.base_url.removesuffix('/v1')}/counts", timeout=10) as reply:
            return Counts(**json.load(reply))


@contextmanager
def running_server(delay: float = 0.5, body: bytes | None = None) -> Iterator[Server]:
    """Serve in another process until the context ends; `body` answers every question, in place of the two replies."""
    command = [sys.executable, __file__, "--port", "0", "--delay", str(delay)]
    if body is not None:
        command += ["--body", "-"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(body or b"")
            process.stdin.close()
            port = process.stdout.readline().strip()
            if not port:
                raise RuntimeError(f"the server of the benchmark did not start: try {' '.join(command)}")
            yield Server(f"http://127.0.0.1:{int(port)}/v1")
        finally:
            process.kill()


def small_reply() -> bytes:
    """A completion of one short sentence."""
    return _completion("The neuron fires on names of functions after def.", n_tokens=11)


def logprobs_reply() -> bytes:
    """A simulation, lines of token, tab, digit, with the alternatives at each of its 128 tokens."""
    tokens = [part for line in range(N_LINES) for part in (f" word{line}", "\t", str(line * 7 % 10), "\n")]
    return _completion("".join(tokens), n_tokens=len(tokens), logprobs={"content": [*map(_position, tokens)]})


def _position(token: str) -> dict[str, Any]:
    """One token's log probabilities as OpenAI writes them: falling by half from one alternative to the next."""
    others = [str(digit) for digit in range(11)] if token.isdigit() else [f" other{i}" for i in range(N_ALTERNATIVES)]
    names = [token, *(name for name in [*others, " ", "\n", "\t", "-", "?"] if name != token)][:N_ALTERNATIVES]
    entries = [
        {"token": name, "logprob": math.log(0.5 ** (rank + 1)), "bytes": list(name.encode())}
        for rank, name in enumerate(names)
    ]
    return entries[0] | {"top_logprobs": entries}


def _completion(text: str, n_tokens: int, logprobs: dict[str, Any] | None = None) -> bytes:
    message: dict[str, Any] = {"role": "assistant", "content": text, "refusal": None, "annotations": []}
    choice = {"index": 0, "message": message, "logprobs": logprobs, "finish_reason": "stop"}
    usage = {"prompt_tokens": 400, "completion_tokens": n_tokens, "total_tokens": 400 + n_tokens}
    whole = {"id": "chatcmpl-0", "object": "chat.completion", "created": 0, "model": "benchmark"}
    full = whole | {"choices": [choice], "usage": usage, "system_fingerprint": None}
    # As compact as OpenAI sends it: the length of a reply is what reading it costs.
    return json.dumps(full, separators=(",", ":")).encode()


def _response(body: bytes, status: str = "200 OK") -> bytes:
    head = f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body


class Replies:
    """What is answered, and how often it was, over all connections."""

    def __init__(self, delay: float, body: bytes | None) -> None:
        self.delay = delay
        self.counts = Counts()
        self.small = _response(small_reply() if body is None else body)
        self.logprobs = _response(logprobs_reply()) if body is None else self.small

    def to(self, request: bytes) -> bytes:
        """The reply to a question, given from its first line to its last byte."""
        asked = b'"logprobs":true' in request or b'"logprobs": true' in request
        return self.logprobs if asked else self.small


class Connection(asyncio.Protocol):
    """One connection, kept alive. A client that asks again before it is answered is answered in order."""

    def __init__(self, replies: Replies) -> None:
        self.replies = replies
        self.received = bytearray()
        self.awaited = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Kept to answer on."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """Take what is whole of it."""
        self.received += data
        while len(self.received) >= self.awaited:
            end = self.received.find(b"\r\n\r\n")
            if end < 0:
                return
            length = end + 4 + _content_length(bytes(self.received[:end]).lower())
            self.awaited = length
            if len(self.received) < length:
                return
            request = bytes(self.received[:length])
            del self.received[:length]
            self.awaited = 0
            self._take(request)

    def _take(self, request: bytes) -> None:
        counts = self.replies.counts
        if request.startswith(b"POST /v1/chat/completions "):
            counts.requests += 1
            counts.in_flight += 1
            counts.highest_in_flight = max(counts.highest_in_flight, counts.in_flight)
            asyncio.get_running_loop().call_later(self.replies.delay, self._answer, self.replies.to(request))
        elif request.startswith(b"GET /counts "):
            self.transport.write(_response(json.dumps(asdict(counts)).encode()))
        else:
            self.transport.write(_response(b'{"error": {"message": "no such path"}}', "404 Not Found"))

    def _answer(self, response: bytes) -> None:
        self.replies.counts.in_flight -= 1
        if not self.transport.is_closing():
            self.transport.write(response)


def _content_length(head: bytes) -> int:
    """Of a request whose head is in lower case; chunked bodies are not understood, and no client here sends them."""
    _, found, rest = head.partition(b"\r\ncontent-length:")
    return int(rest.partition(b"\r\n")[0]) if found else 0


async def serve(port: int, replies: Replies) -> None:
    """Print the port and answer for ever."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(replies), "127.0.0.1", port, backlog=N_CONNECTIONS)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def main() -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(
        description="Answer every chat completion alike after a fixed delay.",
        epilog="example: python benchmarks/llm_server.py --port 0 --delay 0.5",
    )
    parser.add_argument("--port", type=int, default=0, help="0, the default, for any that is free")
    parser.add_argument("--delay", type=float, default=0.5, help="seconds from a question to its reply")
    parser.add_argument("--body", help="file with the JSON that answers every question; - for standard input")
    given = parser.parse_args()
    body = None
    if given.body is not None:
        body = sys.stdin.buffer.read() if given.body == "-" else Path(given.body).read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = N_CONNECTIONS if hard == resource.RLIM_INFINITY else min(N_CONNECTIONS, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    try:
        asyncio.run(serve(given.port, Replies(given.delay, body)))
    except KeyboardInterrupt:
        return


if __name__ == "__main__":
    main()
