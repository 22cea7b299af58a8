"""An LLM at an endpoint as a reader or a writer of texts, within the user's limits."""

from __future__ import annotations

import argparse

from tools.llm.endpoint import Endpoint
from tools.llm.meter import Account, Metered
from tools.llm.prices import price_within
from tools.llm.settings import LLMSettings, parse_spec
from traces.text.console import Display


def endpoint_of(spec: str, arguments: argparse.Namespace, display: Display) -> Metered | None:
    """The LLM that `openai:MODEL` names, ready to use; None if `spec` names none.

    Args:
        spec: what was typed.
        arguments: `llm_url`, `llm_concurrency`, `llm_timeout`, `token_field`, `max_tokens`, `max_usd`; None for the
            default.
        display: shows progress.

    Raises:
        BadInput: a setting cannot be used, or a limit on money cannot be kept because the price is unknown.
        LLMNotAvailable: there is no key where one is needed.
    """
    model = parse_spec(spec)
    if model is None:
        return None
    given = {
        "url": arguments.llm_url, "concurrency": arguments.llm_concurrency, "timeout_s": arguments.llm_timeout,
        "token_field": arguments.token_field,
    }  # fmt: skip
    endpoint = Endpoint.open(model, LLMSettings(**{name: value for name, value in given.items() if value is not None}))
    endpoint.progress = display
    price = price_within(endpoint.where.url, model, arguments.max_usd)
    # All of it may be spent here: there is no confirmation to reserve a part for.
    return Metered(endpoint, price, Account(arguments.max_tokens, arguments.max_usd, share=1.0))
