"""What can be typed after `agent`, one file a command: its options, and beside them what runs it."""

from __future__ import annotations

from agent.cli.commands import (
    batch,
    completion,
    concepts,
    eval,
    explain,
    fetch,
    index,
    mcp,
    read,
    results,
    review,
    test,
    top,
    trace,
)  # fmt: skip
from agent.cli.parsing import Commands


def add_all(commands: Commands) -> None:
    """Mount every command, in the order of the help."""
    for one in (
        explain, read, top, test, fetch, concepts, trace, review, mcp, results, batch, index, eval, completion,
    ):  # fmt: skip
        one.add(commands)
