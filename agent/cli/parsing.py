"""How a command is mounted: its name, its help with an example, its options, and what runs it.

Nothing heavy is imported here or at the top of a command's file, so that every `--help` answers at once.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module
from typing import Any, NoReturn, TypeAlias

from agent.cli.output import printing

Commands: TypeAlias = "argparse._SubParsersAction[Any]"
"""Where commands are mounted: those of `agent`, or those of a group such as `agent trace`."""

Handler: TypeAlias = Callable[[argparse.Namespace], None]
"""Runs a command: prints with `agent.cli.output`, and raises errors of `tools.errors`."""


class _Help(argparse.RawDescriptionHelpFormatter):
    """Leaves room for the longest name of a command, which argparse puts on a line of its own."""

    def add_argument(self, action: argparse.Action) -> None:
        super().add_argument(action)
        for command in self._iter_indented_subactions(action):
            length = self._current_indent + len(self._format_action_invocation(command))
            self._action_max_length = max(self._action_max_length, length)


class Parser(argparse.ArgumentParser):
    """Reports a usage error in one sentence, without printing the usage first."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(formatter_class=partial(_Help, max_help_position=26), allow_abbrev=False, **kwargs)

    def _print_message(self, message: str, file: Any = None) -> None:
        if file is None or file is not sys.stdout:
            super()._print_message(message, file)
            return
        with printing():  # argparse ignores a full disk
            file.write(message)

    def error(self, message: str) -> NoReturn:
        """Exit with code 2 and one sentence on stderr."""
        self.exit(2, f"{self.prog}: {message.removeprefix('argument ').rstrip('.')}; see `{self.prog} --help`.\n")


class Version(argparse.Action):
    """Prints the version and exits."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> NoReturn:
        """Look the version up now, print it, and exit."""
        from importlib.metadata import version

        parser._print_message(f"agent {version('neuron-agent')}\n", sys.stdout)
        parser.exit()


class Elsewhere:
    """A handler in a package above this one, which is imported when its command runs."""

    def __init__(self, module: str, function: str) -> None:
        self.module = module
        self.function = function

    def __call__(self, arguments: argparse.Namespace) -> None:
        """Run it."""
        getattr(import_module(self.module), self.function)(arguments)


def command(
    commands: Commands,
    name: str,
    run: Handler,
    about: str,
    example: str,
    parts: Sequence[argparse.ArgumentParser] = (),
    loads: Sequence[str] = (),
) -> argparse.ArgumentParser:
    """Mount a command; options of its own can be added to what is returned.

    Args:
        commands: where it is mounted.
        name: what is typed.
        run: its handler. What is heavy it imports itself.
        about: what it does. The list of commands shows the first sentence, which fits on a line of 80 characters.
        example: what can be copied from the end of its help; several on lines of their own.
        parts: options that other commands have too, see `agent.cli.options`.
        loads: modules of ours that take long to import. They are imported before the handler is called, while Ctrl-C
            still ends the process at once: a library whose import is interrupted may raise anything.
    """
    made: argparse.ArgumentParser = commands.add_parser(
        name, help=_first(about), description=about, epilog=f"example:\n  {example}", parents=list(parts)
    )
    made.set_defaults(run=run, loads=(run.module,) if isinstance(run, Elsewhere) else tuple(loads))
    return made


def group(commands: Commands, name: str, about: str, example: str) -> Commands:
    """Mount a command that only groups the commands under it."""
    made: argparse.ArgumentParser = commands.add_parser(
        name, help=_first(about), description=about, epilog=f"example:\n  {example}"
    )
    return made.add_subparsers(title="commands", metavar="COMMAND", required=True)


def _first(sentences: str) -> str:
    return sentences.partition(". ")[0].removesuffix(".") + "."
