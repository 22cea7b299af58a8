"""Refuses options and variant settings that would have no effect in a suite."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from agent.setup.config import RunConfig
from agent.setup.variants.load import Variant
from evals.suite import Suite
from tools.errors import BadInput

OF_AN_LLM = ("llm", "max_tokens", "max_usd")
"""Settings of LLM calls and their limits."""

OF_AN_LLM_READER = ("simulation", "excerpts_per_call")
"""Settings of an LLM as reader, on puzzles too."""

_NO_RUNS = "no agent runs on puzzles: a reader ranks given explanations"


def refuse_unused_options(suite: Suite, given: Mapping[str, object]) -> None:
    """Refuse options about agent runs in a suite without any.

    Args:
        suite: as loaded.
        given: values by option; None and False for options not given.

    Raises:
        BadInput: names the option, the suite and why.
    """
    for name, value in given.items():
        if value is not None and value is not False and not _has_runs(suite):
            raise BadInput(f"{name} has no effect in the suite {suite.name}: {_NO_RUNS}.")


def refuse_unused_settings(suite: Suite, variants: Sequence[Variant]) -> None:
    """Refuse variants with settings that have no effect in a suite.

    Raises:
        BadInput: names the variant, the setting, the suite and why.
    """
    has_runs = _has_runs(suite)
    for variant in variants:
        config = variant.config(target="L0N0")
        unused = dict(_unused_anywhere(config) if has_runs else _unused_on_puzzles(config, variant))
        for name in variant.settings:
            if name in unused:
                raise BadInput(
                    f"the variant {variant.name} sets {name}, which has no effect in the suite {suite.name}: "
                    f"{unused[name]}."
                )


def _has_runs(suite: Suite) -> bool:
    sections = suite.sections
    return bool(sections.planted or sections.nothing or sections.sample or sections.neuron)


def _unused_anywhere(config: RunConfig) -> Iterator[tuple[str, str]]:
    if config.simulator_llm is None:
        why = "no LLM simulates, since it names none as simulator"
        yield from ((name, why) for name in (*OF_AN_LLM_READER, "simulated_excerpts"))
        if config.explainer_llm is None:
            yield from ((name, "it names no LLM") for name in OF_AN_LLM)


def _unused_on_puzzles(config: RunConfig, variant: Variant) -> Iterator[tuple[str, str]]:
    reads = {"simulator", "concepts"} if config.simulator_llm is None else {"simulator", *OF_AN_LLM, *OF_AN_LLM_READER}
    if config.simulator == "auto" and config.simulator_llm is not None:
        reads.add("explainer")  # which is then the simulator
    for name in variant.settings:
        if name in reads:
            continue
        if name in (*OF_AN_LLM, *OF_AN_LLM_READER):
            yield name, "no LLM reads the puzzles, since it names none as simulator"
        else:
            yield name, _NO_RUNS
