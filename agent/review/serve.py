"""Serves the app until somebody stops it."""

from __future__ import annotations

import errno
import logging
import os
import socket
import sys
import threading
import webbrowser
from collections.abc import Callable
from pathlib import Path

import uvicorn

from agent.review.app import create_app
from agent.review.guard import Bound
from tools.errors import BadInput, StorageError
from traces.database.results import ResultsDatabase, index_tokens
from traces.storage import ELSEWHERE

_AT_ONCE = 20
_BREATH_S, _REST_S = 0.05, 15.0
_log = logging.getLogger(__name__)


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens on an address and a port; 0 for any that is free.

    Raises:
        BadInput: the port is taken, or there is no such address here.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        raise BadInput(f"there is no address {host!r} to listen on: leave --host out, or give 0.0.0.0.") from error
    family, kind, protocol, _, address = found[0]
    opened: socket.socket | None = None
    try:
        opened = socket.socket(family, kind, protocol)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind(address)
        opened.listen(128)
    except OSError as error:  # no socket at all, for example without IPv6
        if opened is not None:
            opened.close()
        reasons = {
            errno.EADDRINUSE: f"port {port} is taken: give another one with --port, or 0 for any that is free.",
            errno.EACCES: f"port {port} needs more rights: give one from 1024 on with --port.",
            errno.EADDRNOTAVAIL: f"this machine has no address {host}: leave --host out, or give 0.0.0.0.",
        }
        raise BadInput(reasons.get(error.errno or 0, f"cannot listen on {host}, port {port}: {error}.")) from error
    return opened


def serve(runs_dir: Path, host: str, port: int, *, is_browser_wanted: bool, say: Callable[[str], None]) -> None:
    """Serve until interrupted; returns then.

    Args:
        runs_dir: the folder of all runs; it may not exist yet.
        host: an address of this machine.
        port: 0 for any that is free.
        is_browser_wanted: whether to open the first page in the browser, where there is one.
        say: prints a line.

    Raises:
        BadInput: nothing can listen there, or `runs_dir` is no folder.
        StorageError: the results database cannot be used.
    """
    if runs_dir.exists() and not runs_dir.is_dir():
        raise BadInput(f"{runs_dir} is not a folder: {ELSEWHERE}.", settings=("runs_dir",))
    database = ResultsDatabase(runs_dir)
    with database.reading():  # report an unusable database now, not on every page
        pass
    with listen(host, port) as opened:
        bound = Bound(host, opened.getsockname()[1])
        name = "127.0.0.1" if bound.is_everywhere else f"[{host}]" if ":" in host else host
        url = f"http://{name}:{bound.port}/"
        server = uvicorn.Server(
            uvicorn.Config(
                create_app(runs_dir, bound), log_level="warning", access_log=False, server_header=False,
                date_header=False, lifespan="off", ws="none", timeout_graceful_shutdown=2, log_config=None,
                proxy_headers=False,
            )
        )  # fmt: skip
        say(f"Reviewing the runs in {runs_dir}: {url} (Ctrl-C ends it)")
        if not bound.is_local:
            say("Warning: no password; everybody who can reach this machine can read all runs and write reviews.")
        if is_browser_wanted:
            _open_soon(url)
        indexer = Indexer(database)
        indexer.start()
        try:
            server.run(sockets=[opened])
        except KeyboardInterrupt:  # uvicorn has shut down, and raises the reason
            pass
        finally:
            indexer.stop()


def _open_soon(url: str) -> None:
    """Open the page in a graphical browser. A text browser would take over the terminal, so it is not opened."""
    has_window = sys.platform in ("darwin", "win32") or any(map(os.environ.get, ("DISPLAY", "WAYLAND_DISPLAY")))
    if has_window:
        threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()


class Indexer(threading.Thread):
    """Indexes the tokens of older results, until it is stopped. A busy database is tried again later."""

    def __init__(self, database: ResultsDatabase) -> None:
        super().__init__(name="token index", daemon=True)
        self._database = database
        self._is_over = threading.Event()

    def run(self) -> None:
        """A few results at a time, so that pages are not kept waiting."""
        said = ""
        while not self._is_over.is_set():
            try:
                n = index_tokens(self._database, _AT_ONCE)
            except StorageError as error:
                if str(error) != said:  # an unwritable folder will stay unwritable
                    said = str(error)
                    _log.warning("tokens are not indexed for now: %s", error)
                n = 0
            self._is_over.wait(_BREATH_S if n else _REST_S)

    def stop(self) -> None:
        """End it after what it is doing."""
        self._is_over.set()
        self.join(timeout=2)
