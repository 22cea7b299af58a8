"""What LLM calls may cost and did cost: limits that are kept, unknown prices that are not zero, calls counted once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.unit.llm_world import question
from tools.errors import BadInput
from tools.llm.chat import ChatFailure, ChatReply, ChatRequest, Usage
from tools.llm.meter import LOOP_SHARE, Account, Metered, Meters
from tools.llm.prices import PRICES_VARIABLE, Price, price_of

OPENAI = "https://api.openai.com/v1"
PRICE = Price(1.0, 10.0, "a test")


class Fake:
    """Answers everything with a reply of 100 tokens in and 50 out; the second time from its store."""

    name = "openai:fake"

    def __init__(self, failing: frozenset[str] = frozenset()) -> None:
        self.asked: list[str] = []
        self.failing = failing
        self.kept: set[str] = set()

    def ask(self, requests: Sequence[ChatRequest]) -> list[ChatReply | ChatFailure]:
        out: list[ChatReply | ChatFailure] = []
        for request in requests:
            text = request.messages[-1].content
            self.asked.append(text)
            if text in self.failing:
                out.append(ChatFailure("timeout", "late"))
            else:
                out.append(ChatReply("ok", "stop", Usage(100, 50), cached=text in self.kept))
                self.kept.add(text)
        return out


def test_tokens_and_dollars_by_role() -> None:
    account = Account()
    metered = Metered(Fake(frozenset({"b"})), PRICE, account)
    metered.ask([question("a"), question("b"), question("c")])
    spent = account.by_role["simulator"]
    assert (spent.n_calls, spent.n_failed, spent.tokens) == (3, 1, 300)
    assert spent.usd == pytest.approx(2 * (100 * 1.0 + 50 * 10.0) / 1e6)
    assert account.cost().tokens == 300
    assert account.cost().usd == pytest.approx(0.0012)


def test_an_unknown_price_is_unknown_and_not_zero() -> None:
    account = Account()
    Metered(Fake(), None, account).ask([question("a")])
    assert account.usd is None
    assert account.cost().usd is None
    assert account.by_role["simulator"].role_cost().usd is None


def test_what_costs_nothing_is_known() -> None:
    account = Account()
    Metered(Fake(frozenset({"a"})), None, account).ask([question("a")])
    assert account.usd == 0.0


@pytest.mark.parametrize("limit", [12_000, 20_000, 50_000])
def test_a_limit_on_tokens_is_never_passed(limit: int) -> None:
    account = Account(max_tokens=limit, share=1.0)
    fake = Fake()
    found = Metered(fake, PRICE, account).ask([question(str(i)) for i in range(1000)])
    assert account.tokens <= limit
    refused = [one for one in found if isinstance(one, ChatFailure)]
    assert len(refused) == 1000 - len(fake.asked)
    assert {one.kind for one in refused} == {"limit reached"}
    # once it is known what a call costs, the limit is used up
    assert account.tokens > limit - 200 or account.tokens < 8 * 150


def test_a_limit_on_dollars_is_never_passed() -> None:
    account = Account(max_usd=0.4, share=1.0)
    Metered(Fake(), PRICE, account).ask([question(str(i)) for i in range(1000)])
    assert account.usd is not None
    assert 0.39 < account.usd <= 0.4


@pytest.mark.slow
@pytest.mark.parametrize("thought", [0, 900, 8_000])
@pytest.mark.parametrize("limits", [{"max_usd": 0.5}, {"max_tokens": 60_000}])
def test_a_model_that_thinks_keeps_within_the_limit(limits: dict[str, Any], thought: int) -> None:
    class Thinker(Fake):
        def ask(self, requests: Sequence[ChatRequest]) -> list[ChatReply | ChatFailure]:
            return [ChatReply("7", "stop", Usage(60, 8 + thought)) for _ in requests]

    account = Account(**limits, share=1.0)
    Metered(Thinker(), PRICE, account).ask([question(str(i)) for i in range(2000)])
    assert account.usd is not None
    assert account.usd <= limits.get("max_usd", 1e9)
    assert account.tokens <= limits.get("max_tokens", 1e9)
    assert account.tokens > 0


def test_the_loop_leaves_something_for_the_end() -> None:
    account = Account(max_tokens=30_000)
    metered = Metered(Fake(), PRICE, account)
    metered.ask([question(str(i)) for i in range(1000)])
    assert account.tokens <= LOOP_SHARE * 30_000
    assert metered.is_spent
    account.share = 1.0
    assert isinstance(metered.ask([question("the end")])[0], ChatReply)


def test_a_reply_from_the_store_counts_as_what_it_cost_and_says_that_it_cost_nothing_now() -> None:
    fake = Fake()
    fake.kept = {"a"}
    account = Account()
    metered = Metered(fake, PRICE, account)
    metered.ask([question("a"), question("b")])
    assert account.tokens == 300
    assert account.paid_usd() == pytest.approx(0.0006)
    assert [call.cached for call in metered.drain()] == [True, False]


def test_a_question_asked_twice_at_once_is_counted_once() -> None:
    account = Account()
    metered = Metered(Fake(), PRICE, account)
    assert len(metered.ask([question("a"), question("a")])) == 2
    assert account.by_role["simulator"].n_calls == 1


def test_the_same_question_is_counted_once_in_a_run() -> None:
    account = Account()
    metered = Metered(Fake(), PRICE, account)
    metered.ask([question("a")])
    metered.ask([question("a")])
    assert account.by_role["simulator"].n_calls == 1
    assert len(metered.drain()) == 1


def test_a_resumed_run_counts_as_the_first_one_did() -> None:
    fake, account = Fake(), Account()
    first = Metered(fake, PRICE, account)
    first.ask([question("a"), question("b")])
    recorded = first.drain()
    resumed = Metered(fake, PRICE, Account())
    meters = Meters(resumed.account, [resumed])
    meters.restore(recorded)
    resumed.ask([question("a")])  # asked again after the resumption, as it was before
    assert meters.drain() == []
    assert resumed.account.by_role == account.by_role


def test_meters_restore_each_model_its_own_calls() -> None:
    account = Account()
    one, other = Metered(Fake(), PRICE, account), Metered(Fake(), PRICE, account)
    other.model.name = "openai:other"  # type: ignore[misc]
    one.ask([question("a")])
    recorded = one.drain()
    fresh = Account()
    restored = Meters(fresh, [Metered(one.model, PRICE, fresh), Metered(other.model, PRICE, fresh)])
    restored.restore(recorded)
    assert fresh.by_role["simulator"].n_calls == 1


def test_shipped_prices() -> None:
    mini, whole = price_of(OPENAI, "gpt-4o-mini-2024-07-18"), price_of(OPENAI, "gpt-4o")
    assert mini is not None
    assert whole is not None
    assert mini.input < whole.input
    assert "August 2025" in mini.source


def test_elsewhere_the_same_name_has_no_price() -> None:
    assert price_of("http://localhost:8000/v1", "gpt-4o-mini") is None
    assert price_of(OPENAI, "some-new-model") is None


def test_a_file_of_ones_own_goes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = tmp_path / "prices.toml"
    own.write_text(
        '["https://api.openai.com/v1"]\n"gpt-4o" = { input = 1, output = 2 }\n'
        '["http://localhost*"]\n"*" = { input = 0, output = 0 }\n"big-*" = { input = 3, output = 4 }\n'
    )
    monkeypatch.setenv(PRICES_VARIABLE, str(own))
    found = {name: price_of(OPENAI, name) for name in ("gpt-4o", "gpt-4.1")}
    assert found["gpt-4o"] is not None
    assert found["gpt-4o"].input == 1
    assert found["gpt-4.1"] is not None
    assert found["gpt-4.1"].input == 2.0
    free, big = (price_of("http://localhost:11434/v1", name) for name in ("llama", "big-llama"))
    assert free is not None
    assert free.of(Usage(10**6, 10**6)) == 0
    assert big is not None
    assert big.of(Usage(10**6, 10**6)) == 7


@pytest.mark.parametrize(
    "text",
    [
        "not toml [",
        '["u"]\nm = 3',
        '["u"]\nm = { input = -1, output = 0 }',
        '["u"]\nm = { input = nan, output = 0 }',
        "prices = 3",
    ],
)
def test_a_file_that_cannot_be_read_is_said(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = tmp_path / "prices.toml"
    own.write_text(text)
    monkeypatch.setenv(PRICES_VARIABLE, str(own))
    with pytest.raises(BadInput, match=r"prices"):
        price_of(OPENAI, "gpt-4o")


def test_a_file_that_is_not_there_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PRICES_VARIABLE, str(tmp_path / "none.toml"))
    with pytest.raises(BadInput, match=r"cannot read the prices in .*none\.toml"):
        price_of(OPENAI, "gpt-4o")
