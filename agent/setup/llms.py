"""The LLMs of a run: which ones, their prices, and their common account."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agent.setup.config import RunConfig
from agent.setup.llm_costs import most_llm_cost
from agent.setup.llm_limit import within_limit
from tools.errors import LLMNotAvailable
from tools.llm.capabilities import room_within
from tools.llm.chat import ChatModel
from tools.llm.endpoint import Endpoint
from tools.llm.meter import Account, Metered, Meters
from tools.llm.prices import Price, price_of, price_within
from tools.llm.settings import access
from tools.records.costs import LLMReport, SilentExplainer, ThisTime
from tools.records.result import PartialResult
from traces.text.console import Display


@dataclass(frozen=True)
class LLMs:
    """The LLMs of a run by what they do; the same one where both are the same model.

    Attributes:
        explainer: writes hypotheses and texts; None where none does.
        simulator: simulates explanations in free text; None where none does.
        meters: counts the calls of both; None where there are none.
    """

    explainer: Metered | None = None
    simulator: Metered | None = None
    meters: Meters | None = None


def open_llms(config: RunConfig, display: Display) -> LLMs:
    """Get the LLMs that a config names ready, with their progress on `display`; nothing is sent yet.

    Raises:
        BadInput: the URL cannot be used, or a limit on money cannot be kept because a price is unknown.
        LLMNotAvailable: there is no key where one is needed, or no LLM where one decides.
    """
    names = [name for name in (config.explainer_llm, config.simulator_llm) if name is not None]
    if config.policy == "react" and config.explainer_llm is None:
        raise LLMNotAvailable(
            f"in the variant {config.variant} an LLM decides: give --explainer openai:MODEL, or use the "
            "variant tournament, which needs no LLM."
        )
    if not names:
        return LLMs()
    endpoints = {name: Endpoint.open(name, config.llm) for name in names}
    for endpoint in endpoints.values():
        endpoint.progress = display
        endpoint.learnt.most_room = room_within(config.max_tokens)
    prices = {name: price_within(endpoint.where.url, name, config.max_usd) for name, endpoint in endpoints.items()}
    for note in _notes(config, endpoints):
        display.note(note)
    return metered_llms(config, endpoints, prices)


def metered_llms(config: RunConfig, models: Mapping[str, ChatModel], prices: Mapping[str, Price | None]) -> LLMs:
    """The LLMs of a run by what they do, given who answers for each model that the config names, and the prices."""
    account = Account(config.max_tokens, config.max_usd)
    metered = {name: Metered(model, prices[name], account) for name, model in models.items()}
    if not metered:
        return LLMs()
    return LLMs(
        explainer=metered.get(config.explainer_llm or ""),
        simulator=metered.get(config.simulator_llm or ""),
        meters=Meters(account, list(metered.values()), _rules_go_on(config)),
    )


def _rules_go_on(config: RunConfig) -> bool:
    """Whether this run also learns and tests rules, which cost nothing."""
    return config.policy != "react" and (config.explainer_llm is None or config.rules_compete)


def _notes(config: RunConfig, endpoints: dict[str, Endpoint]) -> Iterator[str]:
    """What a user should know before any LLM is asked: the highest cost, where the key goes, what will be useless."""
    if (cost := most_llm_cost(config)) is not None:
        is_limited = config.max_tokens is not None or config.max_usd is not None
        price = "" if cost.usd is not None else " (their price is unknown)"
        yield f"this run takes at most about {cost.in_words()}{price}" + (
            "." if is_limited else "; --max-tokens or --max-usd limits that."
        )
    if config.simulator_llm is None:
        yield "free text from the LLM cannot be scored without --simulator openai:MODEL, and is left out."
        return
    for url in dict.fromkeys(e.where.url for e in endpoints.values() if e.where.key and not e.where.is_openai):
        yield f"OPENAI_API_KEY is sent to {url}."


def settled(config: RunConfig) -> RunConfig:
    """The config with the endpoint from the environment filled in, so that a resumed run asks the same one, and scaled
    to its limit on tokens.

    Raises:
        BadInput: the limit is too low.
    """
    if config.explainer_llm is None and config.simulator_llm is None:
        return config
    config = within_limit(config)
    return config.model_copy(update={"llm": config.llm.model_copy(update={"url": access(config.llm).url})})


def prices_of(config: RunConfig) -> dict[str, Any]:
    """The price of a million tokens in US dollars, by model, for the manifest; None if unknown."""
    names = dict.fromkeys(name for name in (config.explainer_llm, config.simulator_llm) if name is not None)
    return {name: _told(price_of(access(config.llm).url, name)) for name in names}


def _told(price: Price | None) -> dict[str, Any] | None:
    return None if price is None else {"input": price.input, "output": price.output, "source": price.source}


def llm_report(meters: Meters | None, silent: Sequence[SilentExplainer] = ()) -> PartialResult:
    """What LLM calls cost, for the result: tokens and dollars by role, and the part of them that is new.

    A stored reply counts with its original cost; `this_time` says how many of those there were. `silent` lists
    explainers that were asked and never wrote anything.
    """
    if meters is None:
        return PartialResult()
    account = meters.account
    return PartialResult(
        cost=account.cost(),
        llm=LLMReport(
            limit_reached=meters.is_reached,
            silent=list(silent) or None,
            by_role={role: account.by_role[role].role_cost() for role in sorted(account.by_role)},
            this_time=ThisTime(
                calls_from_store=sum(spent.n_cached for spent in account.by_role.values()),
                paid_usd=account.paid_usd(),
                noticed=llm_notes(meters),
            ),
        ),
    )


def llm_notes(meters: Meters | None) -> list[str]:
    """What the run found out about the endpoints, as sentences."""
    return [
        f"{metered.name}: {what}"
        for metered in ([] if meters is None else meters.models)
        if isinstance(metered.model, Endpoint)
        for what in metered.model.learnt.noticed
    ]
