"""`agent test`: score your own explanation on development text."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import TYPE_CHECKING

from agent.cli.options import corpus_part, llm_arguments, llm_part, neuron_part, output_part, reading_arguments
from agent.cli.output import progress, say, say_json
from agent.cli.parsing import Commands, command
from traces.text.formatting import cost_text, score_text

if TYPE_CHECKING:
    from agent.api import SentenceScore


def add(commands: Commands) -> None:
    """Mount it."""
    made = command(
        commands, "test", test,
        "Score your own explanation of a neuron. It is scored on development text, where runs score their "
        "rivals, beside a list of the 30 tokens that fire most.",
        "agent test L5N131 'Fires on closing brackets.' --model mini",
        [neuron_part(), corpus_part(), llm_part(), output_part()], ("agent.api",),
    )  # fmt: skip
    made.add_argument(
        "sentence",
        metavar="SENTENCE",
        help="your explanation, of word classes and quoted words (see the README), or free text with --simulator",
    )


def test(arguments: argparse.Namespace) -> None:
    """Print how a person's own explanation scores on development text."""
    from agent.api import score_sentence

    with progress(quiet=arguments.quiet) as display:
        found = score_sentence(
            arguments.target,
            arguments.sentence,
            **reading_arguments(arguments),
            **llm_arguments(arguments),
            display=display,
        )
    if arguments.json:
        models = {
            "score": found.score, "token_lookup_30": found.token_lookup_30, "gain": found.gain, "cost": found.cost,
        }  # fmt: skip
        say_json(
            asdict(found)
            | {"neuron": str(found.neuron)}
            | {name: value and value.model_dump(mode="json") for name, value in models.items()}
        )
        return
    gain = score_text(found.gain) if found.gain else "no score (one of the two has none)"
    say(
        f"{found.model}/{found.neuron} on {found.corpus}, development text\n\n"
        f"  {found.sentence}\n\n"
        f"  score            {score_text(found.score)}{_measured_on(found)}\n"
        f"  token-lookup-30  {score_text(found.token_lookup_30)}\n"
        f"  gain             {gain}" + (f"\n\n  {cost_text(found.cost)}" if found.cost.tokens else "")
    )


def _measured_on(found: SentenceScore) -> str:
    from tools.records.result import Unscored

    if isinstance(found.score, Unscored):
        return ""
    unscored = f", {found.score.n_unscored} unscored" if found.score.n_unscored else ""
    return f"   ({found.score.n_excerpts} excerpts{unscored}, simulated by {found.simulator})"
