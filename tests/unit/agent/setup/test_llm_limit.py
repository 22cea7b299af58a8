"""What a limit on tokens buys: a plan that is scaled to it, and below that nothing."""

from __future__ import annotations

import pytest

from agent.setup.config import RunConfig
from agent.setup.llm_costs import most_llm_cost
from agent.setup.llm_limit import LEAST_TOKENS, within_limit
from tools.errors import BadInput


def config(max_tokens: int | None, **settings: object) -> RunConfig:
    llm = {"url": "http://localhost:9/v1"}
    return RunConfig.checked(target="L0N0", explainer="openai:M", llm=llm, max_tokens=max_tokens, **settings)


def test_the_plan_shrinks_with_the_limit() -> None:
    plans = [within_limit(config(limit)) for limit in (None, 40_000, 20_000, LEAST_TOKENS)]
    assert plans[0] == config(None)
    assert plans[1] == config(40_000)
    sizes = [(one.n_rivals, one.simulated_excerpts, one.excerpts_per_call) for one in plans[1:]]
    assert sizes == sorted(sizes, reverse=True)
    assert len(set(sizes)) == 3
    costs = [most_llm_cost(one.model_copy(update={"max_tokens": None})) for one in plans[1:]]
    tokens = [cost.tokens for cost in costs if cost is not None]
    assert tokens == sorted(tokens, reverse=True)


def test_what_a_person_asked_for_is_never_made_more() -> None:
    few = within_limit(config(LEAST_TOKENS, n_rivals=1, simulated_excerpts=6))
    assert (few.n_rivals, few.simulated_excerpts) == (1, 6)


def test_nothing_changes_where_no_llm_writes() -> None:
    rules = RunConfig.checked(target="L0N0", max_tokens=5)
    assert within_limit(rules) == rules


def test_too_little_is_refused_by_name() -> None:
    with pytest.raises(BadInput, match="--max-tokens 9,999 buys no explanation by an LLM: give at least 10,000"):
        within_limit(config(LEAST_TOKENS - 1))
