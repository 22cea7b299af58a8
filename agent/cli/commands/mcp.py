"""`agent mcp`: serve the toolbox to another program."""

from __future__ import annotations

import argparse
from pathlib import Path

from agent.cli.option_types import whole
from agent.cli.options import (
    add_concepts,
    add_quiet,
    add_seed,
    corpus_part,
    llm_arguments,
    llm_part,
    model_part,
    runs_part,
)
from agent.cli.parsing import Commands, command
from tools.errors import BadInput

_NO_NEURON = "L0N0"
"""A session has a run's settings without the neuron, which every call names."""


def add(commands: Commands) -> None:
    """Mount it."""
    made = command(
        commands, "mcp", serve,
        "Serve the tools to an LLM client over stdin and stdout. It speaks the Model Context Protocol; the tools "
        "are read, top, search, generate, simulate, score, ablate and explain. Needs pip install -e '.[mcp]'.",
        "agent mcp --model mini --budget 100",
        [model_part(), corpus_part(), runs_part(), llm_part()], ("agent.setup.settings",),
    )  # fmt: skip
    add_quiet(made)
    made.add_argument(
        "--budget", type=whole(1), default=100, metavar="N",
        help="units for all calls together; one unit is a call of at most 64 texts or 4,096 tokens (default: 100)",
    )  # fmt: skip
    add_seed(made)
    how = made.add_argument_group("explanation")
    how.add_argument("--explainer", metavar="NAME", help="who writes hypotheses for `explain`: rules or openai:MODEL")
    how.add_argument("--variant", default="tournament", metavar="NAME_OR_FILE", help="the variant that `explain` uses")
    add_concepts(how)


def serve(arguments: argparse.Namespace) -> None:
    """Serve the toolbox to a client of the Model Context Protocol, until it closes stdin."""
    from agent.setup.settings import configured
    from traces.text.console import make_display

    try:
        from agent.mcp.server import serve as serve_session
        from agent.mcp.session import Session
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] not in ("mcp", "mcp_types"):
            raise
        raise BadInput("agent mcp needs the package mcp: pip install -e '.[mcp]'.") from error
    config = configured(
        _NO_NEURON, model=arguments.model, trust_remote_code=arguments.trust_remote_code, corpus=arguments.corpus,
        corpus_tokens=arguments.corpus_tokens, index=arguments.index, seed=arguments.seed,
        budget=arguments.budget, variant=arguments.variant, concepts=arguments.concepts, explainer=arguments.explainer,
        **llm_arguments(arguments),
    )  # fmt: skip
    display = make_display(quiet=arguments.quiet)  # stdout stays as it is: the protocol is spoken there
    try:
        serve_session(Session(config, Path(arguments.runs_dir), display))
    finally:
        display.close()
