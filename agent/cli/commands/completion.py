"""`agent completion`: shell completion of commands, options and file names."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from agent.cli.output import say
from agent.cli.parsing import Commands, command

_FOLDERS = ("DIR",)
_FILES = ("FILE", "FILE.toml", "PATH", "NAME_OR_FILE")


def add(commands: Commands) -> None:
    """Mount it."""
    made = command(
        commands, "completion", show,
        "Print a shell completion script.",
        "agent completion bash",
    )  # fmt: skip
    made.add_argument("shell", choices=("bash", "zsh", "tcsh", "fish"))


def show(arguments: argparse.Namespace) -> None:
    """Print the script for one shell."""
    import shtab

    parser: argparse.ArgumentParser = arguments.parser
    for action in _actions(parser):
        if action.metavar in _FOLDERS:
            action.complete = shtab.DIRECTORY  # type: ignore[attr-defined]
        elif action.metavar in _FILES or action.dest in ("corpus", "model"):
            action.complete = shtab.FILE  # type: ignore[attr-defined]
    say(shtab.complete(parser, arguments.shell).rstrip("\n"))


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """Every option and argument of a parser and of its subcommands."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                yield from _actions(command)
        else:
            yield action
