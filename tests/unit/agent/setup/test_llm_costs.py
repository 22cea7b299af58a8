"""What a run's LLM calls take at most, as it is said before the first of them."""

from __future__ import annotations

from typing import Any

import pytest

from agent.setup.config import RunConfig
from agent.setup.llm_costs import most_llm_cost
from agent.setup.llms import open_llms
from traces.text.console import QuietDisplay

LLM = {"url": "https://api.openai.com/v1"}


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-none-at-all")


def config(**settings: Any) -> RunConfig:
    return RunConfig(target="L0N0", llm=LLM, **settings)


def most(**settings: Any) -> int:
    found = most_llm_cost(config(**settings))
    assert found is not None
    return found.tokens


def test_rules_cost_nothing() -> None:
    assert most_llm_cost(config()) is None


def test_more_to_do_costs_more() -> None:
    base = most(explainer="openai:M")
    assert base < 1_000_000
    assert most(explainer="openai:M", budget=40) > base
    assert most(explainer="openai:M", simulated_excerpts=60) > base
    assert most(explainer="openai:M", excerpts_per_call=1) > base
    assert most(explainer="openai:M", twins=False) > base
    assert most(explainer="openai:M", max_rounds=0) < base
    assert most(explainer="openai:M", simulator="rules") < base
    assert most(explainer="openai:M", reads="finalists") < base / 2
    assert most(explainer="rules", simulator="openai:M", rivals=("words of spring",)) < base


def test_each_llm_has_its_own_price(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    prices = tmp_path / "prices.toml"
    prices.write_text(
        '["https://api.openai.com/v1"]\ndear = { input = 10, output = 10 }\ncheap = { input = 1, output = 1 }\n'
    )
    monkeypatch.setenv("NEURON_AGENT_PRICES", str(prices))
    both = most_llm_cost(config(explainer="openai:dear", simulator="openai:cheap"))
    alone = most_llm_cost(config(explainer="openai:dear"))
    unknown = most_llm_cost(config(explainer="openai:dear", simulator="openai:nobody-knows"))
    assert both is not None
    assert alone is not None
    assert unknown is not None
    assert both.tokens == alone.tokens == unknown.tokens
    assert both.usd is not None
    assert alone.usd == pytest.approx(alone.tokens * 10 / 1e6)
    assert both.tokens / 1e6 < both.usd < alone.usd
    assert unknown.usd is None
    limited = most_llm_cost(config(explainer="openai:dear", max_tokens=1000))
    assert limited is not None
    assert limited.tokens == 1000
    assert limited.usd == pytest.approx(0.01)


def test_it_is_said_before_anything_is_asked() -> None:
    notes: list[str] = []

    class Display(QuietDisplay):
        def note(self, message: str) -> None:
            notes.append(message)

    open_llms(config(explainer="openai:nobody-knows"), Display())
    assert notes[0].startswith("this run takes at most about ")
    assert "LLM tokens (their price is unknown); --max-tokens or --max-usd limits that." in notes[0]
    notes.clear()
    open_llms(config(explainer="openai:gpt-4o-mini", max_tokens=5000), Display())
    assert notes[0].startswith("this run takes at most about 5,000 LLM tokens, 0.00 US dollars.")
