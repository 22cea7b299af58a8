"""The command line from end to end: the settings of the process, what was typed, and how an error becomes one sentence
and an exit code.
"""

from __future__ import annotations

import argparse
import gc
import itertools
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module

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
from agent.cli.interrupts import EXIT_CODE, Interrupts
from agent.cli.output import printing
from agent.cli.parsing import Parser, Version
from agent.setup.option_names import with_options
from tools.errors import AgentError, Interrupted
from traces.text.formatting import one_line

_COMMANDS = (
    explain, read, top, test, fetch, concepts, trace, review, mcp, results, batch, index, eval, completion,
)  # fmt: skip
"""In the order of the help. Each has a function `add` that mounts it."""

_ENVIRONMENT = {
    # Read when torch is imported: with spinning OpenMP threads a small read takes 40 times as long on a busy machine.
    "OMP_WAIT_POLICY": "passive",
    # Read when numpy is imported: its own threads spin too, and the arrays of rule learning are too small for them.
    "OPENBLAS_NUM_THREADS": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    # Set either way, so that tokenizers does not warn when a process is started after it was used.
    "TOKENIZERS_PARALLELISM": "true",
}

# Libraries and a tokenizer leave a million objects that stay. At Python's 700 the search for garbage among them is done
# some thousand times while they load, which takes a tenth of the start.
_GARBAGE_THRESHOLD = 100_000

_EXIT_CODES = """\
exit codes:
  0 a result, whatever the verdict     4 no LLM available
  1 unexpected                         5 storage cannot be read or written
  2 usage or bad input               130 interrupted, state saved
  3 model or corpus not available

environment:
  AGENT_LOG=debug|info|warning|error   what is logged to stderr (default: warning)
  AGENT_DEBUG=1                        show the traceback of an error
  NEURON_AGENT_CACHE                   where evidence and LLM replies are kept (default: ~/.cache/neuron-agent)
  HF_HOME                              where fetched models and datasets are kept (default: ~/.cache/huggingface)
  OPENAI_API_KEY, OPENAI_BASE_URL      the key, and the endpoint where it is not OpenAI's
  NEURON_AGENT_PRICES                  a file of LLM prices that goes before the shipped one
"""


_OF_LANGGRAPH = "During task with name"
"""How the note begins that LangGraph adds to an error that leaves a node."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; `argv` is without the program's name, `sys.argv` unless given."""
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    gc.set_threshold(_GARBAGE_THRESHOLD, *gc.get_threshold()[1:])
    for stream in (sys.stdout, sys.stderr):
        if getattr(stream, "errors", None) in ("strict", "surrogateescape") and hasattr(stream, "reconfigure"):
            stream.reconfigure(
                errors="backslashreplace"
            )  # a help text, too, may hold characters that the terminal cannot show
    interrupts = Interrupts(is_own=argv is None)
    interrupts.end_at_once()
    try:
        exit_code = _run(sys.argv[1:] if argv is None else argv, interrupts)
        _flush()
        return exit_code
    except BrokenPipeError:
        # The reader has closed the pipe. Python flushes stdout once more at exit; that flush must not fail.
        with suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (Exception, KeyboardInterrupt) as error:
        interrupts.forget()
        notes = (note for note in getattr(error, "__notes__", ()) if not note.startswith(_OF_LANGGRAPH))
        how = "".join(f" {note}" for note in notes)  # how to resume, if a run had begun
        if isinstance(error, AgentError) and (isinstance(error, Interrupted) or not interrupts.was_asked):
            return _failed(f"{with_options(error)}{how}", error.exit_code)
        if isinstance(error, KeyboardInterrupt) or interrupts.was_asked:
            how = how or " a run that had begun is saved, see `agent trace list`; otherwise type the command again."
            return _failed(f"interrupted:{how}", EXIT_CODE)
        what = " ".join(str(error).split()) or "no message"
        return _failed(f"unexpected {type(error).__name__}: {what} (AGENT_DEBUG=1 shows the traceback).{how}", 1)


def _run(words: Sequence[str], interrupts: Interrupts) -> int:
    """Run what was typed; returns the exit code of what argparse has dealt with, and else 0."""
    try:
        arguments = make_parser().parse_args(_with_descending(words) or ["--help"])
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 0
    from agent.cli.logs import set_up_logging

    set_up_logging()
    for module in arguments.loads:
        import_module(module)
    try:
        interrupts.reach_the_command()
        arguments.run(arguments)
    finally:
        interrupts.end_at_once()
    return 0


def _flush() -> None:
    """Flush stdout now: a flush that fails at exit would end in a traceback."""
    if sys.stdout is not None and not sys.stdout.closed:
        with printing():
            sys.stdout.flush()


def _with_descending(argv: Sequence[str]) -> list[str]:
    """`--sort -score` as `--sort=-score`: argparse takes every word that begins with a dash for an option."""
    words = list(argv)
    for at, (word, value) in enumerate(itertools.pairwise(argv)):
        if word == "--sort" and value.startswith("-") and not value.startswith("--"):
            return [*words[:at], f"{word}={value}", *words[at + 2 :]]
    return words


def _failed(sentence: str, exit_code: int) -> int:
    with suppress(OSError, ValueError):  # nobody listens on stderr
        if os.environ.get("AGENT_DEBUG") == "1":
            import traceback

            traceback.print_exc()
        # One line: a name that somebody typed may hold control characters.
        print(f"agent: {one_line(sentence)}", file=sys.stderr, flush=True)
    return exit_code


def make_parser() -> argparse.ArgumentParser:
    """The parser of the whole command line."""
    parser = Parser(
        prog="agent",
        description="Find out what makes a neuron fire, how sure that is, and how it was found out.",
        epilog=f"{_EXIT_CODES}\nexample:\n  agent explain L5N131 --budget 20 --model mini",
    )
    parser.add_argument("-V", "--version", action=Version, nargs=0, help="show the version and exit")
    parser.set_defaults(parser=parser)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for one in _COMMANDS:
        one.add(commands)
    return parser
