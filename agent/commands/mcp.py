"""`agent mcp`."""

from __future__ import annotations

import argparse
from pathlib import Path

from agent.commands.llm import llm_options
from agent.setup.settings import configured
from tools.errors import BadInput
from traces.text.console import make_display

_NO_NEURON = "L0N0"
"""A session's settings are a run's but for the neuron, which every call names."""


def serve(arguments: argparse.Namespace) -> None:
    """Serve the toolbox to a client of the Model Context Protocol, until it closes stdin."""
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
        **llm_options(arguments),
    )  # fmt: skip
    display = make_display(quiet=arguments.quiet)  # stdout stays as it is: the protocol is spoken there
    try:
        serve_session(Session(config, Path(arguments.runs_dir), display))
    finally:
        display.close()
