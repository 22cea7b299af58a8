"""An LLM that says again what a trace says it said."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tools.llm.capabilities import ROOM_TO_THINK
from tools.llm.chat import ChatFailure, ChatReply, ChatRequest, FunctionCall, Message, Usage
from tools.llm.meter import Account, Metered
from tools.llm.prices import Price
from tools.llm.recorded_replies import NotRecorded, RecordedReplies, recorded_price
from tools.records.llm import LLMCall

NAME = "openai:m"


def asking(text: str = "what?", **more: object) -> ChatRequest:
    return ChatRequest(role="simulator", prompt="p/1", messages=(Message("user", text),), max_tokens=9, **more)  # type: ignore[arg-type]


def call(request: ChatRequest, reply: str | None = "so", **more: object) -> LLMCall:
    given = {
        "role": request.role, "model": NAME, "prompt": request.prompt, "key": request.key("", NAME),
        "question": "what?", "reply": reply, "input_tokens": 4, "output_tokens": 2, "max_tokens": 9,
    } | more  # fmt: skip
    return LLMCall.model_validate(given)


def test_each_question_gets_its_own_reply() -> None:
    model = RecordedReplies(NAME)
    one, other = asking("one"), asking("other")
    model.add(call(one, "1"))
    model.add(call(other, "2"))
    model.add(call(one, "not mine", model="openai:another"))
    assert [answer.text for answer in model.ask([other, one, other]) if isinstance(answer, ChatReply)] == [
        "2",
        "1",
        "2",
    ]
    (kept,) = model.ask([one])
    assert isinstance(kept, ChatReply)
    assert kept.cached


def test_a_failure_is_told_as_often_as_it_was() -> None:
    model = RecordedReplies(NAME)
    model.add(call(asking(), None, error="timeout: too long: 3 s", input_tokens=0, output_tokens=0))
    model.add(call(asking(), "at last"))
    assert model.ask([asking()]) == [ChatFailure("timeout", "too long: 3 s")]
    (reply,) = model.ask([asking()])
    assert isinstance(reply, ChatReply)
    assert reply.text == "at last"


def test_a_refusal_stays_one_and_a_limit_was_no_answer() -> None:
    model = RecordedReplies(NAME)
    model.add(call(asking(), None, error="limit reached: nothing left"))
    model.add(call(asking(), None, error="refusal: no"))
    for _ in range(2):
        (answer,) = model.ask([asking()])
        assert isinstance(answer, ChatFailure)
        assert (answer.kind, answer.message, answer.usage) == ("refusal", "no", Usage(4, 2))


def test_what_was_not_asked_is_not_answered() -> None:
    model = RecordedReplies(NAME)
    model.add(call(asking(), None, error="timeout: x"))
    model.ask([asking()])
    for request in (asking(), asking("new"), asking(attempt=1)):
        with pytest.raises(NotRecorded, match="the simulator is asked what is not on record"):
            model.ask([request])
    model.add(call(asking(logprobs=True)))
    with pytest.raises(NotRecorded):  # a trace keeps no log probabilities
        model.ask([asking(logprobs=True)])


@pytest.mark.parametrize(
    ("more", "finish"),
    [
        ({}, "stop"),
        ({"output_tokens": 9}, "length"),
        ({"output_tokens": 9 + ROOM_TO_THINK}, "length"),
        ({"output_tokens": 50}, "stop"),
        ({"output_tokens": 9, "estimated": True}, "stop"),
    ],
)
def test_how_a_reply_ended(more: dict[str, object], finish: str) -> None:
    model = RecordedReplies(NAME)
    model.add(call(asking(), **more))
    (reply,) = model.ask([asking()])
    assert isinstance(reply, ChatReply)
    assert reply.finish == finish


def test_functions_have_the_endpoints_ids() -> None:
    model = RecordedReplies(NAME)
    model.add(call(asking(), 'so\n{"call": "f", "arguments": "{}"}'), [("call-7", "f", "{}")], "so")
    (reply,) = model.ask([asking()])
    assert isinstance(reply, ChatReply)
    assert (reply.text, reply.calls, reply.finish) == ("so", (FunctionCall("call-7", "f", "{}"),), "tool_calls")


def test_a_meter_records_the_same_calls() -> None:
    """What an account notes of a replay is what it noted then, whatever was asked twice."""
    recorded = [call(asking("1"), "a", usd=7e-6, guessed_tokens=5), call(asking("2"), "b", usd=7e-6, guessed_tokens=5)]
    model = RecordedReplies(NAME)
    for one in recorded:
        model.add(one)
    metered = Metered(model, Price(1.0, 1.5, ""), Account())
    metered.ask([asking("1"), asking("2"), asking("1")])
    metered.ask([asking("2")])
    assert [(one.key, one.reply, one.usd) for one in metered.drain()] == [(o.key, o.reply, o.usd) for o in recorded]


@settings(deadline=None)  # numpy is slow when it is first used
@given(
    st.tuples(st.floats(0, 100), st.floats(0, 100)),
    st.lists(st.tuples(st.integers(1, 5000), st.integers(1, 5000)), min_size=1, max_size=8),
)
def test_prices_are_found_again(price: tuple[float, float], counts: list[tuple[int, int]]) -> None:
    """At the price that is found, every recorded call costs what it cost."""
    true = Price(round(price[0], 2), round(price[1], 2), "then")
    calls = [
        call(asking(), usd=round(true.of(Usage(*pair)), 9), input_tokens=pair[0], output_tokens=pair[1])
        for pair in counts
    ]
    assert recorded_price(calls, true) is true
    for likely in (None, Price(true.input + 1, true.output, "now")):
        found = recorded_price(calls, likely)
        assert found is not None
        for one in calls:
            assert one.usd is not None
            cost = found.of(Usage(one.input_tokens, one.output_tokens))
            assert cost == pytest.approx(one.usd, rel=1e-3, abs=1e-6)


def test_a_price_that_was_unknown_stays_so() -> None:
    likely = Price(1, 1, "now")
    assert recorded_price([call(asking(), usd=None)], likely) is None
    assert recorded_price([], likely) is likely
