"""The client over real sockets: an endpoint that is not there, that hangs up, or that says nothing."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.unit.llm_world import completion, question
from tools.errors import LLMNotAvailable
from tools.llm import endpoint as module
from tools.llm.chat import ChatFailure, ChatReply
from tools.llm.endpoint import Endpoint
from tools.llm.exchange import Exchange, close_exchange, proxy_of
from tools.llm.replies import ReplyStore
from tools.llm.settings import LLMSettings

pytestmark = pytest.mark.slow  # waits for time-outs

BODY = json.dumps(completion("here")).encode()
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(BODY)


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIRST_WAIT_S", 0.002)


@contextmanager
def server(answer: Callable[[socket.socket, int], None]) -> Iterator[str]:
    """A server that does what `answer` does with the connection and the number of the request."""
    listening = socket.create_server(("127.0.0.1", 0))
    count = 0

    def serve() -> None:
        nonlocal count
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            count += 1
            threading.Thread(target=one, args=(connection, count), daemon=True).start()

    def one(connection: socket.socket, number: int) -> None:
        with connection:
            try:
                data = b""
                while b"\r\n\r\n" not in data:
                    data += connection.recv(65536)
                head, _, body = data.partition(b"\r\n\r\n")
                length = next(
                    int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")
                )
                while len(body) < length:
                    body += connection.recv(65536)
                answer(connection, number)
            except OSError:
                pass

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/v1"
    finally:
        listening.close()


@contextmanager
def endpoint(url: str, folder: Path, **settings: float) -> Iterator[Endpoint]:
    shared = Exchange(ReplyStore(folder / "replies.sqlite"), 4)
    try:
        yield Endpoint.open("m", LLMSettings.model_validate({"url": url, "retries": 1, **settings}), shared)
    finally:
        shared.close()


def test_a_reply(tmp_path: Path) -> None:
    with server(lambda to, _: to.sendall(HEAD + BODY)) as url, endpoint(url, tmp_path) as llm:
        (found,) = llm.ask([question()])
    assert isinstance(found, ChatReply)
    assert found.text == "here"


def test_no_proxy_stands_before_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with server(lambda to, _: to.sendall(HEAD + BODY)) as url, endpoint(url, tmp_path) as llm:
        assert isinstance(llm.ask([question()])[0], ChatReply)


@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:9", "socks5h://127.0.0.1:9", "gopher://127.0.0.1:9"])
def test_a_proxy_that_cannot_be_used(proxy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.setenv("ALL_PROXY", proxy)
    with (
        endpoint("http://nowhere.invalid/v1", tmp_path) as llm,
        pytest.raises(LLMNotAvailable, match=r"the proxy .* cannot be used .* set HTTPS_PROXY"),
    ):
        llm.ask([question()])


def test_which_proxy_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("no_proxy", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    assert proxy_of("https://there.invalid/v1") is None
    monkeypatch.setenv("ALL_PROXY", "socks5://one")
    assert proxy_of("https://there.invalid/v1") == "socks5://one"
    monkeypatch.setenv("HTTPS_PROXY", "http://two")
    assert proxy_of("https://there.invalid/v1") == "http://two"
    monkeypatch.setenv("NO_PROXY", "there.invalid")
    assert proxy_of("https://there.invalid/v1") is None


def test_nobody_there(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with (
        endpoint(f"http://127.0.0.1:{port}/v1", tmp_path) as llm,
        pytest.raises(LLMNotAvailable, match="cannot be reached"),
    ):
        llm.ask([question()])
    with (
        endpoint("http://no-such-host.invalid/v1", tmp_path) as llm,
        pytest.raises(LLMNotAvailable, match="cannot be reached"),
    ):
        llm.ask([question()])


def test_no_reply_is_a_time_out(tmp_path: Path) -> None:
    def answer(to: socket.socket, number: int) -> None:
        if number == 1:
            to.sendall(HEAD + BODY)
        else:
            to.recv(1)

    with server(answer) as url, endpoint(url, tmp_path, timeout_s=0.2) as llm:
        llm.ask([question("first")])
        (found,) = llm.ask([question()])
    assert isinstance(found, ChatFailure)
    assert found.kind == "timeout"
    assert "0.2 s" in found.message


def test_a_reply_that_trickles_in_is_a_time_out_too(tmp_path: Path) -> None:
    def answer(to: socket.socket, number: int) -> None:
        to.sendall(HEAD)
        for byte in BODY:
            time.sleep(0.1)
            to.sendall(bytes([byte]))

    with server(answer) as url, endpoint(url, tmp_path, timeout_s=0.4, retries=0) as llm:
        (found,) = llm.ask([question()])
    assert isinstance(found, ChatFailure)
    assert found.kind == "timeout"


@pytest.mark.parametrize("said", [b"", HEAD + BODY[:40], b"HTTP/1.1 200"])
def test_a_connection_that_is_dropped(said: bytes, tmp_path: Path) -> None:
    def answer(to: socket.socket, number: int) -> None:
        to.sendall(HEAD + BODY if number == 1 else said)

    with server(answer) as url, endpoint(url, tmp_path, timeout_s=5) as llm:
        llm.ask([question("first")])
        (found,) = llm.ask([question()])
    assert isinstance(found, ChatFailure)
    assert found.kind == "connection"


def test_a_connection_that_is_dropped_once_is_tried_again(tmp_path: Path) -> None:
    def answer(to: socket.socket, number: int) -> None:
        to.sendall(b"" if number == 1 else HEAD + BODY)

    with server(answer) as url, endpoint(url, tmp_path, timeout_s=5) as llm:
        assert isinstance(llm.ask([question()])[0], ChatReply)


@pytest.mark.slow
def test_a_process_ends_quietly(tmp_path: Path) -> None:
    script = f"""
import sys
sys.path.insert(0, {str(Path(__file__).resolve().parents[4])!r})
from tests.unit.llm_world import question
from tools.llm.endpoint import Endpoint
from tools.llm.settings import LLMSettings
print(Endpoint.open("m", LLMSettings(url=sys.argv[1])).ask([question()])[0].text)
"""
    with server(lambda to, _: to.sendall(HEAD + BODY)) as url:
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", script, url], capture_output=True, text=True, timeout=60,
            env={"NEURON_AGENT_CACHE": str(tmp_path), "PATH": ""}, check=False,
        )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "here\n", "")


def test_replies_are_kept_in_the_folder_that_is_named_now(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not in the one that was named when this process first asked an LLM."""
    with server(lambda to, _: to.sendall(HEAD + BODY)) as url:
        for name in ("one", "other"):
            monkeypatch.setenv("NEURON_AGENT_CACHE", str(tmp_path / name))
            assert isinstance(Endpoint.open("m", LLMSettings(url=url)).ask([question()])[0], ChatReply)
            assert (tmp_path / name / "llm-replies.sqlite").is_file()
    close_exchange()
