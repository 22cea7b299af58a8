"""The options about LLMs that several commands share, as the Python API takes them."""

from __future__ import annotations

import argparse
from typing import Any


def llm_options(arguments: argparse.Namespace) -> dict[str, Any]:
    """Keyword arguments of `agent.api.explain` and `score_sentence`."""
    return {
        "simulator": arguments.simulator,
        "max_tokens": arguments.max_tokens,
        "max_usd": arguments.max_usd,
        "llm": {
            "url": arguments.llm_url,
            "concurrency": arguments.llm_concurrency,
            "timeout_s": arguments.llm_timeout,
            "token_field": arguments.token_field,
            "simulation": arguments.simulation,
            "simulated_excerpts": arguments.simulated_excerpts,
            "excerpts_per_call": arguments.excerpts_per_call,
        },
    }
