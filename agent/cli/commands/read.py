"""`agent read`: a neuron's value at every token of a text."""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict

from agent.cli.options import neuron_part, output_part
from agent.cli.output import progress, say, say_json
from agent.cli.parsing import Commands, command
from tools.errors import BadInput


def add(commands: Commands) -> None:
    """Mount it."""
    made = command(
        commands, "read", read,
        "Show a neuron's value at every token of a text.",
        'agent read L5N131 "for line in open(path):" --model mini', [neuron_part(), output_part()],
        ("agent.setup.activations",),
    )  # fmt: skip
    made.add_argument("text", metavar="TEXT", help="any text, or - for stdin")


def read(arguments: argparse.Namespace) -> None:
    """Print a neuron's value at every token of a text: in colour on a terminal, else one line per token."""
    from agent.setup.activations import read as read_neuron
    from traces.text.tokens import render_tokens, render_tokens_plain

    text = _text(arguments.text)
    with progress(quiet=arguments.quiet) as display:
        reading = read_neuron(
            arguments.target,
            text,
            model=arguments.model,
            trust_remote_code=arguments.trust_remote_code,
            display=display,
        )
    if arguments.json:
        say_json(asdict(reading) | {"neuron": str(reading.neuron)})
        return
    say(f"{reading.model}/{reading.neuron}")
    if sys.stdout is not None and sys.stdout.isatty():
        from rich.console import Console

        Console(markup=False, emoji=False, highlight=False).print(render_tokens(reading.tokens, reading.values))
    else:
        say(render_tokens_plain(reading.tokens, reading.values))


def _text(given: str) -> str:
    if given != "-":
        if any(
            "\ud800" <= c <= "\udfff" for c in given
        ):  # lone surrogates: Python's stand-ins for bytes that it could not decode
            raise BadInput("the text is not UTF-8: convert it first.")
        return given
    data = sys.stdin.buffer.read() if sys.stdin is not None else b""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadInput(f"the text on stdin is not UTF-8 from byte {error.start:,} on: convert it first.") from error
