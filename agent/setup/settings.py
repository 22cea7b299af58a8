"""The settings of a run: typed or passed options override those of the variant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from agent.setup.config import RunConfig
from agent.setup.variants.load import load_variant
from tools.llm.settings import LLMSettings


def configured(
    target: str,
    *,
    variant: str = "tournament",
    rivals: Sequence[str] = (),
    planted: Sequence[str] = (),
    concepts: str | Path | None = None,
    llm: Mapping[str, Any] | None = None,
    budget: int | None = None,
    max_seconds: float | None = None,
    explainer: str | None = None,
    simulator: str | None = None,
    max_tokens: int | None = None,
    max_usd: float | None = None,
    **fixed: Any,
) -> RunConfig:
    """The settings of a run from the arguments of `agent.api.explain`; None stands for the variant's setting.

    Raises:
        BadInput: there is no such variant, or a setting is out of range.
    """
    given = {
        "budget": budget, "max_seconds": max_seconds, "explainer": explainer, "simulator": simulator,
        "max_tokens": max_tokens, "max_usd": max_usd, "concepts": None if concepts is None else Path(concepts),
    }  # fmt: skip
    chosen = load_variant(variant)
    return chosen.config(
        target=target, rivals=tuple(rivals), planted=tuple(planted), **fixed,
        **{name: value for name, value in given.items() if value is not None},
        **llm_settings(llm or {}, chosen.settings.get("llm", {})),
    )  # fmt: skip


def llm_settings(given: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    """LLM settings as `RunConfig` has them: those of the connection are a nested model."""
    known = {name: value for name, value in given.items() if value is not None}
    connection = {name: known.pop(name) for name in list(known) if name in LLMSettings.model_fields}
    return known | ({"llm": {**before, **connection}} if connection else {})
