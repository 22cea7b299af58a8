"""The client against every shape of answer: what is a reply, what a failure, what is asked again, and never twice."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.unit.llm_world import URL, Server, completion, endpoint, ok, question, refused
from tools.errors import BadInput, LLMNotAvailable, StorageError
from tools.llm import endpoint as module
from tools.llm.capabilities import ROOM_TO_THINK, room_within
from tools.llm.chat import ChatFailure, ChatReply, ChatRequest, Function, FunctionCall, Message, Usage
from tools.llm.endpoint import GIVE_UP_AFTER
from tools.llm.settings import LLMSettings, access


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIRST_WAIT_S", 0.002)


def ask_one(server: Server, folder: Path, **request: Any) -> ChatReply | ChatFailure:
    with endpoint(server, folder, retries=2) as llm:
        return llm.ask([question(**request)])[0]


def in_turn(*answers: httpx2.Response | Exception) -> Any:
    left = iter(answers)

    def answer(_: dict[str, Any]) -> httpx2.Response:
        one = next(left)
        if isinstance(one, Exception):
            raise one
        return one

    return answer


def test_a_reply_comes_back_whole(tmp_path: Path) -> None:
    found = ask_one(Server(lambda _: ok("forty-two")), tmp_path)
    assert isinstance(found, ChatReply)
    assert (found.text, found.finish, found.usage) == ("forty-two", "stop", Usage(20, 5))
    assert not found.cached


def test_a_mark_before_the_json_is_no_part_of_it(tmp_path: Path) -> None:
    marked = httpx2.Response(200, content=b"\xef\xbb\xbf" + json.dumps(completion("yes")).encode())
    assert isinstance(ask_one(Server(lambda _: marked), tmp_path), ChatReply)


def test_log_probabilities_come_back(tmp_path: Path) -> None:
    content = [{"token": "7", "logprob": -0.1, "bytes": [55], "top_logprobs": [
        {"token": "7", "logprob": -0.1, "bytes": [55]}, {"token": "8", "logprob": -2.5, "bytes": [56]}]}]  # fmt: skip
    server = Server(lambda _: ok("7", choice={"logprobs": {"content": content}}))
    found = ask_one(server, tmp_path, logprobs=True)
    assert isinstance(found, ChatReply)
    assert found.choices is not None
    assert found.choices[0].token == "7"
    assert found.choices[0].alternatives == (("7", -0.1), ("8", -2.5))
    assert server.bodies[0]["logprobs"] is True
    assert server.bodies[0]["top_logprobs"] == 15


def test_functions_go_out_and_calls_come_back(tmp_path: Path) -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "read", "arguments": '{"text": "a"}'}}
    server = Server(lambda _: ok(None, message={"tool_calls": [call]}, choice={"finish_reason": "tool_calls"}))
    found = ask_one(server, tmp_path, functions=(Function("read", "Read.", {"type": "object"}),))
    assert isinstance(found, ChatReply)
    assert found.calls == (FunctionCall("c1", "read", '{"text": "a"}'),)
    assert server.bodies[0]["tools"][0]["function"]["name"] == "read"


def test_a_text_in_parts_is_put_together(tmp_path: Path) -> None:
    parts = [{"type": "text", "text": "forty-"}, {"type": "image_url"}, {"type": "text", "text": "two"}, 7]
    found = ask_one(Server(lambda _: ok(None, message={"content": parts})), tmp_path)
    assert isinstance(found, ChatReply)
    assert found.text == "forty-two"


def test_thoughts_in_the_text_are_no_part_of_the_reply(tmp_path: Path) -> None:
    found = ask_one(Server(lambda _: ok('<think>maybe {"a": 1}</think>\n{"a": 2}')), tmp_path)
    assert isinstance(found, ChatReply)
    assert found.text == '{"a": 2}'


@pytest.mark.parametrize(
    ("said", "finish", "text"),
    [
        ('maybe {"a": 1}</think>{"a": 2}', "stop", '{"a": 2}'),  # the template opened the thought
        ("<thinking>x</thinking> y <think>z</think>done", "stop", "done"),
    ],
)
def test_a_draft_in_a_thought_is_no_answer(said: str, finish: str, text: str, tmp_path: Path) -> None:
    found = ask_one(Server(lambda _: ok(said, choice={"finish_reason": finish})), tmp_path)
    assert isinstance(found, ChatReply)
    assert found.text == text


def test_a_thought_that_was_cut_off_is_no_reply_and_gets_room(tmp_path: Path) -> None:
    cut = ok('<think>a draft {"levels": [9]} but wait,', choice={"finish_reason": "length"})
    server = Server(lambda _: cut)
    found = ask_one(server, tmp_path)
    assert isinstance(found, ChatFailure)
    assert found.kind == "empty reply"
    assert server.bodies[-1]["max_tokens"] > 1000


FAILURES = {
    "refusal": (ok(None, message={"refusal": "I cannot help."}), "refusal"),
    "filter": (ok(None, choice={"finish_reason": "content_filter"}), "refusal"),
    "empty choices": (httpx2.Response(200, json=completion() | {"choices": []}), "empty reply"),
    "no choices": (httpx2.Response(200, json={"object": "chat.completion"}), "empty reply"),
    "null content": (ok(None), "empty reply"),
    "blank": (ok("  \n"), "empty reply"),
    "no object": (httpx2.Response(200, json=[1, 2]), "malformed reply"),
    "malformed JSON": (httpx2.Response(200, content=b'{"choices": [{"mess'), "malformed reply"),
    "a page": (httpx2.Response(200, content=b"<html>busy</html>"), "malformed reply"),
    "nothing": (httpx2.Response(200, content=b""), "malformed reply"),
    "an error as a success": (httpx2.Response(200, json={"error": {"message": "overloaded"}}), "server error"),
    "500": (refused(500, "oops"), "server error"),
    "503 without a body": (httpx2.Response(503), "server error"),
    "429": (refused(429, "slow down"), "rate limit"),
    "400": (refused(400, "messages are wrong"), "rejected"),
    "413": (refused(413, "too large"), "rejected"),
    "context": (refused(400, "maximum context length is 512 tokens; max_tokens is not supported"), "too long"),
    "context of llama.cpp": (refused(400, "request (5031 tokens) exceeds the available context size (4096 tokens), "
                             "try increasing it"), "too long"),
    "context of Anthropic": (refused(400, "prompt is too long: 210000 tokens > 200000 maximum"), "too long"),
    "context with an error": (refused(500, "the model is loaded with context length of only 4096 tokens"), "too long"),
    "time-out": (httpx2.ReadTimeout("late"), "timeout"),
    "dropped": (httpx2.RemoteProtocolError("peer closed connection"), "connection"),
}  # fmt: skip


@pytest.mark.parametrize("name", FAILURES)
def test_whatever_goes_wrong_is_a_failure_of_its_kind(name: str, tmp_path: Path) -> None:
    answer, kind = FAILURES[name]
    first = [ok("I am there")]  # it was reached once, so that later failures are failures of a call
    server = Server(in_turn(*first, *[answer] * 3))
    with endpoint(server, tmp_path, retries=2) as llm:
        llm.ask([question("hello")])
        (found,) = llm.ask([question()])
    assert isinstance(found, ChatFailure)
    assert found.kind == kind
    assert found.message


def test_a_truncated_reply_is_a_reply_that_says_so(tmp_path: Path) -> None:
    found = ask_one(Server(lambda _: ok('{"levels": [1, 2', choice={"finish_reason": "length"})), tmp_path)
    assert isinstance(found, ChatReply)
    assert found.finish == "length"


def test_missing_usage_is_guessed_and_marked(tmp_path: Path) -> None:
    found = ask_one(Server(lambda _: ok("a reply", usage=None)), tmp_path)
    assert isinstance(found, ChatReply)
    assert found.usage.estimated
    assert found.usage.input_tokens > 0
    assert found.usage.output_tokens > 0


@pytest.mark.parametrize(
    "usage", [{"prompt_tokens": -1, "completion_tokens": 2}, {"prompt_tokens": "7"}, [], "x", True]
)
def test_nonsensical_usage_is_guessed(usage: Any, tmp_path: Path) -> None:
    found = ask_one(Server(lambda _: ok("a reply", usage=usage)), tmp_path)
    assert isinstance(found, ChatReply)
    assert found.usage.estimated


def test_what_passes_is_tried_again(tmp_path: Path) -> None:
    server = Server(in_turn(refused(500, "oops"), httpx2.ReadError("reset"), ok("at last")))
    found = ask_one(server, tmp_path)
    assert isinstance(found, ChatReply)
    assert len(server.bodies) == 3


def test_attempts_are_bounded(tmp_path: Path) -> None:
    server = Server(lambda _: refused(500, "oops"))
    found = ask_one(server, tmp_path)
    assert isinstance(found, ChatFailure)
    assert len(server.bodies) == 3


def test_a_server_that_is_too_slow_is_asked_less_at_once_and_not_for_ever(tmp_path: Path) -> None:
    server = Server(in_turn(ok(), *[httpx2.ReadTimeout("late")] * 9))
    with endpoint(server, tmp_path, concurrency=8) as llm:
        llm.ask([question("hello")])
        (found,) = llm.ask([question()])
        assert llm.shared.limit.allowed < 8
    assert isinstance(found, ChatFailure)
    assert found.kind == "timeout"
    assert len(server.bodies) == 1 + 3


@pytest.mark.slow
def test_waiting_for_others_of_ours_is_no_part_of_the_time_that_a_request_has(tmp_path: Path) -> None:
    """On a server that answers one question at a time, most of a batch waits longer than any of it takes."""
    server = Server(lambda _: ok(), delay_s=0.2)
    with endpoint(server, tmp_path, concurrency=1, deadline_s=0.6) as llm:
        found = llm.ask([question(f"number {number}") for number in range(6)])
    assert all(isinstance(answer, ChatReply) for answer in found)


def test_retry_after_is_waited_for(tmp_path: Path) -> None:
    server = Server(in_turn(refused(429, "slow down", {"retry-after": "0.3"}), ok()))
    started = time.monotonic()
    assert isinstance(ask_one(server, tmp_path), ChatReply)
    assert time.monotonic() - started >= 0.3


def test_a_wait_past_the_deadline_is_not_begun(tmp_path: Path) -> None:
    server = Server(lambda _: refused(429, "slow down", {"retry-after": "3000"}))
    with endpoint(server, tmp_path, deadline_s=5) as llm:
        (found,) = llm.ask([question()])
    assert isinstance(found, ChatFailure)
    assert found.kind == "rate limit"
    assert len(server.bodies) == 1


@pytest.mark.parametrize(("concurrency", "n"), [(1, 6), (3, 30), (16, 100)])
def test_never_more_in_flight_than_the_limit(concurrency: int, n: int, tmp_path: Path) -> None:
    turn = itertools.count()
    server = Server(lambda _: refused(500, "oops") if next(turn) % 7 == 3 else ok(), delay_s=0.003)
    with endpoint(server, tmp_path, concurrency) as llm:
        # from several threads, which share the limit
        threads = [threading.Thread(target=llm.ask, args=([question(f"{k}-{i}") for i in range(n)],)) for k in (1, 2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert llm.shared.limit.highest <= concurrency
    assert server.highest <= concurrency
    assert server.highest == concurrency
    assert len(server.bodies) >= 2 * n


def test_too_many_requests_narrow_the_limit_and_success_widens_it(tmp_path: Path) -> None:
    turn = itertools.count()
    server = Server(lambda _: refused(429, "slow", {"retry-after": "0.01"}) if next(turn) < 8 else ok(), delay_s=0.001)
    with endpoint(server, tmp_path, 8) as llm:
        found = llm.ask([question(str(i)) for i in range(8)])
        assert all(isinstance(one, ChatReply) for one in found)
        narrowed = llm.shared.limit.allowed
        assert narrowed < 8
        llm.ask([question(f"more {i}") for i in range(100)])
        assert llm.shared.limit.allowed > narrowed


def test_nothing_is_asked_twice(tmp_path: Path) -> None:
    server = Server(lambda body: ok(body["messages"][0]["content"].upper()))
    questions = [question(str(i % 5)) for i in range(20)]
    with endpoint(server, tmp_path) as llm:
        first = llm.ask(questions)
    assert len(server.bodies) == 5
    with endpoint(server, tmp_path) as llm:
        again = llm.ask(questions)
    assert len(server.bodies) == 5
    assert [one.text for one in first] == [one.text for one in again]  # type: ignore[union-attr]
    assert all(one.cached for one in again)


def test_a_kept_reply_is_the_same_reply(tmp_path: Path) -> None:
    content = [{"token": "7", "top_logprobs": [{"token": "7", "logprob": -0.5}]}]
    call = {"id": "c", "function": {"name": "f", "arguments": "{}"}}
    shape = {"message": {"tool_calls": [call]}, "choice": {"logprobs": {"content": content}, "finish_reason": "length"}}
    server = Server(lambda _: ok("7", **{name: dict(value) for name, value in shape.items()}))
    first, again = (ask_one(server, tmp_path) for _ in range(2))
    assert isinstance(first, ChatReply)
    assert isinstance(again, ChatReply)
    assert (again.text, again.finish, again.usage, again.choices, again.calls) == (
        first.text, first.finish, first.usage, first.choices, first.calls,
    )  # fmt: skip
    assert again.cached
    assert len(server.bodies) == 1


def test_a_refusal_is_kept_and_a_failure_is_not(tmp_path: Path) -> None:
    server = Server(in_turn(ok(None, message={"refusal": "no"}), refused(400, "bad"), ok("now")))
    with endpoint(server, tmp_path) as llm:
        for _ in range(2):
            (found,) = llm.ask([question("a")])
            assert isinstance(found, ChatFailure)
            assert found.usage == Usage(20, 5)
        assert isinstance(llm.ask([question("b")])[0], ChatFailure)
        assert isinstance(llm.ask([question("b")])[0], ChatReply)


def test_an_empty_reply_is_not_remembered_when_the_server_is_mended(tmp_path: Path) -> None:
    server = Server(in_turn(ok(""), httpx2.Response(200, json={"object": "nothing"}), ok("now")))
    with endpoint(server, tmp_path) as llm:
        assert isinstance(llm.ask([question()])[0], ChatFailure)
        assert isinstance(llm.ask([question()])[0], ChatFailure)
        assert isinstance(llm.ask([question()])[0], ChatReply)


def test_an_engine_that_died_ends_the_run(tmp_path: Path) -> None:
    turn = itertools.count()
    server = Server(lambda _: ok() if next(turn) < 4 else refused(500, "engine is dead"))
    with endpoint(server, tmp_path) as llm:
        llm.ask([question(str(i)) for i in range(4)])
        with pytest.raises(LLMNotAvailable, match="has stopped answering"):
            llm.ask([question(f"more {i}") for i in range(60)])


def test_a_long_reply_is_read_in_one_pass() -> None:
    from tools.llm.wire import _without_thoughts

    text = '{"a": "' + "<" * 2_000_000 + '"}'  # quadratic work on this would not end
    assert _without_thoughts(text) == text


def test_a_question_asked_again_is_another_one_on_the_wire(tmp_path: Path) -> None:
    server = Server(lambda _: ok())
    with endpoint(server, tmp_path) as llm:
        llm.ask([question(seed=5), question(seed=5, attempt=1)])
    assert sorted(body["seed"] for body in server.bodies) == [5, 6]
    assert len({body["temperature"] for body in server.bodies}) == 2


def test_an_outage_ends_the_run_and_not_in_a_result(tmp_path: Path) -> None:
    server = Server(in_turn(ok(), *[refused(503, "down")] * 500))
    with endpoint(server, tmp_path, retries=1) as llm:
        llm.ask([question("hello")])
        with pytest.raises(LLMNotAvailable, match="has stopped answering"):
            llm.ask([question(str(i)) for i in range(50)])


def test_an_endpoint_that_breaks_on_some_questions_is_still_there(tmp_path: Path) -> None:
    server = Server(lambda _: refused(500, "Internal Server Error"))
    with endpoint(server, tmp_path) as llm:
        found = llm.ask([question(str(i)) for i in range(20)])
    assert {one.kind for one in found if isinstance(one, ChatFailure)} == {"server error"}
    assert len(server.bodies) == 60  # a bare 500 is tried three times, since it mostly comes again


def test_what_was_on_its_way_is_kept_when_another_call_ends_all(tmp_path: Path) -> None:
    turn = itertools.count()
    server = Server(lambda _: refused(401, "no") if next(turn) == 9 else ok(), delay_s=0.05)
    with endpoint(server, tmp_path, 10) as llm, pytest.raises(LLMNotAvailable):
        llm.ask([question(str(i)) for i in range(10)])
    n = len(server.bodies)
    with endpoint(server, tmp_path, 10) as llm:
        assert sum(one.cached for one in llm.ask([question(str(i)) for i in range(10)])) == 9
    assert len(server.bodies) == n + 1


def test_the_limit_can_be_widened(tmp_path: Path) -> None:
    server = Server(lambda _: ok(), delay_s=0.01)
    with endpoint(server, tmp_path, 2) as llm:
        llm.ask([question(str(i)) for i in range(6)])
        llm.shared.allow(12)
        llm.ask([question(f"more {i}") for i in range(60)])
        assert llm.shared.limit.highest == 12


@pytest.mark.parametrize(
    "other", [{"temperature": 0.5}, {"seed": 3}, {"attempt": 1}, {"logprobs": True}, {"schema": {"type": "object"}}]
)
def test_another_question_is_asked(other: dict[str, Any], tmp_path: Path) -> None:
    server = Server(lambda _: ok())
    with endpoint(server, tmp_path) as llm:
        llm.ask([question(), question(**other)])
    assert len(server.bodies) == 2


@pytest.mark.slow
def test_two_processes_share_the_store(tmp_path: Path) -> None:
    script = textwrap.dedent(f"""
        import sys
        from pathlib import Path
        sys.path.insert(0, {str(Path(__file__).resolve().parents[4])!r})
        from tests.unit.llm_world import Server, endpoint, ok, question
        server = Server(lambda _: ok(), delay_s=0.001)
        with endpoint(server, Path({str(tmp_path)!r})) as llm:
            llm.ask([question(str(i)) for i in range(200)])
        print(len(server.bodies))
    """)
    both = [subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    counts = [int(one.communicate(timeout=60)[0]) for one in both]
    assert all(one.returncode == 0 for one in both)
    assert sum(counts) <= 400
    server = Server(lambda _: ok())
    with endpoint(server, tmp_path) as llm:
        assert all(one.cached for one in llm.ask([question(str(i)) for i in range(200)]))
    assert not server.bodies


@pytest.mark.slow
def test_a_killed_process_loses_no_reply_that_had_come(tmp_path: Path) -> None:
    said = tmp_path / "said"
    script = textwrap.dedent(f"""
        import os, sys
        from pathlib import Path
        sys.path.insert(0, {str(Path(__file__).resolve().parents[4])!r})
        from tests.unit.llm_world import Server, endpoint, ok, question
        n = 0
        def answer(body):
            global n
            n += 1
            return ok()
        with endpoint(Server(answer), Path({str(tmp_path)!r}), 4) as llm:
            for i in range(10_000):
                llm.ask([question(f"{{i}}-{{k}}") for k in range(4)])
                with open({str(said)!r}, "a") as out:
                    out.write(f"{{i}}\\n")
    """)
    running = subprocess.Popen([sys.executable, "-c", script])
    while not (said.exists() and len(said.read_text().splitlines()) > 20):
        assert running.poll() is None
        time.sleep(0.01)
    running.send_signal(signal.SIGKILL)
    running.wait()
    known = [question(f"{i}-{k}") for i in range(len(said.read_text().split("\n")) - 1) for k in range(4)]
    server = Server(lambda _: ok())
    with endpoint(server, tmp_path) as llm:
        assert all(one.cached for one in llm.ask(known))
    assert not server.bodies


def test_ctrl_c_keeps_what_is_on_its_way_and_sends_nothing_more(tmp_path: Path) -> None:
    server = Server(lambda _: ok(), delay_s=0.4)

    def interrupt() -> None:  # once all that may be on its way at a time has arrived
        while len(server.bodies) < 4:
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    with endpoint(server, tmp_path, 4) as llm:
        threading.Thread(target=interrupt).start()
        with pytest.raises(KeyboardInterrupt):
            llm.ask([question(str(i)) for i in range(40)])
    assert len(server.bodies) == 4
    with endpoint(server, tmp_path, 4) as llm:
        assert sum(one.cached for one in llm.ask([question(str(i)) for i in range(4)])) == 4


# -- what the endpoint honours -------------------------------------------------------------------------------------

SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}}


def test_structure_is_asked_for_until_it_is_refused(tmp_path: Path) -> None:
    def answer(body: dict[str, Any]) -> httpx2.Response:
        kind = body.get("response_format", {}).get("type")
        return refused(400, f"response_format {kind} is not supported") if kind else ok('{"a": 1}')

    server = Server(answer)
    with endpoint(server, tmp_path) as llm:
        (found,) = llm.ask([question(schema=SCHEMA)])
        llm.ask([question("again", schema=SCHEMA)])
    assert isinstance(found, ChatReply)
    kinds = [body.get("response_format", {}).get("type") for body in server.bodies]
    assert kinds == ["json_schema", "json_object", None, None]


def test_structure_that_is_silently_ignored_is_noticed(tmp_path: Path) -> None:
    server = Server(lambda _: ok("The answer is 1, I think."))
    with endpoint(server, tmp_path) as llm:
        for i in range(4):
            llm.ask([question(str(i), schema=SCHEMA)])
        noticed = llm.learnt.noticed
    kinds = [body.get("response_format", {}).get("type") for body in server.bodies]
    assert kinds == ["json_schema", "json_object", None, None]
    assert [what for what in noticed if "ignored" in what] == noticed
    assert len(noticed) == 2


def test_log_probabilities_that_do_not_come_are_noticed(tmp_path: Path) -> None:
    server = Server(lambda _: ok("7"))
    with endpoint(server, tmp_path) as llm:
        (found,) = llm.ask([question(logprobs=True)])
        llm.ask([question("more", logprobs=True)])
    assert isinstance(found, ChatReply)
    assert found.choices is None
    assert ["logprobs" in body for body in server.bodies] == [True, False]


def test_the_other_name_of_the_limit_is_found(tmp_path: Path) -> None:
    def answer(body: dict[str, Any]) -> httpx2.Response:
        if "max_tokens" in body:
            return refused(
                400, "Unsupported parameter: 'max_tokens' is not supported with this model. "
                "Use 'max_completion_tokens' instead.", param="max_tokens", code="unsupported_parameter",
            )  # fmt: skip
        return ok()

    server = Server(answer)
    assert isinstance(ask_one(server, tmp_path), ChatReply)
    assert server.bodies[-1]["max_completion_tokens"] == 50


def test_a_limit_that_is_silently_ignored_is_noticed(tmp_path: Path) -> None:
    server = Server(lambda _: ok("long", usage={"prompt_tokens": 1, "completion_tokens": 900}))
    with endpoint(server, tmp_path) as llm:
        llm.ask([question("a")])
        llm.ask([question("b")])
    assert "max_tokens" in server.bodies[0]
    assert "max_completion_tokens" in server.bodies[1]


def test_settings_are_not_second_guessed(tmp_path: Path) -> None:
    server = Server(lambda _: ok("no JSON", usage={"prompt_tokens": 1, "completion_tokens": 900}))
    with endpoint(server, tmp_path, structure="json_object", token_field="max_completion_tokens") as llm:
        for i in range(3):
            llm.ask([question(str(i), schema=SCHEMA)])
    assert {body["response_format"]["type"] for body in server.bodies} == {"json_object"}
    assert all("max_completion_tokens" in body for body in server.bodies)


@pytest.mark.parametrize(
    ("request_", "field", "said"),
    [
        ({}, "temperature", "Unsupported value: 'temperature' does not support 0.0 with this model."),
        ({"seed": 1}, "seed", "extra inputs are not permitted: seed"),
        ({"logprobs": True}, "logprobs", "logprobs are not available"),
        ({"functions": (Function("f", "", {}),)}, "tools", "this model does not support tools"),
    ],
)
def test_what_is_refused_is_left_out(request_: dict[str, Any], field: str, said: str, tmp_path: Path) -> None:
    server = Server(lambda body: refused(400, said) if field in body else ok())
    found = ask_one(server, tmp_path, **request_)
    assert isinstance(found, ChatReply)
    assert field not in server.bodies[-1]


def test_a_model_that_thinks_gets_room(tmp_path: Path) -> None:
    def answer(body: dict[str, Any]) -> httpx2.Response:
        if body["max_tokens"] < 1000:
            return ok("", choice={"finish_reason": "length"}, usage={"prompt_tokens": 9, "completion_tokens": 50})
        return ok("done")

    found = ask_one(Server(answer), tmp_path)
    assert isinstance(found, ChatReply)
    assert found.usage == Usage(29, 55)  # both replies were paid for


def test_where_a_limit_leaves_no_room_to_think_a_reply_that_is_all_thought_is_none(tmp_path: Path) -> None:
    thought = ok("", choice={"finish_reason": "length"}, usage={"prompt_tokens": 9, "completion_tokens": 50})
    server = Server(lambda _: thought)
    with endpoint(server, tmp_path) as llm:
        llm.learnt.most_room = room_within(10_000)
        found = llm.ask([question("one"), question("another")])
        assert all(isinstance(one, ChatFailure) and "cut off" in one.reason for one in found)
        assert [body["max_tokens"] for body in server.bodies] == [50, 50]
        assert len(llm.learnt.noticed) == 1
        assert "leaves no room" in llm.learnt.noticed[0]


def test_a_thinking_model_is_given_room_once_for_all(tmp_path: Path) -> None:
    def answer(body: dict[str, Any]) -> httpx2.Response:
        if body["max_tokens"] == 50:
            return ok(None, message={"reasoning_content": "hm"}, choice={"finish_reason": "length"})
        return ok("done")

    server = Server(answer)
    with endpoint(server, tmp_path, concurrency=1) as llm:
        for i in range(3):
            assert [one.text for one in llm.ask([question(str(i))])] == ["done"]
    assert [body["max_tokens"] for body in server.bodies] == [50, *[50 + ROOM_TO_THINK] * 3]


@pytest.mark.parametrize(
    "said",
    [
        "Invalid schema for response_format 'x': 'maxItems' is not permitted.",
        "Grammar error: number of repetitions exceeds sane defaults, please reduce the number of repetitions",
        "json_schema: unsupported keyword max_items",
    ],
)
def test_a_server_that_knows_no_bound_on_a_list_is_asked_without(said: str, tmp_path: Path) -> None:
    def answer(body: dict[str, Any]) -> httpx2.Response:
        return refused(400, said) if "maxItems" in json.dumps(body) else ok('{"a": [1, 2, 3]}')

    schema = {"type": "object", "properties": {"a": {"type": "array", "items": {"type": "integer"}, "maxItems": 2}}}
    server = Server(answer)
    with endpoint(server, tmp_path, concurrency=1) as llm:
        found = llm.ask([question(str(i), schema=schema) for i in range(2)])
        assert [one.text for one in found] == ['{"a": [1, 2, 3]}'] * 2
        assert llm.learnt.now.structure == "json_schema"  # the form is asked for as before
        assert len(llm.learnt.noticed) == 1
    assert ["maxItems" in json.dumps(body) for body in server.bodies] == [True, False, False]
    assert all(body["response_format"]["type"] == "json_schema" for body in server.bodies)


# -- what ends a run -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (refused(401, "Incorrect API key provided: sk-verysecret1234"), "OPENAI_API_KEY"),
        (refused(403, "no access"), "OPENAI_API_KEY"),
        (refused(404, "The model `m` does not exist"), "has no model 'm'"),
        (refused(429, "You exceeded your quota", code="insufficient_quota"), "nothing left to spend"),
    ],
)
def test_what_cannot_get_better_is_said_at_once(answer: httpx2.Response, said: str, tmp_path: Path) -> None:
    server = Server(lambda _: answer)
    with endpoint(server, tmp_path) as llm, pytest.raises(LLMNotAvailable, match=said):
        llm.ask([question(str(i)) for i in range(50)])
    assert len(server.bodies) <= 8


def test_an_endpoint_that_is_not_there(tmp_path: Path) -> None:
    server = Server(in_turn(*[httpx2.ConnectError("All connection attempts failed")] * 9))
    with (
        endpoint(server, tmp_path) as llm,
        pytest.raises(LLMNotAvailable, match=r"cannot be reached.*`explainer=rules`"),
    ):
        llm.ask([question()])
    assert len(server.bodies) == 2


def test_an_endpoint_that_went_away(tmp_path: Path) -> None:
    server = Server(in_turn(ok(), *[httpx2.ConnectError("gone")] * 500))
    with endpoint(server, tmp_path, retries=1) as llm:
        llm.ask([question("hello")])
        with pytest.raises(LLMNotAvailable, match="has stopped answering"):
            llm.ask([question(str(i)) for i in range(100)])
    assert len(server.bodies) <= 2 * (GIVE_UP_AFTER + 16)


# -- servers of their own kind -------------------------------------------------------------------------------------


def with_system(text: str = "are you there?", **more: Any) -> ChatRequest:
    messages = (
        Message("system", "Be brief."),
        Message("user", text),
        Message("assistant", "yes"),
        Message("user", "?"),
    )
    return replace(question(text, **more), messages=messages)


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (400, "System role not supported"),
        (400, "Only user and assistant roles are supported!"),
        (422, "Template error: Conversation roles must alternate user/assistant/user/assistant/..."),
        (400, "Developer instruction is not enabled for models/gemma-3-27b-it"),
        (500, "This model does not support system messages."),
        (500, "oops"),
    ],
)
def test_a_system_message_that_is_not_taken_begins_the_users(status: int, said: str, tmp_path: Path) -> None:
    def answer(body: dict[str, Any]) -> httpx2.Response:
        return refused(status, said) if body["messages"][0]["role"] == "system" else ok()

    server = Server(answer)
    with endpoint(server, tmp_path) as llm:
        assert isinstance(llm.ask([with_system("a")])[0], ChatReply)
        n = len(server.bodies)
        assert isinstance(llm.ask([with_system("b")])[0], ChatReply)
        assert len(server.bodies) == n + 1
    assert server.bodies[-1]["messages"] == [
        {"role": "user", "content": "Be brief.\n\nb"},
        {"role": "assistant", "content": "yes"},
        {"role": "user", "content": "?"},
    ]


def test_a_refusal_that_only_mentions_the_system_changes_nothing(tmp_path: Path) -> None:
    server = Server(lambda _: refused(400, "the messages of role system, user were too many"))
    with endpoint(server, tmp_path) as llm:
        assert isinstance(llm.ask([with_system()])[0], ChatFailure)
        assert llm.learnt.now.system


@pytest.mark.parametrize("said", ["failed to initialize samplers: grammar", "Internal Server Error"])
def test_an_error_of_the_server_at_a_schema_leads_to_less(said: str, tmp_path: Path) -> None:
    def answer(body: dict[str, Any]) -> httpx2.Response:
        kind = body.get("response_format", {}).get("type")
        return refused(500, said) if kind == "json_schema" else ok('{"a": 1}')

    server = Server(answer)
    with endpoint(server, tmp_path) as llm:
        assert isinstance(llm.ask([question(schema=SCHEMA)])[0], ChatReply)
        assert llm.learnt.now.structure == "json_object"
        n = len(server.bodies)
        llm.ask([question("again", schema=SCHEMA)])
    assert len(server.bodies) == n + 1


def test_an_error_at_one_question_of_many_is_not_about_the_schema(tmp_path: Path) -> None:
    def answer(body: dict[str, Any]) -> httpx2.Response:
        return refused(500, "oops") if body["messages"][-1]["content"] == "bad" else ok('{"a": 1}')

    server = Server(answer)
    with endpoint(server, tmp_path) as llm:
        llm.ask([question("good", schema=SCHEMA)])
        assert isinstance(llm.ask([question("bad", schema=SCHEMA)])[0], ChatFailure)
        assert llm.learnt.now.structure == "json_schema"
    assert [body["response_format"]["type"] for body in server.bodies] == ["json_schema"] * 4


def test_forms_are_not_tried_out_for_ever(tmp_path: Path) -> None:
    server = Server(lambda _: refused(500, "oops"))
    with endpoint(server, tmp_path, concurrency=1) as llm:
        for i in range(12):
            llm.ask([question(str(i), schema=SCHEMA)])
        assert llm.learnt.now.structure == "json_schema"
    assert len(server.bodies) == 5 * 4 + 7 * 3


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
@pytest.mark.parametrize("text", ['{"a": 1}', '```json\n{"a": 1}\n```', 'hm {"a": 2}</think>\n{"a": 1}'])
def test_an_answer_that_came_as_a_thought(name: str, text: str, tmp_path: Path) -> None:
    found = ask_one(Server(lambda _: ok(None, message={"content": None, name: text})), tmp_path, schema=SCHEMA)
    assert isinstance(found, ChatReply)
    assert '{"a": 1}' in found.text
    assert '{"a": 2}' not in found.text


@pytest.mark.parametrize(
    ("text", "finish"),
    [('maybe {"a": 1}, or not', "stop"), ('<think>{"a": 1}', "stop"), ('{"a": 1}', "length"), ("", "stop")],
)
def test_a_thought_is_no_answer(text: str, finish: str, tmp_path: Path) -> None:
    message = {"content": None, "reasoning_content": text}
    server = Server(lambda _: ok(None, message=message, choice={"finish_reason": finish}))
    found = ask_one(server, tmp_path, schema=SCHEMA)
    assert isinstance(found, ChatFailure)
    assert found.kind == "empty reply"


def test_a_forbidden_question_is_refused_and_the_others_go_on(tmp_path: Path) -> None:
    def answer(body: dict[str, Any]) -> httpx2.Response:
        return refused(403, "no access") if body["messages"][-1]["content"].endswith("5") else ok()

    with endpoint(Server(answer), tmp_path) as llm:
        found = llm.ask([question(str(i)) for i in range(30)])
    kinds = [one.kind if isinstance(one, ChatFailure) else "reply" for one in found]
    assert kinds == ["refusal" if i % 10 == 5 else "reply" for i in range(30)]


def test_moderation_of_the_first_question_is_not_about_the_key(tmp_path: Path) -> None:
    said = 'x requires moderation. Your input was flagged for "harassment"'
    found = ask_one(Server(lambda _: refused(403, said)), tmp_path)
    assert isinstance(found, ChatFailure)
    assert found.kind == "refusal"


def test_a_key_that_is_taken_away_ends_the_run(tmp_path: Path) -> None:
    server = Server(lambda _: refused(403, "no access") if len(server.bodies) > 1 else ok())
    with endpoint(server, tmp_path) as llm:
        llm.ask([question()])
        with pytest.raises(LLMNotAvailable, match="refuses the key"):
            llm.ask([question(str(i)) for i in range(60)])
    assert len(server.bodies) < 40


def test_azures_filter_is_a_refusal(tmp_path: Path) -> None:
    said = "The response was filtered due to the prompt triggering Azure OpenAI's content management policy."
    found = ask_one(Server(lambda _: refused(400, said, code="content_filter")), tmp_path)
    assert isinstance(found, ChatFailure)
    assert found.kind == "refusal"


@pytest.mark.parametrize(
    ("given", "url", "version"),
    [
        ("https://x.openai.azure.com/openai/deployments/d?api-version=2024-10-21", None, "2024-10-21"),
        (
            "https://x.openai.azure.com/openai/deployments/d/chat/completions?api-version=2024-10-21",
            "https://x.openai.azure.com/openai/deployments/d?api-version=2024-10-21", "2024-10-21",
        ),
        ("http://localhost:1/v1/chat/completions", "http://localhost:1/v1", None),
        ("http://localhost:1/v1/", "http://localhost:1/v1", None),
    ],
)  # fmt: skip
def test_urls_as_portals_show_them(given: str, url: str | None, version: str | None) -> None:
    found = access(LLMSettings(url=given))
    assert (found.url, found.api_version) == (url or given, version)
    assert "?" not in found.base


@pytest.mark.parametrize(
    "query", ["api-version=1&sig=hunter2", "sig=hunter2", "api-version=hunter2%20", "api-version="]
)
def test_any_other_query_is_refused_and_not_repeated(query: str) -> None:
    with pytest.raises(BadInput, match="a query other than") as error:
        access(LLMSettings(url=f"https://host/v1?{query}"))
    assert "hunter2" not in str(error.value)


# -- keys and places -----------------------------------------------------------------------------------------------


def test_no_key_is_said_with_the_remedy() -> None:
    with pytest.raises(LLMNotAvailable, match=r"OPENAI_API_KEY is not set.*`explainer=rules`") as error:
        access(LLMSettings())
    assert error.value.exit_code == 4
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("key", ["schlüssel-12345", "two\nlines"])
def test_what_is_no_key(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", key)
    with pytest.raises(LLMNotAvailable, match="characters that no key has"):
        access(LLMSettings())


def test_a_local_endpoint_needs_no_key() -> None:
    assert access(LLMSettings(url="http://localhost:11434/v1/")).url == "http://localhost:11434/v1"


@pytest.mark.parametrize("url", ["localhost:8000", "ftp://x/v1", "http://", "http://x:99999/v1", "nonsense"])
def test_what_is_no_url(url: str) -> None:
    with pytest.raises(BadInput, match="is no URL"):
        access(LLMSettings(url=url))


def test_a_url_with_a_secret_is_refused_and_not_repeated() -> None:
    for url in ("https://me:hunter2@host/v1", "https://host/v1?api-key=hunter2"):
        with pytest.raises(BadInput) as error:
            access(LLMSettings(url=url))
        assert "hunter2" not in str(error.value)


def test_the_key_never_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = "my-very-secret-key-123"
    monkeypatch.setenv("OPENAI_API_KEY", key)
    answers = [refused(500, f"bad key {key}")] * 3 + [ok(None, message={"refusal": f"your key {key}"})]
    server = Server(in_turn(*answers, refused(401, f"Incorrect API key provided: {key}")))
    with endpoint(server, tmp_path, retries=2) as llm:
        assert key not in repr(llm.where)
        found = [*llm.ask([question("a")]), *llm.ask([question("b")])]
        assert key not in repr(found)
        with pytest.raises(LLMNotAvailable) as error:
            llm.ask([question("c")])
        assert key not in str(error.value)
    assert server.headers[0]["authorization"] == f"Bearer {key}"
    assert key.encode() not in b"".join(path.read_bytes() for path in tmp_path.iterdir())


# -- the store -----------------------------------------------------------------------------------------------------


def test_a_damaged_store_is_said(tmp_path: Path) -> None:
    (tmp_path / "replies.sqlite").write_bytes(b"no database at all" * 100)
    with endpoint(Server(lambda _: ok()), tmp_path) as llm, pytest.raises(StorageError, match="cannot be used"):
        llm.ask([question()])


def test_a_store_of_a_newer_version_is_said(tmp_path: Path) -> None:
    import sqlite3

    with endpoint(Server(lambda _: ok()), tmp_path) as llm:
        llm.ask([question()])
    connection = sqlite3.connect(tmp_path / "replies.sqlite")
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with endpoint(Server(lambda _: ok()), tmp_path) as llm, pytest.raises(StorageError, match="upgrade the program"):
        llm.ask([question()])


def test_a_damaged_answer_is_asked_for_again(tmp_path: Path) -> None:
    import sqlite3
    import zlib

    server = Server(lambda _: ok())
    with endpoint(server, tmp_path) as llm:
        llm.ask([question()])
    connection = sqlite3.connect(tmp_path / "replies.sqlite")
    with connection:
        connection.execute("UPDATE replies SET answer = ?", [zlib.compress(json.dumps({"text": 7}).encode())])
    connection.close()
    with endpoint(server, tmp_path) as llm:
        assert isinstance(llm.ask([question()])[0], ChatReply)
    assert len(server.bodies) == 2


def test_a_store_that_cannot_be_written_is_said_and_not_asked_past(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    server = Server(lambda _: ok())
    with endpoint(server, blocked, 1) as llm, pytest.raises(StorageError, match="cannot be used"):
        llm.ask([question(str(i)) for i in range(20)])
    assert len(server.bodies) <= 2


def test_the_address_is_part_of_the_question() -> None:
    assert question().key(URL, "m") != question().key("http://elsewhere/v1", "m")
    assert question().key(URL, "m") != question().key(URL, "other")
