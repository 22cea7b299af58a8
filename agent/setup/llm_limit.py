"""What a limit on tokens buys: a plan that is scaled to it, or a refusal that says what is needed."""

from __future__ import annotations

from agent.setup.config import RunConfig
from tools.errors import BadInput

LEAST_TOKENS = 10_000
"""With fewer an LLM can write hypotheses, and nothing is left to read one of them with."""

_PLANS: tuple[tuple[int, dict[str, int]], ...] = (
    (40_000, {}),
    (20_000, {"n_rivals": 3, "simulated_excerpts": 20, "excerpts_per_call": 7}),
    (LEAST_TOKENS, {"n_rivals": 2, "simulated_excerpts": 12, "excerpts_per_call": 4}),
)
"""From how many tokens on which settings are as high as they may be."""


def within_limit(config: RunConfig) -> RunConfig:
    """The config with fewer rivals and fewer excerpts where `max_tokens` would not buy them.

    Raises:
        BadInput: it buys nothing that is worth having.
    """
    if config.max_tokens is None or config.policy == "react" or config.explainer_llm is None:
        return config
    for least, most in _PLANS:
        if config.max_tokens >= least:
            return config.model_copy(update={name: min(n, getattr(config, name)) for name, n in most.items()})
    raise BadInput(
        f"--max-tokens {config.max_tokens:,} buys no explanation by an LLM: give at least {LEAST_TOKENS:,}, or take "
        "--explainer rules, which needs none."
    )
