"""What can be typed to serve the toolbox to another program: `agent mcp`."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from agent.option_types import whole

Command = Callable[..., argparse.ArgumentParser]


def add_mcp(
    commands: Any,
    command: Command,
    model: argparse.ArgumentParser,
    parts: tuple[argparse.ArgumentParser, ...],
) -> None:
    """`agent mcp`; `model` says which one when a call names none, `parts` are options that runs have too."""
    mcp = command(
        commands, "mcp", "agent.commands.mcp:serve",
        "Serve the toolbox to an LLM client over the Model Context Protocol (stdin and stdout): read, top, search, "
        "generate, simulate, score, ablate and explain. Needs pip install -e '.[mcp]'.",
        "agent mcp --model mini --budget 100", [model, *parts],
    )  # fmt: skip
    mcp.add_argument(
        "--budget", type=whole(1), default=100, metavar="N",
        help="units of work of all calls together; one is a call of at most 64 texts or 4,096 tokens (default: 100)",
    )  # fmt: skip
    mcp.add_argument("--seed", type=whole(0), default=0, metavar="N", help="of every random choice (default: 0)")
    mcp.add_argument("--explainer", metavar="NAME", help="who writes hypotheses for `explain`: rules or openai:MODEL")
    mcp.add_argument("--variant", default="tournament", metavar="NAME_OR_FILE", help="how `explain` decides")
    mcp.add_argument("--concepts", metavar="FILE.toml", help="classes of words of your own")
    mcp.add_argument("--quiet", action="store_true", help="show no progress on stderr")
