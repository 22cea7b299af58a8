"""Folders of runs for the review app, and the app on a real port."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from traces_samples import sample_result, sample_run

from tools.records.neuron import NeuronId
from tools.records.result import Result
from traces.database.results import ResultsDatabase
from traces.events.kinds import Finished, RunStarted
from traces.events.runs import RunFolder
from traces.events.store import TraceWriter

HOSTILE = "<script>alert(1)</script>\"'\u202e\x07🙂 `␣<img src=x onerror=alert(2)>`"


def run_id_of(number: int) -> str:
    return f"20260131T1201{number:02d}.000Z-mini-x-{number:06x}"


def result_of(number: int, neuron: str = "L5N131", **changes: Any) -> Result:
    plain = {**sample_result(), "run_id": run_id_of(number), "neuron": neuron, **changes}
    if "value" in changes:
        value = plain.pop("value")
        plain["score"] = {**plain["score"], "value": value, "low": value - 0.05, "high": value + 0.05}
    return Result.model_validate(plain)


def make_run(runs_dir: Path, result: Result, *, is_finished: bool = True) -> RunFolder:
    """A whole run with its trace, such that the app can show it."""
    config = {"target": result.neuron, "model": result.model}
    about = {"config": config, "model": {"name": result.model, "fingerprint": "beef"}}
    run = RunFolder.create(runs_dir, result.run_id, about)
    layer, _, index = result.neuron[1:].partition("N")
    folder = run.neuron(result.model, NeuronId(int(layer), int(index)))
    with TraceWriter(folder.events) as trace:
        for event in sample_run():
            if isinstance(event, RunStarted):
                event = event.model_copy(
                    update={"run_id": result.run_id, "neuron": result.neuron, "model": result.model}
                )
            if isinstance(event, Finished):
                if not is_finished:
                    break
                event = Finished(result=result.to_json())
            trace.emit(event)
    if is_finished:
        folder.write_result(result)
        ResultsDatabase(runs_dir).add_result(result)
    return run


@contextmanager
def serving(runs_dir: Path, reader: Any = None) -> Iterator[Client]:
    """The app behind a real server on a free port of this machine."""
    import uvicorn

    from agent.review.app import create_app
    from agent.review.guard import Bound
    from agent.review.serve import listen

    with listen("127.0.0.1", 0) as opened:
        port = opened.getsockname()[1]
        app = create_app(runs_dir, Bound("127.0.0.1", port), reader)
        config = uvicorn.Config(app, log_config=None, access_log=False, lifespan="off", ws="none", server_header=False)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [opened]}, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        try:
            yield Client(port)
        finally:
            server.should_exit = True
            thread.join(10)
            assert not thread.is_alive()


class Client:
    """Asks one server, header by header as a browser or somebody else would."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.origin = f"http://127.0.0.1:{port}"

    def get(self, path: str, **headers: str) -> Reply:
        return self.ask("GET", path, None, headers)

    def post(self, path: str, fields: dict[str, str] | bytes, **headers: str) -> Reply:
        """As a form of the server's own page does it, unless headers say otherwise; an empty one is left out."""
        body = urlencode(fields).encode() if isinstance(fields, dict) else fields
        usual = {"origin": self.origin, "content-type": "application/x-www-form-urlencoded"}
        return self.ask("POST", path, body, {**usual, **headers})

    def ask(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> Reply:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        named = {name.replace("_", "-"): value for name, value in headers.items() if value}
        try:
            connection.request(method, path, body, named)
            answer = connection.getresponse()
            return Reply(answer.status, answer.read().decode(), {k.lower(): v for k, v in answer.getheaders()})
        finally:
            connection.close()


class Reply:
    def __init__(self, status: int, text: str, headers: dict[str, str]) -> None:
        self.status, self.text, self.headers = status, text, headers
