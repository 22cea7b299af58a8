"""The small tools by hand: `agent read`, `agent top` and `agent test`."""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from agent.commands.llm import llm_options
from agent.commands.output import progress, say, say_json
from agent.setup.activations import read as read_neuron
from tools.errors import BadInput
from tools.records.result import Unscored
from traces.text.formatting import cost_text, score_text
from traces.text.tokens import around_peak, render_tokens, render_tokens_plain

if TYPE_CHECKING:
    from agent.api import SentenceScore


def read(arguments: argparse.Namespace) -> None:
    """Print a neuron's value at every token of a text: coloured on a terminal, one line a token elsewhere."""
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
        say_json(_plain(reading))
        return
    say(f"{reading.model}/{reading.neuron}")
    if sys.stdout is not None and sys.stdout.isatty():
        from rich.console import Console

        Console(markup=False, emoji=False, highlight=False).print(render_tokens(reading.tokens, reading.values))
    else:
        say(render_tokens_plain(reading.tokens, reading.values))


def _text(given: str) -> str:
    if given != "-":
        if any("\ud800" <= c <= "\udfff" for c in given):  # how Python hands over bytes that it could not decode
            raise BadInput("the text is not UTF-8: convert it first.")
        return given
    data = sys.stdin.buffer.read() if sys.stdin is not None else b""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadInput(f"the text on stdin is not UTF-8 from byte {error.start:,} on: convert it first.") from error


def top(arguments: argparse.Namespace) -> None:
    """Print the excerpts on which a neuron fires most, one a line, the tokens on which it fires between guillemets."""
    from agent import api  # it loads what runs need, which takes longer than a reading

    with progress(quiet=arguments.quiet) as display:
        found = api.top(
            arguments.target,
            arguments.n,
            model=arguments.model,
            trust_remote_code=arguments.trust_remote_code,
            corpus=arguments.corpus,
            corpus_tokens=arguments.corpus_tokens,
            index=arguments.index,
            display=display,
        )
    if arguments.json:
        say_json(_plain(found) | {"excerpts": [_plain(excerpt) for excerpt in found.excerpts]})
        return
    say(f"{found.model}/{found.neuron} on {found.corpus}: {found.status}, fires above {found.theta:.3g}\n")
    for excerpt in found.excerpts:
        say(f"{max(excerpt.values):8.3f}  {around_peak(excerpt.tokens, excerpt.values, found.theta)}")


def score(arguments: argparse.Namespace) -> None:
    """Print how a person's own sentence scores on development text."""
    from agent import api

    with progress(quiet=arguments.quiet) as display:
        found = api.score_sentence(
            arguments.target,
            arguments.sentence,
            model=arguments.model,
            trust_remote_code=arguments.trust_remote_code,
            corpus=arguments.corpus,
            corpus_tokens=arguments.corpus_tokens,
            index=arguments.index,
            **llm_options(arguments),
            display=display,
        )
    if arguments.json:
        models = {
            "score": found.score, "token_lookup_30": found.token_lookup_30, "gain": found.gain, "cost": found.cost,
        }  # fmt: skip
        say_json(_plain(found) | {name: value and value.model_dump(mode="json") for name, value in models.items()})
        return
    gain = score_text(found.gain.model_dump()) if found.gain else "no score (one of the two has none)"
    say(
        f"{found.model}/{found.neuron} on {found.corpus}, development text\n\n"
        f"  {found.sentence}\n\n"
        f"  score            {score_text(found.score.model_dump())}{_measured_on(found)}\n"
        f"  token-lookup-30  {score_text(found.token_lookup_30.model_dump())}\n"
        f"  gain             {gain}" + (f"\n\n  {cost_text(found.cost)}" if found.cost.tokens else "")
    )


def _measured_on(found: SentenceScore) -> str:
    if isinstance(found.score, Unscored):
        return ""
    unscored = f", {found.score.n_unscored} unscored" if found.score.n_unscored else ""
    return f"   ({found.score.n_excerpts} excerpts{unscored}, simulated by {found.simulator})"


def _plain(record: Any) -> dict[str, Any]:
    return asdict(record) | {"neuron": str(record.neuron)}
